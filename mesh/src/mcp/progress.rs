//! Signs of life of a call that is held (rule W1).
//!
//! A client gives up on a call that it hears nothing of. One that asks for progress hears
//! every few seconds that the call still waits.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use serde_json::{Map, Value};
use tokio::time::{Instant, interval_at};

/// How often.
const EVERY: Duration = Duration::from_secs(5);

/// What is reported of one call.
pub(super) struct Progress {
    token: Option<ProgressToken>,
    peer: Peer<RoleServer>,
    /// How long the call may wait, in seconds.
    total: Option<f64>,
}

impl Progress {
    /// Of a call with these arguments, to the client that made it.
    pub(super) fn of(arguments: &Map<String, Value>, context: &RequestContext<RoleServer>) -> Self {
        Self {
            token: context.meta.get_progress_token(),
            peer: context.peer.clone(),
            total: arguments.get("wait_seconds").and_then(Value::as_f64),
        }
    }

    /// Reports for as long as it is polled.
    pub(super) async fn report(self) -> Infallible {
        let Some(token) = self.token else {
            return pending().await;
        };
        let mut ticks = interval_at(Instant::now() + EVERY, EVERY);
        let mut seconds = 0.0;
        loop {
            ticks.tick().await;
            seconds += EVERY.as_secs_f64();
            let mut progress =
                ProgressNotificationParam::new(token.clone(), seconds).with_message("waiting");
            progress.total = self.total;
            if let Err(error) = self.peer.notify_progress(progress).await {
                tracing::debug!(%error, "no progress can be reported");
            }
        }
    }
}
