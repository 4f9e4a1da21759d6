//! Checkpoints that a ledger is held against.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::{
    cli::exit::{Exit, Failure},
    ledger::tree::{Keys, Signed, Tree},
};

/// Longest checkpoint that is read, bytes: a note has room for many cosignatures.
const LONGEST: u64 = 1 << 20;

/// What was signed of the ledger, and whether it is so.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    signed: Signed,
    /// `None` until so many records were read.
    holds: Option<bool>,
}

/// The claims, by the number of records that they are about.
#[derive(Debug)]
pub struct Claims {
    tree: Tree,
    claims: Vec<Claim>,
    /// Checkpoints that prove nothing: what they claim does not hold.
    void: Vec<ClaimView>,
}

#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ClaimView {
    path: String,
    origin: String,
    records: u64,
    root: String,
    witnesses: Vec<String>,
    holds: bool,
    message: String,
}

impl Claims {
    /// Reads checkpoints.
    pub fn read(paths: &[PathBuf], keys: impl FnOnce() -> Result<Keys, Failure>) -> Result<Self, Failure> {
        let (mut claims, mut void) = (Vec::new(), Vec::new());
        if !paths.is_empty() {
            let keys = keys()?;
            for path in paths {
                match Signed::read(&bytes(path)?, &keys) {
                    Ok(signed) => claims.push(Claim { path: path.clone(), signed, holds: None }),
                    Err(why) => void.push(ClaimView::void(path, &why.to_string())),
                }
            }
        }
        claims.sort_by_key(|claim| claim.signed.size);
        let mut claims = Self { tree: Tree::EMPTY, claims, void };
        claims.compare();
        Ok(claims)
    }

    /// Takes in the next line, with its end.
    pub fn push(&mut self, line: &[u8]) {
        if !self.claims.is_empty() {
            self.tree.push(line);
            self.compare();
        }
    }

    fn compare(&mut self) {
        let size = self.tree.size();
        for claim in self.claims.iter_mut().filter(|claim| claim.signed.size == size) {
            claim.holds = Some(claim.signed.root == self.tree.root());
        }
    }

    /// What became of each, and whether all hold. A record that is not as it was signed stands behind the last claim that holds.
    pub fn finish(&self) -> (Vec<ClaimView>, bool) {
        let mut proven = 0;
        let mut views = self.void.clone();
        for claim in &self.claims {
            views.push(claim.view(proven, self.tree.size()));
            if claim.holds == Some(true) {
                proven = claim.signed.size;
            }
        }
        let all = views.iter().all(|view| view.holds);
        (views, all)
    }
}

impl Claim {
    fn view(&self, proven: u64, read: u64) -> ClaimView {
        let Signed { origin, size, root, witnesses } = &self.signed;
        let path = self.path.display();
        let message = match self.holds {
            Some(true) => format!("{path}: the first {size} records are as {origin} signed them"),
            Some(false) => format!(
                "{path}: records {} to {size} are not as {origin} signed them: some were changed, and all behind them chained anew",
                proven + 1
            ),
            None => format!(
                "{path}: {origin} signed {size} records, and only {read} are here: the rest was cut off"
            ),
        };
        let witness = |(name, at): &(String, Option<jiff::Timestamp>)| {
            at.map_or_else(|| name.clone(), |at| format!("{name} at {at}"))
        };
        ClaimView {
            path: path.to_string(),
            origin: origin.clone(),
            records: *size,
            root: root.to_string(),
            witnesses: witnesses.iter().map(witness).collect(),
            holds: self.holds == Some(true),
            message,
        }
    }
}

impl ClaimView {
    fn void(path: &Path, why: &str) -> Self {
        let path = path.display().to_string();
        let message = format!("{path}: {}", proves_nothing(why));
        let (origin, root, witnesses) = (String::new(), String::new(), Vec::new());
        Self { path, origin, records: 0, root, witnesses, holds: false, message }
    }

    pub fn text(&self) -> String {
        let witnesses = self.witnesses.iter().map(|witness| format!("; cosigned by {witness}"));
        self.message.clone() + &witnesses.collect::<String>()
    }
}

/// A checkpoint as it stands in a file, and what it says.
pub fn signed(path: &Path, keys: &Keys) -> Result<(Vec<u8>, Signed), Failure> {
    let bytes = bytes(path)?;
    let signed = Signed::read(&bytes, keys).map_err(|why| {
        Failure::new(Exit::Negative, format_args!("{}: {}", path.display(), proves_nothing(&why.to_string())))
    })?;
    Ok((bytes, signed))
}

fn proves_nothing(why: &str) -> String {
    format!("this checkpoint proves nothing: {why}")
}

/// A small file.
pub fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |why: String| {
        Failure::new(Exit::Usage, format_args!("{}: cannot be read: {why}; check the path", path.display()))
    };
    let length = fs::metadata(path).map_err(|error| wrong(error.to_string()))?.len();
    if length > LONGEST {
        return Err(wrong(format!("it is {length} bytes long")));
    }
    fs::read(path).map_err(|error| wrong(error.to_string()))
}
