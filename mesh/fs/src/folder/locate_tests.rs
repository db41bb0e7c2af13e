//! S4 on real repositories, made by git itself.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests look at the real disk behind the seam's back"
)]

use std::process::Command;

use tempfile::TempDir;

use super::*;

/// A temporary directory by its resolved path, and what is made in it.
struct Place {
    _dir: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().canonicalize().unwrap();
        Self { _dir: dir, path }
    }

    fn dir(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// A repository with one commit, so that it can have worktrees.
    fn repository(&self, name: &str) -> PathBuf {
        let path = self.dir(name);
        git(&path, &["init", "--quiet"]);
        git(
            &path,
            &["commit", "--quiet", "--allow-empty", "--message", "first"],
        );
        path
    }
}

/// Runs git undisturbed by the settings of whoever runs the test.
fn git(cwd: &Path, arguments: &[&str]) {
    let mut command = Command::new("git");
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_"))
    {
        command.env_remove(name);
    }
    let settings = [
        "user.name=t",
        "user.email=t@example.com",
        "protocol.file.allow=always",
    ];
    for setting in settings {
        command.args(["-c", setting]);
    }
    let output = command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(arguments)
        .current_dir(cwd)
        .output()
        .expect("git is installed");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn found(cwd: &Path) -> PathBuf {
    found_with(cwd, &[])
}

fn found_with(cwd: &Path, env: &[(&str, &Path)]) -> PathBuf {
    let location = located(cwd, env).unwrap();
    assert!(!location.explicit);
    location.path
}

fn located(cwd: &Path, env: &[(&str, &Path)]) -> Result<Location, StorageError> {
    locate(cwd, |name| {
        env.iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.as_os_str().to_owned())
    })
}

fn refusal(cwd: &Path, env: &[(&str, &Path)]) -> StorageError {
    let error = located(cwd, env).unwrap_err();
    assert_eq!(error.kind, StorageErrorKind::Refused, "{error}");
    error
}

#[test]
fn a_repository_has_its_folder_beside_dot_git() {
    let place = Place::new();
    let repository = place.repository("repository");
    let inner = place.dir("repository/src/deep");
    let expected = repository.join(".mesh");
    assert_eq!(found(&repository), expected);
    assert_eq!(found(&inner), expected);
    assert_eq!(
        found(&repository.join(".git/hooks/..")),
        expected,
        "inside .git itself"
    );
    assert!(!expected.exists(), "nothing is created");
}

#[test]
fn a_linked_worktree_shares_the_folder_of_the_repository() {
    let place = Place::new();
    let repository = place.repository("repository");
    git(&repository, &["worktree", "add", "--quiet", "../linked"]);
    let linked = place.path.join("linked");
    assert_eq!(found(&linked), repository.join(".mesh"));
    assert_eq!(found(&place.dir("linked/src")), repository.join(".mesh"));
}

#[test]
fn a_bare_repository_has_its_folder_inside() {
    let place = Place::new();
    let origin = place.repository("origin");
    git(
        &place.path,
        &[
            "clone",
            "--quiet",
            "--bare",
            origin.to_str().unwrap(),
            "bare.git",
        ],
    );
    let bare = place.path.join("bare.git");
    git(&bare, &["worktree", "add", "--quiet", "../linked"]);
    let expected = bare.join(".mesh");
    assert_eq!(found(&bare), expected);
    assert_eq!(found(&bare.join("refs")), expected);
    assert_eq!(found(&place.path.join("linked")), expected);
}

#[test]
fn a_submodule_has_a_folder_of_its_own_inside_its_git_directory() {
    let place = Place::new();
    let library = place.repository("library");
    let main = place.repository("main");
    git(
        &main,
        &[
            "submodule",
            "--quiet",
            "add",
            library.to_str().unwrap(),
            "vendored",
        ],
    );
    assert_eq!(
        found(&main.join("vendored")),
        main.join(".git/modules/vendored/.mesh")
    );
    assert_eq!(found(&main), main.join(".mesh"));
}

