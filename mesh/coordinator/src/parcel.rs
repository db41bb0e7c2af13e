//! A reply on its way to its caller, and what becomes of a grant that never arrives.
//!
//! A claim that waited may be granted at the very moment at which its caller goes away.
//! Nobody would know of the grant, and everybody behind it would wait for a lease that
//! nobody uses. So the reply that tells of it travels in a [`Parcel`] that knows the way
//! back: dropped unopened, wherever that happens, it has the claim released (rule W3).

use async_channel::Sender;

use mesh_core::{Release, Reply};

use crate::error::MeshError;
use crate::signal::Signal;

/// The answer to a call, for somebody who passes it on.
///
/// Dropped unopened, it counts as not delivered: what a claim was granted while it was
/// held, or the ticket that it waited with, is then released (rule W3).
#[derive(Debug)]
#[must_use = "an answer that is not opened counts as not delivered"]
pub struct Parcel {
    answer: Result<Reply, MeshError>,
    back: Option<Back>,
}

impl Parcel {
    /// An answer that nothing hangs on.
    pub fn plain(answer: Result<Reply, MeshError>) -> Self {
        Self { answer, back: None }
    }

    /// A reply that tells of a claim, which is released if the parcel is never opened.
    pub(super) fn returnable(reply: Reply, release: Release, signals: Sender<Signal>) -> Self {
        Self {
            answer: Ok(reply),
            back: Some(Back {
                release: Some(release),
                signals,
            }),
        }
    }

    /// What is in it, while it is on its way.
    pub fn answer(&self) -> &Result<Reply, MeshError> {
        &self.answer
    }

    /// The answer, which has arrived.
    ///
    /// # Errors
    ///
    /// As [`Handle::call`](crate::Handle::call).
    pub fn open(self) -> Result<Reply, MeshError> {
        if let Some(mut back) = self.back {
            back.release = None;
        }
        self.answer
    }
}

/// The way back to the coordinator.
#[derive(Debug)]
struct Back {
    /// `None` once the parcel was opened.
    release: Option<Release>,
    signals: Sender<Signal>,
}

impl Drop for Back {
    fn drop(&mut self) {
        if let Some(release) = self.release.take() {
            // An error means that the coordinator is gone; then the lease ends it.
            let _ = self.signals.try_send(Signal::Undelivered(release));
        }
    }
}
