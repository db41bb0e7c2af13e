//! The folder as its users find it: whose it is, where it is, and what becomes of a
//! server when something happens to it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;

use serde_json::{Value, json};
use tests::{Client, Sandbox, run};

use crate::refusal::every_call_is_refused_with;

/// S2: deleting the folder resets it; a server that still runs works on in a new one,
/// and acknowledges nothing that is only in the old one.
#[test]
fn a_folder_that_is_deleted_is_made_anew_by_those_who_still_run() {
    run(async {
        let sandbox = Sandbox::new().await;
        let one = sandbox.client("one").await;
        let two = sandbox.client("two").await;
        for round in 0..3 {
            let claim = one.claim("r", json!({})).await;
            assert_eq!(
                (&claim["status"], &claim["fence"]),
                (&json!("granted"), &json!(1))
            );
            assert_eq!(
                two.claim("r", json!({})).await["holder"],
                "one",
                "round {round}"
            );
            two.post("one", "lost with the folder", json!({})).await;
            fs::remove_dir_all(sandbox.mesh()).unwrap();
            assert_eq!(two.whole_inbox(&[]).await, Vec::<Value>::new());
            assert_eq!(
                one.claims(json!({})).await["claims"],
                json!([]),
                "a new folder"
            );
            let post = one.post("two", "kept", json!({})).await;
            let inbox = two.inbox(json!({})).await;
            assert_eq!(inbox["messages"][0]["message_id"], post["message_id"]);
            fs::remove_dir_all(sandbox.mesh()).unwrap();
        }
    });
}

/// S4: a `.mesh` that is a symbolic link is refused, and its target left alone.
#[test]
fn a_folder_that_is_a_symbolic_link_is_refused() {
    run(async {
        for named in [true, false] {
            let sandbox = if named {
                Sandbox::bare()
            } else {
                Sandbox::repository()
            };
            let target = sandbox.path("elsewhere");
            fs::create_dir(&target).unwrap();
            symlink(&target, sandbox.mesh()).unwrap();
            let directory = if named { "" } else { "main" };
            let client = sandbox.client_in(directory, "a").await;
            let said = every_call_is_refused_with(&client).await;
            let shown = fs::canonicalize(sandbox.mesh().parent().unwrap())
                .unwrap()
                .join(".mesh");
            let what = " is a symbolic link; replace it by a real folder, or set MESH_DIR to the \
                        folder that is meant";
            assert!(said.ends_with(what), "{said}");
            assert!(
                said.starts_with(&*sandbox.mesh().to_string_lossy())
                    || said.starts_with(&*shown.to_string_lossy()),
                "{said}"
            );
            client.leave().await;
            assert_eq!(
                fs::read_dir(&target).unwrap().count(),
                0,
                "the target is left alone"
            );
        }
    });
}

