//! Files: what is opened, under which name, by which program.

pub mod copies;
pub mod environ;
pub mod inherited;
pub mod opens;
pub mod paths;
pub mod reader;
pub mod secrets;
