//! YAML files that people write (rules, catalogues, cases), read so that every mistake is found, each at its place.

mod citation;
mod document;
mod lists;
mod name;
mod report;
mod section;
mod tree;
mod values;

pub use self::{
    citation::{Citation, Noun},
    document::read_tree,
    lists::{List, Lists, name_of},
    name::is_name,
    report::Report,
    section::{Named, Section, each, names, one_or_more},
    tree::{Node, Value},
    values::{flag, name, number, text, word},
};
