//! Writing `state.json`, the copy of the state for people (rule S2).
//!
//! Several processes may do so at once, and a slow one must not put its older copy over a
//! newer one. So a copy is replaced by whoever has the kernel's lock on it and finds its own
//! to be newer. Whose turn does not come gives up: it is a courtesy, and whoever kept the
//! lock that long has written a copy as well.

use std::io;

use super::env::Env;
use super::record::Sum;
use crate::error::{io_error, is_no_file};
use crate::folder::write::write_whole;
use crate::folder::{export, names};
use crate::seam::{Access, FileSystem};
use mesh_coordinator::ports::{Clock, Outcome, StorageError};
use mesh_core::{Millis, Snapshot};

/// How often the copy that is there is looked at.
const ATTEMPTS: usize = 16;
/// How long between two looks, where another process is about to replace it.
const PAUSE: Millis = 1;

/// What became of an attempt to put a copy in its place.
enum Placing {
    /// It is there, and its temporary name is not any more.
    Placed,
    /// A newer one is there.
    Outdated,
    /// Another process is about to place its own.
    Busy,
}

impl<F: FileSystem, C: Clock> Env<F, C> {
    /// Writes `state.json`, unless there is a newer one of this log.
    pub(super) async fn export(
        &mut self,
        log: Sum,
        generation: u64,
        snapshot: &Snapshot,
    ) -> Result<(), StorageError> {
        let temporary = self.temporary(generation);
        let pieces = export::pieces_of(log, snapshot);
        let placed = match write_whole(&self.fs, &temporary, pieces).await {
            Ok(()) => self.place(&temporary, log, snapshot.seq).await,
            Err(error) => Err(error),
        };
        placed.map_err(|e| io_error("write", names::STATE, Outcome::NoEffect, &e))
    }

    /// Gives `temporary` the name of the copy, or removes it.
    async fn place(&self, temporary: &str, log: Sum, seq: u64) -> io::Result<()> {
        let mut placed = Ok(Placing::Busy);
        for _ in 0..ATTEMPTS {
            placed = self.try_to_place(temporary, log, seq).await;
            match placed {
                Ok(Placing::Busy) => self.clock.sleep(PAUSE).await,
                _ => break,
            }
        }
        if !matches!(placed, Ok(Placing::Placed)) {
            let _ = self.fs.remove(temporary).await;
        }
        placed.map(drop)
    }

    async fn try_to_place(&self, temporary: &str, log: Sum, seq: u64) -> io::Result<Placing> {
        let there = match self.fs.open(names::STATE, Access::Read).await {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.place_first(temporary).await;
            }
            Err(error) if is_no_file(&error) => return self.replace(temporary).await,
            Err(error) => return Err(error),
        };
        if !self.fs.try_lock(&there).await? || !self.is_the_copy(&there).await? {
            return Ok(Placing::Busy);
        }
        let mut head = [0; export::HEAD];
        let read = self.fs.read_at(&there, 0, &mut head).await?;
        match export::seq_of(log, &head[..read]) {
            Some(newer) if newer > seq => Ok(Placing::Outdated),
            _ => self.replace(temporary).await,
        }
    }

    /// Whether an open file still has the name of the copy. Whoever placed another one had
    /// this one's lock, and let it go since.
    async fn is_the_copy(&self, file: &F::File) -> io::Result<bool> {
        let named = self.fs.stat_name(names::STATE).await;
        match named {
            Ok(named) => Ok(named.id == self.fs.stat(file).await?.id),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn place_first(&self, temporary: &str) -> io::Result<Placing> {
        match self.fs.link(temporary, names::STATE).await {
            Ok(()) => {
                let _ = self.fs.remove(temporary).await;
                Ok(Placing::Placed)
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Placing::Busy),
            Err(error) => Err(error),
        }
    }

    async fn replace(&self, temporary: &str) -> io::Result<Placing> {
        let renamed = self.fs.rename(temporary, names::STATE).await;
        renamed.map(|()| Placing::Placed)
    }
}
