//! What was acknowledged stays.

use serde_json::json;
use tests::{Sandbox, run};

const KILLS: usize = 40;

/// G4: a server that is killed right behind its reply takes nothing of it along, however
/// often; nor does its client's next one find the folder in need of anything.
#[test]
fn a_kill_behind_the_reply_takes_nothing_back() {
    run(async {
        let sandbox = Sandbox::new().await;
        let mut posted = Vec::new();
        for round in 0..KILLS {
            let client = sandbox.client("a").await;
            let claim = client.claim("r", json!({})).await;
            assert_eq!(claim["status"], "granted", "{claim}");
            assert_eq!(claim["fence"], round + 1, "C3: after {round} kills");
            let claim_id = claim["claim_id"].as_str().expect("a claim id");
            assert_eq!(client.release("r", claim_id).await["status"], "released");
            let post = client
                .post("topic:t", &format!("message {round}"), json!({}))
                .await;
            posted.push(post["message_id"].clone());
            if round % 2 == 0 {
                client
                    .read(post["message_id"].as_str().expect("an id"), json!({}))
                    .await;
            }
            client.kill();
        }
        let client = sandbox.client("b").await;
        let found = client.whole_inbox(&["t"]).await;
        let ids: Vec<_> = found
            .iter()
            .map(|message| message["message_id"].clone())
            .collect();
        assert_eq!(ids, posted, "G4: every message once, in order");
        assert_eq!(
            sandbox.client("a").await.inbox(json!({})).await["cursor"],
            posted[KILLS - 2]
        );
        client.leave().await;
    });
}

/// G4, G5: what one process acknowledged, another one sees at once, also when the first
/// is killed.
#[test]
fn another_process_sees_what_was_acknowledged() {
    run(async {
        let sandbox = Sandbox::new().await;
        let reader = sandbox.client("reader").await;
        for round in 1..=10 {
            let writer = sandbox.client("writer").await;
            writer.post("reader", &format!("{round}"), json!({})).await;
            writer.kill();
            let inbox = reader.inbox(json!({})).await;
            let last = inbox["messages"].as_array().and_then(|all| all.last());
            assert_eq!(last.map(|m| &m["body"]), Some(&json!(format!("{round}"))));
        }
    });
}
