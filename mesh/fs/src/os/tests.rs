//! The real file system keeps the promises of the seam, and refuses unfit folders.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests look at the real disk behind the seam's back"
)]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::testing::block_on;
use mesh_coordinator::ports::StorageErrorKind;

/// A new mesh folder, inside a temporary one.
fn folder() -> (TempDir, PathBuf, OsFileSystem) {
    let outer = TempDir::new().unwrap();
    let path = outer.path().join(".mesh");
    let fs = OsFileSystem::open(&path, false).unwrap();
    (outer, path, fs)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn refusal(path: &Path) -> StorageError {
    let error = OsFileSystem::open(path, false).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Refused, "{error}");
    error
}

/// S4: a new folder is private, and ignores itself; nothing else is left in it.
#[test]
fn a_missing_folder_is_created_private_and_ignored() {
    let (_outer, path, _) = folder();
    assert_eq!(mode(&path), 0o700);
    assert_eq!(names(&path), [".gitignore"]);
    assert_eq!(fs::read(path.join(".gitignore")).unwrap(), b"*\n");
}

/// S4: an existing folder is tightened.
#[test]
fn an_open_folder_is_tightened() {
    let (_outer, path, _) = folder();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    OsFileSystem::open(&path, false).unwrap();
    assert_eq!(mode(&path), 0o700);
}

/// S4: a symlink is refused, also where a slash at its end would hide it.
#[test]
fn a_symlink_in_the_place_of_the_folder_is_refused() {
    let (outer, path, _) = folder();
    let link = outer.path().join("link");
    symlink(&path, &link).unwrap();
    let with_slash = PathBuf::from(format!("{}/", link.display()));
    for path in [&link, &with_slash] {
        assert!(refusal(path).what.ends_with("link is a symbolic link"));
    }
}

#[test]
fn a_file_in_the_place_of_the_folder_is_refused() {
    let (outer, _, _) = folder();
    let file = outer.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(refusal(&file).what.contains("is not a folder"));
    assert!(
        refusal(Path::new("/"))
            .what
            .contains("does not end in the name of a folder")
    );
}

/// A mistaken `MESH_DIR` must not hide a repository from git, or lock a home directory.
#[test]
fn a_folder_of_something_else_is_refused_untouched() {
    let outer = TempDir::new().unwrap();
    let repository = outer.path().join("repository");
    fs::create_dir(&repository).unwrap();
    fs::set_permissions(&repository, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(repository.join("main.rs"), "fn main() {}").unwrap();
    let error = OsFileSystem::open(&repository, true).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Refused);
    assert!(
        error
            .what
            .ends_with(r#"it has no journal, and contains "main.rs""#),
        "{error}"
    );
    assert_eq!(error.next, "set MESH_DIR to a folder that is new or empty");
    assert_eq!(
        (mode(&repository), names(&repository)),
        (0o755, vec!["main.rs".to_owned()])
    );
}

/// What a crash during the first opening leaves is no reason to refuse, nor is what
/// the predecessor left.
#[test]
fn a_folder_that_was_begun_is_accepted() {
    for (name, content) in [
        (".gitignore", ""),
        (".gitignore", "*\n"),
        ("journal.1", "x"),
        ("state.json", "{}"),
    ] {
        let outer = TempDir::new().unwrap();
        fs::write(outer.path().join(name), content).unwrap();
        fs::write(outer.path().join("probe.1"), "").unwrap();
        OsFileSystem::open(outer.path(), false).unwrap();
        assert_eq!(fs::read(outer.path().join(".gitignore")).unwrap(), b"*\n");
    }
}

/// G7: of a folder's first moments a power cut may leave anything: that is no reason to
/// refuse it, and its `.gitignore` is written again.
#[test]
fn what_a_power_cut_leaves_of_a_new_folder_is_accepted() {
    let outer = TempDir::new().unwrap();
    let path = outer.path().join(".mesh");
    let leftovers: [(&str, &[u8]); 6] = [
        (".gitignore", b"\0\0"),
        (".gitignore", b"*"),
        ("tmp.1.00000000000000ff", b"\0\0\0"),
        ("probe.00000000000000ff", b""),
        ("lock.flock", b""),
        ("lock", b""),
    ];
    for (name, bytes) in leftovers {
        fs::create_dir(&path).unwrap();
        fs::write(path.join(name), bytes).unwrap();
        OsFileSystem::open(&path, false).unwrap();
        assert_eq!(fs::read(path.join(".gitignore")).unwrap(), b"*\n", "{name}");
        fs::remove_dir_all(&path).unwrap();
    }
}

#[test]
fn a_gitignore_that_somebody_wrote_is_kept() {
    let (_outer, path, _) = folder();
    fs::write(path.join("format"), "").unwrap();
    fs::write(path.join(".gitignore"), "*\n!notes\n").unwrap();
    OsFileSystem::open(&path, false).unwrap();
    assert_eq!(fs::read(path.join(".gitignore")).unwrap(), b"*\n!notes\n");
}

#[test]
fn a_symlink_in_the_place_of_gitignore_is_refused_and_not_followed() {
    let (outer, path, _) = folder();
    let victim = outer.path().join("victim");
    fs::write(&victim, "").unwrap();
    fs::write(path.join("format"), "").unwrap();
    fs::remove_file(path.join(".gitignore")).unwrap();
    symlink(&victim, path.join(".gitignore")).unwrap();
    assert!(
        refusal(&path)
            .what
            .contains(".gitignore is a symbolic link")
    );
    assert_eq!(fs::read(&victim).unwrap(), b"");
}

#[test]
fn a_folder_whose_parent_is_missing_says_so() {
    let outer = TempDir::new().unwrap();
    let error = OsFileSystem::open(&outer.path().join("missing/.mesh"), false).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Io);
    assert!(error.what.starts_with("cannot open the folder "), "{error}");
}

