//! The ground on which servers run, and what fresh ones find there afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use mesh::backends::fs::{LockKind, journal_generation};
use serde_json::{Value, json};

use crate::ledger::Ledger;
use crate::names::{RESOURCES, TOPIC, name};
use crate::oracle::{Found, Message, judge};
use crate::report::Report;
use crate::server::{Answer, Server};
use tests::Sandbox;

/// Within this a fresh process answers its first calls, also behind locks that dead ones
/// left; generous only for the machine's sake.
const AT_ONCE: Duration = Duration::from_secs(5);
/// Below every message.
const BEGINNING: &str = "00000000000000000000000000";
/// What a folder may hold when nobody uses it.
const AT_REST: [&str; 8] = [
    ".gitignore",
    "format",
    "lock",
    "lock.flock",
    "state.json",
    "state.node.json",
    "sync.flock",
    "watermark",
];

/// A mesh folder, and how servers of it are started.
#[derive(Debug)]
pub(crate) struct Ground {
    sandbox: Sandbox,
    program: PathBuf,
    /// How many agents there are.
    pub(crate) processes: usize,
}

impl Ground {
    /// A new folder under `dir`, with a store lock of that kind.
    pub(crate) async fn new(dir: &Path, program: &Path, processes: usize, lock: LockKind) -> Self {
        let sandbox = Sandbox::bare_in(dir);
        sandbox.make_folder(lock).await;
        Self {
            sandbox,
            program: program.to_owned(),
            processes,
        }
    }

    /// The folder.
    #[must_use]
    pub(crate) fn folder(&self) -> PathBuf {
        self.sandbox.mesh()
    }

    /// The directory that holds it.
    #[must_use]
    pub(crate) fn root(&self) -> &Path {
        self.sandbox.root()
    }

    /// A server's command line.
    #[must_use]
    pub(crate) fn command(&self) -> Command {
        let mut command = self.sandbox.program(&self.program, "");
        command.arg("mcp");
        command
    }

    /// The same through a shell that sets a limit first.
    #[must_use]
    pub(crate) fn limited(&self, limit: &str) -> Command {
        let mut command = self.sandbox.program("sh", "");
        command.arg("-c").arg(format!("{limit}; exec \"$0\" mcp"));
        command.arg(&self.program);
        command
    }

    /// The journal that counts, and its generation.
    ///
    /// # Panics
    ///
    /// Where there is none.
    #[must_use]
    pub(crate) fn journal(&self) -> (u64, PathBuf) {
        let names = self.names();
        let newest = names
            .iter()
            .filter_map(|name| journal_generation(name))
            .max();
        let newest = newest.expect("a generation");
        (newest, self.folder().join(format!("journal.{newest}")))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).expect("a folder");
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        entries.flatten().map(name).collect()
    }

    /// Asks fresh processes what is there, and has the oracle judge it. All other servers
    /// must have ended.
    pub(crate) async fn inspect(&self, scene: &str, ledger: &Ledger, report: &Report) {
        let server = match Server::start(self.command()).await {
            Ok(server) => server,
            Err(why) => return report.finding(scene, format!("no fresh session: {why}")),
        };
        let mut look = Look {
            server,
            scene,
            report,
        };
        look.is_not_wedged().await;
        let found = look.find(self.processes).await;
        for wrong in judge(ledger, &found) {
            report.finding(scene, wrong);
        }
        look.rotate(self).await;
        match look.server.leave().await {
            Ok(said) => report.complaints(scene, &said),
            Err(wrong) => report.finding(scene, wrong),
        }
        self.is_tidy(scene, report);
    }

    /// No temporary file outlives the generation that it is of, and no lock its owner.
    fn is_tidy(&self, scene: &str, report: &Report) {
        let (newest, _) = self.journal();
        for name in self.names() {
            let fine = match name.strip_prefix("tmp.") {
                // Of a rotation that was cut short; it goes with its generation.
                Some(rest) => rest.split('.').next() == Some(newest.to_string().as_str()),
                None => {
                    AT_REST.contains(&name.as_str()) || journal_generation(&name) == Some(newest)
                }
            };
            report.expect(scene, fine, || format!("{name} is left in the folder"));
        }
        let held = fs::read_dir(self.folder().join("lock"));
        let held = held.map_or(0, Iterator::count);
        report.expect(scene, held == 0, || {
            "the store's lock is still held".to_owned()
        });
    }
}

