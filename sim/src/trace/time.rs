//! When and where: virtual time, and the numbers of processes.

/// Virtual time since the world began, in microseconds.
pub type Micros = u64;

/// A process of the simulated world, by its number.
pub type ProcessNumber = usize;

/// When the simulated world begins, by a clock that is right.
pub const EPOCH_MS: u64 = 1_700_000_000_000;
/// A hundred years.
pub const CENTURY_MS: i64 = 100 * 365 * 24 * 3600 * 1000;
