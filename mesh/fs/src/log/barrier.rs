//! The barrier, with real calls: see [`Syncing`].

use std::io;

use super::chain::Chain;
use super::env::Env;
use super::generation::{CheckpointHead, Generation, ReadError};
use super::open_log::OpenLog;
use super::protocol::Syncing;
use super::watermark::{Mark, WATERMARK};
use crate::error::{io_error, put_off};
use crate::folder::damage::RESTORE;
use crate::folder::names;
use crate::seam::{FileStat, FileSystem};
use mesh_coordinator::ports::{Clock, Durability, Outcome, StorageError, StorageErrorKind};
use planted::{Bug, promise, sound};

/// How often a folder in which generations come and go is looked at again.
const ATTEMPTS: usize = 8;

impl<F: FileSystem> OpenLog<F> {
    /// Makes durable all that was read or appended, and sees whether it still is the log.
    /// What was appended is in the file by then, so no failure says that nothing happened.
    pub(super) async fn barrier<C: Clock>(
        &mut self,
        env: &mut Env<F, C>,
    ) -> Result<Durability, StorageError> {
        let synced = self.sync_for_all(env).await;
        // Whatever came of it: others wait to lead.
        env.leader.resign(&env.fs).await;
        synced.map_err(StorageError::of_unknown_outcome)
    }

    async fn sync_for_all<C: Clock>(
        &mut self,
        env: &mut Env<F, C>,
    ) -> Result<Durability, StorageError> {
        self.check_poison(Outcome::Unknown)?;
        let reveals = !self.standing().is_synced();
        self.sync_names(env).await?;
        self.vouch(env).await?;
        self.share_sync(env).await;
        self.sync_and_note(env, reveals).await
    }

    /// `reveals`: whether there is anything that was not known to be durable before.
    async fn sync_and_note<C>(
        &mut self,
        env: &mut Env<F, C>,
        reveals: bool,
    ) -> Result<Durability, StorageError> {
        let mut syncing = Syncing::begin(self.standing());
        loop {
            syncing = match syncing {
                Syncing::Names | Syncing::Entries => self.sync(env, syncing).await?,
                Syncing::Confirm => match self.is_current(env).await? {
                    Present::Yes => syncing.confirmed(self.standing()),
                    Present::Removed => return Ok(Durability::Reset),
                    Present::Replaced if reveals => {
                        self.left_behind = true;
                        return Err(self.replaced());
                    }
                    // Nobody waits to hear of an entry that may be in either file.
                    Present::Replaced => return Ok(Durability::Reset),
                },
                Syncing::Over => {
                    promise!(
                        !self.standing().poisoned,
                        "nothing is told after a sync that failed"
                    );
                    self.note(env).await;
                    return Ok(Durability::Durable);
                }
            };
        }
    }

    /// Syncs the directory once in each generation, before anything in it counts.
    pub(super) async fn sync_names<C>(&mut self, env: &Env<F, C>) -> Result<(), StorageError> {
        if let step @ Syncing::Names = Syncing::begin(self.standing()) {
            let _ = self.sync(env, step).await?;
        }
        Ok(())
    }

    /// Makes durable what beat this process's lost records.
    pub(super) async fn settle_races<C>(&mut self, env: &Env<F, C>) -> Result<(), StorageError> {
        self.check_poison(Outcome::Unknown)?;
        if self.standing().is_doubtful() {
            return Err(self.unvouched());
        }
        let mut syncing = Syncing::begin(self.standing());
        while let Syncing::Names | Syncing::Entries = syncing {
            syncing = self.sync(env, syncing).await?;
        }
        Ok(())
    }

    /// Takes a step that syncs.
    async fn sync<C>(&mut self, env: &Env<F, C>, step: Syncing) -> Result<Syncing, StorageError> {
        let (name, synced) = match step {
            Syncing::Names => {
                let synced = sound!(env.fs.sync_dir().await, Bug::NoDirectorySync => Ok(()));
                ("the folder".to_owned(), synced)
            }
            _ => {
                let file = &self.generation.file;
                let synced = sound!(env.fs.sync(file).await, Bug::NoFileSync => Ok(()));
                (self.name(), synced)
            }
        };
        if let Err(error) = synced {
            self.standing_mut().sync_failed();
            return Err(io_error("sync", &name, Outcome::Unknown, &error));
        }
        Ok(step.synced(self.standing_mut()))
    }

