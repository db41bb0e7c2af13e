//! The folder as its users find it: whose it is, where it is, and what becomes of a
//! server when something happens to it.

use std::fs::{self, Permissions};
use std::ops::Range;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tests::{Client, Site, story};

const ZERO: &str = "00000000000000000000000000";

/// One call of each tool, all of which would be answered in a healthy folder.
fn nine_calls() -> [(&'static str, Value); 9] {
    [
        (
            "register",
            json!({"agent_id": "a", "branch": "b", "prompt_ptr": "p"}),
        ),
        ("roster", json!({"agent_id": "a"})),
        ("claim", json!({"agent_id": "a", "resource": "r"})),
        (
            "release",
            json!({"agent_id": "a", "claim_id": "c", "resource": "r"}),
        ),
        ("claims", json!({"agent_id": "a"})),
        ("post", json!({"agent_id": "a", "to": "b", "body": "x"})),
        ("inbox", json!({"agent_id": "a"})),
        ("read", json!({"agent_id": "a", "up_to": ZERO})),
        ("gc", json!({})),
    ]
}

/// G7: the server starts, and each of the nine tools answers with the same error.
async fn every_call_is_refused_with(client: &Client) -> String {
    let first = client.refused("claims", &json!({"agent_id": "a"})).await;
    for (tool, arguments) in nine_calls() {
        assert_eq!(client.refused(tool, &arguments).await, first, "{tool}");
    }
    first
}

/// A folder in which ten messages were acknowledged, and nobody works any more.
async fn used() -> Site {
    let site = Site::new().await;
    let client = site.client("a").await;
    for n in 0..10 {
        client.post("b", &format!("message {n}"), json!({})).await;
    }
    client.kill();
    site
}

/// The record that contains `text`: where it begins, and where the next one does.
fn record_with(journal: &[u8], text: &str) -> Range<usize> {
    let at = journal
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .expect("the journal has it");
    let separator = |byte: &u8| *byte == 0x1E;
    let start = journal[..at].iter().rposition(separator);
    let end = journal[at..].iter().position(separator);
    start.expect("a record")..end.map_or(journal.len(), |length| at + length)
}

/// The file, line and byte that an error names.
fn place_in(said: &str) -> (&str, usize, usize) {
    let (place, _) = said
        .split_once(": ")
        .expect("a place, and what is wrong with it");
    let mut parts = place.split(", ");
    let file = parts.next().expect("a file");
    let mut number = |unit: &str| {
        let number = parts.next().and_then(|part| part.strip_prefix(unit));
        let number = number.and_then(|number| number.parse().ok());
        number.unwrap_or_else(|| panic!("no {unit}in {said}"))
    };
    (file, number("line "), number("byte "))
}

/// G7: a bit that flipped in what was acknowledged is found, and named by file, line and
/// byte; nothing is changed.
#[test]
fn a_damaged_journal_is_named_by_file_line_and_byte_in_every_answer() {
    story(async {
        for text in ["message 4", "message 9"] {
            let site = used().await;
            let journal = site.mesh().join("journal.1");
            let mut bytes = fs::read(&journal).unwrap();
            let damaged = record_with(&bytes, text);
            bytes[damaged.start + 100] ^= 1;
            fs::write(&journal, &bytes).unwrap();
            let client = site.client("a").await;
            let said = every_call_is_refused_with(&client).await;
            let (file, line, byte) = place_in(&said);
            assert_eq!(file, "journal.1", "{said}");
            // Either the record itself, or the one behind it that gives it away.
            assert!(
                damaged.start <= byte && byte <= damaged.end,
                "{damaged:?}: {said}"
            );
            let lines = bytes[..byte].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(line, lines + 1, "{said}");
            assert!(said.contains("mesh doctor"), "what to run next: {said}");
            client.leave().await;
            assert_eq!(fs::read(&journal).unwrap(), bytes, "nothing was changed");
        }
    });
}

/// G7: what is cut off, zeroed or gone is not replaced by less.
#[test]
fn a_truncated_zeroed_or_removed_journal_is_refused_and_left_alone() {
    story(async {
        let damages: [(&str, fn(&Path)); 4] = [
            ("truncated", |journal| {
                let bytes = fs::read(journal).unwrap();
                fs::write(journal, &bytes[..bytes.len() / 2]).unwrap();
            }),
            ("zeroed", |journal| {
                let length = fs::read(journal).unwrap().len();
                fs::write(journal, vec![0; length]).unwrap();
            }),
            ("emptied", |journal| fs::write(journal, b"").unwrap()),
            ("removed", |journal| fs::remove_file(journal).unwrap()),
        ];
        for (damage, apply) in damages {
            let site = used().await;
            let journal = site.mesh().join("journal.1");
            apply(&journal);
            let before = fs::read(&journal).ok();
            let client = site.client("a").await;
            let said = every_call_is_refused_with(&client).await;
            assert!(said.contains("journal"), "{damage}: {said}");
            assert!(said.contains("nothing was changed"), "{damage}: {said}");
            client.leave().await;
            assert_eq!(
                fs::read(&journal).ok(),
                before,
                "{damage}: it was left alone"
            );
        }
    });
}

/// G7: a torn tail was never acknowledged; it is healed without a word.
#[test]
fn a_torn_tail_is_healed() {
    story(async {
        let site = used().await;
        let journal = site.mesh().join("journal.1");
        let mut bytes = fs::read(&journal).unwrap();
        bytes.extend_from_slice(b"\x1e{\"sum\":\"0123");
        fs::write(&journal, &bytes).unwrap();
        let client = site.client("b").await;
        assert_eq!(client.whole_inbox(&[]).await.len(), 10);
        client.post("b", "one more", json!({})).await;
        client.leave().await;
        let client = site.client("b").await;
        assert_eq!(client.whole_inbox(&[]).await.len(), 11);
    });
}

/// S2: deleting the folder resets it; a server that still runs works on in a new one,
/// and acknowledges nothing that is only in the old one.
#[test]
fn a_folder_that_is_deleted_is_made_anew_by_those_who_still_run() {
    story(async {
        let site = Site::new().await;
        let one = site.client("one").await;
        let two = site.client("two").await;
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
            fs::remove_dir_all(site.mesh()).unwrap();
            assert_eq!(two.whole_inbox(&[]).await, Vec::<Value>::new());
            assert_eq!(
                one.claims(json!({})).await["claims"],
                json!([]),
                "a new folder"
            );
            let post = one.post("two", "kept", json!({})).await;
            let inbox = two.inbox(json!({})).await;
            assert_eq!(inbox["messages"][0]["message_id"], post["message_id"]);
            fs::remove_dir_all(site.mesh()).unwrap();
        }
    });
}

