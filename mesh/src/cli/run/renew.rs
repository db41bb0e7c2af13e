//! Keeps a hold: renews its lease at a third of it, for as long as the run wants it.
//!
//! What counts is the steady clock, from *before* the claim was sent, since the lease in the
//! folder begins later than that. An error is no loss, since the lease still stands; the next
//! try comes soon, until the lease is over.
//!
//! A hold also ends with its agent (rule C9). An agent that goes by a chosen name may be
//! registered, with a time to live that the run does not know; each renewal is a sign of life
//! (rule A6), but none is good for longer than the shortest such time and the grace after it.

use std::time::Duration;

use async_channel::{Receiver, Sender};

use super::steady;
use crate::core::{Claim, ClaimReply, ClaimStatus, Release, ReleaseReply, Wait};
use crate::{Mesh, MeshError};

/// How long an agent lives on at least after a sign of life: a TTL of 1 s, and 30 s in which it
/// is stale (rule A2).
const SHORTEST_LIFE: Duration = Duration::from_secs(31);
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
    /// What a renewal asks for.
    pub(super) lease: Duration,
    /// Whether its agent may be registered, and then die.
    pub(super) mortal: bool,
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
    let mut pause = hold.lasts() / 3;
    loop {
        tokio::select! {
            _ = stopped.recv() => return,
            () = tokio::time::sleep(pause) => {}
        }
        let told = match hold.renew(&mesh).await {
            Ok(Ok(until)) => {
                hold.until = until;
                pause = hold.lasts() / 3;
                News::Renewed { place, until }
            }
            Ok(Err(why)) => News::Lost { why },
            Err(error) if steady::left(hold.until).is_zero() => News::Lost {
                why: format!("{} could not be renewed in time: {error}", hold.resource),
            },
            Err(error) => {
                tracing::warn!("the lease of {} is not renewed yet: {error}", hold.resource);
                pause = RETRY.min(hold.lasts() / 10);
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
    /// How long a renewal is certainly good for.
    pub(super) fn lasts(&self) -> Duration {
        match self.mortal {
            true => self.lease.min(SHORTEST_LIFE),
            false => self.lease,
        }
    }

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
            return Ok(Ok(sent + self.lasts()));
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
    ) -> Result<ReleaseReply, MeshError> {
        let release = Release {
            agent_id: self.agent_id.clone(),
            claim_id: claim_id.to_owned(),
            resource: self.resource.clone(),
        };
        mesh.release(release).await
    }
}

#[cfg(test)]
mod tests {
    use async_channel::{bounded, unbounded};

    use super::*;
    use crate::coordinator::{Handle, Request};
    use crate::core::{ReleaseStatus, Reply, Timestamp};
    use crate::ports::{Outcome, StorageError, StorageErrorKind};

    const LEASE: Duration = Duration::from_millis(300);

    fn hold() -> Hold {
        Hold {
            agent_id: "a".to_owned(),
            resource: "r".to_owned(),
            claim_id: "mine".to_owned(),
            fence: 3,
            lease: LEASE,
            mortal: false,
            until: steady::now() + LEASE,
        }
    }

    fn granted(claim_id: &str, fence: u64) -> Result<Reply, MeshError> {
        Ok(Reply::Claim(ClaimReply {
            status: ClaimStatus::Granted,
            resource: "r".into(),
            claim_id: claim_id.to_owned(),
            fence,
            holder: Some("a".into()),
            lease_expires_at: None,
            queue_position: None,
            deadlock: None,
            lost: None,
            now: Timestamp(0),
        }))
    }

    fn released() -> Result<Reply, MeshError> {
        Ok(Reply::Release(ReleaseReply {
            status: ReleaseStatus::Released,
            fence: Some(4),
            next_holder: None,
        }))
    }

    fn trouble() -> Result<Reply, MeshError> {
        Err(MeshError::Storage(StorageError {
            kind: StorageErrorKind::Io,
            what: "the disk is away".to_owned(),
            next: "wait".to_owned(),
            outcome: Outcome::Unknown,
        }))
    }

    /// The news of a hold whose calls are answered like this, in turn, the last answer again
    /// and again; and how many calls there were.
    fn told(answers: Vec<Result<Reply, MeshError>>) -> (Receiver<News>, usize) {
        let (handle, served) = Handle::queue();
        let (teller, news) = unbounded();
        let (stop, stopped) = bounded(1);
        let mut calls = 0;
        let serve = async {
            let _stop = stop;
            let mut answers = answers.into_iter().peekable();
            while let (Some(Request::Call(call)), Some(answer)) =
                (served.next().await, answers.peek().cloned())
            {
                calls += 1;
                call.answer(answer);
                if answers.len() > 1 {
                    answers.next();
                }
            }
        };
        let runtime = crate::cli::runtime().unwrap();
        runtime.block_on(async {
            tokio::select! {
                () = keep(handle.into(), hold(), 7, teller, stopped) => {}
                () = serve => {}
                () = tokio::time::sleep(LEASE * 4) => {}
            }
        });
        (news, calls)
    }

    #[test]
    fn trouble_is_no_loss_as_long_as_the_lease_lasts() {
        let (news, _) = told(vec![trouble(), trouble(), granted("mine", 3)]);
        let first = news.try_recv().unwrap();
        assert!(matches!(first, News::Renewed { place: 7, .. }), "{first:?}");
    }

    #[test]
    fn trouble_until_the_end_of_the_lease_is_a_loss() {
        let (news, _) = told(vec![trouble()]);
        match news.try_recv() {
            Ok(News::Lost { why }) => assert!(why.contains("the disk is away"), "{why}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn another_claim_or_fence_is_a_loss_and_is_given_back() {
        for anew in [granted("other", 4), granted("mine", 4)] {
            let (news, calls) = told(vec![anew, released()]);
            assert_eq!(calls, 2, "a renewal and a release");
            match news.try_recv() {
                Ok(News::Lost { why }) => assert_eq!(
                    why,
                    "the claim on r under fence 3 is lost: it was released, or its lease ended; \
                     nobody had it since"
                ),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A2: an agent that may be registered dies 31 s after its last sign of life, if its TTL
    /// is the shortest.
    #[test]
    fn a_mortal_agents_lease_is_not_relied_on_beyond_its_life() {
        let day = Duration::from_secs(86_400);
        let hold = Hold {
            lease: day,
            ..hold()
        };
        assert_eq!(hold.lasts(), day);
        let hold = Hold {
            mortal: true,
            ..hold
        };
        assert_eq!(hold.lasts(), Duration::from_secs(31));
    }
}
