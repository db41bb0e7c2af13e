//! From one generation to the next, with real calls: see [`Rotating`].

use std::io;

use super::append::Outgoing;
use super::chain::Link;
use super::env::Env;
use super::generation::{CheckpointHead, Place, RECORD_VERSION, checkpoint_pieces};
use super::open_log::{Followed, OpenLog};
use super::protocol::{Appending, Retiring, Rotating};
use super::record::Tag;
use crate::error::{io_error, no_generation};
use crate::folder::names;
use crate::folder::write::write_whole;
use crate::seam::FileSystem;
use mesh_coordinator::ports::{Append, Clock, Outcome, StorageError};
use mesh_core::Snapshot;
use planted::{Bug, promise, sound};

/// What a rotation has in hand.
struct Successor<'a> {
    snapshot: &'a Snapshot,
    /// The name under which it is written.
    temporary: String,
    /// Its own name.
    name: String,
    /// The record that seals its predecessor, once it is made.
    seal: Option<Outgoing>,
}

impl Successor<'_> {
    fn failed(&self, error: &io::Error) -> StorageError {
        io_error("create", &self.name, Outcome::NoEffect, error)
    }
}

impl<F: FileSystem> OpenLog<F> {
    /// Ends the present generation at `snapshot`, and makes its successor, or finds
    /// that somebody else did; retires what came before, and exports the state.
    pub(super) async fn rotate<C: Clock>(
        &mut self,
        env: &mut Env<F, C>,
        snapshot: &Snapshot,
    ) -> Result<Append, StorageError> {
        let begin = Rotating::begin(self.standing(), snapshot.seq);
        if !self.undelivered.is_empty() || matches!(begin, Rotating::Over(_)) {
            return Ok(Append::Lost);
        }
        let next = self.standing().generation + 1;
        if next > env.options.limits.places {
            // Under a name that no reader knows, the log would seem to end at the seal.
            return Err(no_generation(&self.name()));
        }
        let successor = Successor {
            snapshot,
            temporary: env.temporary(next),
            name: names::journal(next),
            seal: None,
        };
        let rotated = self.drive(env, begin, successor).await?;
        promise!(
            rotated == Append::Lost || self.standing().named,
            "a generation counts once the directory is synced with it"
        );
        if rotated == Append::Committed
            && let Err(error) = env
                .export(self.id(), self.standing().generation, snapshot)
                .await
        {
            tracing::warn!("{error}");
        }
        Ok(rotated)
    }

    async fn drive<C>(
        &mut self,
        env: &mut Env<F, C>,
        mut rotating: Rotating,
        mut successor: Successor<'_>,
    ) -> Result<Append, StorageError> {
        loop {
            if let Rotating::Over(over) = rotating {
                return Ok(over);
            }
            let taken = self.take_rotation_step(env, rotating, &mut successor).await;
            if taken.is_err() && rotating.has_temporary() {
                let _ = env.fs.remove(&successor.temporary).await;
            }
            rotating = taken?;
        }
    }

    async fn take_rotation_step<C>(
        &mut self,
        env: &mut Env<F, C>,
        step: Rotating,
        successor: &mut Successor<'_>,
    ) -> Result<Rotating, StorageError> {
        Ok(match step {
            Rotating::WriteSuccessor => {
                self.write_successor(env, successor).await?;
                step.written(self.standing())
            }
            Rotating::Seal(seal) => Rotating::sealing(self.seal(env, seal, successor).await?),
            Rotating::CheckName => {
                let has_name = self.has_name(env).await? && self.still_ends_here(env).await?;
                step.checked(self.standing(), has_name)
            }
            Rotating::Link => {
                link(env, successor).await?;
                step.linked()
            }
            Rotating::RemoveTemporary(_) => {
                // Linked or not, this name has served. A leftover is swept with its
                // generation.
                let _ = env.fs.remove(&successor.temporary).await;
                step.removed()
            }
            Rotating::Open => step.opened(self.follow(env).await? == Followed::Next),
            Rotating::SyncNames => {
                self.sync_names(env).await?;
                step.names_synced(self.standing_mut())
            }
            Rotating::Retire(_) => {
                self.retire(env).await;
                Rotating::retiring(Retiring::Over)
            }
            Rotating::Over(_) => step,
        })
    }

    /// Writes the successor under its temporary name. Where there is no room for it, the
    /// present generation goes on as if nothing had been tried.
    async fn write_successor<C>(
        &self,
        env: &Env<F, C>,
        successor: &Successor<'_>,
    ) -> Result<(), StorageError> {
        promise!(
            successor.snapshot.seq == self.standing().chain.seq,
            "a successor begins where its predecessor ends"
        );
        let head = CheckpointHead {
            version: RECORD_VERSION,
            log: self.id(),
            generation: self.standing().generation + 1,
            seq: successor.snapshot.seq,
            tip: self.standing().chain.tip,
        };
        let pieces = checkpoint_pieces(head, successor.snapshot);
        let written = write_whole(&env.fs, &successor.temporary, pieces).await;
        written.map_err(|e| io_error("write", &successor.temporary, Outcome::NoEffect, &e))
    }

    /// Whether the seal still is what the file ends with: one that was restored in place goes
    /// on otherwise, and a successor would take away what others commit there.
    async fn still_ends_here<C>(&self, env: &Env<F, C>) -> Result<bool, StorageError> {
        match self.generation.hold(&env.fs).await {
            Ok(()) => Ok(true),
            Err(error) => Err(self.read_error(env, error).await),
        }
    }

    /// Takes one step of appending the seal.
    async fn seal<C>(
        &mut self,
        env: &mut Env<F, C>,
        step: Appending,
        successor: &mut Successor<'_>,
    ) -> Result<Appending, StorageError> {
        if let Appending::Write(Link::Seal { seq }) = step {
            let durable = self.standing().durable;
            successor.seal = Some(self.encode(Tag::Seal, &Place { seq, durable })?);
        }
        match &mut successor.seal {
            Some(seal) => self.take_append_step(env, step, seal).await,
            None => unreachable!("a seal is made before it is looked for"),
        }
    }
}

/// Gives the successor its name, or finds that somebody else made one, or is further.
async fn link<F: FileSystem, C>(
    env: &Env<F, C>,
    successor: &Successor<'_>,
) -> Result<(), StorageError> {
    let (from, to) = (&successor.temporary, &successor.name);
    let linked = sound!(
        env.fs.link(from, to).await,
        Bug::RenameInsteadOfLink => env.fs.rename(from, to).await
    );
    match linked {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(successor.failed(&error)),
    }
}
