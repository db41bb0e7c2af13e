//! Replies as people read them: tables, and letters for messages.

use crate::core::{
    ClaimId, ClaimReply, ClaimStatus, ClaimView, InboxReply, LapseReason, Liveness, MessageView,
    Mode, PostReply, ReadReply, RegisterReply, ReleaseReply, ReleaseStatus, Reply, RosterReply,
    Timestamp, printable,
};

use crate::cli::screen::{Paint, Screen};
use crate::cli::table::{Cell, Table, fixed, flexible};
use crate::cli::words::{ago, count, left};

/// The lines that show a reply.
pub(super) fn present(reply: &Reply, screen: &Screen) -> Vec<String> {
    match reply {
        Reply::Register(reply) => registered(reply).lines(screen),
        Reply::Roster(reply) => roster(reply, screen),
        Reply::Claim(reply) => claim(reply).lines(screen),
        Reply::Release(reply) => release(reply).lines(screen),
        Reply::Claims(reply) if reply.claims.is_empty() => vec!["nothing is claimed".to_owned()],
        Reply::Claims(reply) => claims_table(&reply.claims, reply.now, true).lines(screen),
        Reply::Post(reply) => posted(reply).lines(screen),
        Reply::Inbox(reply) => inbox(reply, screen),
        Reply::Read(reply) => read(reply).lines(screen),
        Reply::Gc(reply) => vec![format!(
            "mesh: reclaimed {} expired message(s); lapsed claims swept",
            reply.reclaimed
        )],
    }
}

fn registered(reply: &RegisterReply) -> Table {
    let mut table = Table::new(&[flexible("AGENT"), fixed("EPOCH"), fixed("ALIVE FOR")]);
    let alive_for = left(reply.expires_at, reply.now);
    table.row([
        (*reply.agent_id).into(),
        reply.epoch.to_string().into(),
        Cell::painted(Paint::Good, &alive_for),
    ]);
    table
}

fn roster(reply: &RosterReply, screen: &Screen) -> Vec<String> {
    if reply.agents.is_empty() {
        return vec!["nobody is here".to_owned()];
    }
    let mut table = Table::new(&[
        flexible("AGENT"),
        fixed("STATE"),
        fixed("SEEN"),
        flexible("BRANCH"),
        flexible("ROLE").spare(),
        flexible("TASK").spare(),
        flexible("HOLDS"),
    ]);
    for agent in &reply.agents {
        let holds: Vec<&str> = agent.held_claims.iter().map(|held| &**held).collect();
        table.row([
            (*agent.agent_id).into(),
            liveness(agent.liveness),
            ago(agent.last_seen, reply.now).into(),
            (*agent.branch).into(),
            agent.role.as_deref().unwrap_or_default().into(),
            (*agent.prompt_ptr).into(),
            holds.join(", ").into(),
        ]);
    }
    table.lines(screen)
}

/// How an agent is doing.
pub(in crate::cli) fn liveness(liveness: Liveness) -> Cell {
    match liveness {
        Liveness::Alive => Cell::painted(Paint::Good, "alive"),
        Liveness::Stale => Cell::painted(Paint::Waiting, "stale"),
        Liveness::Dead => Cell::painted(Paint::Bad, "dead"),
    }
}

fn claim(reply: &ClaimReply) -> Table {
    let resource = Cell::from(&*reply.resource);
    let claim_id = Cell::from(&reply.claim_id);
    let fence = Cell::from(reply.fence.to_string());
    let holder = Cell::from(reply.holder.as_deref().unwrap_or_default());
    match reply.status {
        ClaimStatus::Granted => {
            let lease = reply.lease_expires_at.map(|end| left(end, reply.now));
            let mut table = Table::new(&[
                fixed("STATUS"),
                flexible("RESOURCE"),
                fixed("FENCE"),
                fixed("LEASE"),
                fixed("CLAIM"),
            ]);
            let status = Cell::painted(Paint::Good, "granted");
            let lease = Cell::from(lease.unwrap_or_default());
            table.row([status, resource, fence, lease, claim_id]);
            table
        }
        ClaimStatus::Queued => {
            let mut table = Table::new(&[
                fixed("STATUS"),
                flexible("RESOURCE"),
                fixed("POSITION"),
                flexible("HOLDER"),
                fixed("CLAIM"),
            ]);
            let position = reply.queue_position.map(|place| place.to_string());
            let status = Cell::painted(Paint::Waiting, "queued");
            let position = Cell::from(position.unwrap_or_default());
            table.row([status, resource, position, holder, claim_id]);
            table
        }
        ClaimStatus::Denied => {
            let mut table = Table::new(&[
                fixed("STATUS"),
                flexible("RESOURCE"),
                fixed("FENCE"),
                flexible("HOLDER"),
            ]);
            let status = Cell::painted(Paint::Bad, "denied");
            table.row([status, resource, fence, holder]);
            table
        }
    }
}

