//! `mesh mcp`: one client on standard input and output.

use rmcp::transport::io::stdio_pipes;

use crate::mcp::{Shutdown, serve};

use super::failure::Failure;
use super::folder::{close_folder, open_folder};
use super::runtime;
use super::signals::end_on_signals;

/// Serves until the client goes away or a signal asks to end, and closes the folder.
pub(super) fn run() -> Result<(), Failure> {
    super::logging::start();
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let shutdown = Shutdown::default();
        end_on_signals(shutdown.clone())
            .map_err(|error| Failure::system("cannot listen for signals", error))?;
        let folder = open_folder();
        let (reader, writer) = stdio_pipes();
        let served = serve(folder.clone(), reader, writer, &shutdown).await;
        close_folder(folder).await;
        served.map_err(Failure::from)
    });
    // Where standard input is no pipe, a thread may be blocked in reading it, and the
    // end must not wait for a key press.
    runtime.shutdown_background();
    outcome
}
