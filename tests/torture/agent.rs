//! One agent at work: what it calls, what befalls its server meanwhile, and what it notes.
//!
//! It claims (waiting in the call, waiting in the queue, or not at all), posts under what
//! it holds, releases or forgets to, posts with and without a retry key, waits for mail
//! and reads it. It never knows more than its server told it: after a kill it goes on
//! with a new process and the doubts of the old one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::inspect::Ground;
use crate::ledger::{Fate, Granted, Ledger, Posted};
use crate::names::{RESOURCES, TOPIC, name};
use crate::report::Report;
use crate::server::{Answer, Server, stop_for};
use tests::{PATIENCE, Random};

/// One lease for all, so that a renewal whose answer was lost never shortens one.
const LEASE_SECONDS: u64 = 2;
/// Longer than any stop, so that nobody dies of one.
const TTL_SECONDS: u64 = 30;

/// What befalls a server during a call.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// SIGKILL so long after the call was sent.
    Kill(Duration),
    /// SIGSTOP so long after the call was sent, SIGCONT so long after that.
    Stop(Duration, Duration),
    /// The client takes the call back after so long.
    Cancel(Duration),
}

/// An agent with a server that comes and goes.
pub(crate) struct Agent<'a> {
    name: String,
    number: usize,
    ground: &'a Ground,
    ledger: &'a RefCell<Ledger>,
    report: &'a Report,
    random: Random,
    server: Option<Server>,
    /// Since when it may have asked for a resource without having been told how it ended.
    asked: BTreeMap<&'static str, Instant>,
    posts: u64,
    /// When it is to be stopped for long, and for how long.
    long_stop: Option<(Instant, Duration)>,
}

impl<'a> Agent<'a> {
    pub(crate) fn new(
        number: usize,
        ground: &'a Ground,
        ledger: &'a RefCell<Ledger>,
        report: &'a Report,
        random: Random,
    ) -> Self {
        Self {
            name: name(number),
            number,
            ground,
            ledger,
            report,
            random,
            server: None,
            asked: BTreeMap::new(),
            posts: 0,
            long_stop: None,
        }
    }

    /// Plans a stop that is long enough for the store's lock to be stolen.
    pub(crate) fn stop_long(&mut self, at: Instant, pause: Duration) {
        self.long_stop = Some((at, pause));
    }

    /// Works until `end`, and then goes away politely, or is killed.
    pub(crate) async fn work_until(mut self, end: Instant) {
        while Instant::now() < end {
            self.one_step().await;
            let pause = self.random.millis(0, 12);
            sleep(pause).await;
        }
        self.give_all_back().await;
        if self.random.chance(50) {
            self.leave().await;
        } else {
            self.kill();
        }
    }

    /// Tickets of an agent that is gone would be served first, one lease after the other,
    /// until it counts as dead.
    async fn give_all_back(&mut self) {
        let claims = self.call("claims", json!({})).await;
        let claims = claims.reply().and_then(|reply| reply["claims"].as_array());
        for claim in claims.cloned().unwrap_or_default() {
            let parties = ["holders", "queue"].map(|member| claim[member].as_array());
            for party in parties.into_iter().flatten().flatten() {
                if party["agent_id"] == self.name.as_str()
                    && let Some(claim_id) = party["claim_id"].as_str()
                {
                    self.ledger.borrow_mut().release(claim_id, Instant::now());
                    let back = json!({"resource": claim["resource"], "claim_id": claim_id});
                    let _ = self.call("release", back).await;
                }
            }
        }
    }

    async fn one_step(&mut self) {
        match self.random.below(100) {
            0..40 => self.hold_something().await,
            40..60 => self.post_something(None).await,
            60..70 => self.write_to_somebody().await,
            70..85 => self.read_mail().await,
            85..95 => self.look_around().await,
            95..98 => self.leave().await,
            _ => {
                let _ = self.call("gc", json!({})).await;
            }
        }
    }

    async fn hold_something(&mut self) {
        let resource = RESOURCES[self.random.below(RESOURCES.len() as u64) as usize];
        let shared = resource == "shared" && self.number.is_multiple_of(2);
        let mut arguments = json!({
            "resource": resource,
            "lease_seconds": LEASE_SECONDS,
            "mode": if shared { "shared" } else { "exclusive" },
        });
        match self.random.below(3) {
            0 => {}
            1 => arguments["wait"] = json!("queue"),
            _ => arguments["wait_seconds"] = json!(1 + self.random.below(3)),
        }
        let Some(grant) = self.claim(resource, shared, arguments).await else {
            return;
        };
        if self.random.chance(80) {
            self.post_something(Some((resource, grant.fence))).await;
        }
        // Some holds are left to lapse.
        if self.random.chance(85) {
            self.release(resource, &grant.claim_id).await;
        }
    }

