//! Other processes, as `/proc` and the file systems show them.

pub mod aside;
pub mod container;
pub mod contents;
pub mod descriptors;
pub mod life;
pub mod listener;
pub mod login;
pub mod origin;
pub mod pending;
pub mod person;
pub mod procfs;
pub mod root;
pub mod seat;
pub mod setter;
pub mod sight;
pub mod stores;
pub mod surroundings;
pub mod survey;
pub mod terminal;
pub mod tty;
pub mod users;
pub mod workspace;
