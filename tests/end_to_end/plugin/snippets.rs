//! What the README has for other clients is well-formed, and starts the server.

use serde_json::{Map, Value};
use tests::{Sandbox, run};

use super::{lists_nine_tools, search_path, text};

/// The code of `language` in the paragraph of the README about `client`.
fn snippet(client: &str, language: &str) -> String {
    let readme = text("README.md");
    let (_, about) = readme.split_once(&format!("**{client}**")).expect(client);
    let about = about.split("\n**").next().unwrap_or_default();
    let (_, code) = about.split_once(&format!("```{language}\n")).expect(client);
    code.split_once("```").expect("an end").0.to_owned()
}

/// The tables of a TOML file whose values are written as JSON writes them, too: strings
/// in double quotes, and lists of them.
fn toml(code: &str) -> Value {
    let mut tables = Map::new();
    let mut name = "";
    for line in code.lines().filter(|line| !line.is_empty()) {
        if let Some(header) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            name = header;
            let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            assert!(name.chars().all(bare), "{line}");
            assert!(!tables.contains_key(name), "{line} twice");
            tables.insert(name.to_owned(), Value::Object(Map::new()));
            continue;
        }
        let (key, value) = line.split_once(" = ").unwrap_or_else(|| panic!("{line}"));
        let value: Value = serde_json::from_str(value).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert_eq!(
            tables[name]
                .as_object_mut()
                .unwrap()
                .insert(key.to_owned(), value),
            None
        );
    }
    tables.into()
}

/// Starts the server as a client would that reads the snippet.
async fn starts(client: &str, server: &Value) {
    let sandbox = Sandbox::repository();
    let path = search_path(&sandbox);
    let command = server["command"]
        .as_str()
        .unwrap_or_else(|| panic!("{client}: {server}"));
    let mut command = sandbox.program(command, "main");
    let arguments = server["args"]
        .as_array()
        .unwrap_or_else(|| panic!("{client}: {server}"));
    command.args(arguments.iter().map(|argument| argument.as_str().unwrap()));
    command.env("PATH", path);
    lists_nine_tools(command).await;
}

#[test]
fn the_snippets_of_all_clients_start_the_server() {
    run(async {
        let codex = toml(&snippet("Codex", "toml"));
        starts("Codex", &codex["mcp_servers.mesh"]).await;
        for (client, section) in [
            ("Cursor", "mcpServers"),
            ("VS Code", "servers"),
            ("Zed", "context_servers"),
        ] {
            let code = snippet(client, "json");
            let config: Value =
                serde_json::from_str(&code).unwrap_or_else(|error| panic!("{client}: {error}"));
            let top = config.as_object().unwrap();
            assert_eq!(top.len(), 1, "{client} knows nothing but {section}");
            starts(client, &config[section]["mesh"]).await;
        }
    });
}

#[test]
#[should_panic(expected = "args = mcp")]
fn a_snippet_that_is_no_toml_is_noticed() {
    toml("[mcp_servers.mesh]\nargs = mcp\n");
}
