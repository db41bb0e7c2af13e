//! The scene.

use std::env;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::backends::SystemClock;
use crate::core::{
    ClaimReply, ClaimStatus, InboxReply, MessageView, PostReply, ReadReply, RegisterReply,
    ReleaseReply, ReleaseStatus,
};
use crate::ports::Clock;

use super::agent::Agent;
use super::error::DemoError;
use super::narrator::{Mood, Narrator};
use super::target::DeployTarget;

const RESOURCE: &str = "deploy:production";

/// Short, so that nobody waits long for a dead holder.
const LEASE_SECONDS: u64 = 2;

/// How often a waiter looks whether it is its turn.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Plays the scene in `folder`, and checks each line before it is told.
pub(super) async fn play<W: Write>(
    folder: &Path,
    narrator: &mut Narrator<W>,
) -> Result<(), DemoError> {
    narrator.title("mesh demo", "three agents, three processes, one folder")?;
    narrator.chapter("Who is here")?;
    let ada = enter("ada", "feature/login", folder, narrator).await?;
    let ben = enter("ben", "feature/search", folder, narrator).await?;
    let cleo = enter("cleo", "main", folder, narrator).await?;

    narrator.chapter("One lock, one holder, one line")?;
    let fence = compete(&ada, &ben, &cleo, narrator).await?;

    narrator.chapter("The holder dies in the middle of its work")?;
    let mut target = DeployTarget::default();
    deploy(&mut target, ada.name, "build 41", fence, narrator)?;
    let promoted = inherit(ada, &ben, fence, narrator).await?;
    deploy(&mut target, ben.name, "build 42", promoted, narrator)?;
    refuse_late_write(&mut target, fence, narrator)?;
    release(&ben, promoted, narrator).await?;

    narrator.chapter("A message, read once")?;
    correspond(&ben, &cleo, narrator).await?;
    ben.leave().await;
    cleo.leave().await;
    farewell(narrator)
}

/// Starts an agent, which registers.
async fn enter<W: Write>(
    name: &'static str,
    branch: &str,
    folder: &Path,
    narrator: &mut Narrator<W>,
) -> Result<Agent, DemoError> {
    let agent = Agent::start(name, folder).await?;
    let arguments = json!({"branch": branch, "prompt_ptr": "docs/task.md"});
    let reply: RegisterReply = agent.call("register", arguments).await?;
    expect(
        "a new agent is in its first epoch",
        reply.epoch == 1,
        &reply,
    )?;
    let what = format!("registers, on branch {branch}");
    narrator.step(
        name,
        what,
        Mood::Good,
        format_args!("alive (process {})", agent.pid),
    )?;
    Ok(agent)
}

/// One is granted the lock, one queues, one is denied. Gives the fence of the grant.
async fn compete<W: Write>(
    ada: &Agent,
    ben: &Agent,
    cleo: &Agent,
    narrator: &mut Narrator<W>,
) -> Result<u64, DemoError> {
    let arguments = json!({"resource": RESOURCE, "lease_seconds": LEASE_SECONDS});
    let granted: ClaimReply = ada.call("claim", arguments).await?;
    let ok = granted.status == ClaimStatus::Granted && granted.fence == 1;
    expect("ada is granted a free resource with fence 1", ok, &granted)?;
    let what = format!("claims {RESOURCE} for {LEASE_SECONDS} s");
    narrator.step(
        ada.name,
        what,
        Mood::Good,
        format_args!("granted, fence {}", granted.fence),
    )?;

    let queued = claim_queueing(ben).await?;
    let ok = queued.status == ClaimStatus::Queued && queued.queue_position == Some(1);
    expect("ben is first in the queue", ok, &queued)?;
    narrator.step(
        ben.name,
        "claims it too, and waits in line",
        Mood::Waiting,
        "queued, first",
    )?;

    let denied: ClaimReply = cleo.call("claim", json!({"resource": RESOURCE})).await?;
    let ok = denied.status == ClaimStatus::Denied && denied.holder.as_deref() == Some(ada.name);
    expect("cleo is denied what ada holds", ok, &denied)?;
    narrator.step(
        cleo.name,
        "claims it without waiting",
        Mood::Bad,
        "denied, ada holds it",
    )?;
    Ok(granted.fence)
}

async fn claim_queueing(agent: &Agent) -> Result<ClaimReply, DemoError> {
    agent
        .call("claim", json!({"resource": RESOURCE, "wait": "queue"}))
        .await
}

fn deploy<W: Write>(
    target: &mut DeployTarget,
    who: &str,
    build: &'static str,
    fence: u64,
    narrator: &mut Narrator<W>,
) -> Result<(), DemoError> {
    let outcome = target.deploy(build, fence);
    expect(
        "a deploy with the newest fence is accepted",
        outcome.is_ok(),
        &outcome,
    )?;
    narrator.step(
        who,
        format_args!("deploys {build} with fence {fence}"),
        Mood::Good,
        "accepted",
    )
}

