//! A `mesh mcp` of its own, spoken to over its standard input and output.
//!
//! The client is as thin as can be (one line out, one line in, on a blocked thread), so
//! that what is measured is the server. The messages are those of [`tests::json_rpc`].

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tests::json_rpc::{Requests, VERSION, initialized, reply};

use crate::error::{Error, Result};

/// What would lead a server elsewhere, if the bench itself runs in such an environment.
const FOREIGN: [&str; 5] = [
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_PROJECT_DIR",
    "MESH_AGENT",
    "MESH_DIR",
    "MESH_LOG",
];

/// A server and the client that it serves. Dropped, it is killed and reaped.
pub(crate) struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    requests: Requests,
    line: String,
}

impl Server {
    /// Starts a server over `folder`; nothing is said yet.
    ///
    /// # Errors
    ///
    /// Where it cannot be started.
    pub(crate) fn start(folder: &Path) -> Result<Self> {
        let mut command = program()?;
        command.arg("mcp").env("MESH_DIR", folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::new("a server without pipes"));
        };
        Ok(Self {
            child,
            input,
            output: BufReader::new(output),
            requests: Requests::default(),
            line: String::new(),
        })
    }

    /// Starts a server over `folder` and shakes hands with it.
    ///
    /// # Errors
    ///
    /// Where there is no session.
    pub(crate) fn ready(folder: &Path) -> Result<Self> {
        let mut server = Self::start(folder)?;
        server.initialize()?;
        Ok(server)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Shakes hands. Returns once the answer is there.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub(crate) fn initialize(&mut self) -> Result<()> {
        let (_, message) = self.requests.initialize(VERSION, "bench");
        self.write(&message)?;
        self.receive()?;
        self.write(&initialized())
    }

    /// Asks for a tool without waiting for the answer.
    ///
    /// # Errors
    ///
    /// Where the server is gone.
    pub(crate) fn ask(&mut self, tool: &str, arguments: &Value) -> Result<()> {
        let (_, message) = self.requests.call(tool, arguments);
        self.write(&message)
    }

    /// Waits for the answer to [`ask`](Self::ask): the structured content.
    ///
    /// # Errors
    ///
    /// Where the server is gone, or answers with an error.
    pub(crate) fn answer(&mut self) -> Result<Value> {
        let answer = self.receive()?;
        reply(&answer).map_err(|why| Error::new(format!("a call failed: {why}")))
    }

    /// Calls a tool.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask) and [`answer`](Self::answer).
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Result<Value> {
        self.ask(tool, arguments)?;
        self.answer()
    }

    fn write(&mut self, message: &Value) -> Result<()> {
        let line = format!("{message}\n");
        Ok(self.input.write_all(line.as_bytes())?)
    }

    fn receive(&mut self) -> Result<Value> {
        self.line.clear();
        if self.output.read_line(&mut self.line)? == 0 {
            return Err(Error::new("the server ended"));
        }
        Ok(serde_json::from_str(&self.line)?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended, and has been reaped then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program to measure: that which is installed, built from the tree that the bench was
/// built from. `MESH_BINARY` names another.
fn program() -> Result<Command> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let mut command = match std::env::var_os("MESH_BINARY") {
        Some(named) => Command::new(named),
        None => match BUILT.get_or_init(|| build().ok()) {
            Some(built) => Command::new(built),
            None => return Err(Error::new("mesh cannot be built: see above")),
        },
    };
    for name in FOREIGN {
        command.env_remove(name);
    }
    Ok(command)
}

/// Builds `mesh` beside this program, in the same profile, or finds it built.
fn build() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folder = this.parent().ok_or_else(|| Error::new("where am I?"))?;
    let target = folder.parent().ok_or_else(|| Error::new("where am I?"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--package", "mesh"]);
    // A folder of `target` is called as its profile, but for that of `dev`.
    let profile = folder.file_name().filter(|name| *name != "debug");
    command
        .arg("--profile")
        .arg(profile.unwrap_or("dev".as_ref()));
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    command.current_dir(workspace);
    let status = command.arg("--target-dir").arg(target).status()?;
    match status.success() {
        true => Ok(folder.join("mesh")),
        false => Err(Error::new("cargo failed")),
    }
}

/// Leaves everybody alone for a while: what is measured then is what they do by
/// themselves.
pub(crate) fn leave_alone(time: Duration) {
    thread::sleep(time);
}
