//! Files are truncated and removed under running processes.
//!
//! A journal that lost what was acknowledged is told in every answer, by those who run and
//! by those who start, and is left as it is (G7); put back, it is in use again. Without
//! the other files nothing is lost.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::Stage;
use crate::crew::Crew;
use crate::inspect::Ground;
use crate::server::Server;

const SCENE: &str = "damaged files";

type Damage = (&'static str, fn(&Path) -> std::io::Result<()>);

const DAMAGES: [Damage; 3] = [
    ("truncated", |journal| {
        let file = fs::File::options().write(true).open(journal)?;
        file.set_len(file.metadata()?.len() / 2)
    }),
    ("emptied", |journal| {
        fs::File::options().write(true).open(journal)?.set_len(0)
    }),
    ("removed", |journal| fs::remove_file(journal)),
];

pub(crate) async fn run(stage: &Stage<'_>) {
    let ground = stage.ground().await;
    let mut crew = Crew::start(SCENE, &ground, stage.report).await;
    for (damage, apply) in DAMAGES {
        let (_, journal) = ground.journal();
        let when = format!("with a journal that was {damage}");
        let whole = fs::read(&journal).unwrap_or_default();
        if let Err(error) = apply(&journal) {
            stage.report.finding(SCENE, format!("no damage: {error}"));
        }
        let left = fs::read(&journal).ok();
        crew.all_are_refused(&when, &["journal"]).await;
        newcomer(&ground, &crew, &when).await;
        let now = fs::read(&journal).ok();
        // A running process may have appended before it noticed; it replaces nothing.
        let kept = match (&left, &now) {
            (Some(left), Some(now)) => now.starts_with(left) && now.len() < whole.len() + 4096,
            (left, now) => left.is_none() && now.is_none(),
        };
        stage
            .report
            .expect(SCENE, kept, || format!("{when}, it was replaced"));
        if let Err(error) = fs::write(&journal, &whole) {
            stage
                .report
                .finding(SCENE, format!("cannot put the journal back: {error}"));
        }
        crew.all_work(&format!("once a journal that was {damage} is back"))
            .await;
    }
    for beside in [
        "watermark",
        "format",
        "state.json",
        "lock.flock",
        "sync.flock",
    ] {
        let _ = fs::remove_file(ground.folder().join(beside));
        crew.all_work(&format!("without {beside}")).await;
    }
    crew.inspect(&ground).await;
}

/// A process that starts now says the same.
async fn newcomer(ground: &Ground, crew: &Crew<'_>, when: &str) {
    let mut server = match Server::start(ground.command()).await {
        Ok(server) => server,
        Err(why) => return crew.report.finding(SCENE, format!("no session: {why}")),
    };
    let answer = server.call("inbox", json!({"agent_id": "newcomer"})).await;
    let said = answer.error().unwrap_or_default();
    crew.report.expect(SCENE, said.contains("journal"), || {
        format!("{when}, a newcomer answers {answer:?}")
    });
    if let Err(wrong) = server.leave().await {
        crew.report.finding(SCENE, wrong);
    }
}