    /// Claims, and notes what it was granted.
    async fn claim(
        &mut self,
        resource: &'static str,
        shared: bool,
        arguments: Value,
    ) -> Option<Granted> {
        let sent = Instant::now();
        let asked = *self.asked.entry(resource).or_insert(sent);
        let answer = self.call("claim", arguments).await;
        let reply = answer.reply()?;
        let text = |member: &str| reply[member].as_str().unwrap_or_default().to_owned();
        match reply["status"].as_str() {
            Some("granted") => {
                let grant = Granted {
                    agent: self.name.clone(),
                    resource: resource.to_owned(),
                    claim_id: text("claim_id"),
                    fence: reply["fence"].as_u64().unwrap_or(0),
                    shared,
                    asked,
                    sent,
                    acked: Instant::now(),
                    lease: Duration::from_secs(LEASE_SECONDS),
                };
                self.report.count("grants");
                self.ledger.borrow_mut().grants.push(grant.clone());
                Some(grant)
            }
            Some("queued") => None,
            Some("denied") => {
                // It holds nothing and waits for nothing, now.
                self.asked.remove(resource);
                None
            }
            other => {
                let what = format!("a claim answered with status {other:?}: {reply}");
                self.report.finding(&self.name, what);
                None
            }
        }
    }

    async fn release(&mut self, resource: &'static str, claim_id: &str) {
        self.ledger.borrow_mut().release(claim_id, Instant::now());
        let arguments = json!({"resource": resource, "claim_id": claim_id});
        if self.call("release", arguments).await.reply().is_some() {
            self.asked.remove(resource);
        }
    }

    async fn post_something(&mut self, under: Option<(&str, u64)>) {
        let body = self.body(under);
        let key = self.random.chance(50);
        let under = under.map(|(resource, fence)| (resource.to_owned(), fence));
        // With a key, a post whose answer is lost can be sent again (M7).
        for _ in 0..if key { 3 } else { 1 } {
            if self.post(TOPIC, &body, key, under.clone()).await {
                return;
            }
        }
    }

    async fn write_to_somebody(&mut self) {
        let to = name(self.random.below(self.ground.processes as u64) as usize);
        let body = self.body(None);
        self.post(&to, &body, false, None).await;
    }

    /// A text that nobody else writes, short or long.
    fn body(&mut self, under: Option<(&str, u64)>) -> String {
        self.posts += 1;
        let length = match self.random.below(20) {
            0 => self.random.below(20_000),
            1..5 => self.random.below(2_000),
            _ => self.random.below(100),
        };
        let padding = "x".repeat(length as usize);
        let under = under.map(|(resource, fence)| format!("{resource} under {fence} "));
        let (name, posts) = (&self.name, self.posts);
        format!("{name} #{posts} {}{padding}", under.unwrap_or_default())
    }

    /// Posts, and notes what is known of it; `true` if it was answered.
    async fn post(
        &mut self,
        to: &str,
        body: &str,
        key: bool,
        under: Option<(String, u64)>,
    ) -> bool {
        let sent = Instant::now();
        let mut arguments = json!({"to": to, "body": body});
        if key {
            arguments["key"] = json!(format!("key {}", self.posts));
        }
        let answer = self.call("post", arguments).await;
        let fate = fate(&answer);
        let answered = fate != Fate::Unknown;
        let posted = Posted {
            from: self.name.clone(),
            to: to.to_owned(),
            under,
            sent,
            answered: Instant::now(),
            fate,
        };
        self.ledger.borrow_mut().post(body, posted);
        self.report.count("posts");
        answered
    }

    async fn read_mail(&mut self) {
        let wait = self.random.below(2);
        let arguments = json!({"topics": [TOPIC], "limit": 20, "wait_seconds": wait});
        let answer = self.call("inbox", arguments).await;
        let newest = answer
            .reply()
            .and_then(|reply| reply["messages"].as_array()?.last()?["message_id"].as_str());
        let Some(newest) = newest.map(str::to_owned) else {
            return;
        };
        let read = self.call("read", json!({"up_to": newest})).await;
        if read.reply().is_some() {
            self.ledger.borrow_mut().read(&self.name, &newest);
        }
    }

    async fn look_around(&mut self) {
        let tool = *self.random.pick(&["roster", "claims"]);
        let _ = self.call(tool, json!({})).await;
    }

