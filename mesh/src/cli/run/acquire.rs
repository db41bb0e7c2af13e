//! Gets all that a run wishes for, or nothing.
//!
//! Resources are claimed one after the other in the order of their names, so that runs with
//! the same wishes never wait for each other in a circle. What is held already is renewed
//! meanwhile. Whatever goes wrong, the caller gives everything back by
//! [`Holdings::give_back`], tickets included.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use async_channel::{Receiver, Sender, bounded, unbounded};
use tokio::task::JoinSet;

use super::arguments::Wish;
use super::ending::Ungranted;
use super::entry::{Entry, refuse_a_second};
use super::renew::{Hold, News, keep};
use super::signals::Signals;
use super::steady;
use crate::core::{Claim, ClaimReply, ClaimStatus, MAX_WAIT_SECONDS, ReleaseStatus, Wait};
use crate::{Mesh, MeshError};

/// The pause after a waiting call that came back early and still in line, so that a folder
/// that does not hold calls is asked now and then, and not without end.
const PAUSE: Duration = Duration::from_millis(100);

/// What a run holds and waits for.
pub(super) struct Holdings {
    mesh: Mesh,
    wish: Wish,
    folder: PathBuf,
    /// The holds, in the order in which they were granted.
    holds: Vec<Hold>,
    /// The place in line that the run has, if it waits.
    ticket: Option<Hold>,
    keepers: JoinSet<()>,
    news: Receiver<News>,
    teller: Sender<News>,
    /// Closed when the keepers are to end.
    stop: Option<Sender<()>>,
    stopped: Receiver<()>,
}

impl Holdings {
    /// Nothing yet. `folder` is where `mesh` is.
    pub(super) fn new(mesh: Mesh, folder: PathBuf, wish: Wish) -> Self {
        let (teller, news) = unbounded();
        let (stop, stopped) = bounded(1);
        Self {
            mesh,
            wish,
            folder,
            holds: Vec::new(),
            ticket: None,
            keepers: JoinSet::new(),
            news,
            teller,
            stop: Some(stop),
            stopped,
        }
    }

    /// Claims everything, waiting in line as long as was wished for.
    pub(super) async fn acquire(&mut self, signals: &Signals) -> Result<(), Ungranted> {
        let limit = self.wish.wait_seconds.map(Duration::from_secs);
        let limit = limit.map(|limit| steady::now().saturating_add(limit));
        for resource in self.wish.resources.clone() {
            let hold = self.acquire_one(&resource, limit, signals).await?;
            self.ticket = None;
            let (mesh, place) = (self.mesh.clone(), self.holds.len());
            let (teller, stopped) = (self.teller.clone(), self.stopped.clone());
            self.holds.push(hold.clone());
            self.keepers.spawn(keep(mesh, hold, place, teller, stopped));
        }
        // What came while nothing was waited for was not meant for the command either.
        match signals.ending_so_far() {
            Some(signal) => Err(Ungranted::Cancelled(signal)),
            None => Ok(()),
        }
    }

    /// What becomes of the holds, as the news come in: until when all of them last, or why
    /// one is gone.
    pub(super) async fn next(&mut self) -> Result<Duration, String> {
        match self.news.recv().await {
            Ok(News::Renewed { place, until }) => {
                self.holds[place].until = until;
                Ok(self.until())
            }
            Ok(News::Lost { why }) => Err(why),
            // Never, since this has a sender itself.
            Err(_) => pending().await,
        }
    }

    /// Until when all holds last, by steady time.
    pub(super) fn until(&self) -> Duration {
        let ends = self.holds.iter().map(|hold| hold.until);
        ends.min().unwrap_or_default()
    }

    /// The hold on a resource.
    pub(super) fn hold(&self, resource: &str) -> Option<&Hold> {
        self.holds.iter().find(|hold| hold.resource == resource)
    }

    /// All resources with their fences.
    pub(super) fn fences(&self) -> BTreeMap<&str, u64> {
        let fences = self.holds.iter().map(|h| (h.resource.as_str(), h.fence));
        fences.collect()
    }

    /// Releases everything, the newest first, and leaves the line. Gives the resources
    /// whose claim was gone already.
    pub(super) async fn give_back(&mut self) -> Result<Vec<String>, MeshError> {
        // A renewal that is on its way is waited for, since it must not come after.
        self.stop = None;
        while self.keepers.join_next().await.is_some() {}
        let mut gone = Vec::new();
        let mut result = Ok(());
        let ticket = self.ticket.take();
        for hold in ticket.iter().chain(self.holds.iter().rev()) {
            match hold.release(&self.mesh, &hold.claim_id).await {
                Ok(reply) if reply.status == ReleaseStatus::Released => {}
                Ok(_) => gone.push(hold.resource.clone()),
                // The lease will end by itself; the others are given back all the same.
                Err(error) => result = Err(error),
            }
        }
        result.map(|()| gone)
    }

    async fn acquire_one(
        &mut self,
        resource: &str,
        limit: Option<Duration>,
        signals: &Signals,
    ) -> Result<Hold, Ungranted> {
        let waits = limit.is_none_or(|limit| !steady::left(limit).is_zero());
        let sent = steady::now();
        let reply = self.first_claim(resource, waits).await?;
        let hold = self.hold_of(&reply, sent);
        match reply.status {
            ClaimStatus::Granted => Ok(hold),
            ClaimStatus::Denied => Err(taken(&reply)),
            ClaimStatus::Queued => {
                self.ticket = Some(hold);
                self.stand_in_line(resource, limit, signals).await
            }
        }
    }

