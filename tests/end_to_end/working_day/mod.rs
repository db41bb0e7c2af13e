//! A working day: twelve agents in two worktrees of one repository, each with a server
//! process of its own, claiming, queueing, renewing, posting and reading.
//!
//! Some are killed, between calls and in the middle of them, and come back as a new
//! process that remembers nothing but its name. One is stopped for 8 s in the middle of
//! a renewal and then goes on: longer than its lease, and longer than others wait for
//! the store's lock, in case it held that. Many are stopped for a moment, anywhere.
//!
//! Each agent keeps a diary of what was acknowledged to it, and when, by the steady
//! clock of this process, which all of them share. In the evening fresh processes look
//! at what is there, and every entry of every diary must be found in it.

mod agent;
mod checks;
mod diary;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tests::{Client, Random, Sandbox, all, log, run};

use agent::Agent;
use diary::Diary;

const AGENTS: usize = 12;
/// Registrations and leases are short, so that a day shows many of them end.
const TTL_SECONDS: u64 = 3;
const LEASE_SECONDS: u64 = 2;
/// How long the agents work.
const DAY: Duration = Duration::from_secs(13);
/// How long one of them is stopped.
const PAUSE: Duration = Duration::from_secs(8);
const RESOURCES: [&str; 4] = ["deploy", "docs", "schema", "src/auth.rs"];
const TOPIC: &str = "topic:build";

/// A2, A3, C2, C3, C4, C6, C8, C9, G4, G6, M1, M2, M3, M4, M5, M6, M7, S2, S4.
#[test]
fn a_working_day_of_twelve_agents_loses_nothing() {
    run(async {
        let mut random = Random::new(Random::seed());
        let sandbox = Sandbox::repository();
        sandbox.git("main", &["worktree", "add", "--quiet", "../second"]);
        sandbox.follow_lock_setting().await;
        let diary = RefCell::new(Diary::default());
        let stopped = random.below(AGENTS as u64) as usize;
        let agents = all((0..AGENTS).map(|n| {
            let (sandbox, diary, random) = (&sandbox, &diary, random.fork());
            async move { Agent::start(n, sandbox, diary, random).await }
        }))
        .await;

        let dawn = Instant::now();
        all(agents
            .into_iter()
            .enumerate()
            .map(|(n, mut agent)| async move {
                if n == stopped {
                    agent.work_until(dawn + Duration::from_secs(2)).await;
                    agent.pause_in_the_middle(PAUSE).await;
                }
                agent.work_until(dawn + DAY).await;
                agent.finish().await;
            }))
        .await;

        let diary = diary.into_inner();
        println!("{}", diary.summary());
        diary.was_no_holiday();
        evening(&sandbox, &diary).await;
    });
}

/// What fresh processes find when the agents are gone.
async fn evening(sandbox: &Sandbox, diary: &Diary) {
    let newcomer = sandbox.client_in("second", "newcomer").await;
    let roster = newcomer.roster(json!({})).await;
    let agents = roster["agents"].as_array().expect("agents");
    assert_eq!(
        agents.len(),
        AGENTS,
        "A2: nobody was silent for long: {roster}"
    );
    assert!(
        agents.iter().all(|agent| agent["epoch"] == 1),
        "A3: {roster}"
    );
    all(RESOURCES.map(|resource| no_lock_is_wedged(&newcomer, resource))).await;

    checks::mail(&newcomer, diary).await;
    for n in 0..AGENTS {
        let name = agent::name(n);
        let reader = sandbox.client_in("main", &name).await;
        checks::mailbox(&reader, diary).await;
        reader.leave().await;
    }
    newcomer.leave().await;
    let snapshot = log::read(&sandbox.mesh()).await;
    checks::trail(&snapshot, diary);
    checks::holds_never_overlap(diary);
    checks::fences_follow_time(diary);
    checks::messages_follow_time(diary);
    assert!(
        !sandbox.path("second/.mesh").exists(),
        "S4: worktrees share one folder"
    );
}

/// C9: whoever waits is served as soon as the leases ahead have ended, one after the
/// other, although nobody ahead is there to release anything.
async fn no_lock_is_wedged(newcomer: &Client, resource: &str) {
    let more = json!({"wait": "queue", "lease_seconds": 60});
    let first = newcomer.claim(resource, more.clone()).await;
    let ahead = first["queue_position"].as_u64().unwrap_or(0);
    let bound = Duration::from_secs((ahead + 1) * LEASE_SECONDS + 3);
    let asked = Instant::now();
    let mut reply = first;
    while reply["status"] != "granted" {
        assert!(
            asked.elapsed() < bound,
            "{resource} is wedged after {bound:?}: {reply}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
        reply = newcomer.claim(resource, more.clone()).await;
    }
    let claim_id = text(&reply, "claim_id");
    let released = newcomer.release(resource, &claim_id).await;
    assert_eq!(released["status"], "released");
}

/// A member of a reply that is a text.
fn text(reply: &Value, member: &str) -> String {
    let text = reply[member].as_str();
    text.unwrap_or_else(|| panic!("no {member} in {reply}"))
        .to_owned()
}
