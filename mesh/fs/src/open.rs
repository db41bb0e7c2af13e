//! Opening a folder: which generation is the newest, and whether there should be one.

use std::io;

use super::adopt::is_ours;
use super::format::Format;
use super::generation::{CheckpointHead, Generation, RECORD_VERSION, ReadError};
use super::names;
use super::record::Sum;
use super::rotation::checkpoint_pieces;
use super::seam::FileSystem;
use super::storage::{FsStorage, Log};
use super::watermark::{WATERMARK, Watermark};
use super::write::write_whole;
use mesh_coordinator::ports::{Clock, Outcome, StorageError, StorageErrorKind};
use mesh_core::Snapshot;
use planted::Bug;

/// How often a folder in which generations come and go is looked at again.
const ATTEMPTS: usize = 64;

impl<F: FileSystem, C: Clock> FsStorage<F, C> {
    /// Opens the newest generation, and gives the state at its checkpoint. A new
    /// folder gets its first generation; a predecessor's is adopted.
    pub(super) async fn open_newest(&mut self) -> Result<Snapshot, StorageError> {
        let attached = self.fs.is_attached().await;
        let failed = |e: &io::Error| Self::io("look at", "the folder", Outcome::NoEffect, e);
        if !attached.map_err(|e| failed(&e))? {
            self.fs.reattach().await?;
        }
        for _ in 0..ATTEMPTS {
            // The marks are read first: one made later speaks of what is not listed yet.
            let mut marks = Watermark::new();
            marks.read_all(&self.fs).await?;
            // A newer mesh's folder may look like nothing that this one knows.
            let format = Format::read(&self.fs).await?;
            let names = self.names().await?;
            let newest = names
                .iter()
                .filter_map(|name| names::parse_journal(name))
                .max();
            let Some(newest) = newest else {
                self.begin(&marks, format).await?;
                continue;
            };
            let mut builder = None;
            match Generation::open(&self.fs, newest, Some(&mut builder)).await {
                Ok(generation) => {
                    let snapshot = builder.unwrap_or_default().finish();
                    self.install(generation, marks);
                    if let Err(error) = self.settle_in(format, &names).await {
                        self.log = None;
                        return Err(error);
                    }
                    return Ok(snapshot);
                }
                // It was retired meanwhile, so there is a newer one.
                Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.read_error(newest, error).await),
            }
        }
        let error = io::Error::other("its generations keep changing");
        Err(Self::io("open", "the folder", Outcome::NoEffect, &error))
    }

    pub(super) async fn names(&self) -> Result<Vec<String>, StorageError> {
        let names = self.fs.list(None).await;
        names.map_err(|e| Self::io("list", "the folder", Outcome::NoEffect, &e))
    }

    /// Takes an open generation as the log, held to all that is known of it.
    fn install(&mut self, generation: Generation<F>, mut marks: Watermark<F>) {
        if self.log_id == Some(generation.log_id) {
            marks.merge(&self.marks);
        }
        self.marks = marks;
        self.log_id = Some(generation.log_id);
        self.log = Some(Log::new(generation));
    }

    /// Checks the beginning of the log, and tidies the folder around it.
    async fn settle_in(
        &mut self,
        format: Option<Format>,
        names: &[String],
    ) -> Result<(), StorageError> {
        let Some(log) = &self.log else { return Ok(()) };
        let (number, chain) = (log.generation.number, log.generation.chain);
        if self.marks.contradict(chain.seq, chain.tip) {
            let what = "begins with another entry than was acknowledged";
            let error = log.generation.damaged(what);
            return Err(self.read_error(number, error).await);
        }
        if format.is_none() {
            self.sync_names().await?;
            let temporary = names::temporary(number, self.nonces.draw());
            Format::new(self.options.lock)
                .create(&self.fs, &temporary)
                .await?;
        }
        let older = |name: &String| names::parse_journal(name).is_some_and(|g| g < number);
        if names.iter().any(older) {
            self.sync_names().await?;
            self.retire().await;
        }
        Ok(())
    }

    /// Makes the first generation, if the folder really is new.
    async fn begin(
        &mut self,
        marks: &Watermark<F>,
        format: Option<Format>,
    ) -> Result<(), StorageError> {
        if format.is_some() {
            return self.expect_generation(names::FORMAT).await;
        }
        if marks.highest().is_some() {
            return self.expect_generation(WATERMARK).await;
        }
        match self.read_state().await? {
            Some(state) if is_ours(&state) && planted::is(Bug::ExportTakenForLoss) => {
                return Err(missing_journal(names::STATE));
            }
            // It may have been written since the folder was listed.
            Some(state) if is_ours(&state) => return self.expect_generation(names::STATE).await,
            Some(_) => return self.adopt().await,
            None => {}
        }
        self.create_first(&Snapshot::default()).await
    }

    /// The folder is not new. A listing may miss what comes and goes meanwhile, so it is
    /// looked at again before anything is called damaged.
    async fn expect_generation(&self, witness: &str) -> Result<(), StorageError> {
        let looks = if planted::is(Bug::NoSecondLook) { 0 } else { 3 };
        for _ in 0..looks {
            let names = self.names().await?;
            if names
                .iter()
                .any(|name| names::parse_journal(name).is_some())
            {
                return Ok(());
            }
        }
        Err(missing_journal(witness))
    }

    /// Makes generation 1 from `snapshot`, unless another process does.
    pub(super) async fn create_first(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let first = names::journal(1);
        let failed = |e: &io::Error| Self::io("create", &first, Outcome::NoEffect, e);
        let temporary = names::temporary(1, self.nonces.draw());
        let head = CheckpointHead {
            version: RECORD_VERSION,
            log: Sum(self.nonces.draw()),
            generation: 1,
            seq: snapshot.seq,
            tip: Sum::default(),
        };
        write_whole(&self.fs, &temporary, checkpoint_pieces(head, snapshot))
            .await
            .map_err(|e| failed(&e))?;
        // With a format, generation 1 was there before, and may be retired by now.
        let linked = match self.fs.stat_name(names::FORMAT).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.fs.link(&temporary, &first).await
            }
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        let _ = self.fs.remove(&temporary).await;
        match linked {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&error)),
        }
    }
}

/// The error of a folder that has `witness`, and so had a journal.
pub(super) fn missing_journal(witness: &str) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Damaged,
        what: format!("the journal is missing, although there is a file {witness} beside it"),
        next: "nothing was changed: restore journal.* from a backup, save what is left with \
               `mesh doctor --repair`, or delete the whole folder to start over"
            .to_owned(),
        outcome: Outcome::NoEffect,
    }
}
