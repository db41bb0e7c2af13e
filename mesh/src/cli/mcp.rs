//! `mesh mcp`: one client on standard input and output.

use clap::Args;
use rmcp::transport::io::stdio_pipes;

use crate::mcp::{Shutdown, serve};
use crate::tools::Pin;

use super::failure::Failure;
use super::folder::{close_folder, open_served_folder};
use super::signals::end_on_signals;
use super::{Ending, runtime};

/// Which agent the client speaks for.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  claude mcp add mesh -- mesh mcp
  claude mcp add mesh -- mesh mcp --agent reviewer")]
pub(super) struct Arguments {
    /// Serve this agent only: calls may leave agent_id out, and no other is accepted.
    /// MESH_AGENT does not do that
    #[arg(long = "agent", value_name = "ID", value_parser = Pin::new)]
    pub(super) pin: Option<Pin>,
}

/// Serves until the client goes away or a signal asks to end, and closes the folder.
pub(super) fn run(pin: Option<Pin>) -> Result<Ending, Failure> {
    super::logging::start();
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let shutdown = Shutdown::default();
        end_on_signals(shutdown.clone())
            .map_err(|error| Failure::system("cannot listen for signals", error))?;
        let folder = open_served_folder();
        let (reader, writer) = stdio_pipes();
        let served = serve(folder.clone(), pin, reader, writer, &shutdown).await;
        close_folder(folder).await;
        served.map_err(Failure::from)?;
        Ok(Ending::Done)
    });
    // Where standard input is no pipe, a thread may be blocked in reading it, and the
    // end must not wait for a key press.
    runtime.shutdown_background();
    outcome
}
