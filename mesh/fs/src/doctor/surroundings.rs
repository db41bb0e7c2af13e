//! The folder itself: whose it is, who may enter, what lies in it, what it lies on.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::examine::{LOOKS, PAUSE, REFUSED};
use super::refusal::failed;
use super::report::{Finding, Remedy, Repair, Report, Severity};
use crate::folder::names;
use crate::log::sync_leader::SYNC_LEADER;
use crate::log::watermark::WATERMARK;
use crate::os::{FileKind, OsFileSystem, Survey, SurveyEntry, WATCH_MORE};
use crate::{SystemClock, seed};
use mesh_coordinator::ports::{Clock, StorageError};
use mesh_core::escape;

/// How many findings that say the same are given one by one.
const LISTED: usize = 10;
const IGNORE: &str = ".gitignore";

/// Examines the folder `path` of this machine, without changing anything; see
/// [`examine`](super::examine). `explicit` as in [`OsFileSystem::open`].
///
/// # Errors
///
/// Where there is something else of that name, or this user may not enter.
pub fn examine_folder(path: &Path, explicit: bool) -> Result<Report, StorageError> {
    let Some(fs) = OsFileSystem::inspect(path)? else {
        let mut report = Report::default();
        let what = "there is no mesh folder yet";
        report.add(Finding::new(
            Severity::Note,
            what,
            "the first call makes it",
        ));
        return Ok(report);
    };
    let clock = SystemClock::new();
    let (survey, found) = match futures_executor::block_on(look_around(&fs, &clock, explicit)) {
        Ok(looked) => looked,
        Err(error) => {
            let error = failed("look through", "the folder", &error);
            let mut report = Report::default();
            report.add(Finding::error(&error, "it was not examined"));
            return Ok(report);
        }
    };
    if survey.refused.is_some() && survey.fresh {
        // It need not be a mesh folder at all, so nothing else is said of what is in it.
        let findings = found;
        return Ok(Report {
            findings,
            ..Report::default()
        });
    }
    let mut report = futures_executor::block_on(super::examine(&fs, &clock));
    for finding in found {
        // What keeps servers out was said already, and why.
        let said = |f: &Finding| f.severity == Severity::Error && f.file == finding.file;
        if finding.file.is_none() || !report.findings.iter().any(said) {
            report.add(finding);
        }
    }
    Ok(report)
}

/// What the folder is like, and what is to be said of that. Agents may be at work, so what
/// looks wrong is looked at again.
async fn look_around(
    fs: &OsFileSystem,
    clock: &SystemClock,
    explicit: bool,
) -> io::Result<(Survey, Vec<Finding>)> {
    let mut survey = fs.survey(explicit)?;
    let mut found = judge(&survey);
    for _ in 1..LOOKS {
        if !found.iter().any(Finding::needs_action) {
            break;
        }
        clock.sleep(PAUSE).await;
        survey = fs.survey(explicit)?;
        found = judge(&survey);
    }
    Ok((survey, found))
}

/// Repairs the folder `path` of this machine; see [`repair`](super::repair). Opening it
/// makes it private and lets it ignore itself (rule S4).
///
/// # Errors
///
/// As [`OsFileSystem::open`] and [`repair`](super::repair).
pub fn repair_folder(path: &Path, explicit: bool) -> Result<Repair, StorageError> {
    if OsFileSystem::inspect(path)?.is_none() {
        return Ok(Repair::default());
    }
    let fs = OsFileSystem::open(path, explicit)?;
    futures_executor::block_on(super::repair(&fs, &SystemClock::new(), seed()))
}

fn judge(survey: &Survey) -> Vec<Finding> {
    if let Some(error) = &survey.refused
        && survey.fresh
    {
        return vec![Finding::error(error, REFUSED)];
    }
    let entries = survey.entries.iter();
    let mut findings = judge_folder(survey);
    findings.extend(bounded(entries.filter_map(|e| judge_entry(survey, e))));
    findings
}

fn judge_folder(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |severity, what: String, meaning: &str, next: &str| {
        findings.push(Finding::new(severity, what, meaning).next(next));
    };
    if survey.owner != survey.me && survey.refused.is_none() {
        let (owner, me) = (survey.owner, survey.me);
        add(
            Severity::Note,
            format!("the folder belongs to another user (uid {owner}, this is uid {me})"),
            "that user can read and write everything in it",
            "set MESH_DIR to a folder of your own if that user is not to be trusted",
        );
    } else if survey.owner == survey.me && survey.mode & 0o077 != 0 {
        add(
            Severity::Warning,
            format!("the folder has the permissions {:o}", survey.mode & 0o777),
            "others on this machine may read or change it until the next opening tightens it",
            match survey.refused {
                Some(_) => "make it private (chmod 700)",
                None => "mesh doctor --repair, or any call, makes it private (0700)",
            },
        );
    }
    if let Some(why) = &survey.unwatched {
        let meaning = format!(
            "a call that waits hears of its turn later, and costs more meanwhile; {WATCH_MORE}"
        );
        add(Severity::Note, why.clone(), &meaning, WATCH_MORE);
    }
    if !survey.entries.is_empty() && !survey.entries.iter().any(|e| e.name == IGNORE) {
        add(
            Severity::Note,
            "there is no .gitignore in the folder".to_owned(),
            "git sees the folder until the next opening adds it",
            "nothing needs to be done",
        );
    }
    findings.extend(survey.refused.as_ref().map(|e| Finding::error(e, REFUSED)));
    findings
}

