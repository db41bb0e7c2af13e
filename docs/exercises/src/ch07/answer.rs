//! The answer: a rotation during which nothing is lost.

use super::Step::{
    self, Link, LookAtOldName, RemoveOld, Seal, SweepTemporaries, SyncDirectory, SyncTemporary,
    WriteTemporary,
};

/// From one generation to the next.
pub const ROTATION: &[Step] = &[
    WriteTemporary,
    SyncTemporary,
    Seal,
    LookAtOldName,
    Link,
    SyncDirectory,
    SweepTemporaries,
    RemoveOld,
];
