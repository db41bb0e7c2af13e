//! The notation of the scripts.
//!
//! ```text
//! a: claim doc                       # the agent is the prefix, and has a process of its own
//! b: claim doc wait=queue            # other arguments by name
//! b: !claim doc mode=shared          # an error is expected, and shown
//! a: release c1 doc                  # ids by name, see `symbols`
//! tick 30s                           # true time goes on
//! b: clock 100y ahead                # the clock of b's process is wrong; or `5s behind`, `right`
//! a: post b hi [json]                # the reply as clients get it
//! ```
//!
//! What stands without a name is, for `claim` and `claims`: resource; `release`: claim_id
//! resource; `post`: to body; `read`: up_to; `register`: branch prompt_ptr, which may be
//! left out. `null` is the JSON null, and `x*300` ends with 300 times the letter x.
//!
//! * `events on` shows what each command adds to the log, in the log's own words: `|` begins
//!   an entry, `&` goes on with it. `events off` ends it.
//! * `state` shows what outlives claims and agents; `trail` the extent of the audit trail.
//! * `restart` stops everything and starts from what is stored.
//! * `crowd 9 claim doc` runs a command for the agents p1 to p9, which share one process,
//!   `repeat 9 post b hi` for one agent; both show the last reply only.
//!
//! After every command the invariants of the state are checked, and the log, folded into a
//! second state, must give the same one. Every script ends with a restart, after which
//! everything must still be there.

use std::collections::BTreeMap;
use std::error::Error;
use std::iter::repeat;

use goldenscript::{Argument, Context};
use mesh::core::{Command, Millis, Snapshot};
use mesh::tools;
use serde_json::{Map, Value};

use crate::host::Host;
use crate::render;
use crate::symbols::{START, Symbols, duration};

type Outcome<T = String> = Result<T, Box<dyn Error>>;

/// A script on its way through a host.
pub(crate) struct Script<H> {
    host: H,
    /// The log of the host, folded once more.
    replica: Snapshot,
    symbols: Symbols,
    /// How much true time has passed.
    elapsed: Millis,
    /// How far off the clocks of some agents' processes are.
    skews: BTreeMap<String, i64>,
    shows_events: bool,
}

impl<H: Host> Script<H> {
    pub(crate) fn new(host: H) -> Self {
        Self {
            host,
            replica: Snapshot::default(),
            symbols: Symbols::default(),
            elapsed: 0,
            skews: BTreeMap::new(),
            shows_events: false,
        }
    }

    /// Runs one of the nine tools for an agent.
    fn call(&mut self, agent: Option<&str>, tool: &str, args: &[Argument], json: bool) -> Outcome {
        let command = self.command(agent, tool, args)?;
        let process = process(agent);
        let now = self.now(process);
        let reply = self.host.call(process, now, &command);
        let events = self.follow(reply.is_err())?;
        let reply = reply.map_err(|rejection| self.symbols.hide(&rejection))?;
        let mut output = match json {
            true => serde_json::to_string(&reply)?,
            false => render::reply(&reply),
        };
        if self.shows_events {
            output.push_str(&events);
        }
        Ok(self.symbols.hide(&output))
    }

    /// Reads what the log has gained, and holds the host to it.
    fn follow(&mut self, rejected: bool) -> Outcome {
        let mut events = String::new();
        for entry in self.host.news() {
            if rejected {
                return Err("G3: a rejected command changed the log".into());
            }
            self.symbols.learn(&entry);
            self.replica.apply(&entry);
            for (event, sign) in entry
                .events
                .iter()
                .zip(std::iter::once('|').chain(repeat('&')))
            {
                events.push_str(&format!("\n{sign} {}", render::event(event)));
            }
        }
        self.replica.state.invariants()?;
        if self
            .host
            .state()
            .is_some_and(|state| state != self.replica.state)
        {
            return Err("the log, folded again, gives another state".into());
        }
        Ok(events)
    }

    /// Starts anew, and holds what is found then to what the log said.
    fn restart(&mut self) -> Outcome<()> {
        let found = self.host.restart();
        self.follow(false)?;
        match found == self.replica {
            true => Ok(()),
            false => Err("what was stored is not what the log said".into()),
        }
    }

    /// What the clock of a process shows.
    fn now(&self, process: &str) -> Millis {
        let skew = self.skews.get(process).copied().unwrap_or(0);
        (START + self.elapsed).saturating_add_signed(skew)
    }

