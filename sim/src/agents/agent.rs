//! The agents: what a fleet does all day, with its retries and its mistakes.
//!
//! An agent registers (most do), claims resources, works on what it holds, renews,
//! releases, waits in queues, posts, reads its mail, and looks around. It believes what
//! it was told until it is told otherwise, and acts on it, also when it was paused in
//! between: that is what fences are for.
//!
//! After the storm it finishes: it gives back what it holds, sees every ticket through,
//! and reads all its mail. What an agent must not forget when its process dies (which
//! keys it used, what it read) is in its [`Memory`], outside of the process.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use mesh::core::{
    Claim, ClaimReply, ClaimStatus, Claims, Command, Gc, Inbox, MessageId, Mode, Post, Read,
    Register, Release, Reply, Roster, Wait,
};
use mesh::{Mesh, MeshError};

use crate::trace::{Answer, Call, Micros, Record, Seen, TOPIC};
use crate::world::{Memory, Shared, TaskId, until, until_unless};

/// A hold, as its agent remembers it.
#[derive(Clone, Debug)]
struct Held {
    claim_id: String,
    fence: u64,
    mode: Mode,
}

pub(crate) struct Agent {
    world: Shared,
    task: TaskId,
    name: String,
    mesh: Mesh,
    held: BTreeMap<String, Held>,
    tickets: BTreeMap<String, (String, Mode)>,
    /// The newest message that an inbox showed.
    newest: Option<MessageId>,
    /// How it waits, this time.
    patience: Patience,
}

/// How an agent makes a call.
#[derive(Clone, Copy, Debug, Default)]
struct Patience {
    wait_seconds: Option<u64>,
    stays: Stays,
}

/// How long the caller is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stays {
    /// Until it has heard the answer.
    #[default]
    ToTheEnd,
    /// Until the answer is there, which it does not look at.
    UntilTheAnswer,
    /// So long at most.
    For(Micros),
}

impl Patience {
    /// Most calls do not wait, and most callers stay.
    fn drawn(draw: u32, waits: bool) -> Self {
        if !waits {
            return Self::default();
        }
        let wait_seconds = match draw & 7 {
            0..4 => None,
            4 => Some(1),
            5 => Some(5),
            _ => Some(20),
        };
        let stays = match draw >> 3 & 7 {
            0 => Stays::UntilTheAnswer,
            1 | 2 => Stays::For(Micros::from(draw >> 6 & 0xfff) * 500),
            _ => Stays::ToTheEnd,
        };
        Self {
            wait_seconds,
            stays,
        }
    }
}

