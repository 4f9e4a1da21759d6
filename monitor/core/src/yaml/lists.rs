//! Named values that any rule of a set may use as `$name`.

use std::collections::HashMap;

use super::{name::is_name, tree::Value};

/// The lists of a set of files.
#[derive(Debug, Default)]
pub struct Lists(pub HashMap<String, List>);

/// One list.
#[derive(Debug)]
pub struct List {
    pub values: Vec<Value>,
    /// File and line where its name stands.
    pub place: String,
}

/// `hosts` for the value `$hosts`.
pub fn name_of(text: &str) -> Option<&str> {
    text.strip_prefix('$').filter(|name| is_name(name))
}