/// A place that may not be written to: the server starts and says so. Root may write
/// everywhere, and so runs the server as nobody.
#[test]
fn a_place_that_may_not_be_written_to_is_named() {
    run(async {
        let sandbox = Sandbox::bare();
        let closed = sandbox.path("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(sandbox.root(), Permissions::from_mode(0o755)).unwrap();
        let server = sandbox.command("", &["mcp"]);
        let copy = sandbox.path("mesh-copy");
        fs::copy(server.get_program(), &copy).unwrap();
        let mut command = std::process::Command::new(&copy);
        command
            .arg("mcp")
            .current_dir(sandbox.root())
            .env("MESH_DIR", closed.join(".mesh"));
        if rustix::process::geteuid().is_root() {
            command.uid(65_534).gid(65_534);
        }
        let client = Client::connect("a", command).await;
        let said = every_call_is_refused_with(&client).await;
        let expected = format!(
            "cannot create the folder {}: Permission denied (os error 13); give this user read and \
             write permission there, or set MESH_DIR to a folder of its own",
            closed.join(".mesh").display()
        );
        assert_eq!(said, expected);
        // Once it may be written to, the very same server works.
        fs::set_permissions(&closed, Permissions::from_mode(0o777)).unwrap();
        assert_eq!(client.claim("r", json!({})).await["status"], "granted");
        client.leave().await;
    });
}

/// S4: all worktrees of a repository share one folder, which ignores itself and is
/// nobody else's to read.
#[test]
fn worktrees_share_one_folder() {
    run(async {
        let sandbox = Sandbox::repository();
        sandbox.git("main", &["worktree", "add", "--quiet", "../second"]);
        fs::create_dir_all(sandbox.path("main/src/deep")).unwrap();
        let one = sandbox.client_in("main/src/deep", "one").await;
        let two = sandbox.client_in("second", "two").await;
        let claim = one.claim("r", json!({})).await;
        assert_eq!(claim["status"], "granted");
        assert_eq!(two.claim("r", json!({})).await["holder"], "one");
        two.post("one", "from the other worktree", json!({})).await;
        assert_eq!(one.whole_inbox(&[]).await.len(), 1);
        assert!(
            !sandbox.path("second/.mesh").exists() && !sandbox.path("main/src/deep/.mesh").exists()
        );
        let mode = fs::metadata(sandbox.mesh()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut status = std::process::Command::new("git");
        let status = status
            .args(["status", "--porcelain"])
            .current_dir(sandbox.path("main"));
        let listed = status.output().expect("git");
        assert_eq!(
            String::from_utf8_lossy(&listed.stdout),
            "",
            "it ignores itself"
        );
    });
}

/// S4: a bare repository holds the folder, for all of its worktrees.
#[test]
fn the_worktrees_of_a_bare_repository_share_the_folder_inside_it() {
    run(async {
        let sandbox = Sandbox::repository();
        sandbox.git("", &["clone", "--quiet", "--bare", "main", "bare.git"]);
        sandbox.git("bare.git", &["worktree", "add", "--quiet", "../third"]);
        let client = sandbox.client_in("third", "a").await;
        assert_eq!(client.claim("r", json!({})).await["status"], "granted");
        let other = sandbox.client_in("bare.git", "b").await;
        assert_eq!(other.claim("r", json!({})).await["holder"], "a");
        assert!(sandbox.path("bare.git/.mesh/format").exists());
        assert!(!sandbox.path("third/.mesh").exists());
    });
}

/// S2: after a clean exit the state is there for people, in the predecessor's shapes.
#[test]
fn a_clean_exit_leaves_the_state_as_json() {
    run(async {
        let sandbox = Sandbox::new().await;
        let client = sandbox.client("ada").await;
        client.register(60).await;
        let claim = client
            .claim("r", json!({"note": "n", "lease_seconds": 600}))
            .await;
        let post = client.post("*", "hello", json!({"subject": "s"})).await;
        client
            .read(post["message_id"].as_str().unwrap(), json!({}))
            .await;
        client.leave().await;

        let text = fs::read_to_string(sandbox.mesh().join("state.json")).unwrap();
        let state: Value = serde_json::from_str(&text).expect("JSON");
        for member in [
            "roster",
            "claims",
            "messages",
            "log",
            "cursors",
            "events",
            "fence_floor",
        ] {
            assert!(!state[member].is_null(), "{member} is missing: {text}");
        }
        assert_eq!(state["roster"]["ada"]["branch"], "main");
        assert!(
            state["roster"]["ada"]["last_seen"].as_u64() > Some(1_600_000_000),
            "Unix seconds"
        );
        assert_eq!(
            state["claims"]["r"]["holders"][0]["claim_id"],
            claim["claim_id"]
        );
        assert_eq!(state["fence_floor"]["r"], 1);
        assert_eq!(state["cursors"]["ada"], post["message_id"]);
        let id = post["message_id"].as_str().unwrap();
        assert_eq!(state["messages"][id]["body"], "hello");
        assert_eq!(state["log"][0]["message_id"], post["message_id"]);
        let kinds = state["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| &event["event"]);
        assert!(kinds.into_iter().any(|kind| kind == "grant"), "{text}");

        // It is written, and never read: what it says of ours is not taken over.
        fs::write(sandbox.mesh().join("state.json"), "{}").unwrap();
        let again = sandbox.client("ada").await;
        assert_eq!(
            again.claim("r", json!({})).await["claim_id"],
            claim["claim_id"]
        );
    });
}
