//! W1 to W3: calls that wait, across processes, and callers that go away meanwhile.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{Client, RawClient, Sandbox, run};

/// How long the end of a held call may take where nothing but the machine delays it.
const PROMPT: Duration = Duration::from_secs(8);
const WAITS: u64 = 50;

/// A sandbox in which an agent holds the resource `r`.
struct Held {
    sandbox: Sandbox,
    holder: Client,
    claim_id: String,
}

impl Held {
    async fn new() -> Self {
        let sandbox = Sandbox::new().await;
        let holder = sandbox.client("holder").await;
        let held = holder.claim("r", json!({})).await;
        Self {
            sandbox,
            holder,
            claim_id: held["claim_id"].as_str().unwrap_or_default().to_owned(),
        }
    }

    async fn release(&self) -> Value {
        self.holder.release("r", &self.claim_id).await
    }

    async fn queue(&self) -> Vec<String> {
        let claims = self.holder.claims(json!({"resource": "r"})).await;
        let queue = claims["claims"][0]["queue"].as_array().cloned();
        let names = queue.unwrap_or_default().into_iter();
        names
            .map(|ticket| ticket["agent_id"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    async fn until_queue_is(&self, expected: &[&str]) {
        let begun = Instant::now();
        while self.queue().await != expected {
            assert!(begun.elapsed() < PROMPT, "not {expected:?} in time");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// The same with an agent whose call waits in the queue.
struct Waiting {
    at: Held,
    waiter: RawClient,
    call: u64,
}

impl Waiting {
    async fn new() -> Self {
        let at = Held::new().await;
        let mut waiter = at.sandbox.raw_session().await;
        let call = ask_for(&mut waiter, WAITS).await;
        at.until_queue_is(&["waiter"]).await;
        Self { at, waiter, call }
    }

    /// The reply to the call.
    async fn reply(&mut self) -> Value {
        reply_to(&mut self.waiter, self.call).await
    }
}

/// Sends a claim by `waiter` that waits.
async fn ask_for(client: &mut RawClient, wait_seconds: u64) -> u64 {
    let arguments = json!({"agent_id": "waiter", "resource": "r", "wait_seconds": wait_seconds});
    client.begin("claim", arguments).await
}

async fn reply_to(client: &mut RawClient, id: u64) -> Value {
    client.answer(id).await["result"]["structuredContent"].clone()
}

/// W1: the call is held, the process serves others meanwhile, and it is answered when the
/// claim is granted.
#[test]
fn a_claim_is_held_until_another_process_releases() {
    run(async {
        let mut waiting = Waiting::new().await;
        // Answered before the call that was made first.
        let roster = waiting
            .waiter
            .call("roster", json!({"agent_id": "waiter"}))
            .await;
        assert_eq!(roster["isError"], false, "{roster}");
        let released = Instant::now();
        waiting.at.release().await;
        let granted = waiting.reply().await;
        assert!(released.elapsed() < PROMPT, "{:?}", released.elapsed());
        assert_eq!(granted["status"], "granted", "{granted}");
        assert_eq!(
            (&granted["fence"], &granted["holder"]),
            (&json!(2), &json!("waiter"))
        );
    });
}

/// W1: nobody has to do anything for a lease to end.
#[test]
fn a_claim_is_granted_when_the_lease_in_front_ends() {
    run(async {
        let sandbox = Sandbox::new().await;
        let holder = sandbox.client("holder").await;
        holder.claim("r", json!({"lease_seconds": 2})).await;
        let waiter = sandbox.client("waiter").await;
        let asked = Instant::now();
        let granted = waiter.claim("r", json!({"wait_seconds": WAITS})).await;
        assert_eq!(granted["status"], "granted", "{granted}");
        let waited = asked.elapsed();
        assert!(waited < Duration::from_secs(2) + PROMPT, "{waited:?}");
        let told = holder.inbox(json!({"wait_seconds": WAITS})).await;
        assert_eq!(told["messages"][0]["subject"], "lost", "{told}");
    });
}

/// W1: after that, an answer as usual; and the ticket stays.
#[test]
fn a_claim_is_answered_when_its_time_is_up() {
    run(async {
        let held = Held::new().await;
        let waiter = held.sandbox.client("waiter").await;
        let asked = Instant::now();
        let queued = waiter.claim("r", json!({"wait_seconds": 1})).await;
        assert!(
            asked.elapsed() >= Duration::from_secs(1),
            "{:?}",
            asked.elapsed()
        );
        assert_eq!(queued["status"], "queued", "{queued}");
        assert_eq!(held.queue().await, ["waiter"]);
    });
}

/// W1: whoever waits is alive, however short its registration lasts.
#[test]
fn a_waiter_stays_alive() {
    run(async {
        let held = Held::new().await;
        let waiter = held.sandbox.client("waiter").await;
        let registered = waiter.register(1).await;
        waiter.claim("r", json!({"wait_seconds": 4})).await;
        let roster = held.holder.roster(json!({"include_stale": true})).await;
        let agent = &roster["agents"][0];
        assert_eq!(
            (&agent["liveness"], &agent["epoch"]),
            (&json!("alive"), &json!(1))
        );
        assert_ne!(agent["expires_at"], registered["expires_at"], "{roster}");
        assert_eq!(held.queue().await, ["waiter"]);
    });
}

/// W1, for messages.
#[test]
fn an_inbox_is_held_until_a_message_is_there() {
    run(async {
        let sandbox = Sandbox::new().await;
        let reader = sandbox.client("reader").await;
        let writer = sandbox.client("writer").await;
        let looking = async {
            let asked = Instant::now();
            let inbox = reader.inbox(json!({"wait_seconds": WAITS})).await;
            (asked.elapsed(), inbox)
        };
        let writing = async {
            // Whatever comes first, the message must arrive.
            writer.post("somebody", "else", json!({})).await;
            writer.post("reader", "hello", json!({})).await
        };
        let ((waited, inbox), posted) = tokio::join!(looking, writing);
        assert!(waited < PROMPT, "{waited:?}");
        let messages = inbox["messages"].as_array().expect("messages");
        assert_eq!(messages.len(), 1, "{inbox}");
        assert_eq!(messages[0]["message_id"], posted["message_id"]);
        let empty = reader.inbox(json!({"wait_seconds": 1, "since": posted["message_id"]}));
        assert_eq!(empty.await["messages"], json!([]));
    });
}

/// W1: progress every five seconds, for a client that asks for it.
#[test]
fn a_held_call_reports_progress() {
    run(async {
        let held = Held::new().await;
        let mut client = held.sandbox.raw_session().await;
        let arguments = json!({"agent_id": "waiter", "resource": "r", "wait_seconds": 7});
        let meta = json!({"progressToken": "mine"});
        let params = json!({"name": "claim", "arguments": arguments, "_meta": meta});
        let id = client.request("tools/call", params).await;
        let progress = client.receive().await;
        assert_eq!(progress["method"], "notifications/progress", "{progress}");
        let params = &progress["params"];
        assert_eq!(params["progressToken"], "mine");
        assert_eq!(
            (&params["progress"], &params["total"]),
            (&json!(5.0), &json!(7.0))
        );
        assert_eq!(reply_to(&mut client, id).await["status"], "queued");
    });
}

/// W3: a cancelled call leaves nothing in the queue, unless it was there before.
#[test]
fn a_cancelled_claim_withdraws_the_ticket_that_it_took() {
    run(async {
        let mut waiting = Waiting::new().await;
        waiting.waiter.cancel(waiting.call).await;
        waiting.at.until_queue_is(&[]).await;
        // The same again, for a ticket that stood before.
        let queued = waiting
            .waiter
            .call(
                "claim",
                json!({"agent_id": "waiter", "resource": "r", "wait": "queue"}),
            )
            .await;
        assert_eq!(queued["structuredContent"]["status"], "queued", "{queued}");
        let id = ask_for(&mut waiting.waiter, WAITS).await;
        waiting.waiter.cancel(id).await;
        // Answered after the cancelled call has ended, whatever that left.
        waiting
            .waiter
            .call("roster", json!({"agent_id": "waiter"}))
            .await;
        assert_eq!(waiting.at.queue().await, ["waiter"]);
        let released = waiting.at.release().await;
        assert_eq!(released["next_holder"], "waiter", "{released}");
    });
}

/// Whoever takes an agent out of the queue ends its wait: it does not stand there again.
#[test]
fn a_ticket_that_is_released_elsewhere_is_not_taken_anew() {
    run(async {
        let mut waiting = Waiting::new().await;
        let claims = waiting.at.holder.claims(json!({"resource": "r"})).await;
        let ticket = &claims["claims"][0]["queue"][0]["claim_id"];
        let release = json!({"agent_id": "waiter", "resource": "r", "claim_id": ticket});
        let released = waiting.at.holder.call("release", &release).await;
        assert_eq!(released.expect("a reply")["status"], "released");
        assert_eq!(waiting.reply().await["status"], "denied");
        assert_eq!(waiting.at.queue().await, [""; 0]);
    });
}

/// W3: nothing is granted to a client that closed its end.
#[test]
fn a_client_that_is_gone_leaves_the_queue() {
    run(async {
        let mut waiting = Waiting::new().await;
        waiting.waiter.close_input();
        waiting.at.until_queue_is(&[]).await;
        let status = waiting.waiter.ended(PROMPT).await;
        assert!(status.success(), "{status}");
        let released = waiting.at.release().await;
        assert_eq!(released.get("next_holder"), None, "{released}");
    });
}

/// W3: a grant that cannot be told is given back.
#[test]
fn a_grant_that_nobody_reads_is_released() {
    run(async {
        let mut waiting = Waiting::new().await;
        // The server notices only when it writes the answer.
        waiting.waiter.close_output();
        let released = waiting.at.release().await;
        assert_eq!(released["next_holder"], "waiter", "{released}");
        let begun = Instant::now();
        while waiting.at.holder.claims(json!({"resource": "r"})).await["claims"] != json!([]) {
            assert!(begun.elapsed() < PROMPT, "the grant stays");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

/// A server that is told to end answers first, as things stand; its client may go on with
/// another one, and keeps its place.
#[test]
fn a_server_that_is_told_to_end_answers_what_it_holds() {
    run(async {
        let mut waiting = Waiting::new().await;
        waiting.waiter.process().signal(Signal::TERM);
        assert_eq!(waiting.reply().await["status"], "queued");
        let status = waiting.waiter.ended(PROMPT).await;
        assert!(status.success(), "{status}");
        assert_eq!(waiting.at.queue().await, ["waiter"]);
    });
}

/// S2: a folder that is removed is noticed by those who wait, too.
#[test]
fn a_waiter_notices_that_the_folder_was_removed() {
    run(async {
        let mut waiting = Waiting::new().await;
        std::fs::remove_dir_all(waiting.at.sandbox.mesh()).unwrap();
        let granted = waiting.reply().await;
        assert_eq!(granted["status"], "granted", "{granted}");
        assert_eq!(granted["fence"], 1, "of the new log");
    });
}
