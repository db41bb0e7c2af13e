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
mod refused;
mod time;
mod violation;

pub use call::{Answer, Call, Told};
pub use coverage::{Coverage, Seen};
pub use incident::{Broken, Incident};
pub use ledger::{Ledger, Noted};
pub(crate) use names::{AUDITOR, INSPECTOR, NEWCOMER, READER, TOPIC, VETERAN};
pub use operation::{Doing, Target, Verb};
pub use record::{Record, Stamped, StateSeen, Trace};
pub(crate) use refused::Refused;
pub use time::{CENTURY_MS, EPOCH_MS, Micros, ProcessNumber};
pub use violation::Violation;
pub(crate) use violation::ensure;
