//! The files of the plugin say what they must, and agree with each other.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use mesh::tools::TOOLS;
use serde_json::{Value, json};

use super::{file, parsed, text};

const MANIFEST: &str = "plugin/.claude-plugin/plugin.json";

/// The marketplace `mesh` has the plugin `mesh`, which is where it says.
#[test]
fn the_marketplace_leads_to_the_plugin() {
    let marketplace = parsed(".claude-plugin/marketplace.json");
    assert_eq!(marketplace["name"], "mesh");
    assert!(marketplace["owner"]["name"].is_string());
    let plugins = marketplace["plugins"].as_array().unwrap();
    let [plugin] = plugins.as_slice() else {
        panic!("one plugin: {plugins:?}")
    };
    assert_eq!(
        (&plugin["name"], &plugin["source"]),
        (&json!("mesh"), &json!("./plugin"))
    );
    let manifest = parsed(MANIFEST);
    assert_eq!(manifest["name"], "mesh");
    assert_eq!(manifest["description"], plugin["description"]);
}

/// A plugin of another version than its program would be cached by clients as the same.
#[test]
fn the_plugin_has_the_version_of_the_program() {
    assert_eq!(parsed(MANIFEST)["version"], env!("CARGO_PKG_VERSION"));
    let entry = &parsed(".claude-plugin/marketplace.json")["plugins"][0];
    assert_eq!(entry.get("version"), None, "said once, in the manifest");
}

/// Hooks may not take long, above all at the end, when the client waits for nobody.
#[test]
fn there_is_a_hook_for_each_end_of_a_session_and_none_else() {
    let hooks = parsed("plugin/hooks/hooks.json")["hooks"].clone();
    let hooks = hooks.as_object().unwrap();
    let events: Vec<&str> = hooks.keys().map(String::as_str).collect();
    assert_eq!(events, ["SessionEnd", "SessionStart"]);
    for (event, groups) in hooks {
        assert_eq!(groups.as_array().map(Vec::len), Some(1), "{event}");
        assert_eq!(
            groups[0].get("matcher"),
            None,
            "{event}: whatever its reason"
        );
        let hook: &Value = &groups[0]["hooks"][0];
        assert_eq!(hook["type"], "command");
        assert!(hook["timeout"].as_u64().unwrap() <= 10, "{event}");
    }
}

#[test]
fn the_launcher_is_a_shell_script_that_can_be_run() {
    let path = file("plugin/launch.sh");
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111, "{mode:o}");
    assert!(text("plugin/launch.sh").starts_with("#!/bin/sh\n"));
    let checked = Command::new("sh").arg("-n").arg(&path).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
}

/// A client reads the head of a skill in every session, and the rest when it is wanted.
#[test]
fn the_skill_teaches_every_tool_briefly() {
    let skill = text("plugin/skills/mesh/SKILL.md");
    let (head, body) = skill
        .strip_prefix("---\n")
        .and_then(|rest| rest.split_once("\n---\n"))
        .expect("a head between lines of dashes");
    let head: Vec<(&str, &str)> = head.lines().filter_map(|l| l.split_once(": ")).collect();
    let [("name", name), ("description", description)] = head[..] else {
        panic!("a name and a description: {head:?}")
    };
    assert_eq!(name, "mesh");
    assert!(description.len() <= 1024, "{} bytes", description.len());
    assert!(!description.contains(": "), "YAML would read it as a map");
    for tool in TOOLS.iter().filter(|tool| tool.name != "gc") {
        assert!(
            body.contains(&format!("`{}`", tool.name)),
            "{} is not taught",
            tool.name
        );
    }
    let words = body.split_whitespace().count();
    assert!(words <= 550, "{words} words");
}
