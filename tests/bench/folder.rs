//! A mesh folder, reached through the library.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_executor::block_on;
use mesh::Mesh;
use mesh::backends::fs::LockKind;
use mesh::core::{Claim, ClaimReply, ClaimStatus, Claims, Inbox, Post, Release};

use crate::error::{Error, Result};

/// A message of the size that the figures are about.
pub(crate) const BODY_BYTES: usize = 500;

/// An open folder, used by one caller that waits for each answer.
pub(crate) struct Folder {
    mesh: Mesh,
}

impl Folder {
    /// Opens `path`, and returns once all of its log is read.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, LockKind::Kernel)
    }

    /// The same; a folder that is made anew gets this kind of store lock.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be read.
    pub(crate) fn open_with(path: &Path, lock: LockKind) -> Result<Self> {
        let mesh = Mesh::options(path).lock(lock).open();
        let claims = Claims {
            agent_id: "opener".to_owned(),
            resource: Some("nothing".to_owned()),
        };
        block_on(mesh.claims(claims))?;
        Ok(Self { mesh })
    }

    /// The handle.
    pub(crate) fn mesh(&self) -> &Mesh {
        &self.mesh
    }

    /// Claims `resource` for `agent_id`, waiting up to `wait_seconds`, and must get it.
    ///
    /// # Errors
    ///
    /// Where the claim is not granted.
    pub(crate) fn claim(
        &self,
        agent_id: &str,
        resource: &str,
        wait_seconds: u64,
    ) -> Result<ClaimReply> {
        let claim = Claim {
            agent_id: agent_id.to_owned(),
            resource: resource.to_owned(),
            wait_seconds: (wait_seconds > 0).then_some(wait_seconds),
            ..Claim::default()
        };
        let reply = block_on(self.mesh.claim(claim))?;
        match reply.status {
            ClaimStatus::Granted => Ok(reply),
            other => Err(Error::new(format!("{resource} was {other:?}: {reply:?}"))),
        }
    }

    /// Gives a claim back.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be written.
    pub(crate) fn release(&self, agent_id: &str, claim: &ClaimReply) -> Result<()> {
        let release = Release {
            agent_id: agent_id.to_owned(),
            claim_id: claim.claim_id.clone(),
            resource: claim.resource.to_string(),
        };
        block_on(self.mesh.release(release))?;
        Ok(())
    }

    /// Claims and releases `resource`: how long that took.
    ///
    /// # Errors
    ///
    /// Where the claim is not granted.
    pub(crate) fn pair(&self, agent_id: &str, resource: &str) -> Result<Duration> {
        let start = Instant::now();
        let claim = self.claim(agent_id, resource, 0)?;
        self.release(agent_id, &claim)?;
        Ok(start.elapsed())
    }

    /// Posts a message to an agent that never reads: how long that took.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be written.
    pub(crate) fn post(&self, agent_id: &str) -> Result<Duration> {
        let post = message(agent_id, "nobody".to_owned());
        let start = Instant::now();
        block_on(self.mesh.post(post))?;
        Ok(start.elapsed())
    }

    /// Looks at the first 100 messages for `agent_id`, which must be there: how long that
    /// took.
    ///
    /// # Errors
    ///
    /// Where there are fewer.
    pub(crate) fn inbox(&self, agent_id: &str) -> Result<Duration> {
        let inbox = Inbox {
            agent_id: agent_id.to_owned(),
            limit: Some(100),
            ..Inbox::default()
        };
        let start = Instant::now();
        let reply = block_on(self.mesh.inbox(inbox))?;
        let took = start.elapsed();
        match reply.messages.len() {
            100 => Ok(took),
            other => Err(Error::new(format!("{other} messages in place of 100"))),
        }
    }

    /// Closes the folder, and returns once it is tidy.
    pub(crate) fn close(self) {
        block_on(self.mesh.close());
    }
}

/// A message of [`BODY_BYTES`].
pub(crate) fn message(from: &str, to: String) -> Post {
    Post {
        agent_id: from.to_owned(),
        to,
        body: "m".repeat(BODY_BYTES),
        ..Post::default()
    }
}

/// The newest generation of the journal in `folder`, and its size in bytes.
///
/// # Errors
///
/// Where the folder has no journal.
pub(crate) fn journal(folder: &Path) -> Result<(u64, u64)> {
    let mut newest = None;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let generation = mesh::backends::fs::journal_generation(&name.to_string_lossy());
        // A generation may be retired between the listing and this look.
        if let (Some(generation), Ok(data)) = (generation, entry.metadata()) {
            newest = newest.max(Some((generation, data.len())));
        }
    }
    newest.ok_or_else(|| Error::new("a folder without a journal"))
}
