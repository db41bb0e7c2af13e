//! What only a queue can make wrong.

use serde_json::{Value, json};
use tests::{all, run};

use super::Unchanged;

/// C7: a ticket keeps its mode.
#[test]
fn another_mode_while_queued_is_refused() {
    run(async {
        let mut server = Unchanged::new().await;
        server
            .client
            .claim("r", json!({"lease_seconds": 600}))
            .await;
        for (agent_id, mode, other) in [("b", "shared", "exclusive"), ("c", "exclusive", "shared")]
        {
            let mut claim =
                json!({"agent_id": agent_id, "resource": "r", "mode": mode, "wait": "queue"});
            let queued = server.client.call("claim", &claim).await.expect("a ticket");
            assert_eq!(queued["status"], "queued");
            claim["mode"] = json!(other);
            let message = format!(
                "mode: got {other} while queued for {mode}; allowed is the mode of the ticket; \
                 release the ticket first to ask for another"
            );
            server.refuses("claim", &claim, &message).await;
        }
    });
}

/// G8: 1,000 tickets a resource.
#[test]
fn the_thousand_and_first_ticket_is_refused() {
    run(async {
        let mut server = Unchanged::new().await;
        server
            .client
            .claim("r", json!({"lease_seconds": 600}))
            .await;
        let claim = |n: usize| json!({"agent_id": format!("waiter-{n}"), "resource": "r", "wait": "queue", "lease_seconds": 600});
        let claims: Vec<Value> = (1..=1000).map(claim).collect();
        let client = &server.client;
        let replies = all(claims.iter().map(|claim| client.call("claim", claim))).await;
        let mut places: Vec<u64> = replies
            .into_iter()
            .map(|reply| {
                reply.expect("a ticket")["queue_position"]
                    .as_u64()
                    .expect("a place")
            })
            .collect();
        places.sort_unstable();
        assert_eq!(places, (1..=1000).collect::<Vec<u64>>());
        let message = "resource: got one for which 1000 agents wait; allowed is one with fewer than \
                       1000 tickets; try again later";
        server.refuses("claim", &claim(1001), message).await;
    });
}
