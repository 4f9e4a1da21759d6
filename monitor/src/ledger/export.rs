//! Records in the forms of others.

pub mod csv;
pub mod ocsf;

pub use self::ocsf::Ocsf;
