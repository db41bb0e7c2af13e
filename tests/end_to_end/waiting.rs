//! W1 to W3: calls that wait, across processes, and callers that go away meanwhile.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};
use tests::{Client, Line, Site, story};

/// How long the end of a held call may take where nothing but the machine delays it.
const PROMPT: Duration = Duration::from_secs(8);
const WAITS: u64 = 50;

async fn opened(site: &Site) -> Line {
    let mut line = site.line();
    line.initialize("2025-11-25").await;
    line
}

/// Sends a claim by `agent_id` that waits, and returns once it is in the queue.
async fn waits_in_line(line: &mut Line, watcher: &Client, agent_id: &str) -> u64 {
    let id = ask_for(line, agent_id, WAITS).await;
    until_queue_is(watcher, &[agent_id]).await;
    id
}

async fn ask_for(line: &mut Line, agent_id: &str, wait_seconds: u64) -> u64 {
    let arguments = json!({"agent_id": agent_id, "resource": "r", "wait_seconds": wait_seconds});
    let params = json!({"name": "claim", "arguments": arguments});
    line.request("tools/call", params).await
}

async fn queue(watcher: &Client) -> Vec<String> {
    let claims = watcher.claims(json!({"resource": "r"})).await;
    let queue = claims["claims"][0]["queue"].as_array().cloned();
    let names = queue.unwrap_or_default().into_iter();
    names
        .map(|ticket| ticket["agent_id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

async fn until_queue_is(watcher: &Client, expected: &[&str]) {
    let begun = Instant::now();
    while queue(watcher).await != expected {
        assert!(begun.elapsed() < PROMPT, "not {expected:?} in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn reply_to(line: &mut Line, id: u64) -> Value {
    let answer = line.receive().await;
    assert_eq!(answer["id"], id, "{answer}");
    answer["result"]["structuredContent"].clone()
}

async fn cancel(line: &mut Line, id: u64) {
    let params = json!({"requestId": id, "reason": "enough"});
    let message = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
    line.send(&message).await;
}

fn claim_id(reply: &Value) -> String {
    reply["claim_id"].as_str().unwrap_or_default().to_owned()
}

/// W1: the call is held, the process serves others meanwhile, and it is answered when the
/// claim is granted.
#[test]
fn a_claim_is_held_until_another_process_releases() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        let held = holder.claim("r", json!({})).await;
        let mut line = opened(&site).await;
        let id = waits_in_line(&mut line, &holder, "waiter").await;
        // Answered before the call that was made first.
        let roster = line.call("roster", json!({"agent_id": "waiter"})).await;
        assert_eq!(roster["isError"], false, "{roster}");
        let released = Instant::now();
        holder.release("r", &claim_id(&held)).await;
        let granted = reply_to(&mut line, id).await;
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
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        holder.claim("r", json!({"lease_seconds": 2})).await;
        let waiter = site.client("waiter").await;
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
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        holder.claim("r", json!({})).await;
        let waiter = site.client("waiter").await;
        let asked = Instant::now();
        let queued = waiter.claim("r", json!({"wait_seconds": 1})).await;
        assert!(
            asked.elapsed() >= Duration::from_secs(1),
            "{:?}",
            asked.elapsed()
        );
        assert_eq!(queued["status"], "queued", "{queued}");
        assert_eq!(queue(&holder).await, ["waiter"]);
    });
}

/// W1: whoever waits is alive, however short its registration lasts.
#[test]
fn a_waiter_stays_alive() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        holder.claim("r", json!({})).await;
        let waiter = site.client("waiter").await;
        let registered = waiter.register(1).await;
        waiter.claim("r", json!({"wait_seconds": 4})).await;
        let roster = holder.roster(json!({"include_stale": true})).await;
        let agent = &roster["agents"][0];
        assert_eq!(
            (&agent["liveness"], &agent["epoch"]),
            (&json!("alive"), &json!(1))
        );
        assert_ne!(agent["expires_at"], registered["expires_at"], "{roster}");
        assert_eq!(queue(&holder).await, ["waiter"]);
    });
}

/// W1, for messages.
#[test]
fn an_inbox_is_held_until_a_message_is_there() {
    story(async {
        let site = Site::new().await;
        let reader = site.client("reader").await;
        let writer = site.client("writer").await;
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
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        holder.claim("r", json!({})).await;
        let mut line = opened(&site).await;
        let arguments = json!({"agent_id": "waiter", "resource": "r", "wait_seconds": 7});
        let meta = json!({"progressToken": "mine"});
        let params = json!({"name": "claim", "arguments": arguments, "_meta": meta});
        let id = line.request("tools/call", params).await;
        let progress = line.receive().await;
        assert_eq!(progress["method"], "notifications/progress", "{progress}");
        let params = &progress["params"];
        assert_eq!(params["progressToken"], "mine");
        assert_eq!(
            (&params["progress"], &params["total"]),
            (&json!(5.0), &json!(7.0))
        );
        assert_eq!(reply_to(&mut line, id).await["status"], "queued");
    });
}

