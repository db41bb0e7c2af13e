//! What a log is opened in, and what outlives it.

use super::generation::ReadError;
use super::sync_leader::SyncLeader;
use super::watermark::Watermark;
use crate::error::io_error;
use crate::folder::names;
use crate::options::FsOptions;
use crate::seam::FileSystem;
use mesh_coordinator::Nonces;
use mesh_coordinator::ports::{Outcome, StorageError};

/// The folder, and what one process knows of it whether a log is open or not.
pub(crate) struct Env<F: FileSystem, C> {
    pub(crate) fs: F,
    pub(crate) clock: C,
    pub(crate) options: FsOptions,
    pub(crate) nonces: Nonces,
    /// What is known to have been durable: what `watermark` said, and what this process
    /// itself has synced. It outlives a log, so that one that is opened again is held to it.
    pub(crate) marks: Watermark<F>,
    pub(crate) leader: SyncLeader<F>,
    /// How many entries of others were read since this process last synced.
    pub(crate) foreign: usize,
    /// Whether a log was let go whose writer was exposed (see
    /// [`Standing::exposed`](super::protocol::Standing::exposed)).
    pub(crate) exposed: bool,
    /// Whether this process appended anything.
    pub(crate) wrote: bool,
}

impl<F: FileSystem, C> Env<F, C> {
    pub(crate) fn new(fs: F, clock: C, options: FsOptions, seed: u64) -> Self {
        Self {
            fs,
            clock,
            options,
            nonces: Nonces::new(seed),
            marks: Watermark::new(),
            leader: SyncLeader::new(),
            foreign: 0,
            exposed: false,
            wrote: false,
        }
    }

    /// The names in the folder.
    pub(crate) async fn names(&self) -> Result<Vec<String>, StorageError> {
        let names = self.fs.list(None).await;
        names.map_err(|e| io_error("list", "the folder", Outcome::NoEffect, &e))
    }

    /// A name for a file in the making that nobody else uses; it may be swept once
    /// `generation` is retired.
    pub(crate) fn temporary(&mut self, generation: u64) -> String {
        names::temporary(generation, self.nonces.draw())
    }

    /// The error to report for a generation that cannot be read.
    pub(crate) async fn read_error(&self, generation: u64, error: ReadError) -> StorageError {
        match error {
            ReadError::Io(error) => {
                let name = names::journal(generation);
                io_error("read", &name, Outcome::NoEffect, &error)
            }
            ReadError::Damage(damage) => damage.report(&self.fs).await,
        }
    }
}
