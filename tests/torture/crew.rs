//! A few servers that do as they are told, one after the other, for the scenes in which
//! the ground itself gives way.

use std::time::Instant;

use serde_json::{Value, json};

use crate::agent::fate;
use crate::inspect::Ground;
use crate::ledger::{Fate, Ledger, Posted};
use crate::names::{TOPIC, name};
use crate::report::Report;
use crate::server::{Answer, Server};

/// Servers that run at the same time, and what was acknowledged to their clients.
pub(crate) struct Crew<'a> {
    pub(crate) scene: &'a str,
    pub(crate) report: &'a Report,
    pub(crate) servers: Vec<Server>,
    pub(crate) ledger: Ledger,
    posts: u64,
}

impl<'a> Crew<'a> {
    /// Starts one server for each of the ground's agents, and has each post once.
    pub(crate) async fn start(scene: &'a str, ground: &Ground, report: &'a Report) -> Crew<'a> {
        let mut crew = Self {
            scene,
            report,
            servers: Vec::new(),
            ledger: Ledger::default(),
            posts: 0,
        };
        for _ in 0..ground.processes {
            match Server::start(ground.command()).await {
                Ok(server) => crew.servers.push(server),
                Err(why) => report.finding(scene, format!("no session: {why}")),
            }
        }
        crew.all_work("before anything happened").await;
        crew
    }

    /// Has one server post a text of about that length.
    pub(crate) async fn post(&mut self, server: usize, length: usize) -> Answer {
        self.posts += 1;
        let body = format!("{} #{} {}", name(server), self.posts, "x".repeat(length));
        let sent = Instant::now();
        let arguments = json!({"agent_id": name(server), "to": TOPIC, "body": body});
        let answer = self.servers[server].call("post", arguments).await;
        self.weigh(server, &answer);
        let posted = Posted {
            from: name(server),
            to: TOPIC.to_owned(),
            under: None,
            sent,
            answered: Instant::now(),
            fate: fate(&answer),
        };
        if matches!(posted.fate, Fate::Acknowledged(_)) {
            self.report.count("posts");
        }
        self.ledger.post(&body, posted);
        answer
    }

    /// Has one server call any other tool in its agent's name.
    pub(crate) async fn call(&mut self, server: usize, tool: &str, mut more: Value) -> Answer {
        more["agent_id"] = json!(name(server));
        let answer = self.servers[server].call(tool, more).await;
        self.weigh(server, &answer);
        answer
    }

    /// A server answers, whatever becomes of its folder (G7).
    fn weigh(&self, server: usize, answer: &Answer) {
        if matches!(answer, Answer::Gone | Answer::Silent) {
            let said = self.servers[server].complaints();
            let what = format!("{answer:?} in place of an answer: {said}");
            self.report.finding(self.scene, what);
        }
    }

    /// Everybody can post, and look at what is there.
    pub(crate) async fn all_work(&mut self, when: &str) {
        for server in 0..self.servers.len() {
            let answers = [
                self.post(server, 10).await,
                self.call(server, "inbox", json!({"topics": [TOPIC]})).await,
            ];
            for answer in answers {
                let scene = self.scene;
                self.report.expect(scene, answer.reply().is_some(), || {
                    format!("{when}, process {server} answers {answer:?}")
                });
            }
        }
    }

    /// No call of anybody, of any kind, is answered with anything but an error that
    /// `names` what is wrong.
    pub(crate) async fn all_are_refused(&mut self, when: &str, names: &[&str]) {
        for server in 0..self.servers.len() {
            let claim = json!({"resource": "r0"});
            let answers = [
                self.call(server, "inbox", json!({})).await,
                self.post(server, 10).await,
                self.call(server, "claim", claim).await,
                self.call(server, "roster", json!({})).await,
            ];
            for answer in answers {
                let said = answer.error().unwrap_or_default();
                let named = names.iter().any(|name| said.contains(name));
                self.report.expect(self.scene, named, || {
                    format!("{when}, process {server} answers {answer:?}, not one of {names:?}")
                });
            }
        }
    }

    /// Ends all servers, politely.
    pub(crate) async fn leave(&mut self) {
        for server in std::mem::take(&mut self.servers) {
            match server.leave().await {
                Ok(said) => self.report.complaints(self.scene, &said),
                Err(wrong) => self.report.finding(self.scene, wrong),
            }
        }
    }

    /// Ends all servers, and has fresh ones look at what is there.
    pub(crate) async fn inspect(mut self, ground: &Ground) {
        self.leave().await;
        ground.inspect(self.scene, &self.ledger, self.report).await;
    }
}
