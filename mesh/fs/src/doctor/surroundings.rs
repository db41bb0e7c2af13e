//! The folder itself: whose it is, who may enter, what lies in it, what it lies on.

use std::path::Path;

use super::report::{Finding, Remedy, Repair, Report, Severity};
use crate::folder::names;
use crate::log::sync_leader::SYNC_LEADER;
use crate::log::watermark::WATERMARK;
use crate::os::{FileKind, OsFileSystem, Survey, SurveyEntry, WATCH_MORE};
use crate::{SystemClock, seed};
use mesh_coordinator::ports::StorageError;

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
    let mut report = futures_executor::block_on(super::examine(&fs, &SystemClock::new()));
    match fs.survey() {
        Ok(survey) => {
            for finding in judge(&survey, explicit) {
                // What keeps servers out was said already, and why.
                let said = |f: &Finding| f.severity == Severity::Error && f.file == finding.file;
                if finding.file.is_none() || !report.findings.iter().any(said) {
                    report.add(finding);
                }
            }
        }
        Err(error) => {
            let what = format!("the folder cannot be looked through: {error}");
            let next = "see to its permissions";
            report.add(Finding::new(Severity::Warning, what, "").next(next));
        }
    }
    Ok(report)
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

fn judge(survey: &Survey, explicit: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |severity, what: String, meaning: &str, next: &str| {
        findings.push(Finding::new(severity, what, meaning).next(next));
    };
    if let Some(name) = &survey.refused_file_system {
        add(
            Severity::Error,
            format!("the folder is on {name}"),
            "several machines may be behind it: neither appends nor locks can be relied on, and \
             servers refuse it",
            "move it to a local disk, or set MESH_DIR to a folder on one",
        );
    }
    if survey.owner != survey.me {
        let (owner, me) = (survey.owner, survey.me);
        add(
            match explicit {
                true => Severity::Note,
                false => Severity::Error,
            },
            format!("the folder belongs to another user (uid {owner}, this is uid {me})"),
            "that user can read and write everything in it; without an explicit MESH_DIR, \
             servers refuse it",
            "set MESH_DIR to it if that user is to be trusted, or to a folder of your own",
        );
    } else if survey.mode & 0o077 != 0 {
        add(
            Severity::Warning,
            format!("the folder has the permissions {:o}", survey.mode & 0o777),
            "others on this machine may read or change it until the next opening tightens it",
            "mesh doctor --repair, or any call, makes it private (0700)",
        );
    }
    if let Some(why) = &survey.unwatched {
        let meaning = format!(
            "a call that waits hears of its turn later, and costs more meanwhile; {WATCH_MORE}"
        );
        add(Severity::Note, why.clone(), &meaning, WATCH_MORE);
    }
    if !survey.entries.is_empty() && !survey.entries.iter().any(|e| e.name == ".gitignore") {
        add(
            Severity::Note,
            "there is no .gitignore in the folder".to_owned(),
            "git sees the folder until the next opening adds it",
            "nothing needs to be done",
        );
    }
    findings.extend(survey.entries.iter().filter_map(|e| judge_entry(survey, e)));
    findings
}

fn judge_entry(survey: &Survey, entry: &SurveyEntry) -> Option<Finding> {
    let (name, kind) = (entry.name.as_str(), entry.kind);
    if super::names::parse_set_aside(name).is_some() {
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
    } else if entry.owner != survey.owner && entry.owner != survey.me {
        let what = format!("belongs to another user (uid {})", entry.owner);
        let meaning = "that user can change it, whatever the permissions of the folder say";
        Finding::new(Severity::Warning, what, meaning).next("find out who made it")
    } else if kind == FileKind::File && entry.links > 1 && is_overwritten(name) {
        let what = format!("has {} names", entry.links);
        let meaning = "it is overwritten in place, so another file of this disk changes with it";
        let next = "find the other name (find / -samefile), and remove this one";
        Finding::new(Severity::Warning, what, meaning).next(next)
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
        ".gitignore",
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