/// S4: a `.mesh` that is a symbolic link is refused, and its target left alone.
#[test]
fn a_folder_that_is_a_symbolic_link_is_refused() {
    story(async {
        for named in [true, false] {
            let site = if named {
                Site::bare()
            } else {
                Site::repository()
            };
            let target = site.path("elsewhere");
            fs::create_dir(&target).unwrap();
            symlink(&target, site.mesh()).unwrap();
            let directory = if named { "" } else { "main" };
            let client = site.client_in(directory, "a").await;
            let said = every_call_is_refused_with(&client).await;
            let shown = fs::canonicalize(site.mesh().parent().unwrap())
                .unwrap()
                .join(".mesh");
            let what = " is a symbolic link; replace it by a real folder, or set MESH_DIR to the \
                        folder that is meant";
            assert!(said.ends_with(what), "{said}");
            assert!(
                said.starts_with(&*site.mesh().to_string_lossy())
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
    story(async {
        let site = Site::bare();
        let closed = site.path("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(site.root(), Permissions::from_mode(0o755)).unwrap();
        let server = site.command("", &["mcp"]);
        let copy = site.path("mesh-copy");
        fs::copy(server.get_program(), &copy).unwrap();
        let mut command = std::process::Command::new(&copy);
        command
            .arg("mcp")
            .current_dir(site.root())
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
    story(async {
        let site = Site::repository();
        site.git("main", &["worktree", "add", "--quiet", "../second"]);
        fs::create_dir_all(site.path("main/src/deep")).unwrap();
        let one = site.client_in("main/src/deep", "one").await;
        let two = site.client_in("second", "two").await;
        let claim = one.claim("r", json!({})).await;
        assert_eq!(claim["status"], "granted");
        assert_eq!(two.claim("r", json!({})).await["holder"], "one");
        two.post("one", "from the other worktree", json!({})).await;
        assert_eq!(one.whole_inbox(&[]).await.len(), 1);
        assert!(!site.path("second/.mesh").exists() && !site.path("main/src/deep/.mesh").exists());
        let mode = fs::metadata(site.mesh()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mut status = std::process::Command::new("git");
        let status = status
            .args(["status", "--porcelain"])
            .current_dir(site.path("main"));
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
    story(async {
        let site = Site::repository();
        site.git("", &["clone", "--quiet", "--bare", "main", "bare.git"]);
        site.git("bare.git", &["worktree", "add", "--quiet", "../third"]);
        let client = site.client_in("third", "a").await;
        assert_eq!(client.claim("r", json!({})).await["status"], "granted");
        let other = site.client_in("bare.git", "b").await;
        assert_eq!(other.claim("r", json!({})).await["holder"], "a");
        assert!(site.path("bare.git/.mesh/format").exists());
        assert!(!site.path("third/.mesh").exists());
    });
}

/// S2: after a clean exit the state is there for people, in the predecessor's shapes.
#[test]
fn a_clean_exit_leaves_the_state_as_json() {
    story(async {
        let site = Site::new().await;
        let client = site.client("ada").await;
        client.register(60).await;
        let claim = client
            .claim("r", json!({"note": "n", "lease_seconds": 600}))
            .await;
        let post = client.post("*", "hello", json!({"subject": "s"})).await;
        client
            .read(post["message_id"].as_str().unwrap(), json!({}))
            .await;
        client.leave().await;

        let text = fs::read_to_string(site.mesh().join("state.json")).unwrap();
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
        assert!(kinds.into_iter().any(|kind| kind == "granted"), "{text}");

        // It is written, and never read: what it says of ours is not taken over.
        fs::write(site.mesh().join("state.json"), "{}").unwrap();
        let again = site.client("ada").await;
        assert_eq!(
            again.claim("r", json!({})).await["claim_id"],
            claim["claim_id"]
        );
    });
}

/// G6, and the design's last line: a server that is stopped for longer than others wait
/// for the store's lock does not keep them out, whatever it was doing.
#[test]
fn a_stopped_server_keeps_nobody_out() {
    story(async {
        let site = Site::new().await;
        let sleeper = site.client("sleeper").await;
        let other = site.client("other").await;
        let more = json!({"lease_seconds": 600});
        let held = sleeper.claim("r", more.clone()).await;
        let call = sleeper.claim("s", more);
        let rest = async {
            tokio::task::yield_now().await;
            sleeper.stop();
            // Within the 5 s of patience, and what a loaded machine adds.
            let wait = Duration::from_secs(20);
            let posted = tests::in_time(wait, "a post", other.post("*", "x", json!({}))).await;
            assert!(posted["message_id"].is_string());
            let again = tests::in_time(wait, "another", other.post("*", "y", json!({}))).await;
            assert!(again["message_id"].as_str() > posted["message_id"].as_str());
            sleeper.go_on();
        };
        let (reply, ()) = tokio::join!(call, rest);
        assert_eq!(
            reply["status"], "granted",
            "it goes on as if nothing had been"
        );
        assert_eq!(sleeper.claim("r", json!({})).await["fence"], held["fence"]);
        assert_eq!(other.whole_inbox(&[]).await.len(), 2);
    });
}
