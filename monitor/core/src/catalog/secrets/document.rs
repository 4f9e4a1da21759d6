//! The catalogue's file, and what it says besides the entries.

pub mod harmless;
pub mod jobs;
pub mod loaders;
pub mod moves;
pub mod places;
pub mod searches;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_saphyr::Spanned;

use self::{harmless::Harmless, jobs::RawJob, moves::RawMove};

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    pub version: u32,
    #[serde(default)]
    pub generic_names: BTreeSet<String>,
    #[serde(default)]
    pub generic_directories: BTreeSet<String>,
    #[serde(default)]
    pub generic_extensions: BTreeSet<String>,
    #[serde(default)]
    pub harmless: Vec<Spanned<Harmless>>,
    #[serde(default)]
    pub except: Vec<String>,
    #[serde(default)]
    pub system_directories: Vec<String>,
    #[serde(default)]
    pub user_directories: Vec<String>,
    #[serde(default)]
    pub interpreters: Vec<String>,
    /// Programs such as `busybox`, which are what their first argument names.
    #[serde(default)]
    pub multicall: Vec<String>,
    #[serde(default)]
    pub moves: Vec<Spanned<RawMove>>,
    /// Where runners put what is their jobs' own.
    #[serde(default)]
    pub jobs: Vec<Spanned<RawJob>>,
    #[serde(default)]
    pub searches: Vec<Spanned<serde_json::Value>>,
    #[serde(default)]
    pub search_words: Vec<String>,
    /// Tools that load settings for what they start.
    #[serde(default)]
    pub loaders: Vec<Spanned<serde_json::Value>>,
    pub entries: Vec<Spanned<serde_json::Value>>,
}
