//! Work that is handed over to who starts processes for others.

use crate::{
    catalog::Catalog,
    facts::{DelegateHow, Delegation},
};

/// Work handed over by a file that is run later; `None` where nobody runs what lies at `path`.
#[must_use]
pub fn written_file(catalog: &Catalog, path: String, home: Option<&str>) -> Option<Delegation> {
    let service = catalog.delegate_file(&path, home)?.to_owned();
    Some(Delegation { service, how: DelegateHow::File, path })
}

/// Work handed over through a Unix socket; `None` where nobody at `path` starts processes for others.
#[must_use]
pub fn asked_service(catalog: &Catalog, path: String) -> Option<Delegation> {
    let service = catalog.delegate_socket(&path)?.to_owned();
    Some(Delegation { service, how: DelegateHow::Socket, path })
}
