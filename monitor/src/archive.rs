//! Events that were published: which are asked for, who may see them, and how they are read back from the files.
//!
//! The daemon keeps the last few thousand in its memory; what is older stands in `events.jsonl` and the files that it became.

mod collect;
mod files;
mod librarian;
mod newest;
mod question;
mod seats;
mod sight;
mod told;

pub use self::{
    collect::{Collector, Found, Notes},
    files::{Bounds, read},
    librarian::Librarian,
    newest::newest_number,
    question::{Question, is_of_session},
    sight::Sight,
    told::Told,
};
