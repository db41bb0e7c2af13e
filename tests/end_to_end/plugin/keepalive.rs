//! `mesh mcp --keepalive`: agents stay alive while their client is connected, and nothing
//! else does.

use std::time::Duration;

use mesh::core::{Event, LapseReason};
use serde_json::{Value, json};
use tests::{Client, PATIENCE, Sandbox, in_time, log, run};

const ENOUGH: Duration = Duration::from_millis(50);

async fn connected(sandbox: &Sandbox, agent_id: &str, more: &[&str]) -> Client {
    let arguments = [&["mcp"], more].concat();
    Client::connect(agent_id, sandbox.command("", &arguments)).await
}

/// The agent as somebody else sees it.
async fn seen(onlooker: &Client, agent_id: &str) -> Value {
    let roster = onlooker.roster(json!({"include_stale": true})).await;
    let mut agents = roster["agents"].as_array().unwrap().iter();
    let agent = agents.find(|agent| agent["agent_id"] == agent_id);
    agent
        .unwrap_or_else(|| panic!("no {agent_id} in {roster}"))
        .clone()
}

/// Waits until the agent is as it should be, and gives it.
async fn until(onlooker: &Client, agent_id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let waiting = async {
        loop {
            let agent = seen(onlooker, agent_id).await;
            if wanted(&agent) {
                return agent;
            }
            tokio::time::sleep(ENOUGH).await;
        }
    };
    in_time(PATIENCE, format!("{agent_id} as wanted"), waiting).await
}

/// When the agent showed itself, by the log.
async fn signs_of_life(sandbox: &Sandbox, agent_id: &str) -> Vec<u64> {
    let snapshot = log::read(&sandbox.mesh()).await;
    let records = snapshot.trail.iter();
    let heartbeats = records.filter(
        |record| matches!(&record.event, Event::Heartbeat { agent_id: a, .. } if **a == *agent_id),
    );
    heartbeats.map(|record| record.at).collect()
}

/// A ttl of 2 s is outlived three times over without a call, and the lease of 1 s is not
/// renewed by it.
#[test]
fn a_silent_agent_stays_alive_and_its_lease_lapses_on_time() {
    run(async {
        let sandbox = Sandbox::new().await;
        let silent = connected(&sandbox, "silent", &["--keepalive"]).await;
        let onlooker = sandbox.client("onlooker").await;
        silent.register(2).await;
        silent.claim("doc", json!({"lease_seconds": 1})).await;

        until(&onlooker, "silent", |agent| {
            assert_eq!(agent["liveness"], "alive", "{agent}");
            agent["held_claims"] == json!([])
        })
        .await;
        let trail = log::read(&sandbox.mesh()).await.trail;
        let mut lapsed = trail.iter().filter_map(|record| match &record.event {
            Event::Lapsed { reason, .. } => Some(*reason),
            _ => None,
        });
        assert_eq!(lapsed.next(), Some(LapseReason::Lease));
        assert!(
            !trail
                .iter()
                .any(|record| matches!(record.event, Event::Renewed { .. })),
            "nothing renews a lease but its holder"
        );

        // Nine beats of a third of the ttl.
        until(&onlooker, "silent", |agent| {
            assert_eq!(agent["liveness"], "alive", "{agent}");
            futures_executor::block_on(signs_of_life(&sandbox, "silent")).len() > 9
        })
        .await;
        let agent = seen(&onlooker, "silent").await;
        assert_eq!(agent["epoch"], 1, "it never died: {agent}");
        silent.leave().await;
    });
}

#[test]
fn without_it_a_silent_agent_goes_stale() {
    run(async {
        let sandbox = Sandbox::new().await;
        let silent = connected(&sandbox, "silent", &[]).await;
        let onlooker = sandbox.client("onlooker").await;
        silent.register(1).await;
        until(&onlooker, "silent", |agent| agent["liveness"] == "stale").await;
        assert!(signs_of_life(&sandbox, "silent").await.is_empty());
        silent.leave().await;
    });
}

/// The client leaves, or its server is killed: nobody vouches for the agent any more.
#[test]
fn it_ends_with_the_connection() {
    run(async {
        let sandbox = Sandbox::new().await;
        let onlooker = sandbox.client("onlooker").await;
        for ends_well in [true, false] {
            let silent = connected(&sandbox, "silent", &["--keepalive"]).await;
            silent.register(1).await;
            let before = signs_of_life(&sandbox, "silent").await.len();
            until(&onlooker, "silent", |_| {
                futures_executor::block_on(signs_of_life(&sandbox, "silent")).len() > before
            })
            .await;
            match ends_well {
                true => silent.leave().await,
                false => silent.kill(),
            }
            until(&onlooker, "silent", |agent| agent["liveness"] == "stale").await;
        }
    });
}

/// What another connection of the same agent said since stays as it is.
#[test]
fn it_says_nothing_in_the_agents_name() {
    run(async {
        let sandbox = Sandbox::new().await;
        let first = connected(&sandbox, "ann", &["--keepalive", "--session", "s-1"]).await;
        let second = connected(&sandbox, "ann", &["--session", "s-2"]).await;
        let onlooker = sandbox.client("onlooker").await;
        first.register(1).await;
        let moved = json!({"branch": "other", "prompt_ptr": "p", "role": "r", "ttl_seconds": 900});
        second.try_call("register", moved).await.expect("a reply");
        let before = signs_of_life(&sandbox, "ann").await.len();
        let agent = until(&onlooker, "ann", |_| {
            futures_executor::block_on(signs_of_life(&sandbox, "ann")).len() > before
        })
        .await;
        assert_eq!(
            (&agent["branch"], &agent["role"], &agent["epoch"]),
            (&json!("other"), &json!("r"), &json!(1))
        );
        let state = log::read(&sandbox.mesh()).await.state;
        let ann = state.agent("ann").unwrap();
        assert_eq!((ann.session.as_deref(), ann.ttl_ms), (Some("s-2"), 900_000));
        first.leave().await;
        second.leave().await;
    });
}
