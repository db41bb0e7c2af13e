//! Several processes want the same at once: one winner, a fair queue, and nobody kept out
//! by one that sleeps.

use std::time::Duration;

use mesh::backends::fs::LockKind;
use serde_json::json;
use tests::{Client, Sandbox, all, in_time, run};

const PROCESSES: usize = 8;
const ROUNDS: usize = 20;

/// C2, G6: of many that claim one free resource at once, exactly one is granted it.
async fn exactly_one_wins(kind: LockKind) {
    let sandbox = Sandbox::bare();
    sandbox.make_folder(kind).await;
    let names: Vec<String> = (0..PROCESSES).map(|n| format!("agent-{n}")).collect();
    let clients: Vec<Client> = all(names.iter().map(|name| sandbox.client(name))).await;
    for round in 0..ROUNDS {
        let resource = format!("resource-{round}");
        let replies = all(clients.iter().map(|c| c.claim(&resource, json!({})))).await;
        let winners: Vec<_> = replies
            .iter()
            .filter(|r| r["status"] == "granted")
            .collect();
        let [winner] = winners[..] else {
            panic!("C2: not one winner of {resource}: {winners:?}");
        };
        assert_eq!(winner["fence"], 1);
        for reply in &replies {
            assert_eq!(
                (&reply["holder"], &reply["fence"]),
                (&winner["holder"], &json!(1))
            );
        }
        let losers = replies.iter().filter(|r| r["status"] == "denied").count();
        assert_eq!(losers, PROCESSES - 1, "the others are denied: {replies:?}");
    }
    all(clients.into_iter().map(Client::leave)).await;
}

#[test]
fn of_many_processes_one_wins_under_the_kernel_lock() {
    run(exactly_one_wins(LockKind::Kernel));
}

#[test]
fn of_many_processes_one_wins_under_the_lock_directory() {
    run(exactly_one_wins(LockKind::Directory));
}

/// C6, C8: those who queue at once are all served, each once, in the order of their
/// places.
#[test]
fn those_who_queue_at_once_are_served_in_order() {
    run(async {
        let sandbox = Sandbox::new().await;
        let holder = sandbox.client("holder").await;
        let held = holder.claim("r", json!({"lease_seconds": 600})).await;
        let names: Vec<String> = (0..PROCESSES).map(|n| format!("agent-{n}")).collect();
        let clients: Vec<Client> = all(names.iter().map(|name| sandbox.client(name))).await;
        let more = json!({"wait": "queue", "lease_seconds": 600});
        let replies = all(clients.iter().map(|c| c.claim("r", more.clone()))).await;
        let mut waiting: Vec<_> = clients.iter().zip(&replies).collect();
        waiting.sort_by_key(|(_, reply)| reply["queue_position"].as_u64());
        let mut free = holder
            .release("r", held["claim_id"].as_str().unwrap())
            .await;
        for (place, (client, ticket)) in waiting.iter().enumerate() {
            assert_eq!(
                ticket["queue_position"],
                place + 1,
                "each place is given once"
            );
            assert_eq!(free["next_holder"], client.agent_id.as_str(), "C8");
            let mine = client.claim("r", json!({})).await;
            assert_eq!(mine["status"], "granted");
            assert_eq!(mine["claim_id"], ticket["claim_id"], "C7");
            assert_eq!(mine["fence"], place + 2, "C3");
            free = client
                .release("r", ticket["claim_id"].as_str().unwrap())
                .await;
        }
        assert!(free.get("next_holder").is_none(), "{free}");
    });
}

/// G6, and the design's last line: a server that is stopped for longer than others wait
/// for the store's lock does not keep them out, whatever it was doing.
#[test]
fn a_stopped_server_keeps_nobody_out() {
    run(async {
        let sandbox = Sandbox::new().await;
        let sleeper = sandbox.client("sleeper").await;
        let other = sandbox.client("other").await;
        let more = json!({"lease_seconds": 600});
        let held = sleeper.claim("r", more.clone()).await;
        let call = sleeper.claim("s", more);
        let rest = async {
            tokio::task::yield_now().await;
            sleeper.stop();
            // Within the 5 s of patience, and what a loaded machine adds.
            let wait = Duration::from_secs(20);
            let posted = in_time(wait, "a post", other.post("*", "x", json!({}))).await;
            assert!(posted["message_id"].is_string());
            let again = in_time(wait, "another", other.post("*", "y", json!({}))).await;
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
