//! Where an entry's stores lie, as the catalogue writes it.

/// One path of an entry, braces written out.
#[derive(Debug)]
pub struct Pattern {
    pub text: String,
    /// Index of the entry.
    pub entry: u32,
}

impl Pattern {
    pub fn in_home(&self) -> bool {
        self.text.starts_with("~/")
    }

    /// Not bound to a home or to an absolute place.
    pub fn anywhere(&self) -> bool {
        self.text.starts_with("**/")
    }
}
