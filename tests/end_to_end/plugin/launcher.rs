//! The launcher, run by the very lines of the plugin's files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::Value;
use tests::{Sandbox, run};

use super::{Ran, event, file, finish, lists_nine_tools, parsed, search_path};

const ROOT: &str = "CLAUDE_PLUGIN_ROOT";

fn root() -> String {
    fs::canonicalize(file("plugin"))
        .unwrap()
        .display()
        .to_string()
}

/// The server as `.mcp.json` has it, started from the sandbox's root in the project `main`.
fn server(sandbox: &Sandbox, path: &str) -> Command {
    let config = parsed("plugin/.mcp.json");
    let servers = config["mcpServers"].as_object().unwrap();
    let names: Vec<&String> = servers.keys().collect();
    assert_eq!(names, ["mesh"]);
    let expanded = |text: &Value| {
        text.as_str()
            .unwrap()
            .replace(&format!("${{{ROOT}}}"), &root())
    };
    let mut command = sandbox.program(expanded(&servers["mesh"]["command"]), "");
    command.args(
        servers["mesh"]["args"]
            .as_array()
            .unwrap()
            .iter()
            .map(expanded),
    );
    in_session(sandbox, path, &mut command);
    command
}

/// A hook as `hooks.json` has it: a line that the client gives to a shell.
fn hook(sandbox: &Sandbox, path: &str, name: &str) -> Ran {
    let hooks = parsed("plugin/hooks/hooks.json");
    let line = &hooks["hooks"][name][0]["hooks"][0]["command"];
    let mut command = sandbox.program("sh", "");
    command
        .arg("-c")
        .arg(line.as_str().unwrap())
        .env(ROOT, root());
    in_session(sandbox, path, &mut command);
    finish(command, &event(name, "s-1"))
}

/// The environment of a client that was started in the project `main`.
fn in_session(sandbox: &Sandbox, path: &str, command: &mut Command) {
    command
        .env("PATH", path)
        .env("HOME", sandbox.root())
        .env_remove("CARGO_HOME")
        .env("CLAUDE_PROJECT_DIR", sandbox.path("main"))
        .env("CLAUDE_CODE_SESSION_ID", "s-1");
}

#[test]
fn server_and_hooks_share_the_projects_folder_wherever_they_are_started() {
    run(async {
        let sandbox = Sandbox::repository();
        let path = search_path(&sandbox);
        let greeted = hook(&sandbox, &path, "SessionStart");
        assert_eq!((greeted.code, greeted.err.as_str()), (Some(0), ""));
        assert!(greeted.out.starts_with("mesh is ready: "), "{greeted:?}");
        assert!(!sandbox.mesh().exists(), "a greeting makes nothing");

        lists_nine_tools(server(&sandbox, &path)).await;
        let client = tests::Client::connect("ann", server(&sandbox, &path)).await;
        client.register(600).await;
        client.claim("doc", serde_json::json!({})).await;
        assert!(sandbox.mesh().exists());
        assert!(!sandbox.path(".mesh").exists(), "not where it was started");

        let greeted = hook(&sandbox, &path, "SessionStart");
        let own = "Registered in this session, so go on as: \"ann\" (alive";
        assert!(greeted.out.contains(own), "{greeted:?}");
        let released = Ran {
            code: Some(0),
            out: "released doc of ann\n".to_owned(),
            err: String::new(),
        };
        assert_eq!(hook(&sandbox, &path, "SessionEnd"), released);
        client.leave().await;
    });
}

/// Cargo installs where a client that was started from a desktop does not look.
#[test]
fn a_mesh_that_cargo_installed_is_found_off_the_path() {
    run(async {
        let sandbox = Sandbox::repository();
        search_path(&sandbox);
        fs::create_dir(sandbox.path(".cargo")).unwrap();
        fs::rename(sandbox.path("bin"), sandbox.path(".cargo/bin")).unwrap();
        lists_nine_tools(server(&sandbox, "/usr/bin:/bin")).await;
    });
}

/// The files of a clone are somebody else's, so a program in it is not started because of a
/// path that says "here".
#[test]
fn a_mesh_in_the_clone_is_not_started_by_a_relative_path() {
    run(async {
        let sandbox = Sandbox::repository();
        let own = search_path(&sandbox);
        let planted = sandbox.path("main/bin");
        fs::create_dir(&planted).unwrap();
        for folder in [&planted, &sandbox.path("main")] {
            let program = folder.join("mesh");
            fs::write(&program, "#!/bin/sh\necho planted\n").unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for relative in ["bin", ".", "", "./bin", "../main/bin"] {
            let path = format!("{relative}:{own}");
            lists_nine_tools(server(&sandbox, &path)).await;
            let greeted = hook(&sandbox, &path, "SessionStart");
            assert!(
                !greeted.out.contains("planted"),
                "{relative:?}: {greeted:?}"
            );
        }
    });
}

/// Nor where nothing else is on the path, or cargo's home is said to be here.
#[test]
fn a_mesh_in_the_clone_is_not_started_by_a_path_without_anything_else() {
    let sandbox = Sandbox::repository();
    fs::create_dir(sandbox.path("main/bin")).unwrap();
    for place in ["main/mesh", "main/bin/mesh"] {
        let program = sandbox.path(place);
        fs::write(&program, "#!/bin/sh\necho planted\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    for path in [".", "bin", ":", "bin:.", ""] {
        for cargo in [None, Some("."), Some("")] {
            let mut command = sandbox.program("/bin/sh", "");
            command.arg(format!("{}/launch.sh", root())).arg("mcp");
            in_session(&sandbox, path, &mut command);
            cargo.map(|home| command.env("CARGO_HOME", home));
            let ran = finish(command, "");
            assert_eq!(ran.code, Some(127), "{path:?}, {cargo:?}: {ran:?}");
            assert_eq!(ran.out, "", "{path:?}, {cargo:?}");
        }
    }
}

/// Without mesh the server fails, which the client shows; a hook is a guest, and does not.
#[test]
fn without_mesh_one_line_says_how_to_install_it() {
    let sandbox = Sandbox::repository();
    let path = "/usr/bin:/bin";
    let missing = "mesh is not installed, or not on the PATH: run 'cargo install --path mesh \
                   --profile dist' in a clone of its repository, then start this session again\n";
    let ran = finish(server(&sandbox, path), "");
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(127), "", missing)
    );
    for name in ["SessionStart", "SessionEnd"] {
        let ran = hook(&sandbox, path, name);
        assert_eq!(
            (ran.code, ran.out.as_str(), ran.err.as_str()),
            (Some(0), missing, "")
        );
    }
}
