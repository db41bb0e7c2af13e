//! The storage port over a network: a client of the log server.
//!
//! What is committed is durable, since the server says so only then: [`sync`] has
//! nothing left to do. Everything else is about requests that are not answered. Reads
//! are asked again. An append that is not answered may have happened, or may happen yet:
//! the client looks at its place. If its own entry is there, that is the answer; if
//! another one is, then its own can never come; and if nothing is, it proposes *the same*
//! entry again. Where it still knows nothing after that, it says so.
//!
//! [`sync`]: Storage::sync

use std::io;
use std::time::Duration;

use mesh::core::{Entry, Snapshot};
use mesh::ports::{
    Append, CheckpointNeed, Durability, Lock, News, Outcome, Storage, StorageError,
    StorageErrorKind,
};
use turmoil::net::UdpSocket;

use crate::trace::{Incident, Seen};
use crate::world::Shared;
use crate::world::log_protocol::{
    MOST_BYTES, PORT, Place, Reply, Request, SERVER, Saved, decode, encode,
};
use crate::world::planted::{self, SimBug};

/// How often anything is asked before the caller is told that nobody answers.
const ATTEMPTS: usize = 3;

/// One reader and writer of the log on the server.
pub(crate) struct LogClient {
    world: Shared,
    process: usize,
    socket: Option<UdpSocket>,
    buffer: Vec<u8>,
    /// The newest request. Replies to others come too late.
    number: u64,
    /// Up to where it has read, and from where.
    position: Option<u64>,
    trimmed: u64,
}

impl LogClient {
    pub(crate) fn new(world: Shared, process: usize) -> Self {
        Self {
            world,
            process,
            socket: None,
            buffer: vec![0; MOST_BYTES],
            number: 0,
            position: None,
            trimmed: 0,
        }
    }

    /// Asks once; `None`: no answer came in time.
    async fn ask(&mut self, request: &Request) -> io::Result<Option<Reply>> {
        let patience = Duration::from_millis(self.world.borrow().network().patience_ms);
        self.number += 1;
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => UdpSocket::bind(("0.0.0.0", 0)).await?,
        };
        let socket = self.socket.insert(socket);
        let asked = encode(self.number, request);
        {
            let mut world = self.world.borrow_mut();
            world.steps += 1;
            world.processes[self.process].asking = true;
        }
        socket.send_to(&asked, (SERVER, PORT)).await?;
        let (buffer, number) = (&mut self.buffer, self.number);
        let answer = async {
            loop {
                let (len, _) = socket.recv_from(buffer).await?;
                let reply = decode::<Reply>(&buffer[..len]);
                if reply.number == number {
                    return Ok(reply.body);
                }
            }
        };
        let answered = tokio::time::timeout(patience, answer).await;
        self.world.borrow_mut().processes[self.process].asking = false;
        answered.ok().transpose()
    }

    /// Asks what may be asked any number of times, until it is answered.
    async fn insist(&mut self, request: &Request, outcome: Outcome) -> Result<Reply, StorageError> {
        for _ in 0..ATTEMPTS {
            match self.ask(request).await {
                Ok(Some(reply)) => return Ok(reply),
                Ok(None) => {}
                Err(error) => return Err(failed(&error.to_string(), outcome)),
            }
        }
        Err(failed("the log server does not answer", outcome))
    }

    /// Asks for an append; `None`: whether it happened is unknown.
    async fn propose(&mut self, entry: &Entry) -> Result<Option<Place>, StorageError> {
        let asked = self.ask(&Request::Append(entry.clone())).await;
        match asked.map_err(|error| failed(&error.to_string(), Outcome::Unknown))? {
            Some(Reply::Place(place)) => Ok(Some(place)),
            Some(_) => Err(failed("the log server talks nonsense", Outcome::Unknown)),
            None => Ok(None),
        }
    }

    /// What stands at the place of an entry whose append was not answered.
    async fn look(&mut self, entry: &Entry) -> Result<Place, StorageError> {
        let (seq, id) = (entry.seq, entry.id.clone());
        let request = Request::Look { seq, id };
        match self.insist(&request, Outcome::Unknown).await? {
            Reply::Place(place) => Ok(place),
            _ => Err(failed("the log server talks nonsense", Outcome::Unknown)),
        }
    }

    /// What became of an append that was not answered.
    async fn find_out(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        for _ in 0..ATTEMPTS {
            let mut place = self.look(entry).await?;
            if place == Place::Empty {
                self.saw(Seen::ProposedAgain);
                self.incident(Incident::ProposedAgain { seq: entry.seq });
                match self.propose(entry).await? {
                    Some(there) => place = there,
                    None => continue,
                }
            }
            match place {
                Place::Yours => {
                    self.saw(Seen::OwnEntryFound);
                    self.incident(Incident::OwnEntryFound { seq: entry.seq });
                    return Ok(self.committed(entry));
                }
                Place::Others => {
                    self.saw(Seen::OtherEntryFound);
                    self.incident(Incident::OtherEntryFound { seq: entry.seq });
                    return Ok(Append::Lost);
                }
                // It may have been there before.
                Place::Trimmed | Place::Empty => break,
            }
        }
        let what = format!("nobody says whether entry {} is in the log", entry.seq);
        Err(failed(&what, Outcome::Unknown))
    }

    fn saw(&self, seen: Seen) {
        self.world.borrow_mut().seen.hit(seen);
    }

    fn incident(&self, incident: Incident) {
        self.world.borrow_mut().incident(self.process, incident);
    }

    fn committed(&mut self, entry: &Entry) -> Append {
        self.position = Some(entry.seq);
        Append::Committed
    }
}

