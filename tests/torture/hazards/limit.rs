//! Limits of a process that runs, set from outside. Only Linux has that.

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

use crate::server::Server;

/// A limit that a running server is held to until it is [lifted](Limit::lift).
pub(crate) struct Limit {
    pid: Pid,
    resource: Resource,
    before: Rlimit,
}

impl Limit {
    /// Lowers the limit; an error says why that is not possible.
    pub(crate) fn lower(server: &Server, resource: Resource, to: u64) -> Result<Self, String> {
        let pid = Pid::from_raw(server.id() as i32).ok_or("no process")?;
        let current = Some(to);
        let maximum = getrlimit(resource).maximum;
        let before = prlimit(Some(pid), resource, Rlimit { current, maximum });
        let before = before.map_err(|error| error.to_string())?;
        Ok(Self {
            pid,
            resource,
            before,
        })
    }

    /// What it was before.
    pub(crate) fn lift(self) -> Result<(), String> {
        let lifted = prlimit(Some(self.pid), self.resource, self.before);
        lifted.map(drop).map_err(|error| error.to_string())
    }
}