/// Two writers learn where their own bytes went, however they alternate.
#[test]
fn an_append_says_where_it_ended() {
    let (_outer, path, fs_) = folder();
    block_on(async {
        let first = fs_.create("journal.1").await.unwrap();
        let second = fs_.open("journal.1", Access::Append).await.unwrap();
        let appended = |end, written| Appended { end, written };
        assert_eq!(fs_.append(&first, b"one").await.unwrap(), appended(3, 3));
        assert_eq!(fs_.append(&second, b"three").await.unwrap(), appended(8, 5));
        assert_eq!(fs_.append(&first, b"five").await.unwrap(), appended(12, 4));
        let mut buffer = [0; 16];
        assert_eq!(fs_.read_at(&first, 3, &mut buffer).await.unwrap(), 9);
        assert_eq!(&buffer[..9], b"threefive");
        fs_.sync(&first).await.unwrap();
        fs_.sync_dir().await.unwrap();
    });
    assert_eq!(mode(&path.join("journal.1")), 0o600);
}

#[test]
fn overwriting_creates_keeps_and_replaces_in_place() {
    let (_outer, path, fs_) = folder();
    block_on(async {
        let file = fs_.open("watermark", Access::Overwrite).await.unwrap();
        fs_.write_at(&file, 2, b"xyz").await.unwrap();
        let again = fs_.open("watermark", Access::Overwrite).await.unwrap();
        fs_.write_at(&again, 0, b"ab").await.unwrap();
    });
    assert_eq!(fs::read(path.join("watermark")).unwrap(), b"abxyz");
}

#[test]
fn names_that_exist_are_not_taken_again() {
    let (_outer, _, fs_) = folder();
    block_on(async {
        fs_.create("a").await.unwrap();
        fs_.create("b").await.unwrap();
        let taken = |error: io::Error| error.kind() == io::ErrorKind::AlreadyExists;
        assert!(taken(fs_.create("a").await.unwrap_err()));
        assert!(taken(fs_.link("a", "b").await.unwrap_err()));
        assert!(taken(fs_.make_dir("a").await.unwrap_err()));
        fs_.link("a", "c").await.unwrap();
        assert_eq!(
            fs_.stat_name("a").await.unwrap(),
            fs_.stat_name("c").await.unwrap()
        );
        assert_eq!(fs_.stat_name("a").await.unwrap().links, 2);
    });
}

#[test]
fn a_removed_file_has_no_links() {
    let (_outer, _, fs_) = folder();
    block_on(async {
        let file = fs_.create("a").await.unwrap();
        let id = fs_.stat(&file).await.unwrap().id;
        assert_eq!(id, fs_.stat_name("a").await.unwrap().id);
        fs_.remove("a").await.unwrap();
        assert_eq!(fs_.stat(&file).await.unwrap().links, 0);
        let missing = fs_.stat_name("a").await.unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    });
}

/// What the lock directory rests on: only an empty directory gives way.
#[test]
fn a_directory_replaces_only_an_empty_directory() {
    let (_outer, path, fs_) = folder();
    block_on(async {
        for name in ["one", "two"] {
            fs_.make_dir(name).await.unwrap();
            fs_.create(&format!("{name}/file")).await.unwrap();
        }
        let error = fs_.rename("one", "two").await.unwrap_err().kind();
        let held = [
            io::ErrorKind::DirectoryNotEmpty,
            io::ErrorKind::AlreadyExists,
        ];
        assert!(held.contains(&error), "{error}");
        fs_.remove("two/file").await.unwrap();
        fs_.rename("one", "two").await.unwrap();
        assert_eq!(fs_.list(Some("two")).await.unwrap(), ["file"]);
        let mut all = fs_.list(None).await.unwrap();
        all.sort();
        assert_eq!(all, [".gitignore", "two"]);
    });
    assert_eq!(mode(&path.join("two")), 0o700);
}