/// A stranger may have put any number of files into the folder, or a build: of many findings
/// that say the same, the first few are given, and how many more there are.
fn bounded(findings: impl Iterator<Item = Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    let mut more: BTreeMap<String, (usize, Finding)> = BTreeMap::new();
    for finding in findings {
        let alike = kept.iter().filter(|f| f.what == finding.what);
        match alike.count() < LISTED {
            true => kept.push(finding),
            false => more.entry(finding.what.clone()).or_insert((0, finding)).0 += 1,
        }
    }
    kept.extend(more.into_values().map(|(count, alike)| {
        let what = format!(
            "{count} more of which the same is to be said: {}",
            alike.what
        );
        Finding {
            file: None,
            what,
            ..alike
        }
    }));
    kept
}

fn judge_entry(survey: &Survey, entry: &SurveyEntry) -> Option<Finding> {
    let (name, kind) = (entry.name.as_str(), entry.kind);
    if super::names::parse_set_aside(name).is_some() {
        return None;
    }
    if name == IGNORE && survey.refused.is_some() && kind != FileKind::File {
        // The refusal is about it.
        return None;
    }
    let finding = if kind != FileKind::File && kind != FileKind::Directory {
        let what = match kind {
            FileKind::Link => "is a symbolic link",
            _ => "is a device, a socket or a FIFO",
        };
        let meaning = "mesh makes none, and follows none; what has the name of one of its files \
                       keeps servers from using the folder";
        Finding::new(Severity::Warning, what, meaning).next("find out who made it, and remove it")
    } else if kind == FileKind::Directory && is_done_without(name) {
        let meaning = "mesh makes a file of this name, and goes on without it meanwhile";
        Finding::new(Severity::Warning, "is a directory", meaning).next("move it away")
    } else if let Some(why) = entry.denied.filter(|_| must_be_open(survey, name)) {
        Finding::error(&failed("read", name, &why.into()), REFUSED)
    } else if entry.owner != survey.owner && entry.owner != survey.me {
        let what = format!("belongs to another user (uid {})", entry.owner);
        let meaning = "that user can change it, whatever the permissions of the folder say";
        Finding::new(Severity::Warning, what, meaning).next("find out who made it")
    } else if kind == FileKind::File && entry.links > 1 && is_overwritten(name) {
        judge_names(survey, entry)
    } else if kind == FileKind::File && entry.mode & 0o022 != 0 {
        let what = format!("has the permissions {:o}", entry.mode & 0o777);
        let meaning = "the folder keeps others out, but the file alone would not";
        Finding::new(Severity::Note, what, meaning)
    } else if !is_known(name) {
        let meaning = "mesh makes no file of this name, and looks at none";
        Finding::new(Severity::Note, "is not a file of mesh", meaning)
    } else {
        return None;
    };
    Some(finding.file(name).remedy(Remedy::None))
}

/// A file that is written to in place has another name. The name in this folder is the one
/// that mesh reads: whatever is said to be removed, it is not this one.
fn judge_names(survey: &Survey, entry: &SurveyEntry) -> Finding {
    let name = escape(&entry.name);
    let alike = survey.entries.iter().filter(|e| e.id == entry.id);
    let others: Vec<&str> = alike
        .map(|e| e.name.as_str())
        .filter(|other| *other != entry.name)
        .collect();
    let here = others.iter().map(|other| escape(other));
    let here = here.collect::<Vec<_>>().join(", ");
    let is_all = others.len() as u64 + 1 == entry.links;
    if is_all && others.iter().all(|o| names::parse_temporary(o).is_some()) {
        let what = format!("has a second name, {here}");
        let meaning = "a new file of mesh has two names for a moment; whoever made it was killed \
                       in that moment, and nothing is lost";
        let next = format!("nothing needs to be done; mesh doctor --repair removes {here}");
        return Finding::new(Severity::Note, what, meaning).next(next);
    }
    let what = match others.is_empty() {
        true => format!("has {} names", entry.links),
        false => format!("has {} names, among them {here}", entry.links),
    };
    let meaning = "it is written to in place, so whatever else has it as its own changes with it";
    let next = format!(
        "do not remove {name}, which mesh reads: stop the agents, and give it bytes of its own (in \
         the folder: cp -p {name} {name}.copy && mv {name}.copy {name}); the other name (find / \
         -samefile) then leads to a mere copy of it"
    );
    Finding::new(Severity::Warning, what, meaning).next(next)
}

/// Whether every call fails where this file cannot be both read and written.
fn must_be_open(survey: &Survey, name: &str) -> bool {
    let journals = survey
        .entries
        .iter()
        .filter_map(|e| names::parse_journal(&e.name));
    name == WATERMARK || names::parse_journal(name).is_some_and(|g| Some(g) == journals.max())
}

/// Files without which calls are answered all the same. What stands in the place of another
/// one is an error of its own.
fn is_done_without(name: &str) -> bool {
    [names::STATE, "lock.flock", SYNC_LEADER].contains(&name)
}

/// Files that are written to in place, so that a second name would lead elsewhere.
fn is_overwritten(name: &str) -> bool {
    name == WATERMARK
        || name == "lock.flock"
        || name == SYNC_LEADER
        || names::parse_journal(name).is_some()
}

fn is_known(name: &str) -> bool {
    let fixed = [
        names::FORMAT,
        names::STATE,
        names::STATE_NODE,
        names::NODE_LOCK,
        WATERMARK,
        IGNORE,
        "lock",
        "lock.flock",
        SYNC_LEADER,
    ];
    fixed.contains(&name)
        || names::parse_journal(name).is_some()
        || names::parse_temporary(name).is_some()
        || name.starts_with("lock.")
        || name.starts_with("probe.")
        || name.starts_with("repair.")
}