    fn command(&self, agent: Option<&str>, tool: &str, args: &[Argument]) -> Outcome<Command> {
        let row = tools::find(tool).ok_or_else(|| format!("no such command: {tool}"))?;
        let mut arguments = Map::new();
        if let Some(agent) = agent {
            arguments.insert("agent_id".to_owned(), stretch(agent).into());
        }
        if tool == "register" {
            arguments.insert("branch".to_owned(), "main".into());
            arguments.insert("prompt_ptr".to_owned(), "task.md".into());
        }
        let mut unnamed = unnamed(tool).iter();
        for arg in args {
            let (name, text) = match arg {
                Argument::KeyValue(name, text) => (name.as_str(), text),
                Argument::Positional(text) => {
                    let name = unnamed.next();
                    (*name.ok_or_else(|| format!("too many: {text}"))?, text)
                }
                _ => return Err("an unknown kind of argument".into()),
            };
            arguments.insert(name.to_owned(), self.value(name, text));
        }
        // No caller gives its session: the edge fills it in.
        let session = arguments.remove("session");
        let mut command = row.decode(&arguments)?;
        if let (Command::Register(register), Some(Value::String(session))) = (&mut command, session)
        {
            register.session = Some(session);
        }
        Ok(command)
    }

    /// An argument as JSON: numbers and truth values where the tool takes them.
    fn value(&self, name: &str, text: &str) -> Value {
        let string = || Value::String(stretch(&self.symbols.resolve(text)));
        match name {
            _ if text == "null" => Value::Null,
            "lease_seconds" | "wait_seconds" | "ttl_seconds" | "limit" | "include_stale" => {
                text.parse().unwrap_or_else(|_| string())
            }
            "topics" => text.split_terminator(',').map(Value::from).collect(),
            _ => string(),
        }
    }

    fn set_clock(&mut self, agent: &str, args: &[&str]) -> Outcome {
        let skew = match args {
            ["right"] => 0,
            [by, "ahead"] => duration(by)? as i64,
            [by, "behind"] => -(duration(by)? as i64),
            _ => {
                return Err(
                    "clock <duration> ahead, clock <duration> behind, or clock right".into(),
                );
            }
        };
        self.skews.insert(process(Some(agent)).to_owned(), skew);
        Ok(String::new())
    }

    /// Runs a command many times; the last reply stands for all.
    fn many(&mut self, agents: impl Iterator<Item = String>, args: &[Argument]) -> Outcome {
        let [_, Argument::Positional(tool), args @ ..] = args else {
            return Err("a number and a command are needed".into());
        };
        let mut last = String::new();
        for agent in agents {
            last = self.call(Some(&agent), tool, args, false)?;
        }
        Ok(last)
    }
}

impl<H: Host> goldenscript::Runner for Script<H> {
    type Command = goldenscript::Command;

    fn end_script(&mut self) -> Outcome<()> {
        self.restart()
    }

    fn run(&mut self, command: &goldenscript::Command, context: &Context) -> Outcome {
        let agent = context.prefix.as_deref();
        let words: Vec<&str> = command.args.iter().filter_map(word).collect();
        let number = || -> usize {
            words
                .first()
                .and_then(|word| word.parse().ok())
                .unwrap_or(0)
        };
        match (command.name.as_str(), words.as_slice()) {
            ("tick", [by]) => self.elapsed += duration(by)?,
            ("clock", by) => return self.set_clock(agent.ok_or("whose clock?")?, by),
            ("events", [switch]) => self.shows_events = *switch == "on",
            ("state", []) => return Ok(self.symbols.hide(&render::state(&self.replica.state))),
            ("trail", []) => return Ok(render::trail(&self.replica.trail)),
            ("restart", []) => self.restart()?,
            ("crowd", _) => {
                let agents = (1..=number()).map(|n| format!("p{n}"));
                let last = self.many(agents, &command.args)?;
                return Ok(format!("p{}: {last}", number()));
            }
            ("repeat", _) => {
                let agent = agent.ok_or("which agent?")?.to_owned();
                return self.many(std::iter::repeat_n(agent, number()), &command.args);
            }
            (tool, _) => {
                let json = context.tags.contains("json");
                return self.call(agent, tool, &command.args, json);
            }
        }
        Ok(String::new())
    }
}

fn word(arg: &Argument) -> Option<&str> {
    match arg {
        Argument::Positional(text) => Some(text),
        _ => None,
    }
}

/// The process of an agent: its own, but a crowd shares one.
fn process(agent: Option<&str>) -> &str {
    let name = agent.unwrap_or("nobody");
    name.trim_end_matches(|c: char| c.is_ascii_digit())
}

/// The arguments that a script gives without their names.
fn unnamed(tool: &str) -> &'static [&'static str] {
    match tool {
        "register" => &["branch", "prompt_ptr"],
        "claim" | "claims" => &["resource"],
        "release" => &["claim_id", "resource"],
        "post" => &["to", "body"],
        "read" => &["up_to"],
        _ => &[],
    }
}

/// `x*300` is a text of 300 letters: the last one is repeated.
fn stretch(text: &str) -> String {
    let split = text.rsplit_once('*').and_then(|(part, times)| {
        let times: usize = times.parse().ok()?;
        Some((part, part.chars().next_back()?, times.checked_sub(1)?))
    });
    match split {
        Some((part, last, more)) => format!("{part}{}", last.to_string().repeat(more)),
        None => text.to_owned(),
    }
}
