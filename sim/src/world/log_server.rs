//! The log server: a conditional append, as a distributed engine would serve it.
//!
//! It exists in `sim` only. What it answers is on its disk before it answers, so its
//! crash costs time and replies, never an entry. Every request may be repeated: a client
//! that asks twice, or whose first request arrives after its second, changes nothing
//! twice.

use std::cell::RefCell;
use std::rc::Rc;

use mesh::core::Entry;
use turmoil::net::UdpSocket;

use super::log_protocol::{MOST_BYTES, PORT, Place, Reply, Request, Saved, decode, encode};
use super::state::Shared;
use crate::trace::Seen;

/// How many entries one reply carries at most.
const NEWS: usize = 64;

/// What is on the server's disk.
#[derive(Debug, Default)]
pub(crate) struct Log {
    checkpoint: Saved,
    /// The entries after it.
    entries: Vec<Entry>,
}

impl Log {
    fn newest(&self) -> u64 {
        self.checkpoint.seq + self.entries.len() as u64
    }

    fn answer(&mut self, request: Request, world: &Shared) -> Reply {
        match request {
            Request::Read { after } => self.read(after),
            Request::Append(entry) => Reply::Place(self.append(entry, world)),
            Request::Look { seq, id } => Reply::Place(self.look(seq, &id)),
            Request::Checkpoint(saved) => Reply::Place(self.trim(saved)),
        }
    }

    fn read(&self, after: Option<u64>) -> Reply {
        let oldest = self.checkpoint.seq;
        match after.filter(|after| *after >= oldest) {
            None => Reply::Reset(self.checkpoint.clone()),
            Some(after) => {
                let unread = self.entries.iter().skip((after - oldest) as usize);
                Reply::Entries(unread.take(NEWS).cloned().collect())
            }
        }
    }

    /// "Nothing stands at this place" is not the condition: after a trim nothing does.
    fn append(&mut self, entry: Entry, world: &Shared) -> Place {
        match self.look(entry.seq, &entry.id) {
            Place::Empty if entry.seq == self.newest() + 1 => {
                self.entries.push(entry);
                Place::Yours
            }
            Place::Empty => Place::Others,
            Place::Yours => {
                world.borrow_mut().seen.hit(Seen::AppendArrivedTwice);
                Place::Yours
            }
            place => place,
        }
    }

    fn look(&self, seq: u64, id: &str) -> Place {
        if seq <= self.checkpoint.seq {
            return Place::Trimmed;
        }
        let at = (seq - self.checkpoint.seq - 1) as usize;
        match self.entries.get(at) {
            Some(entry) if entry.id == id => Place::Yours,
            Some(_) => Place::Others,
            None => Place::Empty,
        }
    }

    fn trim(&mut self, saved: Saved) -> Place {
        if saved.seq != self.newest() {
            return Place::Others;
        }
        self.checkpoint = saved;
        self.entries.clear();
        Place::Yours
    }
}

/// Answers requests, one after the other, for ever.
pub(crate) async fn serve(log: Rc<RefCell<Log>>, world: Shared) -> turmoil::Result {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).await?;
    let mut buffer = vec![0; MOST_BYTES];
    loop {
        let (len, client) = socket.recv_from(&mut buffer).await?;
        let request = decode::<Request>(&buffer[..len]);
        let reply = log.borrow_mut().answer(request.body, &world);
        socket
            .send_to(&encode(request.number, &reply), client)
            .await?;
    }
}
