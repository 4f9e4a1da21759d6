//! Numbers of secrets in the kernel's tables. A new set of rules and catalogues takes the half of the numbers that the one
//! before it did not have, so that a tag of either leads to its own verdicts while the tables are rewritten, and a record
//! that was made before is understood after.

use monitor_common::policy::{ENTRIES_MAX, NUMBERS_MAX, SecretTag, numbered};

use interlock_core::catalog::secrets::Secrets;

/// How the catalogue in force is numbered.
#[derive(Debug, Default)]
pub struct Numbering {
    generation: u32,
    /// Ids of the catalogue before, in the order of its numbers.
    before: Vec<String>,
}

impl Numbering {
    /// Of the set that follows one of this generation and these secrets.
    #[must_use]
    pub fn after(generation: u32, before: Vec<String>) -> Self {
        Self { generation: generation.wrapping_add(1), before }
    }

    #[must_use]
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// A catalogue's tag as the tables have it.
    #[must_use]
    pub fn tag(&self, tag: SecretTag) -> SecretTag {
        if tag.entry >= ENTRIES_MAX {
            return tag; // a name that only looks like a secret's
        }
        SecretTag { entry: numbered(tag.entry, self.generation), ..tag }
    }

    /// The entry of `secrets`, the catalogue in force, that a number of the tables means; `None` where it has no such
    /// entry any more.
    #[must_use]
    pub fn entry(&self, number: u32, secrets: &Secrets) -> Option<u32> {
        if number >= NUMBERS_MAX {
            return None;
        }
        let place = number % ENTRIES_MAX;
        if numbered(place, self.generation) == number {
            return Some(place);
        }
        let id = self.before.get(place as usize)?;
        u32::try_from(secrets.ids().position(|known| known == id)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use monitor_common::policy::{ENTRY_HARMLESS, GRADE_A, GRADE_NONE};

    use super::*;

    #[test]
    fn a_number_of_the_set_before_means_its_secret_wherever_that_stands_now() {
        let secrets = Secrets::builtin().unwrap();
        let ids: Vec<String> = secrets.ids().map(str::to_owned).collect();
        let mut before = vec!["gone".to_owned()];
        before.extend(ids.iter().take(3).cloned());
        let first = Numbering::after(0, Vec::new());
        let second = Numbering::after(first.generation(), before);
        let tag = |numbering: &Numbering, entry| numbering.tag(SecretTag::of(entry, GRADE_A)).entry;
        assert_ne!(tag(&first, 2), tag(&second, 2));
        assert_eq!(second.entry(tag(&second, 2), &secrets), Some(2));
        assert_eq!(second.entry(tag(&first, 2), &secrets), Some(1));
        assert_eq!(second.entry(tag(&first, 0), &secrets), None, "it is gone");
        assert_eq!(second.entry(tag(&first, 9), &secrets), None, "there was none");
        assert_eq!(second.entry(ENTRY_HARMLESS, &secrets), None);
        let harmless = SecretTag::of(ENTRY_HARMLESS, GRADE_NONE);
        assert_eq!(second.tag(harmless), harmless);
    }
}
