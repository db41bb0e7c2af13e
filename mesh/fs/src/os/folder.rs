//! What a folder must be like to become, or to be, a mesh folder (rules S4 and S6).
//!
//! The checks go from what cannot be mended to what can: the kind of file, the file
//! system, the owner, the content, the mode, `.gitignore`, hard links. Nothing is
//! changed before everything that could be refused without trying has been looked at,
//! so that a mistaken `MESH_DIR` (a home directory, `/tmp`, the repository itself)
//! neither loses its permissions nor gets a `.gitignore` that hides all its files.
//!
//! A folder is *fresh* until it has a `format` file. Only a fresh one is examined for
//! foreign content and hard links, and only for a fresh one is the parent directory
//! synced: a power cut must not take the folder with everything acknowledged in it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::{Errno, pread, pwrite, retry_on_intr};
use rustix::process::geteuid;

use super::{DIRECTORY, GUARDED, PRIVATE_DIRECTORY, PRIVATE_FILE};
use super::{file_system, is_regular, list, sync_directory};
use crate::error::io_error;
use crate::seed;
use mesh_coordinator::ports::{Outcome, StorageError, StorageErrorKind};

/// Git's rule for "everything in here, this file included".
const IGNORE_ALL: &[u8] = b"*\n";
const LOCAL_DISK: &str = "set MESH_DIR to a folder on a local disk";

/// Opens the folder `path`, after making it fit to hold a mesh; see
/// [`OsFileSystem::open`](super::OsFileSystem::open).
pub(super) fn open(path: &Path, explicit: bool) -> Result<OwnedFd, StorageError> {
    let path = without_trailing_slash(path)?;
    let dir = open_or_create(&path)?;
    let folder = Candidate {
        dir: dir.as_fd(),
        path: &path,
    };
    let Fitness { ours, fresh } = folder.refuse(explicit)?;
    if ours {
        folder.make_private()?;
    }
    folder.ignore_itself()?;
    if fresh {
        folder.probe_hard_links()?;
        sync_parent(&path)?;
    }
    Ok(dir)
}

/// Refuses what [`open`] refuses of the folder `dir`, as far as that can be told without a
/// try, and changes nothing.
pub(super) fn refuse(dir: BorrowedFd<'_>, path: &Path, explicit: bool) -> Result<(), StorageError> {
    Candidate { dir, path }.refuse(explicit).map(drop)
}

/// Opens the folder `path` as it is, if there is one, and changes nothing.
pub(super) fn open_to_inspect(path: &Path) -> Result<Option<OwnedFd>, StorageError> {
    let path = without_trailing_slash(path)?;
    match open_existing(&path) {
        Ok(dir) => Ok(Some(dir)),
        Err(Errno::NOENT) => Ok(None),
        Err(Errno::LOOP | Errno::NOTDIR) => Err(not_a_folder(&path)),
        Err(error) => Err(failed("open the folder", &path)(error)),
    }
}

/// The same, where mesh would use the folder.
pub(super) fn look_at(path: &Path, explicit: bool) -> Result<Option<OwnedFd>, StorageError> {
    let Some(dir) = open_to_inspect(path)? else {
        return Ok(None);
    };
    let folder = Candidate {
        dir: dir.as_fd(),
        path,
    };
    folder.refuse_remote()?;
    folder.refuse_foreign_owner(explicit)?;
    Ok(Some(dir))
}

/// `O_NOFOLLOW` guards the last part of a path only if no slash comes after it.
fn without_trailing_slash(path: &Path) -> Result<PathBuf, StorageError> {
    match path.file_name() {
        Some(name) => Ok(path.with_file_name(name)),
        None => Err(refused(
            format!("{} does not end in the name of a folder", path.display()),
            "set MESH_DIR to a folder of its own, such as .mesh",
        )),
    }
}

fn open_or_create(path: &Path) -> Result<OwnedFd, StorageError> {
    match open_existing(path) {
        Err(Errno::NOENT) => {}
        Err(Errno::LOOP | Errno::NOTDIR) => return Err(not_a_folder(path)),
        other => return other.map_err(failed("open the folder", path)),
    }
    let parent = open_parent(path)?;
    let parent = Candidate {
        dir: parent.as_fd(),
        path,
    };
    parent.refuse_remote()?;
    match retry_on_intr(|| fs::mkdirat(CWD, path, PRIVATE_DIRECTORY)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(failed("create the folder", path)(error)),
    }
    open_existing(path).map_err(failed("open the folder", path))
}

fn open_existing(path: &Path) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| fs::openat(CWD, path, DIRECTORY, Mode::empty()))
}

/// The directory that holds the folder. Symbolic links on the way there are fine:
/// on macOS even `/tmp` is one.
fn open_parent(path: &Path) -> Result<OwnedFd, StorageError> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retry_on_intr(|| fs::openat(CWD, parent, flags, Mode::empty()))
        .map_err(failed("open the folder", parent))
}

fn sync_parent(path: &Path) -> Result<(), StorageError> {
    let parent = open_parent(path)?;
    sync_directory(parent.as_fd()).map_err(failed("sync the folder that holds", path))
}

