//! Implementations of the [ports](crate::ports).

pub mod fs;
