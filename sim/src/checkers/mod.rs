//! The checkers: what happened, held against the contract.
//!
//! They look at the trace and the contract, and share no rule with the core. Not one
//! of them asks `decide` what it thinks. The [ledger](crate::trace::Ledger) watches while
//! the world runs, whether all processes agree on one log, and whether it keeps what was
//! durable. The rest is a second reading of the finished log: the [`Reference`] folds entry
//! by entry in its own way, asking of each event whether the contract allows it *here*
//! (`claims`, `awareness`, `messages`, `waiting`), and of each answer whether it tells what
//! is so at the place of the log on which it was decided (`replies`, `errors`). `outcomes` holds
//! what errors say of their calls against the log, `asked` what claims get against what they
//! asked for, `held` looks at how long calls wait, `damage` at whether rot was noticed,
//! `restored` at what is told around a backup that is restored, and `liveness` at what is left
//! after the storm.
//!
//! Every violation names the rule that it breaks, by its id in the contract.

mod adopted;
mod asked;
mod awareness;
mod check;
mod claims;
mod compare;
mod damage;
mod errors;
mod fold;
mod held;
mod inbox;
pub(crate) mod liveness;
mod messages;
mod outcomes;
mod reference;
mod replies;
mod restored;
mod trail;
mod waiting;

pub use check::check;
pub use reference::Reference;
