//! `docs/command-line.md` is what the commands say of themselves.
//!
//! The page is made of the very help that `mesh` prints. After a change,
//! `BLESS=1 cargo test -p tests --test end_to_end reference` writes it anew.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use tests::Sandbox;

use super::mesh;

const HEAD: &str = "\
# Command line

Every command with its options, as `mesh COMMAND --help` prints them; a test holds this page to that.
What a person sees goes to standard output, complaints go to standard error, and `--json` gives scripts what an
agent gets from the tool of the same name. Variables of the environment and limits are in
[configuration.md](configuration.md), what a complaint means in [errors.md](errors.md).

| exit code | meaning |
|---|---|
| 0 | it is done, or granted; also where a server was asked to end |
| 75 | not now: the claim is queued or denied (`EX_TEMPFAIL`: try again later) |
| 2 | wrong usage: nothing was tried |
| 1 | it failed, or there was nothing of the kind to be done, or something is left to be done |

`mesh run` ends as its command ends, and has codes of its own where there was none: see there.
";

/// The page that the program under test would have.
fn page(sandbox: &Sandbox) -> String {
    let help = mesh(sandbox, &["--help"]).well().out;
    let mut text = format!("{HEAD}\n## mesh\n\n{}", block(&help));
    for name in commands(&help) {
        let help = mesh(sandbox, &[&name, "--help"]).well().out;
        // Writing to a String cannot fail.
        let _ = write!(text, "\n## mesh {name}\n\n{}", block(&help));
    }
    text
}

/// The names in the list of commands.
fn commands(help: &str) -> Vec<String> {
    let (_, list) = help.split_once("Commands:\n").expect("a list of commands");
    let (list, _) = list.split_once("\n\n").expect("its end");
    let named = list.lines().filter_map(|line| line.strip_prefix("  "));
    let names = named.filter_map(|line| {
        line.split_whitespace()
            .next()
            .filter(|_| !line.starts_with(' '))
    });
    names
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn block(help: &str) -> String {
    // The program under test has another name than the one that users have.
    let help = help.replace("mesh-under-test", "mesh");
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    format!("```text\n{}\n```\n", lines.join("\n").trim_end())
}

#[test]
fn the_page_of_the_command_line_is_what_the_commands_say() {
    let sandbox = Sandbox::bare();
    let page = page(&sandbox);
    for name in ["claim", "run", "doctor", "mcp", "man"] {
        assert!(page.contains(&format!("\n## mesh {name}\n")), "{name}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/command-line.md");
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &page).expect("a page that can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        written, page,
        "docs/command-line.md is out of date: run this test with BLESS=1"
    );
}
