//! The rules of the contract, as scripts that a reader can check by hand.
//!
//! A script in `golden/` proves one rule or one sentence of it; a script in `parity/`
//! retells one behaviour of the predecessor. Each is a test of its own, named after
//! its file. The notation is described in [`script`]; [`host`] is the seam at which the
//! same scripts run on the bare rules and on whole coordinators.
//!
//! After changing a script, `UPDATE_GOLDENFILES=1 cargo test -p tests --test rules`
//! writes the new output into it. Then read that output against the contract: a wrong
//! golden is worse than none.

#![allow(
    clippy::disallowed_methods,
    reason = "scripts and sources are read as files; nothing else is"
)]

mod adopted;
mod cited;
mod costs;
mod deadlock;
mod histories;
mod host;
mod limits;
mod planted;
mod random;
mod reference;
mod render;
mod script;
mod symbols;

use std::path::Path;

use test_each_file::test_each_path;

use host::{CoreHost, FolderHost};
use script::Script;

test_each_path! { in "./tests/rules/golden" as golden => run }
test_each_path! { in "./tests/rules/parity" as parity => run }

/// Runs one script on every host; all of them must give the output that it holds.
fn run(path: &Path) {
    let core = &mut Script::new(CoreHost::default());
    goldenscript::run(core, path).expect("the script runs");

    let script = std::fs::read_to_string(path).expect("a readable script");
    let folder = &mut Script::new(FolderHost::default());
    let output = goldenscript::generate(folder, &script).expect("the script runs on a folder");
    assert_eq!(
        output, script,
        "coordinators on a folder give another output"
    );
}