/// What comes first: the answer, or the moment to go.
async fn first<T>(answer: impl Future<Output = T>, leaves: impl Future<Output = ()>) -> Option<T> {
    let (mut answer, mut leaves) = (pin!(answer), pin!(leaves));
    poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => leaves.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Between two looks at a ticket after the storm: first, and at most. The longest is
/// below the shortest lease, within which a waiter must ask again.
const PATIENT: Micros = 400_000;
const MOST_PATIENT: Micros = 900_000;
/// By how much posts are longer in a cramped world: the second fills a batch, the third no
/// record has room for.
const LENGTHS: [usize; 8] = [0, 0, 0, 0, 400, 400, 400, 40_000];
/// How long an agent keeps what it claims last.
const KEPT: Micros = 3_000_000;

/// An agent's whole life in one incarnation of its process.
pub(crate) async fn live(world: Shared, task: TaskId, name: String, mesh: Mesh) {
    let mut agent = Agent::new(world, task, name, mesh);
    agent.register_if_it_does().await;
    while agent.storm() {
        agent.think().await;
        if agent.storm() {
            agent.act().await;
        }
    }
    agent.finish().await;
}

impl Agent {
    pub(crate) fn new(world: Shared, task: TaskId, name: String, mesh: Mesh) -> Self {
        Self {
            world,
            task,
            name,
            mesh,
            held: BTreeMap::new(),
            tickets: BTreeMap::new(),
            newest: None,
            patience: Patience::default(),
        }
    }

    fn storm(&self) -> bool {
        self.world.borrow().storm
    }

    fn draw(&self) -> u32 {
        let mut world = self.world.borrow_mut();
        if world.storm { world.tape.draw() } else { 0 }
    }

    fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[self.draw() as usize % choices.len()]
    }

    fn remember<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        let mut world = self.world.borrow_mut();
        change(world.memories.entry(self.name.clone()).or_default())
    }

    pub(crate) async fn rest(&self, micros: Micros) {
        let at = self.world.borrow().now + micros;
        until(&self.world, self.task, at).await;
    }

    async fn think(&self) {
        let most = Micros::from(self.world.borrow().knobs.think_ms) * 1000;
        let part = Micros::from(self.draw() & 0xffff) + 0x1000;
        self.rest(most * part / 0x1_0000).await;
    }

    /// Calls, with everything written down.
    pub(crate) async fn call(&self, command: Command) -> Result<Reply, MeshError> {
        let stays = Stays::ToTheEnd;
        // Whoever stays is answered.
        self.call_for(command, stays)
            .await
            .unwrap_or(Err(MeshError::Closed))
    }

    /// The same, and perhaps goes away before it hears the answer.
    async fn call_for(&self, command: Command, stays: Stays) -> Option<Result<Reply, MeshError>> {
        let waits = usize::from(command.patience() > 0);
        let call = self.note_call(&command);
        let result = match stays {
            Stays::ToTheEnd => Some(self.mesh.call(command).await),
            Stays::UntilTheAnswer => Some(self.mesh.send(command).await.answer().clone()),
            Stays::For(micros) => {
                let at = self.world.borrow().now + micros;
                let leaves = until_unless(&self.world, self.task, at);
                first(self.mesh.call(command), leaves).await
            }
        };
        let mut world = self.world.borrow_mut();
        let process = &mut world.processes[self.task.process];
        process.open_calls = process.open_calls.saturating_sub(1);
        process.waiting_calls = process.waiting_calls.saturating_sub(waits);
        let Some(result) = result else {
            process.left = true;
            world.seen.hit(Seen::CallerLeft);
            world.record(self.task.process, Record::Left { call });
            return None;
        };
        process.answered = true;
        let (first, last, now) = process.decided.unwrap_or_default();
        let answer = Answer {
            result: result.clone(),
            decided: (first, last),
            now,
            batch: (process.incarnation, process.batch),
            beside_waiting: process.waiting_calls > 0 || process.left,
        };
        let heard = stays != Stays::UntilTheAnswer;
        if heard && !matches!(result, Err(MeshError::Storage(_) | MeshError::Closed)) {
            world.ledger.tell(answer.decided.1);
        }
        if let Ok(Reply::Post(reply)) = &result
            && reply.posted_at.0 != answer.now
        {
            world.seen.hit(Seen::RetryAnswered);
        }
        world.trace.calls[call].answer = Some(answer);
        if !heard {
            world.seen.hit(Seen::CallerLeft);
            world.record(self.task.process, Record::Left { call });
            return None;
        }
        world.record(self.task.process, Record::Answered { call });
        Some(result)
    }

    fn note_call(&self, command: &Command) -> usize {
        let mut world = self.world.borrow_mut();
        world.calls_left = world.calls_left.saturating_sub(1);
        let told_before = world.ledger.told();
        let process = &mut world.processes[self.task.process];
        process.open_calls += 1;
        process.waiting_calls += usize::from(command.patience() > 0);
        let others_open = process.open_calls - 1;
        let ready = process.open_calls - process.waiting_calls;
        let limits = world.trace.limits;
        if ready > limits.batch_commands {
            world.seen.hit(Seen::BatchPassed);
        }
        if ready > limits.queue {
            world.seen.hit(Seen::QueuePassed);
        }
        let call = Call {
            agent: self.name.clone(),
            process: self.task.process,
            command: command.clone(),
            told_before,
            others_open,
            answer: None,
        };
        world.trace.calls.push(call);
        let call = world.trace.calls.len() - 1;
        world.record(self.task.process, Record::Called { call });
        call
    }

    async fn register_if_it_does(&self) {
        let registers = {
            let world = self.world.borrow();
            let number = self.name[1..].parse::<u32>().unwrap_or_default();
            number % 10 < world.knobs.registered_of_ten
        };
        self.remember(|_| ());
        if registers {
            self.register().await;
        }
    }

    async fn register(&self) {
        let register = Register {
            agent_id: self.name.clone(),
            branch: "main".to_owned(),
            prompt_ptr: "task".to_owned(),
            role: self.pick(&[None, Some("tester")]).map(str::to_owned),
            ttl_seconds: Some(self.world.borrow().knobs.ttl_seconds),
            session: None,
        };
        let _ = self.call(Command::Register(register)).await;
    }

    /// One thing that agents do, by how often they do it.
    async fn act(&mut self) {
        let draw = self.draw();
        let roll = draw % 100;
        let resource = format!("r{}", self.draw() % self.world.borrow().knobs.resources);
        self.patience = Patience::drawn(draw >> 8, self.world.borrow().knobs.waits);
        match roll {
            0..32 => self.claim(&resource).await,
            32..50 => self.work(&resource).await,
            50..58 => self.release(&resource).await,
            58..68 => self.post().await,
            68..76 => self.read_mail(false).await,
            76..80 => self.read_nonsense().await,
            80..85 => self.roster().await,
            85..90 => self.claims(&resource).await,
            90..94 => self.register_if_it_does().await,
            94..97 => self.gc().await,
            _ => self.forget(&resource),
        }
    }

    /// Claims: anew, to renew, to change the mode, or to ask after a ticket.
    async fn claim(&mut self, resource: &str) {
        let mode = self.pick(&[
            None,
            Some(Mode::Exclusive),
            Some(Mode::Shared),
            Some(Mode::Shared),
            None,
        ]);
        let lease = self.world.borrow().knobs.lease_seconds;
        let mut claim = Claim {
            agent_id: self.name.clone(),
            resource: resource.to_owned(),
            mode,
            lease_seconds: self.pick(&[Some(lease), Some(lease), None, Some(2 * lease)]),
            wait: Some(self.pick(&[Wait::Queue, Wait::Queue, Wait::NoWait])),
            wait_seconds: self.patience.wait_seconds,
            note: self.pick(&[None, None, Some("why")]).map(str::to_owned),
        };
        if claim.wait == Some(Wait::NoWait) {
            claim.wait_seconds = None;
        }
        self.claim_with(claim).await;
    }

    async fn claim_with(&mut self, claim: Claim) {
        let (resource, mode) = (claim.resource.clone(), claim.mode);
        if mode == Some(Mode::Shared) {
            self.remember(|memory| memory.shares.insert(resource.clone()));
        }
        // Where there is no answer, whether the claim was granted is unknown: what was
        // believed stays.
        let answer = self
            .call_for(Command::Claim(claim), self.patience.stays)
            .await;
        match answer {
            Some(Ok(Reply::Claim(reply))) => self.learn(&resource, mode, reply),
            Some(Err(MeshError::Rejected(full))) if full.field == "resource" => {
                self.world.borrow_mut().seen.hit(Seen::TicketRefused);
            }
            _ => {}
        }
    }

    fn learn(&mut self, resource: &str, mode: Option<Mode>, reply: ClaimReply) {
        if reply.lost.is_some() {
            self.world.borrow_mut().seen.hit(Seen::LossTold);
        }
        if reply.deadlock.is_some() {
            self.world.borrow_mut().seen.hit(Seen::DeadlockRefused);
        }
        match reply.status {
            ClaimStatus::Granted => {
                let asked = self.tickets.remove(resource).map(|(_, mode)| mode);
                let before = self.held.get(resource).map(|held| held.mode);
                let unsaid = self.unsaid(resource);
                let mode = mode.or(before).or(asked).unwrap_or(unsaid);
                let held = Held {
                    claim_id: reply.claim_id,
                    fence: reply.fence,
                    mode,
                };
                self.held.insert(resource.to_owned(), held);
            }
            ClaimStatus::Queued => {
                self.held.remove(resource);
                let mode = mode.unwrap_or(self.unsaid(resource));
                let known = self.tickets.get(resource);
                if known.is_none_or(|(claim_id, _)| *claim_id != reply.claim_id) {
                    let ticket = (reply.claim_id, mode);
                    self.tickets.insert(resource.to_owned(), ticket);
                }
            }
            // Whoever would wait for itself neither holds nor waits, and lets it be.
            ClaimStatus::Denied if reply.deadlock.is_some() => {
                self.held.remove(resource);
                self.tickets.remove(resource);
            }
            // A denied upgrade leaves the shared hold as it is.
            ClaimStatus::Denied if self.held.contains_key(resource) => {
                self.world.borrow_mut().seen.hit(Seen::UpgradeDenied);
            }
            ClaimStatus::Denied => {}
        }
        self.believe(resource);
    }

    /// The mode of a claim that says none. Exclusive, but to believe less than one holds does
    /// no harm.
    fn unsaid(&self, resource: &str) -> Mode {
        match self.remember(|memory| memory.shares.contains(resource)) {
            true => Mode::Shared,
            false => Mode::Exclusive,
        }
    }

    /// Tells the world whether this agent believes that it holds a resource alone.
    fn believe(&self, resource: &str) {
        let alone = self
            .held
            .get(resource)
            .is_some_and(|held| held.mode == Mode::Exclusive);
        let mut world = self.world.borrow_mut();
        let believers = world.believers.entry(resource.to_owned()).or_default();
        if alone {
            believers.insert(self.name.clone());
        } else {
            believers.remove(&self.name);
        }
        if believers.len() > 1 {
            world.seen.hit(Seen::TwoBelievers);
        }
    }

    /// Does what it holds the resource for: after a while, writes to it. Who shares a
    /// resource only reads, which no fence is needed for.
    async fn work(&self, resource: &str) {
        let held = self.held.get(resource);
        let Some(held) = held.filter(|held| held.mode == Mode::Exclusive) else {
            return;
        };
        self.think().await;
        let mut world = self.world.borrow_mut();
        let guarded = world.guarded.entry(resource.to_owned()).or_default();
        let refused = held.fence < guarded.fence;
        let mut clash = None;
        if !refused {
            if held.fence == guarded.fence && guarded.by != held.claim_id {
                clash = Some(guarded.by.clone());
            }
            guarded.fence = held.fence;
            guarded.by.clone_from(&held.claim_id);
        }
        let clobbered = held.fence < guarded.unfenced;
        guarded.unfenced = held.fence;
        if refused {
            world.seen.hit(Seen::StaleWriteRefused);
        }
        if clobbered {
            world.seen.hit(Seen::UnfencedClobbered);
        }
        if let Some(other) = clash {
            let what = format!(
                "{resource} accepted writes of claims {other} and {} under fence {}",
                held.claim_id, held.fence
            );
            world.ledger.break_rule("C3", what);
        }
        let wrote = Record::Wrote {
            resource: resource.to_owned(),
            agent: self.name.clone(),
            fence: held.fence,
            refused,
        };
        world.record(self.task.process, wrote);
    }

    async fn release(&mut self, resource: &str) {
        let held = self.held.get(resource).map(|held| held.claim_id.clone());
        let ticket = self
            .tickets
            .get(resource)
            .map(|(claim_id, _)| claim_id.clone());
        let Some(claim_id) = held.or(ticket) else {
            return;
        };
        let release = Release {
            agent_id: self.name.clone(),
            claim_id,
            resource: resource.to_owned(),
        };
        if self.call(Command::Release(release)).await.is_ok() {
            self.forget(resource);
        }
    }

    /// Loses track of a resource, as agents do.
    fn forget(&mut self, resource: &str) {
        self.held.remove(resource);
        self.tickets.remove(resource);
        self.believe(resource);
    }

    async fn post(&self) {
        let again = self.remember(|memory| memory.unsent.take());
        let post = match again {
            Some(post) => post,
            None => self.new_post(),
        };
        if post.key.is_some() {
            self.remember(|memory| memory.unsent = Some(post.clone()));
        }
        let sent = self.call(Command::Post(post)).await;
        // An impatient sender repeats itself although it was answered.
        if sent.is_ok() && self.draw() % 4 != 3 {
            self.remember(|memory| memory.unsent = None);
        }
    }

    fn new_post(&self) -> Post {
        let number = self.remember(|memory| {
            memory.posts += 1;
            memory.posts
        });
        let agents = {
            let knobs = &self.world.borrow().knobs;
            (knobs.processes * knobs.agents_each) as u32
        };
        let cramped = self.world.borrow().knobs.cramped;
        let more = if cramped { self.pick(&LENGTHS) } else { 0 };
        let body = format!("{}#{number}{}", self.name, ".".repeat(more));
        let to = match self.draw() % 8 {
            0..5 => format!("a{}", self.draw() % agents),
            5 | 6 => "*".to_owned(),
            _ => format!("topic:{TOPIC}"),
        };
        Post {
            agent_id: self.name.clone(),
            to,
            subject: None,
            reply_to: None,
            ttl_seconds: self.pick(&[None, None, None, Some(5)]),
            key: (self.draw() % 2 == 1).then(|| format!("{}#{number}", self.name)),
            body,
        }
    }

    /// Looks at the mail, and then acknowledges it. `true`: there was some.
    async fn look_and_read(&mut self, limit: Option<u64>) -> Result<bool, MeshError> {
        let inbox = Inbox {
            agent_id: self.name.clone(),
            topics: vec![TOPIC.to_owned()],
            since: None,
            limit,
            wait_seconds: self.patience.wait_seconds,
        };
        let answer = self
            .call_for(Command::Inbox(inbox), self.patience.stays)
            .await;
        let Some(Reply::Inbox(reply)) = answer.transpose()? else {
            return Ok(false);
        };
        if limit.is_none() && reply.unread > 0 {
            self.world.borrow_mut().seen.hit(Seen::InboxCut);
        }
        let ids: Vec<MessageId> = reply.messages.iter().map(|m| m.message_id).collect();
        self.remember(|memory| memory.delivered.extend(ids.iter().copied()));
        let Some(last) = ids.last() else {
            return Ok(false);
        };
        self.newest = self.newest.max(Some(*last));
        let read = Read {
            agent_id: self.name.clone(),
            up_to: last.to_string(),
            topics: vec![TOPIC.to_owned()],
        };
        self.call(Command::Read(read)).await.map(|_| true)
    }

    async fn read_mail(&mut self, all: bool) {
        let limit = if all {
            None
        } else {
            self.pick(&[None, Some(2)])
        };
        let _ = self.look_and_read(limit).await;
    }

    /// Moves its cursor to where no message is.
    async fn read_nonsense(&self) {
        let up_to = self.pick(&[
            "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "yesterday",
            "00000000000000000000000000",
        ]);
        let read = Read {
            agent_id: self.name.clone(),
            up_to: up_to.to_owned(),
            topics: Vec::new(),
        };
        if let Err(MeshError::Rejected(_)) = self.call(Command::Read(read)).await {
            self.world.borrow_mut().seen.hit(Seen::BogusCursorRefused);
        }
    }

    async fn roster(&self) {
        let roster = Roster {
            agent_id: self.name.clone(),
            include_stale: self.pick(&[false, true]),
        };
        let _ = self.call(Command::Roster(roster)).await;
    }

    async fn claims(&self, resource: &str) {
        let claims = Claims {
            agent_id: self.name.clone(),
            resource: self.pick(&[None, Some(resource)]).map(str::to_owned),
        };
        let _ = self.call(Command::Claims(claims)).await;
    }

    async fn gc(&self) {
        let agent_id = Some(self.name.clone());
        let _ = self.call(Command::Gc(Gc { agent_id })).await;
    }

    /// After the storm: sees every ticket through, gives everything back, reads all.
    async fn finish(&mut self) {
        let waits = self.world.borrow().knobs.waits;
        self.patience = Patience {
            wait_seconds: waits.then_some(20),
            stays: Stays::ToTheEnd,
        };
        let tickets: Vec<(String, Mode)> = {
            let tickets = self.tickets.iter();
            tickets
                .map(|(resource, (_, mode))| (resource.clone(), *mode))
                .collect()
        };
        for (resource, _) in tickets {
            self.see_through(&resource).await;
        }
        let held: Vec<String> = self.held.keys().cloned().collect();
        for resource in held {
            while self.held.contains_key(&resource) {
                self.release(&resource).await;
                self.rest(PATIENT).await;
            }
        }
        if waits {
            self.queue_once_more().await;
        }
        self.patience = Patience::default();
        while !matches!(self.look_and_read(None).await, Ok(false)) {
            self.rest(PATIENT).await;
        }
        self.remember(|memory| memory.finished = true);
    }

    /// Claims what all the others claim now, too. One in three keeps it for a while, one
    /// goes away while it waits, and one when it is granted.
    async fn queue_once_more(&mut self) {
        let number = self.name[1..].parse::<u64>().unwrap_or_default();
        self.patience.stays = match number % 3 {
            0 => Stays::ToTheEnd,
            1 => Stays::For(50_000),
            _ => Stays::UntilTheAnswer,
        };
        let resource = "r0";
        let claim = Claim {
            agent_id: self.name.clone(),
            resource: resource.to_owned(),
            wait_seconds: self.patience.wait_seconds,
            ..Claim::default()
        };
        self.claim_with(claim).await;
        self.patience.stays = Stays::ToTheEnd;
        self.rest(KEPT).await;
        while self.held.contains_key(resource) {
            self.release(resource).await;
            self.rest(PATIENT).await;
        }
    }

    /// Asks until the ticket is a hold.
    async fn see_through(&mut self, resource: &str) {
        let mut patience = PATIENT;
        while self.tickets.contains_key(resource) {
            let claim = Claim {
                agent_id: self.name.clone(),
                resource: resource.to_owned(),
                mode: None,
                lease_seconds: None,
                wait: Some(Wait::Queue),
                wait_seconds: self.patience.wait_seconds,
                note: None,
            };
            self.claim_with(claim).await;
            self.rest(patience).await;
            patience = (2 * patience).min(MOST_PATIENT);
        }
    }
}
