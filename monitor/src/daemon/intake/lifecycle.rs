//! Lives: processes fork, execute and end; agents are recognised and adopted; sessions begin and end.

pub mod adopt;
pub mod agents;
pub mod begin;
pub mod end;
pub mod exec;
pub mod recognise;
pub mod restore;
pub mod unseen;
