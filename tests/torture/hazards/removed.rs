//! The folder is removed under running processes: a new log begins, and nothing that is
//! acknowledged after the removal is lost (S2).

use std::fs;
use std::io::ErrorKind;

use serde_json::json;
use tokio::time::sleep;

use super::Stage;
use crate::crew::Crew;
use crate::inspect::Ground;
use crate::ledger::Ledger;
use crate::names::name;

const SCENE: &str = "removed folder";

pub(crate) async fn run(stage: &mut Stage<'_>) {
    for moved in [true, false] {
        let ground = stage.ground().await;
        let mut crew = Crew::start(SCENE, &ground, stage.report).await;
        // One call is held by its server all the while.
        let held = json!({"agent_id": name(0), "wait_seconds": 1});
        let held = crew.servers[0].begin("inbox", held).await;
        sleep(stage.random.millis(0, 50)).await;
        if let Err(error) = remove(&ground, moved) {
            stage
                .report
                .finding(SCENE, format!("cannot remove the folder: {error}"));
        }
        // From here on every acknowledgement is one of the new log.
        crew.ledger = Ledger::default();
        for server in 1..crew.servers.len() {
            crew.post(server, 100).await;
        }
        let answer = crew.servers[0].answer(held, tests::PATIENCE).await;
        stage.report.expect(SCENE, answer.reply().is_some(), || {
            format!("a held call is answered {answer:?}")
        });
        crew.all_work("in the new folder").await;
        crew.inspect(&ground).await;
    }
}

/// In one step, or file by file as `rm -rf` does.
fn remove(ground: &Ground, moved: bool) -> std::io::Result<()> {
    let folder = ground.folder();
    if moved {
        let aside = ground.root().join("aside");
        fs::rename(&folder, &aside)?;
        return fs::remove_dir_all(aside);
    }
    loop {
        match fs::remove_dir_all(&folder) {
            // A process may put files in while they are taken out.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => return other,
        }
    }
}
