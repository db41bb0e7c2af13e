//! A directory to be thrown away, in which processes start.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use mesh::Mesh;
use mesh::backends::fs::LockKind;
use mesh::core::Claims;
use tempfile::TempDir;

use super::client::Client;
use super::json_rpc::VERSION;
use super::process::Process;
use super::raw_client::RawClient;

/// What leads to other folders or another look, if the tests themselves run in such an
/// environment.
const FOREIGN: [&str; 12] = [
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_PROJECT_DIR",
    "MESH_AGENT",
    "MESH_DIR",
    "MESH_LOG",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
];

/// A place for one test.
#[derive(Debug)]
pub struct Sandbox {
    root: TempDir,
    /// What `MESH_DIR` is set to, if it is.
    mesh_dir: Option<PathBuf>,
}

impl Sandbox {
    /// An empty place whose processes get its `.mesh` by `MESH_DIR`. The folder does not
    /// exist yet, unless [`follow_lock_setting`](Self::follow_lock_setting) makes it.
    pub async fn new() -> Self {
        let sandbox = Self::bare();
        sandbox.follow_lock_setting().await;
        sandbox
    }

    /// Makes the folder if `MESH_TEST_LOCK=directory` asks for the other kind of store
    /// lock, which is chosen when a folder is made.
    ///
    /// # Panics
    ///
    /// Where it asks for something else.
    pub async fn follow_lock_setting(&self) {
        match std::env::var("MESH_TEST_LOCK").as_deref() {
            Ok("directory") => self.make_folder(LockKind::Directory).await,
            Ok("kernel") | Err(_) => {}
            Ok(other) => panic!("MESH_TEST_LOCK={other}: kernel or directory"),
        }
    }

    /// An empty place whose folder never exists before the first process makes it.
    pub fn bare() -> Self {
        Self::bare_in(&std::env::temp_dir())
    }

    /// The same, in a directory that is on the disk that is meant.
    ///
    /// # Panics
    ///
    /// Where nothing can be made in it.
    pub fn bare_in(dir: &Path) -> Self {
        let root = tempfile::Builder::new().prefix("mesh-").tempdir_in(dir);
        let root = root.expect("a temporary directory");
        let mesh_dir = Some(root.path().join(".mesh"));
        Self { root, mesh_dir }
    }

    /// A git repository with one commit, whose processes find its `.mesh` by themselves.
    pub fn repository() -> Self {
        let sandbox = Self {
            root: directory(),
            mesh_dir: None,
        };
        fs::create_dir(sandbox.path("main")).expect("a directory");
        sandbox.git("main", &["init", "--quiet"]);
        sandbox.git(
            "main",
            &["commit", "--quiet", "--allow-empty", "-m", "first"],
        );
        sandbox
    }

    /// Makes the folder with the library, which may choose the kind of store lock.
    ///
    /// # Panics
    ///
    /// Where that fails.
    pub async fn make_folder(&self, kind: LockKind) {
        let mesh = Mesh::options(self.mesh()).lock(kind).open();
        let claims = Claims {
            agent_id: "maker".to_owned(),
            ..Claims::default()
        };
        mesh.claims(claims).await.expect("a new folder");
        mesh.close().await;
        let format = fs::read_to_string(self.mesh().join("format")).expect("a format");
        let name = match kind {
            LockKind::Kernel => "\"kernel\"",
            LockKind::Directory => "\"directory\"",
        };
        assert!(
            format.contains(name),
            "the folder follows its maker: {format}"
        );
    }

    /// The path of something in the place.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The place itself.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// The mesh folder.
    pub fn mesh(&self) -> PathBuf {
        match &self.mesh_dir {
            Some(path) => path.clone(),
            None => self.path("main/.mesh"),
        }
    }

    /// Runs git in a directory of the place.
    ///
    /// # Panics
    ///
    /// Where git is missing or fails.
    pub fn git(&self, directory: &str, arguments: &[&str]) {
        let mut command = Command::new("git");
        clean(&mut command)
            .current_dir(self.path(directory))
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments);
        let output = command.output().expect("the tests need git");
        assert!(output.status.success(), "git {arguments:?}: {output:?}");
    }

    /// The program under test with `arguments`, to be started in `directory` of the place.
    pub fn command(&self, directory: &str, arguments: &[&str]) -> Command {
        let mut command = self.program(binary(), directory);
        command.args(arguments);
        command
    }

    /// Another program in the same environment, such as a script that starts mesh.
    pub fn program(&self, program: impl AsRef<OsStr>, directory: &str) -> Command {
        let mut command = Command::new(program);
        clean(&mut command).current_dir(self.path(directory));
        if let Some(mesh_dir) = &self.mesh_dir {
            command.env("MESH_DIR", mesh_dir);
        }
        command
    }

    /// An agent with a `mesh mcp` of its own, in the place itself.
    pub async fn client(&self, agent_id: &str) -> Client {
        self.client_in("", agent_id).await
    }

    /// The same, in a directory of the place.
    pub async fn client_in(&self, directory: &str, agent_id: &str) -> Client {
        Client::connect(agent_id, self.command(directory, &["mcp"])).await
    }

    /// A client that sends what it is told, with a `mesh mcp` of its own; nothing is said yet.
    pub fn raw_client(&self) -> RawClient {
        RawClient::open(Process::start(self.command("", &["mcp"])))
    }

    /// The same, with hands shaken.
    pub async fn raw_session(&self) -> RawClient {
        let mut client = self.raw_client();
        client.initialize(VERSION).await;
        client
    }
}

fn directory() -> TempDir {
    let root = tempfile::Builder::new().prefix("mesh-").tempdir();
    root.expect("a temporary directory")
}

fn clean(command: &mut Command) -> &mut Command {
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
}

/// The program under test: beside the test executable's directory, where cargo builds it.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(named) = std::env::var_os("MESH_BINARY") {
            return named.into();
        }
        let test = std::env::current_exe().expect("the path of this test");
        let profile = test.parent().and_then(Path::parent).expect("a profile");
        let binary = profile.join("mesh-under-test");
        let missing = "cargo builds it before the tests of this package; or set MESH_BINARY";
        assert!(
            binary.is_file(),
            "{} is missing: {missing}",
            binary.display()
        );
        binary
    })
}
