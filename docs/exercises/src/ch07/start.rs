//! Yours to edit: a rotation as it is usually done, step by step.

use super::Step::{self, RemoveOld, Rename, SyncTemporary, WriteTemporary};

/// From one generation to the next.
pub const ROTATION: &[Step] = &[WriteTemporary, SyncTemporary, Rename, RemoveOld];