/// A fresh process that looks around.
struct Look<'a> {
    server: Server,
    scene: &'a str,
    report: &'a Report,
}

impl Look<'_> {
    async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let asked = format!("{tool} {:.100}", arguments.to_string());
        match self.server.call(tool, arguments).await {
            Answer::Reply(reply) => reply,
            other => {
                let what = format!("a fresh process's {asked}: {other:?}");
                self.report.finding(self.scene, what);
                Value::Null
            }
        }
    }

    /// A fresh process can claim, post and read, at once.
    async fn is_not_wedged(&mut self) {
        let begin = Instant::now();
        let claim = json!({"agent_id": "fresh", "resource": "fresh"});
        let claim = self.call("claim", claim).await;
        let granted = claim["status"] == "granted";
        self.report
            .expect(self.scene, granted, || format!("wedged: {claim}"));
        let post = json!({"agent_id": "fresh", "to": "fresh", "body": "fresh", "ttl_seconds": 1});
        self.call("post", post).await;
        let inbox = self.call("inbox", json!({"agent_id": "fresh"})).await;
        let bodies = inbox["messages"].as_array().into_iter().flatten();
        let shown = bodies.into_iter().any(|message| message["body"] == "fresh");
        self.report.expect(self.scene, shown, || {
            format!("an own post is not there: {inbox}")
        });
        let took = begin.elapsed();
        self.report
            .took("claim, post and inbox of a fresh process", took);
        self.report.expect(self.scene, took < AT_ONCE, || {
            format!("a fresh process waited {took:?} to claim, post and read")
        });
    }

    async fn find(&mut self, agents: usize) -> Found {
        let mut found = Found::default();
        for name in (0..agents).map(name) {
            let (inbox, cursor) = self.whole_inbox(&name).await;
            found.inboxes.insert(name.clone(), inbox);
            found.cursors.insert(name, cursor);
        }
        for resource in RESOURCES {
            let fence = self.next_fence(resource).await;
            found.fences.insert(resource.to_owned(), fence);
        }
        found
    }

    async fn whole_inbox(&mut self, agent: &str) -> (Vec<Message>, String) {
        let mut all: Vec<Message> = Vec::new();
        loop {
            let since = all.last().map_or(BEGINNING, |message| &message.id);
            let arguments =
                json!({"agent_id": agent, "since": since, "limit": 1000, "topics": [TOPIC]});
            let reply = self.call("inbox", arguments).await;
            let page = reply["messages"].as_array().cloned().unwrap_or_default();
            all.extend(page.iter().map(message));
            if page.is_empty() {
                return (all, reply["cursor"].as_str().unwrap_or_default().to_owned());
            }
        }
    }

    /// What the next claim of a resource is granted, once all leases ahead have ended.
    async fn next_fence(&mut self, resource: &str) -> u64 {
        let wanted = json!({"agent_id": "fresh", "resource": resource, "wait_seconds": 50});
        let claim = self.call("claim", wanted).await;
        let granted = claim["status"] == "granted";
        self.report.expect(self.scene, granted, || {
            format!("{resource} is wedged: {claim}")
        });
        claim["fence"].as_u64().unwrap_or(0)
    }

    /// Writes until the next generation begins, which sweeps what is left of others.
    async fn rotate(&mut self, ground: &Ground) {
        let (before, _) = ground.journal();
        let body = "x".repeat(60_000);
        for _ in 0..5_000 {
            if ground.journal().0 > before {
                return;
            }
            let post = json!({"agent_id": "fresh", "to": "nobody", "body": body, "ttl_seconds": 1});
            self.call("post", post).await;
        }
        self.report
            .finding(self.scene, format!("journal.{before} never was rotated"));
    }
}

fn message(message: &Value) -> Message {
    let text = |member: &str| message[member].as_str().unwrap_or_default().to_owned();
    Message {
        id: text("message_id"),
        from: text("from"),
        to: text("to"),
        body: text("body"),
    }
}
