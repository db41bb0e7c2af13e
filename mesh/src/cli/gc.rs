//! `mesh gc`: tidying up by hand (rule S1).

use crate::core::Gc;

use super::failure::Failure;
use super::folder::{close_folder, open_folder};
use super::{output, runtime};

/// Drops expired messages, sweeps lapsed claims and says how many messages went.
pub(super) fn run(json: bool) -> Result<(), Failure> {
    super::logging::start();
    let reply = runtime()?.block_on(async {
        let mesh = open_folder()?;
        let reply = mesh.gc(Gc::default()).await;
        close_folder(Ok(mesh)).await;
        reply.map_err(Failure::from)
    })?;
    if json {
        return output::say(serde_json::json!(reply));
    }
    let reclaimed = reply.reclaimed;
    output::say(format_args!(
        "mesh: reclaimed {reclaimed} expired message(s); lapsed claims swept"
    ))
}
