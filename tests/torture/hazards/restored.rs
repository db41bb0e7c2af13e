//! A backup is restored, and files are replaced, under running processes.
//!
//! Whoever acknowledged more than the backup has says so in every answer, for as long as it
//! runs, and changes nothing; whoever starts then goes on from what was restored, and loses
//! nothing of that (G7). A file that is replaced by a copy of itself is in use again at once,
//! but for the call that was on its way.

use std::fs;
use std::io;
use std::path::Path;

use super::{CREW, Stage};
use crate::crew::Crew;
use crate::inspect::Ground;
use crate::server::Server;

const SCENE: &str = "restored files";

/// How often a file is replaced.
const COPIES: usize = 3;

pub(crate) async fn run(stage: &Stage<'_>) {
    for in_place in [true, false] {
        backup(stage, in_place).await;
    }
    copies(stage).await;
}

async fn backup(stage: &Stage<'_>, in_place: bool) {
    let ground = stage.ground().await;
    let mut crew = Crew::start(SCENE, &ground, stage.report).await;
    let saved = files(&ground.folder()).unwrap_or_default();
    let known = crew.ledger.clone();
    crew.all_work("once a backup is made").await;
    // What was told since then is taken back by who restores.
    crew.ledger = known;
    if let Err(error) = restore(&ground.folder(), &saved, in_place) {
        let what = format!("cannot restore the backup: {error}");
        return stage.report.finding(SCENE, what);
    }
    let when = match in_place {
        true => "with a backup restored in place",
        false => "with a backup restored as other files",
    };
    if !start_one(&ground, &mut crew).await {
        return;
    }
    for length in [10, 1_000, 5_000] {
        let answer = crew.post(CREW, length).await;
        stage.report.expect(SCENE, answer.reply().is_some(), || {
            format!("{when}, a newcomer answers {answer:?}")
        });
    }
    let newcomer = crew.servers.pop();
    crew.all_are_refused(when, &["journal"]).await;
    crew.leave().await;
    crew.servers.extend(newcomer);
    for _ in 1..CREW {
        start_one(&ground, &mut crew).await;
    }
    crew.all_work("once all were started again").await;
    crew.inspect(&ground).await;
}

async fn copies(stage: &Stage<'_>) {
    let ground = stage.ground().await;
    let mut crew = Crew::start(SCENE, &ground, stage.report).await;
    for _ in 0..COPIES {
        let (_, journal) = ground.journal();
        let aside = ground.folder().join("copy");
        let replaced = fs::copy(&journal, &aside).and_then(|_| fs::rename(&aside, &journal));
        if let Err(error) = replaced {
            let what = format!("cannot replace the journal: {error}");
            stage.report.finding(SCENE, what);
        }
        for server in 0..CREW {
            let answer = crew.post(server, 10).await;
            let said = answer.error().unwrap_or("was replaced");
            let named = said.contains("was replaced");
            stage.report.expect(SCENE, named, || {
                format!("with a journal that was replaced, process {server} answers {answer:?}")
            });
        }
        crew.all_work("with a journal that was replaced").await;
    }
    crew.inspect(&ground).await;
}

/// Starts one more server. `false`: it has no session.
async fn start_one(ground: &Ground, crew: &mut Crew<'_>) -> bool {
    match Server::start(ground.command()).await {
        Ok(server) => {
            crew.servers.push(server);
            true
        }
        Err(why) => {
            crew.report.finding(SCENE, format!("no session: {why}"));
            false
        }
    }
}

type Files = Vec<(std::ffi::OsString, Vec<u8>)>;

/// The files of a folder, with what is in them.
fn files(folder: &Path) -> io::Result<Files> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push((entry.file_name(), fs::read(entry.path())?));
        }
    }
    Ok(files)
}

/// Puts all files back, and nothing else is left.
fn restore(folder: &Path, saved: &Files, in_place: bool) -> io::Result<()> {
    for (name, _) in files(folder)? {
        if !saved.iter().any(|(kept, _)| *kept == name) {
            fs::remove_file(folder.join(name))?;
        }
    }
    for (name, bytes) in saved {
        let path = folder.join(name);
        if in_place {
            fs::write(path, bytes)?;
        } else {
            let aside = folder.join("copy");
            fs::write(&aside, bytes)?;
            fs::rename(aside, path)?;
        }
    }
    Ok(())
}
