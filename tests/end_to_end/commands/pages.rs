//! Help, completions and man pages.

use mesh::tools::TOOLS;
use tests::Sandbox;

use super::mesh;

#[test]
fn every_command_explains_itself_with_an_example() {
    let sandbox = Sandbox::bare();
    let others = [
        "run",
        "fence",
        "status",
        "log",
        "mcp",
        "hook",
        "completions",
        "man",
    ];
    for name in TOOLS.iter().map(|tool| tool.name).chain(others) {
        let help = mesh(&sandbox, &[name, "--help"]).well().out;
        let usage = help.lines().find(|line| line.starts_with("Usage: mesh"));
        let usage = usage.expect("a usage line");
        assert!(usage.contains(&format!(" {name} ")), "{usage}");
        let example = format!(" mesh {name}");
        let (_, examples) = help.split_once("Examples:\n").expect("examples");
        assert!(examples.contains(&example) || name == "mcp", "{help}");
    }
    assert!(!sandbox.mesh().exists(), "nothing was made");
}

/// What the table of the tools says is what the help says.
#[test]
fn the_help_of_a_tool_is_that_of_the_table() {
    let sandbox = Sandbox::bare();
    for tool in &TOOLS {
        let help = mesh(&sandbox, &[tool.name, "--help"]).well().out;
        let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let help = flat(&help);
        assert!(
            help.contains(&flat(tool.description)),
            "{}: {help}",
            tool.name
        );
        for parameter in tool.parameters {
            let told = flat(parameter.description);
            assert!(help.contains(&told), "{}: {told}: {help}", tool.name);
        }
    }
}

#[test]
fn completions_are_there_for_every_shell() {
    let sandbox = Sandbox::bare();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = mesh(&sandbox, &["completions", shell]).well().out;
        for word in ["status", "claim", "queue"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        let internal = script.contains("run-guard");
        assert!(!internal, "{shell}: what only mesh itself starts");
    }
    assert_eq!(mesh(&sandbox, &["completions", "csh"]).code, Some(2));
}

#[test]
fn there_is_a_man_page_for_mesh_and_each_command() {
    let sandbox = Sandbox::bare();
    let page = mesh(&sandbox, &["man"]).well().out;
    assert!(page.contains(".TH mesh 1"), "{page}");
    assert!(
        page.contains("MESH_AGENT") && page.contains("Exit codes"),
        "{page}"
    );
    let page = mesh(&sandbox, &["man", "claim"]).well().out;
    assert!(page.contains(".TH mesh-claim 1"), "{page}");
    assert!(page.contains("\\-\\-queue"), "{page}");
    let unknown = mesh(&sandbox, &["man", "cl\u{1b}im"]);
    assert_eq!(unknown.code, Some(2));
    let complaint = "mesh: mesh has no command \"cl\\u{1b}im\"; `mesh --help` lists them\n";
    assert_eq!(unknown.err, complaint);
}
