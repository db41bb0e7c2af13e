//! Machines of their own for all processes, and a network between them and the log.

mod driver;
mod faults;
mod suspend;

pub(crate) use driver::Network;
