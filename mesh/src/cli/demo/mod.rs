//! `mesh demo`: one scene with three real agent processes, narrated as it happens.
//!
//! Nothing is staged but the deploy target: each agent is a `mesh mcp` process of its
//! own, spoken to over MCP as a client would, and every line that is printed was
//! checked against the reply first. The folder is thrown away in every case.

mod agent;
mod error;
mod folder;
mod narrator;
mod scene;
mod target;

use std::time::Duration;

use super::failure::Failure;
use super::{Ending, runtime};
use error::DemoError;
use folder::TemporaryFolder;
use narrator::Narrator;

/// A scene that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// Plays the scene.
pub(super) fn run() -> Result<Ending, Failure> {
    let folder = TemporaryFolder::create()?;
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let mut narrator = Narrator::on_stdout();
        tokio::select! {
            outcome = scene::play(folder.path(), &mut narrator) => outcome,
            () = tokio::time::sleep(PATIENCE) => Err(DemoError::TooSlow(PATIENCE)),
            _ = tokio::signal::ctrl_c() => Err(DemoError::Interrupted),
        }
    });
    // Ends the agents, whatever became of the scene, and before their folder goes.
    drop(runtime);
    drop(folder);
    outcome?;
    Ok(Ending::Done)
}
