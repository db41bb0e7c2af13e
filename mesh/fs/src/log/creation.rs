//! Making the first generation of a log.

use std::io;

use super::env::Env;
use super::generation::{CheckpointHead, RECORD_VERSION, checkpoint_pieces};
use super::record::Sum;
use crate::error::io_error;
use crate::folder::names;
use crate::folder::write::write_whole;
use crate::seam::FileSystem;
use mesh_coordinator::ports::{Outcome, StorageError};
use mesh_core::Snapshot;

/// Makes generation 1 from `snapshot`, unless another process does.
pub(crate) async fn create_first<F: FileSystem, C>(
    env: &mut Env<F, C>,
    snapshot: &Snapshot,
) -> Result<(), StorageError> {
    let first = names::journal(1);
    let failed = |e: &io::Error| io_error("create", &first, Outcome::NoEffect, e);
    let temporary = env.temporary(1);
    let head = CheckpointHead {
        version: RECORD_VERSION,
        log: Sum(env.nonces.draw()),
        generation: 1,
        seq: snapshot.seq,
        tip: Sum::default(),
    };
    write_whole(&env.fs, &temporary, checkpoint_pieces(head, snapshot))
        .await
        .map_err(|e| failed(&e))?;
    // With a format, generation 1 was there before, and may be retired by now.
    let linked = match env.fs.stat_name(names::FORMAT).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            env.fs.link(&temporary, &first).await
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error),
    };
    let _ = env.fs.remove(&temporary).await;
    match linked {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(&error)),
    }
}
