//! Opening a folder: which generation is the newest, and whether there should be one.

use std::io;

use super::creation::create_first;
use super::env::Env;
use super::generation::{Generation, ReadError};
use super::open_log::OpenLog;
use super::watermark::{ANOTHER_LOG, WATERMARK, Watermark};
use crate::adopt;
use crate::error::io_error;
use crate::folder::damage::missing_journal;
use crate::folder::format::Format;
use crate::folder::names;
use crate::seam::FileSystem;
use mesh_coordinator::ports::{Clock, Outcome, StorageError};
use mesh_core::Snapshot;
use planted::{Bug, promise, sound};

/// How often a folder in which generations come and go is looked at again.
const ATTEMPTS: usize = 64;

impl<F: FileSystem> OpenLog<F> {
    /// Opens the newest generation, and gives the state at its checkpoint. A new
    /// folder gets its first generation; a predecessor's is adopted.
    pub(super) async fn open<C: Clock>(
        env: &mut Env<F, C>,
    ) -> Result<(Self, Snapshot), StorageError> {
        attach(env).await?;
        for _ in 0..ATTEMPTS {
            // The marks are read first: one made later speaks of what is not listed yet.
            let mut marks = Watermark::new();
            marks.read_all(&env.fs).await?;
            // A newer mesh's folder may look like nothing that this one knows.
            let format = Format::read(&env.fs).await?;
            let names = env.names().await?;
            let Some(newest) = names::newest_journal(&names) else {
                begin(env, &marks, format).await?;
                continue;
            };
            let mut builder = None;
            match Generation::open(&env.fs, env.options.limits, newest, Some(&mut builder)).await {
                Ok(generation) => {
                    if marks.are_of_another(generation.log_id) {
                        let error = generation.damaged_from_start(ANOTHER_LOG);
                        return Err(env.read_error(newest, error).await);
                    }
                    marks.take_over(&env.marks, generation.log_id);
                    env.marks = marks;
                    let mut log = Self::new(generation);
                    log.settle_in(env, format, &names).await?;
                    let snapshot = builder.unwrap_or_default().finish();
                    promise!(
                        snapshot.seq == log.standing().base,
                        "a checkpoint is the state at the entry that it names"
                    );
                    return Ok((log, snapshot));
                }
                // It was retired meanwhile, so there is a newer one.
                Err(ReadError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(env.read_error(newest, error).await),
            }
        }
        let error = io::Error::other("its generations keep changing");
        Err(io_error("open", "the folder", Outcome::NoEffect, &error))
    }

    /// Checks the beginning of the log, and tidies the folder around it.
    async fn settle_in<C>(
        &mut self,
        env: &mut Env<F, C>,
        format: Option<Format>,
        names: &[String],
    ) -> Result<(), StorageError> {
        let (number, chain) = (self.standing().generation, self.standing().chain);
        if env.marks.contradict(chain.seq, chain.tip) {
            let what = "begins with another entry than was acknowledged";
            return Err(self.read_error(env, self.generation.damaged(what)).await);
        }
        if format.is_none() {
            self.sync_names(env).await?;
            let temporary = env.temporary(number);
            let format = Format::new(env.options.lock);
            format.create(&env.fs, &temporary).await?;
        }
        if names::lowest_journal(names).is_some_and(|lowest| lowest < number) {
            self.sync_names(env).await?;
            self.retire(env).await;
        }
        Ok(())
    }
}

/// Turns to the folder that the path leads to, if it is another one by now.
async fn attach<F: FileSystem, C>(env: &Env<F, C>) -> Result<(), StorageError> {
    let attached = env.fs.is_attached().await;
    let failed = |e: &io::Error| io_error("look at", "the folder", Outcome::NoEffect, e);
    if !attached.map_err(|e| failed(&e))? {
        env.fs.reattach().await?;
    }
    Ok(())
}

/// Makes the first generation, if the folder really is new.
async fn begin<F: FileSystem, C: Clock>(
    env: &mut Env<F, C>,
    marks: &Watermark<F>,
    format: Option<Format>,
) -> Result<(), StorageError> {
    if format.is_some() {
        return expect_generation(env, names::FORMAT).await;
    }
    if marks.highest().is_some() {
        return expect_generation(env, WATERMARK).await;
    }
    match adopt::read_state(&env.fs).await? {
        // It may have been written since the folder was listed.
        Some(state) if adopt::is_ours(&state) => sound!(
            expect_generation(env, names::STATE).await,
            Bug::ExportTakenForLoss => Err(missing_journal(names::STATE))
        ),
        Some(_) => take_over(env).await,
        None => create_first(env, &Snapshot::within(env.options.limits)).await,
    }
}

/// Makes the first generation from a predecessor's state, under the predecessor's lock.
async fn take_over<F: FileSystem, C: Clock>(env: &mut Env<F, C>) -> Result<(), StorageError> {
    adopt::lock(&env.fs, &env.clock).await?;
    let read = adopt::read_predecessor(&env.fs, env.options.limits, &env.clock).await;
    let made = match read {
        Ok(Some(snapshot)) => create_first(env, &snapshot).await,
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    adopt::unlock(&env.fs).await;
    made
}

/// The folder is not new. A listing may miss what comes and goes meanwhile, so it is
/// looked at again before anything is called damaged.
async fn expect_generation<F: FileSystem, C>(
    env: &Env<F, C>,
    witness: &str,
) -> Result<(), StorageError> {
    let looks = sound!(3, Bug::NoSecondLook => 0);
    for _ in 0..looks {
        if names::newest_journal(&env.names().await?).is_some() {
            return Ok(());
        }
    }
    Err(missing_journal(witness))
}