/// What a claim has to tell of a loss that came before it (rule W6).
pub(super) fn lost(reply: &Reply) -> Option<String> {
    let Reply::Claim(reply) = reply else {
        return None;
    };
    let lost = reply.lost.as_ref()?;
    let why = match lost.reason {
        LapseReason::Lease => "its lease ended",
        LapseReason::Death => "its agent counted as dead",
    };
    Some(format!(
        "the claim with fence {} was lost {}, since {why}: what is written under it now may be \
         refused",
        lost.fence,
        ago(lost.at, reply.now)
    ))
}

fn release(reply: &ReleaseReply) -> Table {
    let mut table = Table::new(&[fixed("STATUS"), fixed("FENCE"), flexible("NEXT HOLDER")]);
    let status = match reply.status {
        ReleaseStatus::Released => Cell::painted(Paint::Good, "released"),
        ReleaseStatus::NotHolder => Cell::painted(Paint::Bad, "not_holder"),
        ReleaseStatus::Unknown => Cell::painted(Paint::Bad, "unknown"),
    };
    let fence = reply.fence.map(|fence| fence.to_string());
    let next = reply.next_holder.as_deref().unwrap_or_default();
    table.row([status, fence.unwrap_or_default().into(), next.into()]);
    table
}

/// Holders and those who wait, one on each line; with the ids of their claims where those
/// are needed.
pub(in crate::cli) fn claims_table(claims: &[ClaimView], now: Timestamp, ids: bool) -> Table {
    let id = |id: ClaimId| Cell::from(if ids { id.to_string() } else { String::new() });
    let mut table = Table::new(&[
        flexible("RESOURCE"),
        flexible("AGENT"),
        fixed("STATE"),
        fixed("MODE").spare(),
        fixed("FENCE"),
        fixed("LEFT"),
        fixed("CLAIM"),
        flexible("NOTE").spare(),
    ]);
    for claim in claims {
        for holder in &claim.holders {
            table.row([
                (*claim.resource).into(),
                (*holder.agent_id).into(),
                Cell::painted(Paint::Good, "holds"),
                mode(claim.mode).into(),
                holder.fence.to_string().into(),
                left(holder.lease_expires_at, now).into(),
                id(holder.claim_id),
                holder
                    .note
                    .as_deref()
                    .map(one_line)
                    .unwrap_or_default()
                    .into(),
            ]);
        }
        for ticket in &claim.queue {
            table.row([
                (*claim.resource).into(),
                (*ticket.agent_id).into(),
                Cell::painted(Paint::Waiting, &format!("waits {}", ticket.position)),
                mode(ticket.mode).into(),
                "".into(),
                "".into(),
                id(ticket.claim_id),
                "".into(),
            ]);
        }
    }
    table
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Exclusive => "exclusive",
        Mode::Shared => "shared",
    }
}

/// A text that may have line breaks and tabs, in one line.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn posted(reply: &PostReply) -> Table {
    let mut table = Table::new(&[fixed("MESSAGE"), fixed("POSTED"), fixed("FANOUT")]);
    table.row([
        reply.message_id.to_string().into(),
        reply.posted_at.to_string().into(),
        reply.fanout.to_string().into(),
    ]);
    table
}

fn read(reply: &ReadReply) -> Table {
    let mut table = Table::new(&[fixed("CURSOR"), fixed("REMAINING")]);
    table.row([
        reply.cursor.to_string().into(),
        reply.remaining.to_string().into(),
    ]);
    table
}

fn inbox(reply: &InboxReply, screen: &Screen) -> Vec<String> {
    let Some(last) = reply.messages.last() else {
        return vec!["nothing new".to_owned()];
    };
    let mut lines = Vec::new();
    for message in &reply.messages {
        letter(message, screen, &mut lines);
    }
    let shown = count(reply.messages.len() as u64, "message");
    let acknowledge = format!("mesh read {}", last.message_id);
    let more = format!("{shown}, {} more; acknowledge: {acknowledge}", reply.unread);
    lines.push(screen.paint(Paint::Dim, &more));
    lines
}

/// One message, as `git log` shows a commit: its lines are indented, so that no body can
/// pass for a heading.
fn letter(message: &MessageView, screen: &Screen, lines: &mut Vec<String>) {
    let heading = format!("message {}", message.message_id);
    lines.push(screen.paint(Paint::Waiting, &heading));
    let mut field = |name: &str, text: &str| lines.push(format!("{name:<9}{}", printable(text)));
    field("From:", &message.from);
    field("To:", &message.to);
    field("Date:", &message.posted_at.to_string());
    if let Some(reply_to) = &message.reply_to {
        field("Answers:", reply_to);
    }
    if let Some(subject) = &message.subject {
        field("Subject:", subject);
    }
    lines.push(String::new());
    for line in message.body.lines() {
        // Tabs are text here; whatever else does not print is escaped.
        let shown: Vec<String> = line.split('\t').map(printable).collect();
        lines.push(format!("    {}", shown.join("\t")).trim_end().to_owned());
    }
    lines.push(String::new());
}
