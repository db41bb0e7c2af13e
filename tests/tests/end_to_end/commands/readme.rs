//! The README shows what the commands print.
//!
//! Every `console` block is run in a new repository, line by line, and must print what
//! stands there. Only what differs from run to run is made equal first: ids, times,
//! durations, sizes and the place.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use tests::{Site, binary};

use super::finish;

/// A command of a transcript, and what is to come of it.
#[derive(Debug)]
struct Step {
    command: String,
    printed: String,
}

fn transcripts(text: &str) -> Vec<Vec<Step>> {
    let blocks = text.split("```console\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().expect("an end"));
    blocks.map(steps).collect()
}

fn steps(block: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                command: command.to_owned(),
                printed: String::new(),
            }),
            (None, Some(step)) => step.printed.extend([line, "\n"]),
            (None, None) => panic!("a transcript begins with a command: {line}"),
        }
    }
    steps
}

/// The text without what differs from run to run. Blanks count as one, since columns
/// follow the width of what is in them.
fn normal(text: &str) -> String {
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

fn run(site: &Site, step: &Step, path: &Path) -> String {
    let mut shell = site.command("main", &[]);
    let before = std::env::var("PATH").unwrap_or_default();
    let search = format!("{}:{before}", path.display());
    let mut command = std::process::Command::new("sh");
    command
        .arg("-c")
        .arg(format!("exec 2>&1\n{}", step.command));
    command.current_dir(site.path("main")).env("PATH", search);
    for (name, value) in shell.stdin(Stdio::null()).get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    finish(command).out
}

#[test]
fn the_readme_shows_what_the_commands_print() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let transcripts = transcripts(&fs::read_to_string(readme).unwrap());
    let commands = transcripts.iter().map(Vec::len).sum::<usize>();
    assert!(
        commands >= 8,
        "the README has transcripts: {commands} commands"
    );
    for transcript in transcripts {
        let site = Site::repository();
        let path = site.path("bin");
        fs::create_dir(&path).unwrap();
        symlink(binary(), path.join("mesh")).unwrap();
        let place = fs::canonicalize(site.path("main")).unwrap();
        for step in &transcript {
            let printed = run(&site, step, &path);
            let printed = printed.replace(place.to_str().unwrap(), "/home/ann/shop");
            assert_eq!(
                normal(&printed),
                normal(&step.printed),
                "$ {}",
                step.command
            );
        }
    }
}

#[test]
fn only_what_differs_from_run_to_run_is_made_equal() {
    let line = "granted  r-1  1  2m00s  01M844FEH7FC8XZBM5557ZWXXK";
    assert_eq!(normal(line), "granted r-1 1 DURATION ID");
    let line = r#"{"posted_at":"2026-11-23T12:00:48Z","fanout":1} 1.6 kB, 0s ago"#;
    let equal = r#"{"posted_at":"TIME","fanout":1} SIZE kB, DURATION ago"#;
    assert_eq!(normal(line), equal);
    assert_eq!(normal("hms s 12:00 v0.3.0"), "hms s 12:00 v0.3.0");
}
