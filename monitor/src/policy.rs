//! Rules, catalogues and cases from disk: text for `interlock_core`, which reads no files.

pub mod bundle;
pub mod cases;
pub mod catalog;
pub mod load;
pub mod rules;
pub mod shipped;
pub mod trust;
