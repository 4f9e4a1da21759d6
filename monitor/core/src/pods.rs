//! Pods of a node: which are meant, by namespace and by label, and what the watch over them tells.

mod namespaces;
mod selection;
mod selector;
mod update;

pub use self::{
    namespaces::{NAMESPACE, Namespaces},
    selection::Selection,
    selector::{SELECTOR, Selector},
    update::{Failure, Seen, Update},
};
