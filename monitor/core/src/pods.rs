//! Which pods of a node are meant: by namespace and by label.

mod namespaces;
mod selection;
mod selector;

pub use self::{
    namespaces::{NAMESPACE, Namespaces},
    selection::Selection,
    selector::{SELECTOR, Selector},
};
