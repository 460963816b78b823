//! Mail as it comes in: an SMTP and LMTP receiver behind the customer's mail server, and a mailbox that is looked into.
//!
//! A mail is said to be taken only when whoever keeps it says that its bytes are on disk. It is read afterwards, by
//! [`intake::read`](crate::intake::read).

mod checker;
mod lines;
mod mailbox;
mod receiver;
mod session;

pub use checker::{Asking, Checker};
pub use mailbox::{Fetched, Mailbox};
pub use receiver::{Receiver, Timeouts};
pub use session::{NotKept, Protocol, ReceivedMail, Settings};
