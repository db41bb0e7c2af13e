//! What a user may say of a folder.

use crate::lock::LockKind;
use mesh_core::Limits;

/// How a folder is used. The defaults are right for production.
#[derive(Clone, Debug)]
pub struct FsOptions {
    /// The kind of the store's lock in a folder that is made anew.
    pub lock: LockKind,
    /// A generation is rotated once its entries take this many bytes, and twice as many
    /// as its checkpoint.
    pub rotate_bytes: u64,
    /// What the log stays within. All who share a folder must agree on it.
    pub limits: &'static Limits,
}

impl Default for FsOptions {
    fn default() -> Self {
        Self {
            lock: LockKind::Kernel,
            rotate_bytes: 1 << 20,
            limits: &Limits::PRODUCTION,
        }
    }
}
