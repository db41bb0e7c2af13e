//! Where the mesh folder of a working directory is (rule S4).
//!
//! All worktrees of a repository must find the same folder, or its agents would split
//! into groups that do not see each other. What all worktrees share is git's *common
//! directory*, so the folder lies beside it (`<repository>/.mesh`), or inside it where
//! nothing beside it belongs to the repository (bare repositories, submodules).
//!
//! The common directory is found by reading what git itself reads (see
//! gitrepository-layout), without running git. Paths are resolved first, so that two
//! ways to one repository lead to one name. Departures from git: it stops at mount
//! points and at `GIT_CEILING_DIRECTORIES`, and asks who owns the repository; here the
//! walk goes up to the root, and the *mesh folder's* owner is checked on opening it.
//!
//! Broken pointers are errors, not "no repository": to fall back to another folder
//! would split the fleet without a word.

#![allow(
    clippy::disallowed_methods,
    reason = "these files belong to git, outside any mesh folder"
)]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use crate::error::io_error;
use mesh_coordinator::ports::{Outcome, StorageError, StorageErrorKind};

const FOLDER: &str = ".mesh";
/// The longest path that systems take (`PATH_MAX`), and room for `gitdir: `.
const MAX_POINTER_BYTES: u64 = 4096 + 16;

/// A mesh folder, which may not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The folder.
    pub path: PathBuf,
    /// Whether somebody named this very folder with `MESH_DIR`.
    pub explicit: bool,
}

