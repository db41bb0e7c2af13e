//! What happened, in order: the one thing that checkers look at.
//!
//! The lowest room: it knows nothing of the world that writes it down. A trace is data: two
//! runs are the same if their traces are, byte for byte.

mod call;
mod coverage;
mod incident;
mod ledger;
mod names;
mod operation;
pub(crate) mod predecessor;
mod record;
mod time;
mod violation;

pub use call::{Answer, Call};
pub use coverage::{Seen, Sometimes};
pub use incident::{Broken, Turn};
pub use ledger::{Ledger, Noted};
pub(crate) use names::{AUDITOR, INSPECTOR, TOPIC};
pub use operation::{Doing, Target, Verb};
pub use record::{Record, Stamped, StateSeen, Trace};
pub use time::{CENTURY_MS, EPOCH_MS, Micros, ProcessNumber};
pub use violation::Violation;
pub(crate) use violation::ensure;
