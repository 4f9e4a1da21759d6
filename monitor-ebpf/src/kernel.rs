//! What the kernel lets a program read: its memory at offsets from BTF, registers, packets, names, and the numbers of its interfaces.

pub mod abi;
pub mod atomic;
pub mod bloom;
pub mod identity;
pub mod name_hash;
pub mod net;
pub mod packet;
pub mod pt_regs;
pub mod read;
pub mod tcp;

pub(crate) use read::offset;
pub use read::{
    Memory, Object, Structure, Typed, User, bounded, current_task, descriptor, file_type, is_frozen, label,
    socket_of, stop, stop_if_frozen,
};
