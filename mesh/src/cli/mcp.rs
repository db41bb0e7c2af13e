//! `mesh mcp`: one client on standard input and output.

use std::env;

use clap::Args;
use rmcp::transport::io::stdio_pipes;

use crate::mcp::{Client, Shutdown, serve};
use crate::tools::Pin;

use super::failure::Failure;
use super::folder::{close_folder, open_served_folder};
use super::signals::end_on_signals;
use super::{Ending, runtime, session};

/// What is known of the client.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Examples:
  claude mcp add mesh -- mesh mcp
  claude mcp add mesh -- mesh mcp --agent reviewer
  claude mcp add mesh -- mesh mcp --keepalive")]
pub(super) struct Arguments {
    /// Serve this agent only: calls may leave agent_id out, and no other is accepted.
    /// MESH_AGENT does not do that
    #[arg(long = "agent", value_name = "ID", value_parser = Pin::new)]
    pin: Option<Pin>,
    /// Keep the agents that register alive while the client is connected. Their leases
    /// still end unless they renew them
    #[arg(long)]
    keepalive: bool,
    /// The client's session, noted with each registration: `mesh hook session-end` finds
    /// its agents by it
    #[arg(long, value_name = "ID", env = session::VARIABLE, hide_env_values = true)]
    session: Option<String>,
}

impl Arguments {
    /// What the environment alone says.
    pub(super) fn of_environment() -> Self {
        Self {
            session: env::var(session::VARIABLE).ok(),
            ..Self::default()
        }
    }

    fn client(self) -> Result<Client, Failure> {
        Ok(Client {
            pin: self.pin,
            session: session::named(self.session)?,
            keepalive: self.keepalive,
        })
    }
}

/// Serves until the client goes away or a signal asks to end, and closes the folder.
pub(super) fn run(arguments: Arguments) -> Result<Ending, Failure> {
    super::logging::start();
    let client = arguments.client()?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let shutdown = Shutdown::default();
        end_on_signals(shutdown.clone())
            .map_err(|error| Failure::system("cannot listen for signals", error))?;
        let folder = open_served_folder();
        let (reader, writer) = stdio_pipes();
        let served = serve(folder.clone(), client, reader, writer, &shutdown).await;
        close_folder(folder).await;
        served.map_err(Failure::from)?;
        Ok(Ending::Done)
    });
    // Where standard input is no pipe, a thread may be blocked in reading it, and the
    // end must not wait for a key press.
    runtime.shutdown_background();
    outcome
}
