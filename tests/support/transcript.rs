//! Transcripts: what a page shows of a shell, to be run again.
//!
//! A `console` block is a story of its own, told in a new git repository. A line that begins
//! with `$ ` is a command (one that ends in a backslash goes on in the next line), the lines
//! below it are what it prints, on standard output and standard error alike. [`Shell`] runs
//! the commands, and [`normal`] makes equal what differs from run to run: ids, times,
//! durations, sizes and the place. Commits have the same names in each run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pages::markdown::{Block, blocks};
use rustix::process::{Pid, Signal, kill_process_group};

use super::sandbox::Sandbox;

/// How long one command may take. A page shows what ends at once; this only ends what hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Where a reader is told that the commands ran.
const PLACE: &str = "/home/ann/shop";

/// The commands of one `console` block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// The block that they stand in.
    pub block: Block,
    /// The commands, in their order.
    pub steps: Vec<Step>,
}

/// A command of a transcript, and what is to come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of its line in the page.
    pub line: usize,
    /// The command, without the prompt.
    pub command: String,
    /// How many lines the command takes.
    pub height: usize,
    /// What stands below it.
    pub printed: String,
}

/// The transcripts of a page. The error is a line that belongs to no command.
///
/// # Errors
///
/// The number of a line that stands before the first command of its block.
pub fn transcripts(page: &str) -> Result<Vec<Transcript>, usize> {
    let console = blocks(page).into_iter();
    let console = console.filter(|block| block.info == "console");
    console
        .map(|block| {
            let steps = steps(&block)?;
            Ok(Transcript { block, steps })
        })
        .collect()
}

fn steps(block: &Block) -> Result<Vec<Step>, usize> {
    let mut steps: Vec<Step> = Vec::new();
    for (text, line) in block.text.lines().zip(block.line + 1..) {
        match (text.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                line,
                command: command.to_owned(),
                height: 1,
                printed: String::new(),
            }),
            (None, Some(step)) if step.goes_on() => {
                step.height += 1;
                step.command.extend(["\n", text]);
            }
            (None, Some(step)) => step.printed.extend([text, "\n"]),
            (None, None) => return Err(line),
        }
    }
    Ok(steps)
}

impl Step {
    /// Whether the line that comes next belongs to the command.
    fn goes_on(&self) -> bool {
        self.command.ends_with('\\') && self.printed.is_empty()
    }
}

/// A shell in a new repository, with the programs that a page speaks of.
#[derive(Debug)]
pub struct Shell {
    sandbox: Sandbox,
}

impl Shell {
    /// In a repository with one commit on `main`, and no programs yet but those of the system.
    ///
    /// # Panics
    ///
    /// Where the repository cannot be made.
    pub fn new() -> Self {
        let sandbox = Sandbox::repository();
        fs::create_dir(sandbox.path("bin")).expect("a directory");
        let shell = Self { sandbox };
        let said = shell.run(
            "git branch --move main && \
             git commit --quiet --amend --reset-author --allow-empty --message first",
        );
        assert_eq!(said, "", "git says nothing");
        shell
    }

    /// Puts a program into the path, under the name that pages use.
    ///
    /// # Panics
    ///
    /// Where there is one of this name.
    #[must_use]
    pub fn with_program(self, name: &str, program: &Path) -> Self {
        symlink(program, self.bin().join(name)).expect("a new link");
        self
    }

    /// Puts a script into the path.
    ///
    /// # Panics
    ///
    /// Where it cannot be written.
    #[must_use]
    pub fn with_script(self, name: &str, text: &str) -> Self {
        let path = self.bin().join(name);
        fs::write(&path, text).expect("a new script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("one that runs");
        self
    }

    fn bin(&self) -> PathBuf {
        self.sandbox.path("bin")
    }

    /// Runs a command, and gives what it prints. One that hangs is killed, and that is said
    /// where its output ends.
    ///
    /// # Panics
    ///
    /// Where there is no `sh`.
    pub fn run(&self, command: &str) -> String {
        let before = std::env::var("PATH").unwrap_or_default();
        let mut shell = self.sandbox.program("sh", "main");
        shell
            .arg("-c")
            .arg(format!("exec 2>&1\n{command}"))
            .env("PATH", format!("{}:{before}", self.bin().display()))
            .envs(GIT)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        let child = shell.spawn().expect("a shell");
        let group = Pid::from_child(&child);
        let (ended, news) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            let late = news.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout);
            late && kill_process_group(group, Signal::KILL).is_ok()
        });
        let output = child.wait_with_output().expect("an output");
        drop(ended);
        let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if watch.join().expect("a watch") {
            printed.push_str("(killed: it was still running after 60 s)\n");
        }
        let place = fs::canonicalize(self.sandbox.path("main")).expect("a place");
        printed.replace(&place.display().to_string(), PLACE)
    }
}