/// Finds the mesh folder for the working directory `cwd`. `env` looks up environment
/// variables: `MESH_DIR`, which decides alone, and git's own `GIT_DIR` and
/// `GIT_COMMON_DIR`. Nothing is created.
///
/// # Errors
///
/// [`Refused`](StorageErrorKind::Refused) for a `MESH_DIR` that is empty and for
/// pointers of git that lead nowhere; [`Io`](StorageErrorKind::Io) where something
/// cannot be read.
pub fn locate(
    cwd: &Path,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<Location, StorageError> {
    if let Some(folder) = env("MESH_DIR") {
        return explicit(cwd, &folder);
    }
    let cwd = resolve(cwd)?;
    let path = match git_dir(&cwd, &env)? {
        None => cwd.join(FOLDER),
        Some(git_dir) => beside_or_inside(&common_dir(&cwd, &git_dir, &env)?),
    };
    Ok(Location {
        path,
        explicit: false,
    })
}

fn explicit(cwd: &Path, folder: &OsStr) -> Result<Location, StorageError> {
    if folder.is_empty() {
        let next = "set it to the path of a folder, or unset it to use the repository's own";
        return Err(refused("MESH_DIR is set, but empty".to_owned(), next));
    }
    Ok(Location {
        path: cwd.join(folder),
        explicit: true,
    })
}

/// S4: beside a common directory that is named `.git`, else inside it.
fn beside_or_inside(common: &Path) -> PathBuf {
    match common.parent() {
        Some(repository) if common.file_name() == Some(OsStr::new(".git")) => {
            repository.join(FOLDER)
        }
        _ => common.join(FOLDER),
    }
}

/// The git directory that belongs to `cwd`: that of a worktree, a submodule, or the
/// repository itself.
fn git_dir(
    cwd: &Path,
    env: &impl Fn(&str) -> Option<OsString>,
) -> Result<Option<PathBuf>, StorageError> {
    if let Some(named) = env("GIT_DIR").filter(|value| !value.is_empty()) {
        let path = cwd.join(named);
        if is_file(&path) {
            return follow_git_file(&path).map(Some);
        }
        return checked_git_dir(&path, "GIT_DIR names", "correct or unset GIT_DIR").map(Some);
    }
    for dir in cwd.ancestors() {
        if let Some(found) = git_dir_at(dir)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The git directory that `dir` has as `.git`, points to by a file `.git`, or is.
fn git_dir_at(dir: &Path) -> Result<Option<PathBuf>, StorageError> {
    let dot_git = dir.join(".git");
    match fs::metadata(&dot_git) {
        Ok(found) if found.is_file() => return follow_git_file(&dot_git).map(Some),
        Ok(found) if found.is_dir() && is_git_dir(&dot_git) => return Ok(Some(dot_git)),
        Ok(_) => {}
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
        Err(error) => return Err(failed("examine", &dot_git, &error)),
    }
    Ok(is_git_dir(dir).then(|| dir.to_owned()))
}

/// A worktree or submodule has a file `.git` with the line `gitdir: <path>`.
fn follow_git_file(file: &Path) -> Result<PathBuf, StorageError> {
    let next = "run `git worktree repair` or `git submodule update` there, or set MESH_DIR";
    let content = read_pointer(file)?;
    let Some(target) = content
        .strip_prefix(b"gitdir: ")
        .filter(|target| !target.is_empty())
    else {
        let what = format!(
            "{} does not start with \"gitdir: \" and a path",
            file.display()
        );
        return Err(refused(what, next));
    };
    let path = beside(file, target);
    checked_git_dir(&path, &format!("{} points to", file.display()), next)
}

/// What the worktrees of a repository share: named by git's environment or by the
/// file `commondir`, else the git directory itself.
fn common_dir(
    cwd: &Path,
    git_dir: &Path,
    env: &impl Fn(&str) -> Option<OsString>,
) -> Result<PathBuf, StorageError> {
    if let Some(named) = env("GIT_COMMON_DIR").filter(|value| !value.is_empty()) {
        return resolve(&cwd.join(named));
    }
    let pointer = git_dir.join("commondir");
    if !is_file(&pointer) {
        return resolve(git_dir);
    }
    let target = read_pointer(&pointer)?;
    if target.is_empty() {
        let next = "run `git worktree repair` in the main worktree, or set MESH_DIR";
        return Err(refused(format!("{} is empty", pointer.display()), next));
    }
    resolve(&beside(&pointer, &target))
}

fn checked_git_dir(path: &Path, who: &str, next: &str) -> Result<PathBuf, StorageError> {
    if is_git_dir(path) {
        return Ok(path.to_owned());
    }
    let what = format!("{who} {}, which is not a git directory", path.display());
    Err(refused(what, next))
}

/// Git's own test: a head, and objects and references here or in a common directory.
fn is_git_dir(dir: &Path) -> bool {
    // A HEAD may be a symbolic link to a branch that has no commit yet.
    let has_head = fs::symlink_metadata(dir.join("HEAD")).is_ok_and(|head| !head.is_dir());
    let has_store = dir.join("objects").is_dir() && dir.join("refs").is_dir();
    has_head && (has_store || is_file(&dir.join("commondir")))
}

fn is_file(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file())
}

/// The path that a pointer in `file` means: relative to the folder of the file.
fn beside(file: &Path, target: &[u8]) -> PathBuf {
    let target = OsString::from_vec(target.to_vec());
    file.parent().unwrap_or(Path::new("")).join(target)
}

/// The content of a small file, without the line end. The file is not trusted to be
/// small.
fn read_pointer(path: &Path) -> Result<Vec<u8>, StorageError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        File::open(path)?
            .take(MAX_POINTER_BYTES + 1)
            .read_to_end(&mut content)?;
        Ok(content)
    };
    let mut content = read().map_err(|error| failed("read", path, &error))?;
    if content.len() as u64 > MAX_POINTER_BYTES || content.contains(&0) {
        let what = format!("{} is not a pointer to a git directory", path.display());
        return Err(refused(what, "repair the repository, or set MESH_DIR"));
    }
    let end = content
        .iter()
        .rposition(|byte| !matches!(byte, b'\n' | b'\r'));
    content.truncate(end.map_or(0, |last| last + 1));
    Ok(content)
}

fn resolve(path: &Path) -> Result<PathBuf, StorageError> {
    fs::canonicalize(path).map_err(|error| failed("find", path, &error))
}

fn failed(doing: &str, path: &Path, error: &io::Error) -> StorageError {
    io_error(doing, &path.display().to_string(), Outcome::NoEffect, error)
}

fn refused(what: String, next: &str) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Refused,
        what,
        next: next.to_owned(),
        outcome: Outcome::NoEffect,
    }
}

#[cfg(test)]
#[path = "locate_tests.rs"]
mod tests;