/// `.git` may be a symbolic link, which the worktrees' pointers do not go through.
#[test]
fn two_ways_to_one_repository_find_one_folder() {
    let place = Place::new();
    let repository = place.repository("repository");
    fs::rename(repository.join(".git"), place.path.join("store.git")).unwrap();
    std::os::unix::fs::symlink("../store.git", repository.join(".git")).unwrap();
    std::os::unix::fs::symlink(&repository, place.path.join("alias")).unwrap();
    let expected = place.path.join("store.git/.mesh");
    assert_eq!(found(&repository), expected);
    assert_eq!(found(&place.path.join("alias")), expected);
}

#[test]
fn without_a_repository_it_is_the_working_directory() {
    let place = Place::new();
    let cwd = place.dir("plain");
    // As git does, a .git that is no git directory is passed over.
    place.dir("plain/.git");
    assert_eq!(found(&cwd), cwd.join(".mesh"));
}

#[test]
fn mesh_dir_decides_alone() {
    let place = Place::new();
    let repository = place.repository("repository");
    for (value, expected) in [
        (place.path.join("here"), place.path.join("here")),
        ("my/dir".into(), repository.join("my/dir")),
    ] {
        let location = located(&repository, &[("MESH_DIR", &value)]).unwrap();
        assert_eq!(
            location,
            Location {
                path: expected,
                explicit: true
            }
        );
    }
    let error = refusal(&repository, &[("MESH_DIR", Path::new(""))]);
    assert_eq!(error.what, "MESH_DIR is set, but empty");
}

/// Hooks run with these variables, and then the working directory may say nothing.
#[test]
fn gits_own_variables_are_honoured() {
    let place = Place::new();
    let repository = place.repository("repository");
    let other = place.repository("other");
    let git_dir = repository.join(".git");
    assert_eq!(
        found_with(&place.path, &[("GIT_DIR", &git_dir)]),
        repository.join(".mesh")
    );
    assert_eq!(
        found_with(&repository, &[("GIT_DIR", Path::new(".git"))]),
        repository.join(".mesh")
    );
    let common = [
        ("GIT_DIR", git_dir.as_path()),
        ("GIT_COMMON_DIR", &other.join(".git")),
    ];
    assert_eq!(found_with(&place.path, &common), other.join(".mesh"));

    git(&repository, &["worktree", "add", "--quiet", "../linked"]);
    let pointer = place.path.join("linked/.git");
    assert_eq!(
        found_with(&other, &[("GIT_DIR", &pointer)]),
        repository.join(".mesh")
    );

    let error = refusal(&repository, &[("GIT_DIR", Path::new("missing"))]);
    assert!(error.what.starts_with("GIT_DIR names "), "{error}");
    assert_eq!(error.next, "correct or unset GIT_DIR");
}

/// A pointer that leads nowhere is no reason to use another folder silently.
#[test]
fn a_broken_pointer_is_an_error() {
    let place = Place::new();
    let worktree = place.dir("worktree");
    let dot_git = worktree.join(".git");
    let long = format!("gitdir: {}", "x".repeat(5_000));
    for (content, complaint) in [
        ("nonsense", "does not start with \"gitdir: \" and a path"),
        ("gitdir: \n", "does not start with \"gitdir: \" and a path"),
        ("gitdir: ../gone\n", "which is not a git directory"),
        ("gitdir: a\0b", "is not a pointer to a git directory"),
        (&long, "is not a pointer to a git directory"),
    ] {
        fs::write(&dot_git, content).unwrap();
        let error = refusal(&worktree, &[]);
        assert!(error.what.ends_with(complaint), "{error}");
        assert!(error.what.contains(dot_git.to_str().unwrap()), "{error}");
    }
}

#[test]
fn an_empty_commondir_is_an_error() {
    let place = Place::new();
    let repository = place.repository("repository");
    git(&repository, &["worktree", "add", "--quiet", "../linked"]);
    fs::write(repository.join(".git/worktrees/linked/commondir"), "\n").unwrap();
    assert!(
        refusal(&place.path.join("linked"), &[])
            .what
            .ends_with("commondir is empty")
    );
}