/// `ENOTDIR` and `ELOOP` do not say on every system which of the two it was.
fn not_a_folder(path: &Path) -> StorageError {
    let link = fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_symlink());
    if link {
        let next = "replace it by a real folder, or set MESH_DIR to the folder that is meant";
        return refused(format!("{} is a symbolic link", path.display()), next);
    }
    let next = "move it away, or set MESH_DIR to another folder";
    refused(
        format!("{} is not a folder, or its parent is none", path.display()),
        next,
    )
}

/// What stands in a `.gitignore`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// What mesh writes.
    Whole,
    /// The same with bytes missing, or none: its maker may be about to write it, or a power
    /// cut may have taken what it wrote.
    Torn,
    /// Somebody else's.
    Foreign,
}

/// What a folder is like that was not refused.
struct Fitness {
    /// Whether this user owns it.
    ours: bool,
    /// Whether it has no `format` file yet.
    fresh: bool,
}

/// A folder that is open, but not accepted yet.
struct Candidate<'a> {
    dir: BorrowedFd<'a>,
    path: &'a Path,
}

impl Candidate<'_> {
    /// All that can be refused without trying.
    fn refuse(&self, explicit: bool) -> Result<Fitness, StorageError> {
        self.refuse_remote()?;
        let ours = self.refuse_foreign_owner(explicit)?;
        let fresh = self.is_fresh()?;
        if fresh {
            self.refuse_foreign_content()?;
        }
        self.refuse_foreign_mark()?;
        Ok(Fitness { ours, fresh })
    }

    fn stat(&self) -> Result<Stat, StorageError> {
        fs::fstat(self.dir).map_err(failed("examine the folder", self.path))
    }

    fn stat_name(&self, name: &str) -> Result<Option<Stat>, StorageError> {
        match retry_on_intr(|| fs::statat(self.dir, name, AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(failed("examine", &self.path.join(name))(error)),
        }
    }

    fn refuse_remote(&self) -> Result<(), StorageError> {
        let kind = file_system::refused(self.dir);
        match kind.map_err(failed("find out the file system of", self.path))? {
            None => Ok(()),
            Some(name) => Err(remote(self.path, &name)),
        }
    }

    /// Whether this user owns the folder.
    fn refuse_foreign_owner(&self, explicit: bool) -> Result<bool, StorageError> {
        let (owner, me) = (self.stat()?.st_uid, geteuid().as_raw());
        check_owner(self.path, owner, me, explicit)?;
        Ok(owner == me)
    }

    fn is_fresh(&self) -> Result<bool, StorageError> {
        Ok(self.stat_name("format")?.is_none())
    }

    /// A fresh folder is empty, or carries mesh's `.gitignore`, or holds the state of the
    /// predecessor. A power cut may have taken that mark and left of the first process
    /// whatever it made behind it, which is nobody's else either.
    fn refuse_foreign_content(&self) -> Result<(), StorageError> {
        let names = list(self.dir).map_err(failed("list the folder", self.path))?;
        let marked = self.mark()? != Mark::Foreign;
        let is_known = |name: &String| match name.as_str() {
            "state.json" | ".lock" | "watermark" => true,
            ".gitignore" => marked,
            name => name.starts_with("journal."),
        };
        let stranger = names.iter().find(|name| !is_first_made(name));
        match stranger {
            Some(stranger) if !names.iter().any(is_known) => Err(refused(
                format!(
                    "{} is not a mesh folder: it has no journal, and contains {stranger:?}",
                    self.path.display()
                ),
                "set MESH_DIR to a folder that is new or empty",
            )),
            _ => Ok(()),
        }
    }

    /// What the folder's `.gitignore` says. One that this process has no descriptor for, or a
    /// disk that fails, says nothing of whose it is.
    fn mark(&self) -> Result<Mark, StorageError> {
        let transient = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO];
        match self.read_mark() {
            Ok(mark) => Ok(mark),
            Err(error) if transient.contains(&error) => {
                Err(failed("read", &self.path.join(".gitignore"))(error))
            }
            Err(_) => Ok(Mark::Foreign),
        }
    }

    fn read_mark(&self) -> Result<Mark, Errno> {
        let mut content = [0; IGNORE_ALL.len() + 1];
        let flags = OFlags::RDONLY | GUARDED;
        let file = retry_on_intr(|| fs::openat(self.dir, ".gitignore", flags, Mode::empty()))?;
        let length = retry_on_intr(|| pread(&file, &mut content[..], 0))?;
        Ok(match length {
            _ if &content[..length] == IGNORE_ALL => Mark::Whole,
            _ if length <= IGNORE_ALL.len() => {
                let mut bytes = content[..length].iter().zip(IGNORE_ALL);
                match bytes.all(|(found, written)| found == written || *found == 0) {
                    true => Mark::Torn,
                    false => Mark::Foreign,
                }
            }
            _ => Mark::Foreign,
        })
    }

    fn make_private(&self) -> Result<(), StorageError> {
        let mode = Mode::from_raw_mode(self.stat()?.st_mode);
        let permissions = Mode::RWXU | Mode::RWXG | Mode::RWXO;
        if mode & permissions == PRIVATE_DIRECTORY {
            return Ok(());
        }
        let private = (mode - permissions) | PRIVATE_DIRECTORY;
        retry_on_intr(|| fs::fchmod(self.dir, private))
            .map_err(failed("take away the access of others to", self.path))
    }

    fn refuse_foreign_mark(&self) -> Result<(), StorageError> {
        match self.stat_name(".gitignore")? {
            Some(stat) if !is_regular(&stat) => Err(refused(
                format!(
                    "{} is a symbolic link or not a file",
                    self.path.join(".gitignore").display()
                ),
                "remove it and start mesh again",
            )),
            _ => Ok(()),
        }
    }

    fn ignore_itself(&self) -> Result<(), StorageError> {
        let path = self.path.join(".gitignore");
        match self.stat_name(".gitignore")? {
            // Who wrote something else meant to.
            Some(_) if self.mark()? != Mark::Torn => Ok(()),
            // Two processes may both find it missing, empty or torn; they write the same.
            _ => self.write_ignore_all().map_err(failed("write", &path)),
        }
    }

    fn write_ignore_all(&self) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | GUARDED;
        let file = retry_on_intr(|| fs::openat(self.dir, ".gitignore", flags, PRIVATE_FILE))?;
        retry_on_intr(|| pwrite(&file, IGNORE_ALL, 0)).map(drop)
    }

    /// A new generation of the journal appears by a hard link, which no other writer
    /// can overwrite; so without hard links there is no journal.
    fn probe_hard_links(&self) -> Result<(), StorageError> {
        let probe = format!("probe.{:016x}", seed());
        let second = format!("{probe}.link");
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | GUARDED;
        retry_on_intr(|| fs::openat(self.dir, &probe, flags, PRIVATE_FILE))
            .map_err(failed("create a file in", self.path))?;
        let linked =
            retry_on_intr(|| fs::linkat(self.dir, &probe, self.dir, &second, AtFlags::empty()));
        for name in [&second, &probe] {
            // The doctor sweeps what cannot be removed here.
            let _ = fs::unlinkat(self.dir, name, AtFlags::empty());
        }
        match linked {
            Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK | Errno::INVAL) => {
                Err(refused(
                    format!(
                        "{} is on a file system without hard links",
                        self.path.display()
                    ),
                    LOCAL_DISK,
                ))
            }
            other => other.map_err(failed("make a hard link in", self.path)),
        }
    }
}

