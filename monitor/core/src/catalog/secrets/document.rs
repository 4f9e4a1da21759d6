//! What the catalogue's file says besides its entries.

pub mod harmless;
pub mod jobs;
pub mod loaders;
pub mod moves;
pub mod places;
pub mod searches;

/// The fields of the file.
pub const FIELDS: &[&str] = &[
    "version",
    "generic_names",
    "generic_directories",
    "generic_extensions",
    "harmless",
    "except",
    "system_directories",
    "user_directories",
    "interpreters",
    "multicall",
    "moves",
    "jobs",
    "searches",
    "search_words",
    "loaders",
    "entries",
];
