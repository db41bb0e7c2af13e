//! Which session of a client a process belongs to.

use std::env;

use crate::core::SessionId;

use super::failure::Failure;

/// The variable by which Claude Code tells its servers, hooks and shells which session of
/// it they belong to.
pub(super) const VARIABLE: &str = "CLAUDE_CODE_SESSION_ID";

/// The session that the environment names.
pub(super) fn of_environment() -> Result<Option<SessionId>, Failure> {
    named(env::var(VARIABLE).ok())
}

/// The session of that name. An empty one is none.
pub(super) fn named(session: Option<String>) -> Result<Option<SessionId>, Failure> {
    let session = session.filter(|session| !session.is_empty());
    let session = session.as_deref().map(SessionId::new).transpose();
    session.map_err(|rejection| Failure::Usage(rejection.to_string()))
}