    /// One call in the agent's name, and whatever befalls the server meanwhile.
    async fn call(&mut self, tool: &'static str, mut arguments: Value) -> Answer {
        arguments["agent_id"] = json!(self.name);
        let fault = self.fault(&arguments);
        let Some(mut server) = self.present().await else {
            return Answer::Gone;
        };
        let sent = Instant::now();
        let id = server.begin(tool, arguments.clone()).await;
        let mut killed = false;
        let answer = match fault {
            Fault::None => server.answer(id, PATIENCE).await,
            Fault::Kill(after) => {
                sleep(after).await;
                server.kill();
                killed = true;
                self.report.count("kills");
                // What it had written before its end counts.
                server.answer(id, PATIENCE).await
            }
            Fault::Stop(after, pause) => {
                sleep(after).await;
                stop_for(&server, pause).await;
                self.report.count("stops");
                server.answer(id, PATIENCE).await
            }
            Fault::Cancel(after) => match server.answer(id, after).await {
                Answer::Silent => {
                    server.cancel(id).await;
                    self.report.count("cancelled calls");
                    // It may have been answered just before; nobody looks any more.
                    self.server = Some(server);
                    return Answer::Gone;
                }
                answer => answer,
            },
        };
        if matches!(fault, Fault::None) && arguments.get("wait_seconds").is_none() {
            self.report.took("call that nothing befell", sent.elapsed());
        }
        self.weigh(tool, &arguments, &answer, fault);
        if killed || answer == Answer::Gone {
            self.report.complaints(&self.name, &server.complaints());
        } else {
            self.server = Some(server);
        }
        self.report.count("calls");
        answer
    }

    /// What is wrong whatever was asked.
    fn weigh(&self, tool: &str, arguments: &Value, answer: &Answer, fault: Fault) {
        let wrong = match answer {
            Answer::Silent => format!("no answer within {PATIENCE:?}"),
            Answer::Gone if !matches!(fault, Fault::Kill(_)) => "the server ended".to_owned(),
            Answer::Error(said) => format!("an error on a healthy disk: {said}"),
            _ => return,
        };
        let what = format!("{tool} {:.200} ({fault:?}): {wrong}", arguments.to_string());
        self.report.finding(&self.name, what);
    }

    fn fault(&mut self, arguments: &Value) -> Fault {
        if let Some((at, pause)) = self.long_stop
            && Instant::now() >= at
        {
            self.long_stop = None;
            return Fault::Stop(self.random.millis(0, 2), pause);
        }
        let waits = arguments["wait_seconds"].as_u64().unwrap_or(0) > 0;
        match self.random.below(200) {
            0..5 => Fault::Kill(self.random.millis(0, 4)),
            5..8 => Fault::Stop(self.random.millis(0, 2), self.random.millis(1, 300)),
            8..48 if waits => Fault::Cancel(self.random.millis(0, 500)),
            _ => Fault::None,
        }
    }

    /// The server, started anew where there is none.
    async fn present(&mut self) -> Option<Server> {
        if let Some(server) = self.server.take() {
            return Some(server);
        }
        let mut server = match Server::start(self.ground.command()).await {
            Ok(server) => server,
            Err(why) => {
                self.report
                    .finding(&self.name, format!("no session: {why}"));
                return None;
            }
        };
        self.report.count("starts");
        let arguments = json!({
            "agent_id": self.name,
            "branch": "main",
            "prompt_ptr": "docs/task.md",
            "ttl_seconds": TTL_SECONDS,
        });
        if server.call("register", arguments).await.reply().is_some() {
            self.ledger.borrow_mut().agents.insert(self.name.clone());
        }
        Some(server)
    }

    async fn leave(&mut self) {
        let Some(server) = self.server.take() else {
            return;
        };
        self.report.count("clean exits");
        match server.leave().await {
            Ok(said) => self.report.complaints(&self.name, &said),
            Err(wrong) => self.report.finding(&self.name, wrong),
        }
    }

    fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
            self.report.complaints(&self.name, &server.complaints());
        }
    }
}

/// What an answer to a post says about it.
pub(crate) fn fate(answer: &Answer) -> Fate {
    match answer {
        Answer::Reply(reply) => match reply["message_id"].as_str() {
            Some(id) => Fate::Acknowledged(id.to_owned()),
            None => Fate::Unknown,
        },
        Answer::Error(said) if !said.contains("unknown") => Fate::Refused,
        Answer::Error(_) | Answer::Gone | Answer::Silent => Fate::Unknown,
    }
}
