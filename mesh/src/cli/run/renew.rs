//! Keeps a hold: renews its lease at a third of it, for as long as the run wants it.
//!
//! What counts is the steady clock, from *before* the claim was sent: whatever the wall
//! clocks say, the lease in the folder lasts at least that long. An error is no loss, since
//! the lease still stands; the next try comes soon, until the lease is over.

use std::time::Duration;

use async_channel::{Receiver, Sender};

use super::steady;
use crate::core::{Claim, ClaimReply, ClaimStatus, Release, Wait};
use crate::{Mesh, MeshError};

/// The longest pause after a renewal that failed.
const RETRY: Duration = Duration::from_secs(1);

/// A hold of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// Who holds.
    pub(super) agent_id: String,
    /// What.
    pub(super) resource: String,
    /// The claim.
    pub(super) claim_id: String,
    /// What it was granted under.
    pub(super) fence: u64,
    /// How long a renewal lasts.
    pub(super) lease: Duration,
    /// Until when it lasts, by steady time.
    pub(super) until: Duration,
}

/// What became of a hold.
#[derive(Debug)]
pub(super) enum News {
    /// It was renewed.
    Renewed {
        /// Which: its place among the holds of the run.
        place: usize,
        /// Until when.
        until: Duration,
    },
    /// It is gone.
    Lost {
        /// Which and why, for people.
        why: String,
    },
}

/// Renews `hold` until `stopped` is closed, and tells what came of it.
pub(super) async fn keep(
    mesh: Mesh,
    mut hold: Hold,
    place: usize,
    news: Sender<News>,
    stopped: Receiver<()>,
) {
    let mut pause = hold.lease / 3;
    loop {
        tokio::select! {
            _ = stopped.recv() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let told = match hold.renew(&mesh).await {
            Ok(Ok(until)) => {
                hold.until = until;
                pause = hold.lease / 3;
                News::Renewed { place, until }
            }
            Ok(Err(why)) => News::Lost { why },
            Err(error) if steady::left(hold.until).is_zero() => News::Lost {
                why: format!("{} could not be renewed in time: {error}", hold.resource),
            },
            Err(error) => {
                tracing::warn!("the lease of {} is not renewed yet: {error}", hold.resource);
                pause = RETRY.min(hold.lease / 10);
                continue;
            }
        };
        let lost = matches!(told, News::Lost { .. });
        if news.send(told).await.is_err() || lost {
            return;
        }
    }
}

impl Hold {
    /// Renews the lease once. Gives until when it lasts now, or why the hold is gone.
    pub(super) async fn renew(&self, mesh: &Mesh) -> Result<Result<Duration, String>, MeshError> {
        let sent = steady::now();
        let claim = Claim {
            agent_id: self.agent_id.clone(),
            resource: self.resource.clone(),
            lease_seconds: Some(self.lease.as_secs()),
            wait: Some(Wait::NoWait),
            ..Claim::default()
        };
        let reply = mesh.claim(claim).await?;
        if reply.status == ClaimStatus::Granted
            && reply.claim_id == self.claim_id
            && reply.fence == self.fence
        {
            return Ok(Ok(sent + self.lease));
        }
        // A lease that had ended makes this claim a new request, which nobody wants.
        if reply.status == ClaimStatus::Granted {
            let _ = self.release(mesh, &reply.claim_id).await;
        }
        Ok(Err(self.describe_loss(&reply)))
    }

    fn describe_loss(&self, reply: &ClaimReply) -> String {
        let (resource, fence) = (&self.resource, self.fence);
        let now = match (&reply.holder, reply.status) {
            (Some(holder), ClaimStatus::Denied | ClaimStatus::Queued) => {
                format!("{holder} holds it now; the newest fence is {}", reply.fence)
            }
            _ if reply.fence > fence + 1 => "others had it since".to_owned(),
            _ => "it was released, or its lease ended; nobody had it since".to_owned(),
        };
        format!("the claim on {resource} under fence {fence} is lost: {now}")
    }

    /// Releases one of this agent's claims on the resource.
    pub(super) async fn release(
        &self,
        mesh: &Mesh,
        claim_id: &str,
    ) -> Result<crate::core::ReleaseReply, MeshError> {
        let release = Release {
            agent_id: self.agent_id.clone(),
            claim_id: claim_id.to_owned(),
            resource: self.resource.clone(),
        };
        mesh.release(release).await
    }
}
