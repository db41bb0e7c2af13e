//! Runs of one agent enter one at a time.
//!
//! To mesh an agent is one, so a claim on what it already holds renews its lease (rule C4).
//! Two runs under one name would both be told "granted" for the very same claim, run side
//! by side, and the first to end would release it for both. So a run under a name that
//! somebody chose looks first whether that agent has a claim already; and so that two of
//! them do not look at the same moment, each holds a lock on the folder from its look to
//! its claim. Runs without a name have one of their own, and need none of this.
//!
//! The lock is the kernel's, on the directory itself: it makes no file, and is gone with
//! whoever held it.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;

use super::ending::Ungranted;
use super::steady;
use crate::Mesh;
use crate::cli::failure::Failure;
use crate::core::Claims;

/// How long another run may stand in the entry before this one gives up.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// The entry, held.
#[derive(Debug)]
pub(super) struct Entry {
    _lock: OwnedFd,
}

impl Entry {
    /// Waits for the entry of `folder`, which must be there.
    pub(super) async fn enter(folder: &Path) -> Result<Self, Failure> {
        let failed = |errno: Errno| Failure::system("cannot lock the folder", errno.into());
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let lock = open(folder, flags, Mode::empty()).map_err(failed)?;
        let give_up = steady::now() + PATIENCE;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _lock: lock }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if !steady::left(give_up).is_zero() => {
                    tokio::time::sleep(PAUSE).await;
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
    }
}

/// Refuses an agent that holds or awaits `resource` already.
pub(super) async fn refuse_a_second(
    mesh: &Mesh,
    agent_id: &str,
    resource: &str,
) -> Result<(), Ungranted> {
    let claims = Claims {
        agent_id: agent_id.to_owned(),
        resource: Some(resource.to_owned()),
    };
    let reply = mesh.claims(claims).await?;
    let holders = reply.claims.iter().flat_map(|claim| &claim.holders);
    let tickets = reply.claims.iter().flat_map(|claim| &claim.queue);
    let mut holders = holders.map(|holder| &holder.agent_id);
    let mut waiters = tickets.map(|ticket| &ticket.agent_id);
    let does = match (
        holders.any(|id| **id == *agent_id),
        waiters.any(|id| **id == *agent_id),
    ) {
        (true, _) => "holds",
        (false, true) => "waits for",
        (false, false) => return Ok(()),
    };
    Err(Ungranted::Taken(format!(
        "{agent_id} {does} {resource} already, and a second claim of the same agent would be the \
         same claim; wait for the first one, or give --agent another id"
    )))
}
