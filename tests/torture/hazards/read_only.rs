//! The folder turns read-only under running processes, and writable again.
//!
//! For root, permissions do not count, so the files are made immutable; for others their
//! mode is changed, which only those notice who open them anew.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;
use serde_json::json;

use super::Stage;
use super::disk::run as system;
use crate::crew::Crew;
use crate::inspect::Ground;
use crate::server::Server;

const SCENE: &str = "read-only";

pub(crate) async fn run(stage: &Stage<'_>) {
    let ground = stage.ground().await;
    let mut crew = Crew::start(SCENE, &ground, stage.report).await;
    let frozen = match Frozen::freeze(&ground) {
        Ok(frozen) => frozen,
        Err(why) => {
            stage
                .report
                .skip(format!("a folder that turns read-only ({why})"));
            return crew.inspect(&ground).await;
        }
    };
    let before = fs::read(ground.journal().1).ok();
    if frozen.binds_the_running() {
        for server in 0..crew.servers.len() {
            let answer = crew.post(server, 10).await;
            let said = answer.error().unwrap_or_default();
            let clear = said.contains("permi") && said.contains("; ");
            crew.report.expect(SCENE, clear, || {
                format!("nothing can be written, and a post is answered {answer:?}")
            });
        }
    }
    newcomer(&ground, &crew).await;
    let after = fs::read(ground.journal().1).ok();
    stage
        .report
        .expect(SCENE, before == after, || "the journal changed".to_owned());
    drop(frozen);
    crew.all_work("once the folder is writable").await;
    crew.inspect(&ground).await;
}

/// A process that starts now says what is wrong, too.
async fn newcomer(ground: &Ground, crew: &Crew<'_>) {
    let server = Server::start(ground.command()).await;
    let mut server = match server {
        Ok(server) => server,
        Err(why) => return crew.report.finding(SCENE, format!("no session: {why}")),
    };
    let post = json!({"agent_id": "newcomer", "to": "newcomer", "body": "x"});
    let answer = server.call("post", post).await;
    let said = answer.error().unwrap_or_default();
    crew.report.expect(SCENE, said.contains("permi"), || {
        format!("nothing can be written, and a newcomer's post is answered {answer:?}")
    });
    if let Err(wrong) = server.leave().await {
        crew.report.finding(SCENE, wrong);
    }
}

/// A folder that cannot be written to, until this goes out of scope.
struct Frozen {
    paths: Vec<PathBuf>,
    immutable: bool,
}

impl Frozen {
    fn freeze(ground: &Ground) -> Result<Self, String> {
        let folder = ground.folder();
        let entries = fs::read_dir(&folder).map_err(|error| error.to_string())?;
        // The files first: once the folder is frozen, none can be reached for.
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.push(folder);
        let frozen = Self {
            paths,
            immutable: geteuid().is_root(),
        };
        for path in &frozen.paths {
            frozen.set(path, true)?;
        }
        Ok(frozen)
    }

    fn binds_the_running(&self) -> bool {
        self.immutable
    }

    fn set(&self, path: &Path, freeze: bool) -> Result<(), String> {
        if self.immutable {
            let flag = if freeze { "+i" } else { "-i" };
            return system(Command::new("chattr").arg(flag).arg(path));
        }
        let mode = match (path.is_dir(), freeze) {
            // Mesh takes the right to write to its own folder back.
            (true, _) => 0o700,
            (false, true) => 0o400,
            (false, false) => 0o600,
        };
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, permissions).map_err(|error| error.to_string())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for path in self.paths.iter().rev() {
            let _ = self.set(path, false);
        }
    }
}
