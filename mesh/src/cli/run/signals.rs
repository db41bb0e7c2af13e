//! The signals that a run passes on.

use std::io;

use async_channel::{Receiver, Sender, unbounded};
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};

/// What ends a process unless it is caught: whoever sends it to a run means its command.
const ENDING: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];
/// What commands give a meaning of their own, and what ends a process without one.
const CUSTOM: [Signal; 2] = [Signal::USR1, Signal::USR2];
/// What stops a process and lets it go on.
const JOB: [Signal; 2] = [Signal::TSTP, Signal::CONT];
/// What a terminal sends to all of its foreground job, so that the command has it already.
const KEYS: [Signal; 2] = [Signal::INT, Signal::QUIT];

/// Signals that were caught, in the order in which they were seen.
#[derive(Debug)]
pub(super) struct Signals {
    sender: Sender<Signal>,
    caught: Receiver<Signal>,
}

impl Signals {
    /// Catches what would end this process, from now on and for good.
    pub(super) fn catch() -> io::Result<Self> {
        let (sender, caught) = unbounded();
        let signals = Self { sender, caught };
        ENDING
            .into_iter()
            .chain(CUSTOM)
            .try_for_each(|s| signals.add(s))?;
        Ok(signals)
    }

    /// Catches what would stop this process, too.
    pub(super) fn catch_job_control(&self) -> io::Result<()> {
        JOB.into_iter().try_for_each(|signal| self.add(signal))
    }

    fn add(&self, which: Signal) -> io::Result<()> {
        let mut stream = signal(SignalKind::from_raw(which.as_raw()))?;
        let sender = self.sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() && sender.try_send(which).is_ok() {}
        });
        Ok(())
    }

    /// The next one.
    pub(super) async fn next(&self) -> Signal {
        match self.caught.recv().await {
            Ok(signal) => signal,
            // The sender lives as long as this does.
            Err(_) => std::future::pending().await,
        }
    }

    /// The next one that asks a process to end.
    pub(super) async fn next_ending(&self) -> Signal {
        loop {
            let signal = self.next().await;
            if ENDING.contains(&signal) {
                return signal;
            }
        }
    }

    /// One that asks a process to end and is here already.
    pub(super) fn ending_so_far(&self) -> Option<Signal> {
        let mut caught = std::iter::from_fn(|| self.caught.try_recv().ok());
        caught.find(|signal| ENDING.contains(signal))
    }
}

/// Whether a terminal sends this to all of its foreground job.
pub(super) fn is_key(signal: Signal) -> bool {
    KEYS.contains(&signal)
}
