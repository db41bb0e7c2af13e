//! Implementations of the [ports](crate::ports).

#[cfg(feature = "os")]
mod clock;
#[cfg(feature = "os")]
mod entropy;
pub mod fs;

#[cfg(feature = "os")]
pub use clock::SystemClock;
#[cfg(feature = "os")]
pub use entropy::seed;
