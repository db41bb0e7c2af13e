//! Removing what came before the present generation, with real calls: see [`Retiring`].

use std::io;

use super::env::Env;
use super::open_log::OpenLog;
use super::protocol::Retiring;
use crate::error::{ignore_missing, put_off};
use crate::folder::names;
use crate::lock::sweep_candidates;
use crate::seam::FileSystem;
use planted::promise;

/// How many steps are taken at once. Where names come back as fast as they are removed, the
/// rest is for next time.
const MOST_STEPS: usize = 4_000;

impl<F: FileSystem> OpenLog<F> {
    /// Removes the generations before the present one, temporary files that could become
    /// one of them, and what dead processes prepared to be the lock. What cannot be removed
    /// now is removed next time.
    pub(super) async fn retire<C>(&self, env: &Env<F, C>) {
        let mut listed = Vec::new();
        let mut retiring = Retiring::List;
        for _ in 0..MOST_STEPS {
            if retiring == Retiring::Over {
                break;
            }
            let taken = self.take_retirement_step(env, retiring, &mut listed).await;
            retiring = taken.unwrap_or_else(|error| {
                put_off("removing old generations", &error);
                Retiring::Over
            });
        }
    }

    async fn take_retirement_step<C>(
        &self,
        env: &Env<F, C>,
        step: Retiring,
        listed: &mut Vec<String>,
    ) -> io::Result<Retiring> {
        match step {
            Retiring::List => {
                *listed = env.fs.list(None).await?;
                return Ok(step.listed(self.standing(), names::lowest_journal(listed)));
            }
            Retiring::SyncNames(_) => env.fs.sync_dir().await?,
            Retiring::Sweep(lowest) => {
                sweep_temporary(env, listed, lowest).await?;
                sweep_candidates(&env.fs, listed).await;
            }
            Retiring::Unlink(lowest) => {
                promise!(
                    lowest < self.standing().generation,
                    "the present generation is never removed"
                );
                ignore_missing(env.fs.remove(&names::journal(lowest)).await)?;
            }
            Retiring::Over => return Ok(step),
        }
        Ok(step.done())
    }
}

/// Removes the temporary files that could become generation `lowest` or one before it.
async fn sweep_temporary<F: FileSystem, C>(
    env: &Env<F, C>,
    listed: &[String],
    lowest: u64,
) -> io::Result<()> {
    let leftover = |name: &&String| {
        names::parse_temporary(name).is_some_and(|generation| generation <= lowest)
    };
    for name in listed.iter().filter(leftover) {
        ignore_missing(env.fs.remove(name).await)?;
    }
    Ok(())
}