/// Kills the holder and waits until the next in line is promoted. Gives the new fence.
async fn inherit<W: Write>(
    holder: Agent,
    waiter: &Agent,
    fence: u64,
    narrator: &mut Narrator<W>,
) -> Result<u64, DemoError> {
    let name = holder.name;
    holder.kill().await?;
    narrator.step(name, "kill -9", Mood::Bad, "gone, with its lock")?;
    let clock = SystemClock::new();
    let died = clock.monotonic();
    let mut told = false;
    loop {
        let reply = claim_queueing(waiter).await?;
        if reply.status == ClaimStatus::Granted {
            expect("a promotion raises the fence", reply.fence > fence, &reply)?;
            let waited = clock.monotonic().saturating_sub(died) as f64 / 1000.0;
            let what = format!("claims again, {waited:.1} s later");
            let outcome = format!("granted, fence {}", reply.fence);
            narrator.step(waiter.name, what, Mood::Good, outcome)?;
            return Ok(reply.fence);
        }
        expect(
            "a waiter keeps its place",
            reply.queue_position == Some(1),
            &reply,
        )?;
        if !told {
            let outcome = "queued, until the lease ends";
            narrator.step(waiter.name, "claims again", Mood::Waiting, outcome)?;
            told = true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// A write of the dead holder was on its way when it died, and arrives now.
fn refuse_late_write<W: Write>(
    target: &mut DeployTarget,
    fence: u64,
    narrator: &mut Narrator<W>,
) -> Result<(), DemoError> {
    let outcome = target.deploy("build 41 again", fence);
    let Err(stale) = &outcome else {
        return expect("a stale fence is refused", false, &outcome);
    };
    expect(
        "a refused write changes nothing",
        target.live() == Some("build 42"),
        target,
    )?;
    let what = format!("its last write, fence {fence}, arrives late");
    let outcome = format!("refused: {} is older than {}", stale.fence, stale.newest);
    narrator.step("(ada)", what, Mood::Bad, outcome)
}

async fn correspond<W: Write>(
    sender: &Agent,
    reader: &Agent,
    narrator: &mut Narrator<W>,
) -> Result<(), DemoError> {
    let body = "build 42 is live";
    let posted: PostReply = sender
        .call("post", json!({"to": reader.name, "body": body}))
        .await?;
    let what = format!("posts to {}: \"{body}\"", reader.name);
    narrator.step(sender.name, what, Mood::Good, "sent")?;

    let inbox: InboxReply = reader.call("inbox", json!({})).await?;
    let ok = matches!(&inbox.messages[..], [MessageView { message_id, body: b, .. }]
        if *message_id == posted.message_id && &**b == body);
    expect("the message is in the inbox", ok, &inbox)?;
    narrator.step(reader.name, "looks into its inbox", Mood::Good, "1 message")?;

    let read: ReadReply = reader
        .call("read", json!({"up_to": posted.message_id}))
        .await?;
    expect("nothing remains", read.remaining == 0, &read)?;
    narrator.step(reader.name, "acknowledges it", Mood::Plain, "0 remain")?;

    let inbox: InboxReply = reader.call("inbox", json!({})).await?;
    expect(
        "what was read is not shown again",
        inbox.messages.is_empty(),
        &inbox,
    )?;
    narrator.step(reader.name, "looks again", Mood::Good, "nothing new")
}

async fn release<W: Write>(
    agent: &Agent,
    fence: u64,
    narrator: &mut Narrator<W>,
) -> Result<(), DemoError> {
    let held = claim_queueing(agent).await?;
    expect("a renewal keeps the fence", held.fence == fence, &held)?;
    let arguments = json!({"resource": RESOURCE, "claim_id": held.claim_id});
    let reply: ReleaseReply = agent.call("release", arguments).await?;
    expect(
        "the holder can release",
        reply.status == ReleaseStatus::Released,
        &reply,
    )?;
    narrator.step(
        agent.name,
        format_args!("releases {RESOURCE}"),
        Mood::Good,
        "released",
    )
}

fn farewell<W: Write>(narrator: &mut Narrator<W>) -> Result<(), DemoError> {
    narrator
        .remark("\nEvery line above was an MCP call to a process of its own. Set mesh up:\n")?;
    let exe = env::current_exe().unwrap_or_else(|_| "mesh".into());
    narrator.line(&format!("    claude mcp add mesh -- {} mcp", quoted(&exe)))
}

/// The path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(harmless) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn expect(
    expected: &'static str,
    holds: bool,
    got: &impl std::fmt::Debug,
) -> Result<(), DemoError> {
    if holds {
        Ok(())
    } else {
        Err(DemoError::Unexpected {
            expected,
            got: format!("{got:?}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_only_where_a_shell_would_split_it() {
        assert_eq!(quoted(Path::new("/usr/bin/mesh")), "/usr/bin/mesh");
        assert_eq!(quoted(Path::new("/a b/it's/mesh")), "'/a b/it'\\''s/mesh'");
    }
}
