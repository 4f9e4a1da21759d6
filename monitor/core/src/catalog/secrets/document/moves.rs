//! Variables whose values stand for directories of the patterns.

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::catalog::{reader::Reader, secrets::entry::is_variable};

/// A variable whose value stands for a directory of the patterns.
#[derive(Debug)]
pub struct Move {
    pub variable: String,
    /// With the slash at its end.
    pub directory: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawMove {
    env: String,
    directory: String,
    source: String,
}

pub fn read(reader: &mut Reader, raw: Vec<Spanned<RawMove>>) -> Vec<Move> {
    let mut moves = Vec::with_capacity(raw.len());
    for entry in raw {
        let (line, RawMove { env, directory, source }) = (entry.referenced.line(), entry.value);
        if source.trim().is_empty() {
            reader.problem(line, format!("move by `{env}` has no source; say where the fact is from"));
        }
        if !(directory.starts_with("~/") || directory.starts_with('/')) || directory.ends_with('/') {
            reader.problem(line, format!("move by `{env}`: directory `{directory}`: expected `~/…` or `/…`"));
        }
        if !is_variable(&env) {
            reader.problem(line, format!("move by `{env}`: expected the name of a variable"));
        }
        moves.push(Move { variable: env, directory: format!("{directory}/") });
    }
    moves
}