    /// Notes how far the log is durable. The note is a courtesy to whoever finds the
    /// folder damaged; without room for it, the entries are no less durable.
    async fn note<C>(&mut self, env: &mut Env<F, C>) {
        let chain = self.standing().chain;
        promise!(self.standing().is_synced(), "only what is durable is noted");
        if chain.seq == 0 {
            return;
        }
        let mark = Mark {
            seq: chain.seq,
            sum: chain.tip,
            log: Some(self.generation.log_id),
        };
        env.marks.know(mark);
        if env.marks.is_noted(mark) {
            return;
        }
        if let Err(error) = env.marks.write(&env.fs, mark).await {
            put_off(&format!("writing {WATERMARK}"), &error);
        }
    }

    /// Whether what was read still is the log: the generation has its name and holds what was
    /// read, or a later one took over from it.
    async fn is_current<C>(&self, env: &Env<F, C>) -> Result<Present, StorageError> {
        let name = self.name();
        let failed = |e: &io::Error| io_error("look at", &name, Outcome::Unknown, e);
        if !env.fs.is_attached().await.map_err(|e| failed(&e))? {
            return Ok(Present::Removed);
        }
        match env.fs.stat_name(&name).await {
            Ok(FileStat { id, .. }) if id == self.generation.id => {
                self.hold_marks(env).await?;
                match self.generation.hold(&env.fs).await {
                    Ok(()) => Ok(Present::Yes),
                    Err(error) => Err(self.read_error(env, error).await),
                }
            }
            Ok(_) => self.is_continued(env).await,
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.is_continued(env).await,
            Err(error) => Err(failed(&error)),
        }
    }

    /// The generation has lost its name: did a later one of the *same* log take over?
    /// A folder that was emptied and made anew holds another log, however many generations
    /// that one has; and one that was restored may have come to a later generation by
    /// another way, which this one, unsealed as it is, does not lead to.
    async fn is_continued<C>(&self, env: &Env<F, C>) -> Result<Present, StorageError> {
        let end = self.generation.find_end(&env.fs).await;
        let end = match end {
            Ok(end) => end,
            Err(error) => return Err(self.read_error(env, error).await),
        };
        for _ in 0..ATTEMPTS {
            let names = env.names().await?;
            let Some(newest) = names::newest_journal(&names) else {
                if names.iter().any(|name| name == names::FORMAT) {
                    continue;
                }
                return Ok(Present::Removed);
            };
            match Generation::head(&env.fs, env.options.limits, newest).await {
                Ok(head) if head.log != self.generation.log_id => return Ok(Present::Removed),
                Ok(head) => {
                    let follows = end.is_some_and(|end| self.leads_to(&end, &head));
                    let follows = sound!(
                        follows,
                        Bug::AnyLaterGenerationFollows => newest > self.standing().generation
                    );
                    return Ok(if follows {
                        Present::Yes
                    } else {
                        Present::Replaced
                    });
                }
                // It was retired meanwhile, so there is a newer one.
                Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(env.read_error(newest, error).await),
            }
        }
        Err(StorageError {
            kind: StorageErrorKind::Damaged,
            what: format!("{} was removed under this process", self.name()),
            next: RESTORE.to_owned(),
            outcome: Outcome::Unknown,
        })
    }

    /// Whether a generation that begins with `head` may come from this one, which is sealed
    /// at `end`.
    fn leads_to(&self, end: &Chain, head: &CheckpointHead) -> bool {
        promise!(end.sealed, "only a sealed generation leads to another one");
        let next = self.standing().generation + 1;
        if head.generation == next {
            (head.seq, head.tip) == (end.seq, end.tip)
        } else {
            head.generation > next && head.seq >= end.seq
        }
    }

    /// The error for a call whose entries stand in a file that has no name any more, while
    /// another file has it: it may be a copy in which they are, or one in which they are not.
    fn replaced(&self) -> StorageError {
        StorageError {
            kind: StorageErrorKind::Io,
            what: format!(
                "{} was replaced by another file under this process",
                self.name()
            ),
            next: "see what became of the call, then go on; to restore a backup, stop all mesh \
                   processes first"
                .to_owned(),
            outcome: Outcome::Unknown,
        }
    }
}

/// What has become of the log that was read.
enum Present {
    /// It still is the log.
    Yes,
    /// The folder was removed, or made anew.
    Removed,
    /// There is another file in its place, of the same log.
    Replaced,
}
