//! What is wrong with a file that people write: rules, catalogues, cases, records, the configuration.
//!
//! Each reader goes on after a mistake and hands over all of them at once, so that nobody has to mend a file line by line. A
//! [`Source`] knows where in its file a mistake stands.

mod collection;
mod nearest;
mod single;
mod source;

pub use self::{collection::Problems, nearest::nearest, single::Problem, source::Source};

#[cfg(test)]
mod tests;
