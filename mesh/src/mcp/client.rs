//! What a server knows of its client without being told in a call.
//!
//! Whoever starts the server settles it, and the agent, which only sees the nine tools,
//! neither says nor changes it.

use serde_json::{Map, Value};

use crate::core::{Command, Rejection, SessionId};
use crate::tools::Pin;

/// A client, as whoever started the server for it describes it.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The one agent that it speaks for; left out, any.
    pub pin: Option<Pin>,
    /// Its session, noted with every registration.
    pub session: Option<SessionId>,
    /// Whether the agents that register are kept alive while it is connected.
    pub keepalive: bool,
}

impl Client {
    /// Adds to the arguments of a call what this client may leave out.
    ///
    /// # Errors
    ///
    /// Where the call is not this client's to make.
    pub(super) fn fill(&self, arguments: &mut Map<String, Value>) -> Result<(), Rejection> {
        self.pin.iter().try_for_each(|pin| pin.fill(arguments))
    }

    /// Notes the session with a registration. Other commands have none.
    pub(super) fn sign(&self, command: &mut Command) {
        if let Command::Register(register) = command {
            register.session = self.session.as_deref().map(str::to_owned);
        }
    }
}
