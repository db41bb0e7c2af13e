//! The wish to end, shared between whoever may have it and the server.

use tokio::sync::watch;

/// Ends a server in order, once [`begin`](Shutdown::begin) was called on any clone.
#[derive(Clone, Debug, Default)]
pub struct Shutdown(watch::Sender<bool>);

impl Shutdown {
    /// Asks the server to take nothing more in. Does nothing the second time.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was asked for.
    pub fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is asked for.
    pub async fn begun(&self) {
        // An error would mean that no sender is left, and `self` is one.
        let _ = self.0.subscribe().wait_for(|begun| *begun).await;
    }
}