#[test]
fn symlinks_are_followed_neither_at_the_end_nor_on_the_way() {
    let (outer, path, fs_) = folder();
    let elsewhere = outer.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("victim"), "safe").unwrap();
    symlink(&elsewhere, path.join("lock")).unwrap();
    symlink(elsewhere.join("victim"), path.join("journal.1")).unwrap();
    block_on(async {
        for access in [Access::Read, Access::Append, Access::Overwrite] {
            assert!(fs_.open("journal.1", access).await.is_err());
            assert!(fs_.open("lock/victim", access).await.is_err());
        }
        assert!(fs_.create("lock/new").await.is_err());
        assert!(fs_.remove("lock/victim").await.is_err());
        assert!(fs_.list(Some("lock")).await.is_err());
    });
    assert_eq!(names(&elsewhere), ["victim"]);
    assert_eq!(fs::read(elsewhere.join("victim")).unwrap(), b"safe");
}

#[test]
fn names_do_not_lead_out_of_the_folder() {
    let (_outer, _, fs_) = folder();
    for name in ["", ".", "..", "/etc/passwd", "../x", "lock/..", "a/b/c"] {
        let error = block_on(fs_.open(name, Access::Read)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
    }
}

/// Opening a FIFO to read would wait for a writer that never comes.
#[test]
fn what_is_not_a_regular_file_is_refused_without_waiting() {
    let (_outer, path, fs_) = folder();
    assert!(
        Command::new("mkfifo")
            .arg(path.join("journal.1"))
            .status()
            .unwrap()
            .success()
    );
    for access in [Access::Read, Access::Append] {
        let error = block_on(fs_.open("journal.1", access)).unwrap_err();
        assert_eq!(error.to_string(), "it is not a regular file");
    }
}

#[test]
fn the_kernel_lock_is_free_once_its_file_is_closed() {
    let (_outer, _, fs_) = folder();
    block_on(async {
        let holder = fs_.open("lock.flock", Access::Overwrite).await.unwrap();
        let waiter = fs_.open("lock.flock", Access::Overwrite).await.unwrap();
        assert!(fs_.try_lock(&holder).await.unwrap());
        assert!(!fs_.try_lock(&waiter).await.unwrap());
        fs_.unlock(&holder).await.unwrap();
        assert!(fs_.try_lock(&waiter).await.unwrap());
        drop(waiter);
        // Until it executes its program, a process that another test starts has all files
        // of this one open.
        while !fs_.try_lock(&holder).await.unwrap() {
            std::thread::yield_now();
        }
    });
}

/// W2: what others do to the journal is noticed, once somebody has begun to look.
#[test]
fn a_change_of_the_journal_ends_the_wait() {
    let (_outer, path, fs_) = folder();
    let journal = block_on(fs_.create("journal.1")).unwrap();
    for name in [None, Some("journal.1")] {
        let before = block_on(fs_.stat(&journal)).unwrap().len;
        futures_executor::block_on(fs_.changed(name));
        let other = OsFileSystem::open(&path, true).unwrap();
        let writer = std::thread::spawn(move || {
            let journal = block_on(other.open("journal.1", Access::Append)).unwrap();
            block_on(other.append(&journal, b"x")).unwrap();
        });
        futures_executor::block_on(fs_.changed(name));
        writer.join().unwrap();
        assert_eq!(block_on(fs_.stat(&journal)).unwrap().len, before + 1);
    }
}

/// W2: a folder that is made anew is watched like the first one.
#[test]
fn a_folder_that_came_back_is_watched_anew() {
    let (_outer, path, fs_) = folder();
    drop(block_on(fs_.create("journal.1")).unwrap());
    let kept_open = block_on(fs_.open("journal.1", Access::Read)).unwrap();
    let changed = |name| futures_executor::block_on(fs_.changed(name));
    changed(Some("journal.1"));
    fs::remove_dir_all(&path).unwrap();
    changed(Some("journal.1"));
    drop(kept_open);
    block_on(fs_.reattach()).unwrap();
    changed(None);
    drop(block_on(fs_.create("journal.1")).unwrap());
    changed(None);
}

/// S2: the folder is held open, so removing it is noticed and moving it is harmless.
#[test]
fn a_moved_folder_still_works_and_a_removed_one_does_not() {
    let (outer, path, fs_) = folder();
    let moved = outer.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    drop(block_on(fs_.create("a")).unwrap());
    assert!(moved.join("a").exists());
    fs::remove_dir_all(&moved).unwrap();
    let error = block_on(fs_.create("b")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}
