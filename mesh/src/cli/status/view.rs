//! What a folder looks like at one moment.

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::backends::fs::{Location, LockKind};
use crate::cli::screen::{Paint, Screen};
use crate::cli::table::{Cell, Table, cut, fixed, flexible};
use crate::cli::tool::{claims_table, liveness};
use crate::cli::words::{ago, bytes, count};
use crate::core::{
    AgentView, ClaimView, Command, Inbox, Liveness, Millis, Reply, Roster, State, Timestamp,
    decide, printable, standing,
};
use crate::ports::StorageError;
use crate::{Condition, Observer};

/// In whose name the rules are asked. Nothing depends on it.
const ONLOOKER: &str = "status";

/// The fleet at one moment.
#[derive(Debug)]
pub(super) struct View {
    path: String,
    condition: Condition,
    entries: u64,
    messages: usize,
    agents: Vec<(AgentView, u64)>,
    claims: Vec<ClaimView>,
    now: Timestamp,
}

impl View {
    /// Looks at a folder. The rules themselves tell what holds at `now`; the events that
    /// they would write are dropped.
    pub(super) fn of(
        observer: &mut Observer,
        location: &Location,
        now: Millis,
    ) -> Result<Self, StorageError> {
        let snapshot = observer.look()?.clone();
        let state = &snapshot.state;
        let with_mail = |agent: AgentView| {
            let unread = unread(state, &agent.agent_id, now);
            (agent, unread)
        };
        Ok(Self {
            path: printable(&location.path.display().to_string()),
            condition: observer.condition()?,
            entries: snapshot.seq,
            messages: state.mail().len(),
            agents: agents(state, now).into_iter().map(with_mail).collect(),
            claims: standing(state, now),
            now: Timestamp(now),
        })
    }

    /// The view as JSON, in the shapes of the replies of `roster` and `claims`.
    pub(super) fn json(&self, all: bool) -> Value {
        let row = |(agent, unread): &(AgentView, u64)| {
            let mut row = json!(agent);
            row["unread"] = json!(unread);
            row
        };
        json!({
            "folder": {
                "path": self.path,
                "healthy": true,
                "format": self.condition.format,
                "lock": self.condition.lock,
                "generation": self.condition.generation,
                "journal_bytes": self.condition.journal_bytes,
                "entries": self.entries,
                "messages": self.messages,
            },
            "agents": self.shown(all).map(row).collect::<Vec<_>>(),
            "claims": self.claims,
            "now": self.now,
        })
    }

    /// The view as lines.
    pub(super) fn lines(&self, all: bool, screen: &Screen) -> Vec<String> {
        let mut lines = vec![self.folder(screen), String::new()];
        match self.shown(all).next() {
            Some(_) => lines.extend(self.roster(all).lines(screen)),
            None => lines.push("no agents".to_owned()),
        }
        let dead = self.agents.len() - self.shown(all).count();
        if dead > 0 {
            let hidden = format!(
                "{} hidden; --all shows them",
                count(dead as u64, "dead agent")
            );
            lines.push(screen.paint(Paint::Dim, &hidden));
        }
        lines.push(String::new());
        match self.claims.is_empty() {
            true => lines.push("no claims".to_owned()),
            false => lines.extend(claims_table(&self.claims, self.now, false).lines(screen)),
        }
        lines
    }

    fn shown(&self, all: bool) -> impl Iterator<Item = &(AgentView, u64)> {
        let agents = self.agents.iter();
        agents.filter(move |(agent, _)| all || agent.liveness != Liveness::Dead)
    }

    fn folder(&self, screen: &Screen) -> String {
        let lock = match self.condition.lock {
            LockKind::Kernel => "kernel lock",
            LockKind::Directory => "directory lock",
        };
        let facts = format!(
            "generation {}, {}, {}, {}, {lock}",
            self.condition.generation,
            match self.entries {
                1 => "1 entry".to_owned(),
                n => format!("{n} entries"),
            },
            bytes(self.condition.journal_bytes),
            count(self.messages as u64, "message"),
        );
        let parts = [
            (Paint::Plain, self.path.as_str()),
            (Paint::Good, "healthy"),
            (Paint::Dim, facts.as_str()),
        ];
        let width: usize = parts.iter().map(|(_, text)| text.width() + 2).sum();
        let room = screen.columns.unwrap_or(usize::MAX);
        let between = if width - 2 <= room { "  " } else { "\n" };
        let shown = parts.map(|(paint, text)| screen.paint(paint, &cut(text, room)));
        shown.join(between)
    }

    fn roster(&self, all: bool) -> Table {
        let mut table = Table::new(&[
            flexible("AGENT"),
            fixed("STATE"),
            fixed("SEEN"),
            fixed("UNREAD"),
            flexible("BRANCH"),
            flexible("ROLE").spare(),
            flexible("TASK").spare(),
        ]);
        for (agent, unread) in self.shown(all) {
            let mail = match unread {
                0 => Cell::from("0"),
                n => Cell::painted(Paint::Waiting, &n.to_string()),
            };
            table.row([
                (*agent.agent_id).into(),
                liveness(agent.liveness),
                ago(agent.last_seen, self.now).into(),
                mail,
                (*agent.branch).into(),
                agent.role.as_deref().unwrap_or_default().into(),
                (*agent.prompt_ptr).into(),
            ]);
        }
        table
    }
}

/// All agents as the rules have them at `now`, the dead included.
pub(in crate::cli) fn agents(state: &State, now: Millis) -> Vec<AgentView> {
    let roster = Roster {
        agent_id: ONLOOKER.to_owned(),
        include_stale: true,
    };
    match ask(state, now, &Command::Roster(roster)) {
        Some(Reply::Roster(reply)) => reply.agents,
        _ => Vec::new(),
    }
}

/// How much waits for an agent, topics aside: which ones it follows, only it knows.
pub(in crate::cli) fn unread(state: &State, agent_id: &str, now: Millis) -> u64 {
    let inbox = Inbox {
        agent_id: agent_id.to_owned(),
        limit: Some(1),
        ..Inbox::default()
    };
    match ask(state, now, &Command::Inbox(inbox)) {
        Some(Reply::Inbox(reply)) => reply.messages.len() as u64 + reply.unread,
        _ => 0,
    }
}

fn ask(state: &State, now: Millis, command: &Command) -> Option<Reply> {
    let decision = decide(state, now, command, 0);
    decision.ok().map(|decision| decision.reply)
}
