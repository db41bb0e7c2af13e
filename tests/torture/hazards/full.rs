//! No room: on the whole file system, and for one process.
//!
//! Each call is answered with an error that says so, nothing is lost, readers are still
//! served, and once there is room everybody goes on, in the processes that are there.

use std::fs;

use serde_json::json;

use super::Stage;
use super::disk::SmallDisk;
use crate::crew::Crew;
use crate::server::Answer;

const DISK: u64 = 4 << 20;
const BALLAST: usize = 1 << 20;
const BODY: usize = 16_000;
/// Far more posts than fit.
const MANY: usize = 2_000;

/// A file system that fills up.
pub(crate) async fn disk(stage: &Stage<'_>) {
    let disk = match SmallDisk::mount(stage.dir, DISK) {
        Ok(disk) => disk,
        Err(why) => {
            return stage
                .report
                .skip(format!("a full disk (no tmpfs here: {why})"));
        }
    };
    let ballast = disk.path().join("ballast");
    if let Err(error) = fs::write(&ballast, vec![0; BALLAST]) {
        return stage
            .report
            .skip(format!("a full disk (no ballast: {error})"));
    }
    let ground = stage.ground_in(disk.path()).await;
    let mut crew = Crew::start("full disk", &ground, stage.report).await;
    let filled = fill(&mut crew).await;
    stage.report.expect("full disk", filled, || {
        format!("{DISK} bytes took {MANY} posts of {BODY}")
    });
    // Another process fills what little is left, so that nobody has room for anything.
    let rest = disk.path().join("rest");
    let _ = fs::write(&rest, vec![0; BALLAST]);
    for server in 0..crew.servers.len() {
        let answer = crew.post(server, BODY).await;
        is_refused_for_room(&crew, &answer);
        let answer = crew.call(server, "inbox", json!({})).await;
        crew.report
            .expect("full disk", answer.reply().is_some(), || {
                format!("no room, and a reader is answered {answer:?}")
            });
    }
    for file in [&rest, &ballast] {
        let _ = fs::remove_file(file);
    }
    crew.all_work("once there is room").await;
    crew.leave().await;
    // What fresh processes want to write in order to look is too much for this disk.
    let spacious = stage.ground().await;
    if let Err(why) = copy(&ground.folder(), &spacious.folder()) {
        return stage.report.finding("full disk", why);
    }
    crew.inspect(&spacious).await;
}

/// Posts until everybody was refused; whether that came to pass.
async fn fill(crew: &mut Crew<'_>) -> bool {
    let mut refused = vec![false; crew.servers.len()];
    for n in 0..MANY {
        let server = n % refused.len();
        let answer = crew.post(server, BODY).await;
        if answer.reply().is_none() {
            is_refused_for_room(crew, &answer);
            refused[server] = true;
            if refused.iter().all(|refused| *refused) {
                return true;
            }
        }
    }
    false
}

fn is_refused_for_room(crew: &Crew<'_>, answer: &Answer) {
    let said = answer.error().unwrap_or_default();
    let clear = said.contains("space") && said.contains("free some");
    crew.report.expect("full disk", clear, || {
        format!("no room, and a post is answered {answer:?}")
    });
}

/// The files of one folder in place of another's.
fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<(), String> {
    let copied = || -> std::io::Result<()> {
        fs::remove_dir_all(to)?;
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), to.join(entry.file_name()))?;
            }
        }
        Ok(())
    };
    copied().map_err(|error| format!("cannot copy {}: {error}", from.display()))
}

/// One process of several may not make files longer than they are.
#[cfg(target_os = "linux")]
pub(crate) async fn file_size(stage: &Stage<'_>) {
    use rustix::process::Resource;

    use super::limit::Limit;

    let ground = stage.ground().await;
    let mut crew = Crew::start("file size limit", &ground, stage.report).await;
    let (_, journal) = ground.journal();
    let length = fs::metadata(&journal).map_or(0, |meta| meta.len());
    let limit = Limit::lower(&crew.servers[0], Resource::Fsize, length + BODY as u64 / 2);
    let limit = match limit {
        Ok(limit) => limit,
        Err(why) => return stage.report.skip(format!("a limit on file sizes ({why})")),
    };
    for _ in 0..3 {
        let answer = crew.post(0, BODY).await;
        let said = answer.error().unwrap_or_default();
        // Its own bytes may fill the file up to the limit first.
        let clear = said.contains("ulimit -f") || said.contains("space");
        crew.report.expect("file size limit", clear, || {
            format!("at its limit a process answers {answer:?}")
        });
        for other in 1..crew.servers.len() {
            let answer = crew.post(other, BODY).await;
            crew.report
                .expect("file size limit", answer.reply().is_some(), || {
                    format!("beside a process at its limit, {other} answers {answer:?}")
                });
        }
    }
    if let Err(why) = limit.lift() {
        return stage.report.finding("file size limit", why);
    }
    crew.all_work("once the limit is lifted").await;
    crew.inspect(&ground).await;
}

#[cfg(not(target_os = "linux"))]
pub(crate) async fn file_size(stage: &Stage<'_>) {
    stage
        .report
        .skip("a limit on file sizes (this system sets none from outside)");
}
