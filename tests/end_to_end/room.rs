//! Where there is no room, that is said, and nobody dies of it.

use serde_json::json;
use tests::{CallError, Sandbox, run};

/// G4: at the limit on file sizes (`ulimit -f`) a server answers with an error that says
/// so, where the signal that comes with it would have ended it. Readers are still served,
/// and nothing is lost.
#[test]
fn a_server_at_the_limit_on_file_sizes_says_so_and_lives() {
    run(async {
        let sandbox = Sandbox::new().await;
        let limited = format!("ulimit -f 64; exec {} mcp", tests::binary().display());
        let mut command = sandbox.program("sh", "");
        command.args(["-c", &limited]);
        let client = tests::Client::connect("a", command).await;
        let body = "x".repeat(10_000);
        let mut posted = 0;
        let said = loop {
            match client
                .try_call("post", json!({"to": "a", "body": body}))
                .await
            {
                Ok(_) => posted += 1,
                Err(CallError::Refused(said)) => break said,
                Err(other) => panic!("after {posted} posts: {other}"),
            }
            assert!(posted < 100, "the limit is not kept");
        };
        assert!(posted > 0, "there was room for some");
        assert!(said.contains("ulimit -f"), "the disk is not full: {said}");
        assert_eq!(client.whole_inbox(&[]).await.len(), posted);
        client.leave().await;

        let client = sandbox.client("a").await;
        client.post("a", "with room again", json!({})).await;
        assert_eq!(client.whole_inbox(&[]).await.len(), posted + 1);
        client.leave().await;
    });
}

/// A server that can open nothing more waits as well as any other (W1), since waiting needs
/// no descriptor; and whatever it could not open meanwhile, it goes on once it can.
#[cfg(target_os = "linux")]
#[test]
fn a_server_without_descriptors_left_waits_and_goes_on() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    run(async {
        let sandbox = Sandbox::new().await;
        let client = sandbox.client("a").await;
        client.post("b", "before", json!({})).await;
        let pid = Pid::from_raw(client.process().id() as i32).expect("a process id");
        let limit = |limit| prlimit(Some(pid), Resource::Nofile, limit).expect("a limit");
        let none = Rlimit {
            current: Some(0),
            maximum: rustix::process::getrlimit(Resource::Nofile).maximum,
        };
        let before = limit(none);
        let waited = client.inbox(json!({"wait_seconds": 1})).await;
        assert_eq!(waited["messages"], json!([]), "nothing came");
        limit(before);
        client.post("b", "after", json!({})).await;
        assert_eq!(sandbox.client("b").await.whole_inbox(&[]).await.len(), 2);
        assert!(!client.process().complaints().contains("panicked"));
        client.leave().await;
    });
}

/// A server that starts with too few says so, and does not panic.
#[test]
fn a_server_that_starts_with_too_few_descriptors_says_so() {
    let sandbox = Sandbox::bare();
    for few in 7..24 {
        let limited = format!("ulimit -n {few}; exec {} mcp", tests::binary().display());
        let mut command = sandbox.program("sh", "");
        let command = command
            .args(["-c", &limited])
            .stdin(std::process::Stdio::null());
        let output = command.output().expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("panicked"), "with {few}: {said}");
        assert!(
            output.status.success() || !said.is_empty(),
            "with {few}: silence"
        );
    }
}
