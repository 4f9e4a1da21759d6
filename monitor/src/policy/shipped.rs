//! What rules and catalogues come from elsewhere than this machine's own files: those of the program, or of a bundle that was
//! installed in their place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bundle::{Bundle, Place, RULES};
use crate::config::Config;
use interlock_core::{catalog::Document, problem::Problems, rules::Base};

/// Which bundle it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Origin {
    /// `interlock-defaults`
    pub name: String,
    /// Rises with each release of the name.
    pub serial: u64,
    /// Name of the key that signed it.
    pub signed_by: String,
}

/// Rules and catalogues before those of this machine's own files.
#[derive(Debug, Default)]
pub struct Shipped {
    /// `None`: those of the program.
    pub bundle: Option<Origin>,
    /// Name of the file of rules, as problems say it.
    name: String,
    files: BTreeMap<String, String>,
}

impl Shipped {
    /// The bundle that is in force, else what the program has. Fails closed: a bundle that cannot be trusted or read is a mistake, and not a
    /// reason to go on with older rules that nobody chose.
    ///
    /// # Errors
    /// Why the bundle counts for nothing.
    pub fn configured(config: &Config) -> Result<Self, Problems> {
        let Some(place) = config.policy.as_deref().map(Place::new) else { return Ok(Self::default()) };
        Ok(place.current()?.as_ref().map_or_else(Self::default, Self::of))
    }

    #[must_use]
    pub fn of(bundle: &Bundle) -> Self {
        let origin = Origin {
            name: bundle.manifest.name.clone(),
            serial: bundle.manifest.serial,
            signed_by: bundle.signed_by.clone(),
        };
        let name = format!("{RULES} ({} {})", origin.name, origin.serial);
        Self { bundle: Some(origin), name, files: bundle.files.clone() }
    }

    #[must_use]
    pub fn rules(&self) -> Base<'_> {
        match self.files.get(RULES) {
            Some(text) => Base { name: &self.name, text },
            None => Base::BUILTIN,
        }
    }

    /// For people: `built-in rules`, or those of a bundle.
    #[must_use]
    pub fn label(&self) -> String {
        let of_bundle = |origin: &Origin| format!("rules of {} {}", origin.name, origin.serial);
        self.bundle.as_ref().map_or_else(|| "built-in rules".to_owned(), of_bundle)
    }

    /// The catalogue of this name; a bundle without it leaves that of the program.
    #[must_use]
    pub fn document(&self, name: &str) -> Document {
        match (self.files.get(name), &self.bundle) {
            (Some(text), Some(origin)) => {
                let file = format!("{name} ({} {})", origin.name, origin.serial);
                Document::Text { file, text: text.clone() }
            }
            _ => Document::Builtin,
        }
    }
}
