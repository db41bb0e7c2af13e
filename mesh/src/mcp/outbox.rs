//! Whether the client hears what it is told (rule W3).
//!
//! A held claim that is granted must reach its caller or be given back. The coordinator
//! sees to that as far as the handler of the call, and this sees to the rest of the way:
//! a reply stays in its [`Parcel`] until its bytes are written, and the parcel is dropped,
//! which gives the grant back, if the client cancels the call or goes away before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::RequestId;

use crate::coordinator::Parcel;

use super::shutdown::Shutdown;

/// The calls of one client that are on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    calls: Arc<Mutex<Vec<(RequestId, Stage)>>>,
    gone: Shutdown,
}

/// How far a call has come. Few are on their way at a time, so a list will do.
#[derive(Debug)]
enum Stage {
    /// It is being handled.
    Handled,
    /// It was cancelled while it was handled.
    Cancelled,
    /// Its reply is about to be written.
    Sent(Box<Parcel>),
}

impl Outbox {
    /// A call came in. Of an id that was used before, only the newest counts.
    pub(super) fn received(&self, id: &RequestId) {
        let mut calls = self.calls();
        calls.retain(|(call, _)| call != id);
        calls.push((id.clone(), Stage::Handled));
    }

    /// The handler of a cancelled call is done with it, and nothing is sent.
    pub(super) fn dropped(&self, id: &RequestId) {
        self.calls().retain(|(call, _)| call != id);
    }

    /// The client does not want the reply any more.
    pub(super) fn cancelled(&self, id: &RequestId) {
        let mut calls = self.calls();
        let Some(at) = calls.iter().position(|(call, _)| call == id) else {
            return;
        };
        match calls[at].1 {
            Stage::Handled => calls[at].1 = Stage::Cancelled,
            Stage::Cancelled => {}
            Stage::Sent(_) => drop(calls.swap_remove(at)),
        }
    }

    /// The handler is done with a call; what it tells is sent next.
    pub(super) fn handled(&self, id: &RequestId, parcel: Parcel) {
        let mut calls = self.calls();
        let Some(at) = calls.iter().position(|(call, _)| call == id) else {
            // Two calls of one id: nobody can tell their replies apart.
            drop(parcel.open());
            return;
        };
        match calls[at].1 {
            Stage::Cancelled => drop(calls.swap_remove(at)),
            Stage::Handled | Stage::Sent(_) => calls[at].1 = Stage::Sent(Box::new(parcel)),
        }
    }

    /// A reply left, or could not.
    pub(super) fn left(&self, id: &RequestId, written: bool) {
        let mut calls = self.calls();
        let Some(at) = calls.iter().position(|(call, _)| call == id) else {
            return;
        };
        if let (_, Stage::Sent(parcel)) = calls.swap_remove(at)
            && written
        {
            drop(parcel.open());
        }
    }

    /// The client is gone: it closed its end, or does not read.
    pub(super) fn hang_up(&self) {
        self.gone.begin();
    }

    /// Waits until the client is gone.
    pub(super) async fn hung_up(&self) {
        self.gone.begun().await;
    }

    fn calls(&self) -> MutexGuard<'_, Vec<(RequestId, Stage)>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