fn failed(what: &str, outcome: Outcome) -> StorageError {
    StorageError {
        kind: StorageErrorKind::Io,
        what: what.to_owned(),
        next: "call again".to_owned(),
        outcome,
    }
}

impl Storage for LogClient {
    async fn read_on(&mut self) -> Result<News, StorageError> {
        let after = self.position;
        match self
            .insist(&Request::Read { after }, Outcome::NoEffect)
            .await?
        {
            Reply::Reset(saved) => {
                (self.position, self.trimmed) = (Some(saved.seq), saved.seq);
                let snapshot = saved.restore();
                let broken = || failed("the checkpoint contradicts itself", Outcome::NoEffect);
                Ok(News::Reset(Box::new(snapshot.ok_or_else(broken)?)))
            }
            Reply::Entries(entries) => match entries.last() {
                None => Ok(News::CaughtUp),
                Some(last) => {
                    self.position = Some(last.seq);
                    Ok(News::Entries(entries))
                }
            },
            Reply::Place(_) => Err(failed("the log server talks nonsense", Outcome::NoEffect)),
        }
    }

    /// The server tells nobody; whoever waits looks.
    async fn changed(&mut self) {
        std::future::pending::<()>().await;
    }

    fn unwatch(&mut self) {}

    async fn append(&mut self, entry: &Entry) -> Result<Append, StorageError> {
        match self.propose(entry).await? {
            Some(Place::Yours) => return Ok(self.committed(entry)),
            // The first request was answered, so there is no other on its way.
            Some(_) => return Ok(Append::Lost),
            None => {
                self.saw(Seen::OutcomeUnknown);
                self.incident(Incident::NotAnswered { seq: entry.seq });
            }
        }
        if planted::is(SimBug::TimeoutTakenForLoss) {
            return Ok(Append::Lost);
        }
        let found = self.find_out(entry).await;
        if found.is_err() {
            self.saw(Seen::OutcomeToldUnknown);
            let (seq, id) = (entry.seq, entry.id.clone());
            self.incident(Incident::OutcomeUnknown { seq, id });
        }
        found
    }

    async fn sync(&mut self) -> Result<Durability, StorageError> {
        Ok(Durability::Durable)
    }

    fn checkpoint_need(&self) -> CheckpointNeed {
        let entries = self.position.unwrap_or_default() - self.trimmed;
        match entries >= self.world.borrow().network().trim_entries {
            true => CheckpointNeed::Worthwhile,
            false => CheckpointNeed::None,
        }
    }

    async fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<Append, StorageError> {
        let request = Request::Checkpoint(Saved::from(snapshot));
        match self.insist(&request, Outcome::Unknown).await? {
            Reply::Place(Place::Yours) => {
                self.trimmed = snapshot.seq;
                Ok(Append::Committed)
            }
            _ => Ok(Append::Lost),
        }
    }

    async fn close(&mut self, _: &Snapshot) -> Result<(), StorageError> {
        Ok(())
    }
}

/// Machines share no lock; the log must do.
pub(crate) struct NoLock;

impl Lock for NoLock {
    async fn acquire(&mut self) -> bool {
        false
    }

    async fn release(&mut self) {}
}