/// W3: a cancelled call leaves nothing in the queue, unless it was there before.
#[test]
fn a_cancelled_claim_withdraws_the_ticket_that_it_took() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        let held = holder.claim("r", json!({})).await;
        let mut line = opened(&site).await;
        let id = waits_in_line(&mut line, &holder, "waiter").await;
        cancel(&mut line, id).await;
        until_queue_is(&holder, &[]).await;
        // The same again, for a ticket that stood before.
        let queued = line
            .call(
                "claim",
                json!({"agent_id": "waiter", "resource": "r", "wait": "queue"}),
            )
            .await;
        assert_eq!(queued["structuredContent"]["status"], "queued", "{queued}");
        let id = ask_for(&mut line, "waiter", WAITS).await;
        cancel(&mut line, id).await;
        // Answered after the cancelled call has ended, whatever that left.
        line.call("roster", json!({"agent_id": "waiter"})).await;
        assert_eq!(queue(&holder).await, ["waiter"]);
        let released = holder.release("r", &claim_id(&held)).await;
        assert_eq!(released["next_holder"], "waiter", "{released}");
    });
}

/// Whoever takes an agent out of the queue ends its wait: it does not stand there again.
#[test]
fn a_ticket_that_is_released_elsewhere_is_not_taken_anew() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        holder.claim("r", json!({})).await;
        let mut line = opened(&site).await;
        let id = waits_in_line(&mut line, &holder, "waiter").await;
        let claims = holder.claims(json!({"resource": "r"})).await;
        let ticket = &claims["claims"][0]["queue"][0]["claim_id"];
        let release = json!({"agent_id": "waiter", "resource": "r", "claim_id": ticket});
        let released = holder.call("release", &release).await;
        assert_eq!(released.expect("a reply")["status"], "released");
        assert_eq!(reply_to(&mut line, id).await["status"], "denied");
        assert_eq!(queue(&holder).await, [""; 0]);
    });
}

/// W3: nothing is granted to a client that closed its end.
#[test]
fn a_client_that_is_gone_leaves_the_queue() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        let held = holder.claim("r", json!({})).await;
        let mut line = opened(&site).await;
        waits_in_line(&mut line, &holder, "waiter").await;
        line.close_input();
        until_queue_is(&holder, &[]).await;
        let status = line.ended(PROMPT).await;
        assert!(status.success(), "{status}");
        let released = holder.release("r", &claim_id(&held)).await;
        assert_eq!(released.get("next_holder"), None, "{released}");
    });
}

/// W3: a grant that cannot be told is given back.
#[test]
fn a_grant_that_nobody_reads_is_released() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        let held = holder.claim("r", json!({})).await;
        let mut line = opened(&site).await;
        waits_in_line(&mut line, &holder, "waiter").await;
        // The server notices only when it writes the answer.
        line.close_output();
        let released = holder.release("r", &claim_id(&held)).await;
        assert_eq!(released["next_holder"], "waiter", "{released}");
        let begun = Instant::now();
        while holder.claims(json!({"resource": "r"})).await["claims"] != json!([]) {
            assert!(begun.elapsed() < PROMPT, "the grant stays");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
}

/// A server that is told to end answers first, as things stand; its client may go on with
/// another one, and keeps its place.
#[test]
fn a_server_that_is_told_to_end_answers_what_it_holds() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        holder.claim("r", json!({})).await;
        let mut line = opened(&site).await;
        let id = waits_in_line(&mut line, &holder, "waiter").await;
        line.process().signal(Signal::TERM);
        assert_eq!(reply_to(&mut line, id).await["status"], "queued");
        let status = line.ended(PROMPT).await;
        assert!(status.success(), "{status}");
        assert_eq!(queue(&holder).await, ["waiter"]);
    });
}

/// S2: a folder that is removed is noticed by those who wait, too.
#[test]
fn a_waiter_notices_that_the_folder_was_removed() {
    story(async {
        let site = Site::new().await;
        let holder = site.client("holder").await;
        holder.claim("r", json!({})).await;
        let mut line = opened(&site).await;
        let id = waits_in_line(&mut line, &holder, "waiter").await;
        std::fs::remove_dir_all(site.mesh()).unwrap();
        let granted = reply_to(&mut line, id).await;
        assert_eq!(granted["status"], "granted", "{granted}");
        assert_eq!(granted["fence"], 1, "of the new log");
    });
}
