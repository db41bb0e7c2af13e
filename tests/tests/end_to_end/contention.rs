//! One winner under contention, with real processes.

use mesh::backends::fs::LockKind;
use serde_json::json;
use tests::{Client, Site, all, story};

const PROCESSES: usize = 8;
const ROUNDS: usize = 20;

/// C2, G6: of many that claim one free resource at once, exactly one is granted it.
async fn exactly_one_wins(kind: LockKind) {
    let site = Site::bare();
    site.make_folder(kind).await;
    let names: Vec<String> = (0..PROCESSES).map(|n| format!("agent-{n}")).collect();
    let clients: Vec<Client> = all(names.iter().map(|name| site.client(name))).await;
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
    story(exactly_one_wins(LockKind::Kernel));
}

#[test]
fn of_many_processes_one_wins_under_the_lock_directory() {
    story(exactly_one_wins(LockKind::Directory));
}

/// C6, C8: those who queue at once are all served, each once, in the order of their
/// places.
#[test]
fn those_who_queue_at_once_are_served_in_order() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        let held = holder.claim("r", json!({"lease_seconds": 600})).await;
        let names: Vec<String> = (0..PROCESSES).map(|n| format!("agent-{n}")).collect();
        let clients: Vec<Client> = all(names.iter().map(|name| site.client(name))).await;
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