/// Whether a process makes a file of this name before the first generation is there.
fn is_first_made(name: &str) -> bool {
    let mut begins = ["tmp.", "probe.", "lock."].iter();
    name == "lock" || begins.any(|begin| name.starts_with(begin))
}

fn check_owner(path: &Path, owner: u32, me: u32, explicit: bool) -> Result<(), StorageError> {
    if owner == me || explicit {
        return Ok(());
    }
    let path = path.display();
    Err(refused(
        format!("{path} belongs to another user (uid {owner}, this is uid {me})"),
        format!("set MESH_DIR={path} if that user is to be trusted, or to a folder of your own"),
    ))
}

fn remote(path: &Path, name: &str) -> StorageError {
    refused(
        format!(
            "{} is on {name}, which may have several machines behind it, and then promises \
             neither atomic appends nor locks",
            path.display()
        ),
        LOCAL_DISK,
    )
}

fn refused(what: String, next: impl Into<String>) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Refused,
        what,
        next: next.into(),
        outcome: Outcome::NoEffect,
    }
}

/// Opening a folder changes nothing that anybody has acknowledged.
fn failed<E: Into<io::Error>>(doing: &str, path: &Path) -> impl FnOnce(E) -> StorageError {
    move |error| {
        io_error(
            doing,
            &path.display().to_string(),
            Outcome::NoEffect,
            &error.into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S4: another user's folder is refused without an explicit `MESH_DIR`.
    #[test]
    fn another_users_folder_needs_an_explicit_mesh_dir() {
        let path = Path::new("/repo/.mesh");
        let error = check_owner(path, 7, 1000, false).unwrap_err();
        assert_eq!(error.kind, StorageErrorKind::Refused);
        assert_eq!(
            error.to_string(),
            "/repo/.mesh belongs to another user (uid 7, this is uid 1000); \
             set MESH_DIR=/repo/.mesh if that user is to be trusted, or to a folder of your own"
        );
        assert_eq!(check_owner(path, 7, 1000, true), Ok(()));
        assert_eq!(check_owner(path, 1000, 1000, false), Ok(()));
    }

    /// S6: the refusal names the file system and the reason.
    #[test]
    fn a_network_file_system_is_refused_by_name() {
        assert_eq!(
            remote(Path::new("/net/.mesh"), "NFS").to_string(),
            "/net/.mesh is on NFS, which may have several machines behind it, and then promises \
             neither atomic appends nor locks; set MESH_DIR to a folder on a local disk"
        );
    }
}