impl Default for Shell {
    fn default() -> Self {
        Self::new()
    }
}

/// What makes git the same for everybody, down to the names of its commits.
const GIT: [(&str, &str); 9] = [
    ("TZ", "UTC"),
    ("GIT_AUTHOR_DATE", "2026-06-14T12:00:00Z"),
    ("GIT_COMMITTER_DATE", "2026-06-14T12:00:00Z"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_AUTHOR_NAME", "ann"),
    ("GIT_AUTHOR_EMAIL", "ann@example.org"),
    ("GIT_COMMITTER_NAME", "ann"),
    ("GIT_COMMITTER_EMAIL", "ann@example.org"),
];

/// The text without what differs from run to run. Blanks count as one, since columns
/// follow the width of what is in them.
pub fn normal(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words = line.split_whitespace().map(normal_word);
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn normal_word(word: &str) -> String {
    let part_of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-');
    let mut out = String::new();
    let mut rest = word;
    while let Some(start) = rest.find(part_of_token) {
        let token = &rest[start..];
        let end = token.find(|c| !part_of_token(c)).unwrap_or(token.len());
        out.push_str(&rest[..start]);
        out.push_str(normal_token(&token[..end]));
        rest = &token[end..];
    }
    out + rest
}

fn normal_token(token: &str) -> &str {
    let is_digit = |c: char| c.is_ascii_digit();
    let id = |c: char| c.is_ascii_digit() || c.is_ascii_uppercase();
    if token.len() == 26 && token.chars().all(id) {
        return "ID";
    }
    if token.len() == 20 && token.ends_with('Z') && token.contains('T') {
        return "TIME";
    }
    if token.contains('.') && token.parse::<f64>().is_ok() {
        return "SIZE";
    }
    let units: String = token.chars().filter(|c| !is_digit(*c)).collect();
    match units.as_str() {
        "s" | "ms" | "hm" | "dh" if token.starts_with(is_digit) => "DURATION",
        _ => token,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_from_run_to_run_is_made_equal() {
        let line = "granted  r-1  1  2m00s  01M844FEH7FC8XZBM5557ZWXXK";
        assert_eq!(normal(line), "granted r-1 1 DURATION ID");
        let line = r#"{"posted_at":"2026-11-23T12:00:48Z","fanout":1} 1.6 kB, 0s ago"#;
        let equal = r#"{"posted_at":"TIME","fanout":1} SIZE kB, DURATION ago"#;
        assert_eq!(normal(line), equal);
        assert_eq!(normal("hms s 12:00 v0.3.0"), "hms s 12:00 v0.3.0");
    }

    #[test]
    fn a_transcript_has_commands_and_what_they_print() {
        let page = "```console\n$ echo a \\\n    b\na b\n$ true\n```\n";
        let steps = &transcripts(page).unwrap()[0].steps;
        assert_eq!((steps[0].line, steps[0].height), (2, 2));
        assert_eq!(steps[0].command, "echo a \\\n    b");
        assert_eq!(steps[0].printed, "a b\n");
        assert_eq!((steps[1].line, steps[1].printed.as_str()), (5, ""));
        assert_eq!(transcripts("\n```console\nno command\n```\n"), Err(3));
    }

    #[test]
    fn commands_run_in_a_repository_of_their_own() {
        let shell = Shell::new().with_script("greet", "#!/bin/sh\necho \"hello $1\" >&2\n");
        let commit = shell.run("git rev-parse HEAD");
        assert_eq!(commit, Shell::new().run("git rev-parse HEAD"));
        assert_eq!(shell.run("greet ann; echo done"), "hello ann\ndone\n");
        assert_eq!(
            shell.run("pwd; git branch --show-current"),
            "/home/ann/shop\nmain\n"
        );
    }
}
