//! Eight processes hammer one resource and one topic.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Client, PATIENCE, Sandbox, all, log, run};

const PROCESSES: usize = 8;
/// Longer than any of them is ever kept waiting.
const LEASE_SECONDS: u64 = 120;

/// What was acknowledged.
#[derive(Debug, Default)]
struct Acks {
    /// By fence: who was granted it, when it asked, and when it was told.
    grants: BTreeMap<u64, (String, Instant, Instant)>,
    /// By message id.
    posts: BTreeMap<String, String>,
    /// All calls, also those that only ask whether it is one's turn.
    calls: u64,
}

fn duration() -> Duration {
    let seconds = std::env::var("MESH_HAMMER_SECONDS");
    let seconds = seconds.map(|text| text.parse().expect("MESH_HAMMER_SECONDS is a number"));
    Duration::from_secs(seconds.unwrap_or(20))
}

/// C2, C3, G4, G6, M1, M2, M5: no fence is granted twice, none is skipped, they rise in
/// the order in which holders were told; and a late reader finds every acknowledged
/// message once, in order. Each message names the fence under which it was posted, so
/// their order shows that no two holders ever held at the same time.
#[test]
fn eight_processes_hammer_one_resource_and_one_topic() {
    run(async {
        let sandbox = Sandbox::new().await;
        let acks = RefCell::new(Acks::default());
        let names: Vec<String> = (0..PROCESSES).map(|n| format!("agent-{n}")).collect();
        let clients: Vec<Client> = all(names.iter().map(|name| sandbox.client(name))).await;
        let end = Instant::now() + duration();
        all(clients.iter().map(|client| hammer(client, &acks, end))).await;
        all(clients.into_iter().map(Client::leave)).await;

        let Acks {
            grants,
            posts,
            calls,
        } = acks.into_inner();
        println!(
            "{} grants, {} posts, {calls} calls in {:?}",
            grants.len(),
            posts.len(),
            duration()
        );
        fences(&grants);
        let snapshot = log::read(&sandbox.mesh()).await;
        let newest = snapshot.state.newest_fence("r");
        assert_eq!(
            newest,
            grants.len() as u64,
            "C3: every grant was told to its holder"
        );

        let late = sandbox.client("late").await;
        messages(&late.whole_inbox(&["t"]).await, &posts);
        late.leave().await;
    });
}

/// Claims, posts what it holds, releases, until `end`.
async fn hammer(client: &Client, acks: &RefCell<Acks>, end: Instant) {
    let more = json!({"wait": "queue", "lease_seconds": LEASE_SECONDS});
    let mut n = 0;
    while Instant::now() < end {
        let asked = Instant::now();
        let mut claim = client.claim("r", more.clone()).await;
        while claim["status"] == "queued" {
            assert!(asked.elapsed() < PATIENCE, "C8: never its turn: {claim}");
            claim = client.claim("r", more.clone()).await;
            acks.borrow_mut().calls += 1;
        }
        acks.borrow_mut().calls += 3;
        let fence = claim["fence"].as_u64().expect("a fence");
        let grant = (client.agent_id.clone(), asked, Instant::now());
        let before = acks.borrow_mut().grants.insert(fence, grant);
        assert!(
            before.is_none(),
            "C3: fence {fence} twice: {before:?} and {claim}"
        );

        n += 1;
        let body = format!("{fence} {} {n}", client.agent_id);
        let posted = client.post("topic:t", &body, json!({})).await;
        let id = posted["message_id"].as_str().expect("an id").to_owned();
        let before = acks.borrow_mut().posts.insert(id, body);
        assert!(before.is_none(), "M2: an id twice: {posted}");

        let claim_id = claim["claim_id"].as_str().expect("a claim id");
        let released = client.release("r", claim_id).await;
        assert_eq!(released["status"], "released", "nobody took it away");
    }
}

/// C3: none is skipped, and whoever asked after another was told has a higher one.
fn fences(grants: &BTreeMap<u64, (String, Instant, Instant)>) {
    let mut latest_asked = None;
    for (expected, (fence, (agent_id, asked, told))) in (1..).zip(grants) {
        assert_eq!(*fence, expected, "C3: a fence was skipped");
        assert!(
            latest_asked <= Some(*told),
            "C3: {agent_id} knew {fence} before a lower one was asked for"
        );
        latest_asked = latest_asked.max(Some(*asked));
    }
    let holders = |name: &str| grants.values().filter(|(of, ..)| of == name).count();
    for n in 0..PROCESSES {
        assert!(
            holders(&format!("agent-{n}")) > 0,
            "C6: agent-{n} never got its turn"
        );
    }
}

fn messages(history: &[Value], posts: &BTreeMap<String, String>) {
    let text = |message: &Value, member: &str| message[member].as_str().unwrap().to_owned();
    let found: Vec<_> = history
        .iter()
        .map(|m| (text(m, "message_id"), text(m, "body")))
        .collect();
    let acknowledged: Vec<_> = posts.clone().into_iter().collect();
    assert_eq!(
        found, acknowledged,
        "M5: each acknowledged message once, in order"
    );
    let fences = found
        .iter()
        .map(|(_, body)| body.split(' ').next().unwrap());
    let fences: Vec<u64> = fences.map(|fence| fence.parse().unwrap()).collect();
    assert!(
        fences.is_sorted(),
        "C2: a holder posted after its successor"
    );
}
