//! The commands as people and scripts use them: the nine tools, those that only look,
//! what a terminal shows, commands under a claim, and the README.

mod fence;
mod fencing;
mod looking;
mod pages;
mod pinned;
mod readme;
mod reference;
mod run;
mod running;
mod screen;
mod tools;

use std::process::{Command, Stdio};

use serde_json::Value;
use tests::Sandbox;

/// How a command ended, and what it said.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    /// The output as JSON.
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Held to have ended well, without a word on standard error.
    fn well(self) -> Self {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{self:?}");
        self
    }
}

/// Runs `mesh` in the place of a test.
fn mesh(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    finish(sandbox.command("", arguments))
}

fn finish(mut command: Command) -> Ran {
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
