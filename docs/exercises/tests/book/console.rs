//! What pages show of a shell is what it prints.
//!
//! Every `console` block below `docs/` is run in a repository of its own, with `mesh` and with
//! a `cargo` that knows the three aliases of this workspace, which are what the book has its
//! readers type. The programs are built with this test. (The README has a test of its own,
//! among the end-to-end tests.)

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tests::transcript::{Shell, Step, normal, transcripts};

use crate::tree::{Page, Problem, Tree, alone};

/// The machine that the tests run on has two cores.
const THREADS: usize = 2;

/// A `cargo` that has nothing but the aliases of `.cargo/config.toml`.
const CARGO: &str = concat!(
    "#!/bin/sh\n",
    "alias=$1\n",
    "shift\n",
    "case $alias in\n",
    "sim) exec '",
    env!("CARGO_BIN_EXE_book-sim"),
    "' \"$@\" ;;\n",
    "model) exec '",
    env!("CARGO_BIN_EXE_book-model"),
    "' \"$@\" ;;\n",
    "exercise) exec '",
    env!("CARGO_BIN_EXE_exercises"),
    "' \"$@\" ;;\n",
    "esac\n",
    "echo \"cargo $alias: a console block has cargo sim, cargo model and cargo exercise\"\n",
    "exit 2\n",
);

#[test]
fn pages_show_what_the_commands_print() {
    let _alone = alone();
    let tree = Tree::repository();
    let pages = tree.pages("docs");
    let (next, problems) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(page) = pages.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = check(page);
                    problems.lock().unwrap().extend(found);
                }
            });
        }
    });
    let mut problems = problems.into_inner().unwrap();
    problems.sort_by_key(|problem: &Problem| (problem.page.clone(), problem.line));
    tree.hold(problems);
}

/// Runs what a page shows.
fn check(page: &Page) -> Vec<Problem> {
    let transcripts = match transcripts(&page.text) {
        Ok(transcripts) => transcripts,
        Err(line) => {
            let stands = page.text.lines().nth(line - 1).unwrap_or_default();
            let should = "a command, `$ ...`: a console block begins with one";
            return vec![Problem::new(page, line, stands, should)];
        }
    };
    let mut problems = Vec::new();
    for transcript in transcripts {
        let shell = shell();
        for step in &transcript.steps {
            let printed = shell.run(&step.command);
            if normal(&printed) != normal(&step.printed) {
                problems.push(difference(page, step, &printed, &transcript.block.indent));
            }
        }
    }
    problems
}

fn shell() -> Shell {
    Shell::new()
        .with_program("mesh", Path::new(env!("CARGO_BIN_EXE_book-mesh")))
        .with_script("cargo", CARGO)
}

fn difference(page: &Page, step: &Step, printed: &str, indent: &str) -> Problem {
    let shown = |printed: &str| format!("$ {}\n{printed}", step.command);
    let first = step.line - 1 + step.height;
    let lines = first..first + step.printed.lines().count();
    let text = printed.lines().map(|line| format!("{indent}{line}\n"));
    Problem::new(page, step.line, shown(&step.printed), shown(printed))
        .mended_by(lines, text.collect())
}

mod bad_pages {
    use super::*;

    /// What is said of a page; and the page, mended.
    fn wrong(text: &str) -> (Vec<Problem>, String) {
        let tree = Tree::of(&[("docs/bad.md", text)]);
        let problems = check(&tree.pages("docs")[0]);
        tree.mend(&problems);
        (problems, tree.read("docs/bad.md").expect("a page"))
    }

    #[test]
    fn a_page_that_shows_what_is_not_printed_is_bad_and_can_be_mended() {
        let page = "# Bad\n\n```console\n$ echo one; echo two\none\n$ true\nnothing\n```\nend\n";
        let (problems, mended) = wrong(page);
        let lines: Vec<_> = problems.iter().map(|problem| problem.line).collect();
        assert_eq!(lines, [4, 6]);
        assert_eq!(problems[0].stands, "$ echo one; echo two\none\n");
        assert_eq!(problems[0].should, "$ echo one; echo two\none\ntwo\n");
        let good = "# Bad\n\n```console\n$ echo one; echo two\none\ntwo\n$ true\n```\nend\n";
        assert_eq!(mended, good);
        assert_eq!(wrong(&mended).0, []);
    }

    #[test]
    fn a_block_that_begins_with_no_command_is_bad() {
        let (problems, _) = wrong("```console\nmesh claims\n```\n");
        assert_eq!(
            (problems[0].line, problems[0].stands.as_str()),
            (2, "mesh claims")
        );
    }

    #[test]
    fn pages_have_mesh_and_the_aliases() {
        let shell = shell();
        assert!(shell.run("mesh --version").starts_with("mesh "));
        assert!(shell.run("cargo sim --version").starts_with("sim "));
        assert!(
            shell
                .run("cargo model --help")
                .starts_with("Explores the models")
        );
        assert!(shell.run("cargo exercise").contains("cargo exercise show"));
        let other = shell.run("cargo build; echo $?");
        assert!(
            other.starts_with("cargo build: ") && other.ends_with("\n2\n"),
            "{other}"
        );
    }
}