    /// The claim that makes the hold or the ticket.
    async fn first_claim(&self, resource: &str, waits: bool) -> Result<ClaimReply, Ungranted> {
        let claim = self.claim(resource, waits, 0);
        if !self.wish.named {
            return Ok(self.mesh.claim(claim).await?);
        }
        // The first look makes a folder that is missing; the one that counts comes after.
        refuse_a_second(&self.mesh, &self.wish.agent_id, resource).await?;
        let _entry = Entry::enter(&self.folder).await?;
        refuse_a_second(&self.mesh, &self.wish.agent_id, resource).await?;
        Ok(self.mesh.claim(claim).await?)
    }

    /// Claims again and again until the ticket is served.
    async fn stand_in_line(
        &mut self,
        resource: &str,
        limit: Option<Duration>,
        signals: &Signals,
    ) -> Result<Hold, Ungranted> {
        let mesh = self.mesh.clone();
        loop {
            let asked = steady::now();
            let held = limit.map_or(MAX_WAIT_SECONDS, whole_seconds_left);
            let claim = mesh.claim(self.claim(resource, true, held));
            let reply = self.unless_over(claim, limit, signals).await??;
            let hold = self.hold_of(&reply, asked);
            match reply.status {
                ClaimStatus::Denied => return Err(taken(&reply)),
                // Also another ticket, where this process was stopped and lost its first.
                ClaimStatus::Queued => self.ticket = Some(hold),
                ClaimStatus::Granted => {
                    self.ticket = Some(hold.clone());
                    // Its lease began at some time since; now it is known when.
                    let until = hold.renew(&mesh).await?.map_err(Ungranted::Lost)?;
                    return Ok(Hold { until, ..hold });
                }
            }
            if steady::now() - asked < PAUSE {
                let pause = tokio::time::sleep(PAUSE);
                self.unless_over(pause, limit, signals).await?;
            }
        }
    }

    /// What `future` gives, unless the waiting ends before: by its limit, by a signal, or
    /// by the loss of what is held already.
    async fn unless_over<T>(
        &mut self,
        future: impl Future<Output = T>,
        limit: Option<Duration>,
        signals: &Signals,
    ) -> Result<T, Ungranted> {
        let over = async {
            match limit {
                Some(limit) => tokio::time::sleep(steady::left(limit)).await,
                None => pending().await,
            }
        };
        let (mut future, mut over) = (pin!(future), pin!(over));
        loop {
            tokio::select! {
                biased;
                output = &mut future => return Ok(output),
                () = &mut over => return Err(Ungranted::Taken(self.out_of_time())),
                signal = signals.next_ending() => return Err(Ungranted::Cancelled(signal)),
                news = self.next() => { news.map_err(Ungranted::Lost)?; }
            }
        }
    }

    fn out_of_time(&self) -> String {
        let resource = self.ticket.as_ref().map(|ticket| &ticket.resource);
        let resource = resource.map_or("", |resource| resource);
        let seconds = self.wish.wait_seconds.unwrap_or_default();
        format!("{resource} was not granted within {seconds} s")
    }

    fn claim(&self, resource: &str, waits: bool, wait_seconds: u64) -> Claim {
        Claim {
            agent_id: self.wish.agent_id.clone(),
            resource: resource.to_owned(),
            mode: Some(self.wish.mode),
            lease_seconds: Some(self.wish.lease_seconds),
            wait: Some(if waits { Wait::Queue } else { Wait::NoWait }),
            wait_seconds: Some(wait_seconds),
            note: self.wish.note.clone(),
        }
    }

    /// The hold or ticket that a reply tells of; the claim was sent at `sent`.
    fn hold_of(&self, reply: &ClaimReply, sent: Duration) -> Hold {
        let mut hold = Hold {
            agent_id: self.wish.agent_id.clone(),
            resource: reply.resource.to_string(),
            claim_id: reply.claim_id.clone(),
            fence: reply.fence,
            lease: Duration::from_secs(self.wish.lease_seconds),
            mortal: self.wish.named,
            until: sent,
        };
        hold.until += hold.lasts();
        hold
    }
}

/// How long the next call may be held, so that it does not outlast `limit` by much.
fn whole_seconds_left(limit: Duration) -> u64 {
    let millis = steady::left(limit).as_millis();
    let seconds = u64::try_from(millis.div_ceil(1000)).unwrap_or(u64::MAX);
    seconds.clamp(1, MAX_WAIT_SECONDS)
}

/// Why a claim was denied.
fn taken(reply: &ClaimReply) -> Ungranted {
    let resource = &reply.resource;
    let why = match (&reply.deadlock, &reply.holder) {
        (Some(circle), _) => {
            let links = circle.iter().map(|link| {
                let (holds, waits_for) = (&link.holds, &link.waits_for);
                format!("{} has {holds} and waits for {waits_for}", link.agent_id)
            });
            let links = links.collect::<Vec<_>>().join(", ");
            format!("waiting for {resource} would never end: {links}")
        }
        (None, Some(holder)) => {
            format!("{resource} is taken: {holder} holds it, or others wait for it")
        }
        (None, None) => format!("{resource} is taken: others wait for it"),
    };
    Ungranted::Taken(why)
}
