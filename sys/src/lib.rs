//! What only the system can do, behind functions that are safe to call: the packet ring of Linux, what a
//! socket lost, how many of them there may be, and giving up privileges.
//!
//! The only crate of ours with `unsafe` in it. Each block says why it is sound; everything that reads what the system
//! wrote does so through slices.

mod block;
mod files;
mod option;
mod privileges;
mod ring;

pub use block::{Frame, Frames};
pub use files::raise_open_files;
pub use option::dropped;
pub use privileges::{Need, give_up};
pub use ring::{Block, Instruction, Ring, Settings, Statistics};
