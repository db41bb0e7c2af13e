//! Where there is no room, that is said, and nobody dies of it.

use serde_json::json;
use tests::{CallError, Site, story};

/// G4: at the limit on file sizes (`ulimit -f`) a server answers with an error that says
/// so, where the signal that comes with it would have ended it. Readers are still served,
/// and nothing is lost.
#[test]
fn a_server_at_the_limit_on_file_sizes_says_so_and_lives() {
    story(async {
        let site = Site::new().await;
        let limited = format!("ulimit -f 64; exec {} mcp", tests::binary().display());
        let mut command = site.program("sh", "");
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
        let next = ["free some space", "ulimit -f"];
        assert!(next.iter().any(|next| said.contains(next)), "{said}");
        assert_eq!(client.whole_inbox(&[]).await.len(), posted);
        client.leave().await;

        let client = site.client("a").await;
        client.post("a", "with room again", json!({})).await;
        assert_eq!(client.whole_inbox(&[]).await.len(), posted + 1);
        client.leave().await;
    });
}
