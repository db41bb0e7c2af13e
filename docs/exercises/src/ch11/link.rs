//! The server, and a network that treats each request as the plan says.

/// An entry: its place in the log, and the nonce by which its writer knows it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The place.
    pub seq: u64,
    /// The nonce.
    pub id: String,
}

/// What the server says about the place of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The entry is there.
    Yours,
    /// Another one is there, or there is a gap before it.
    Others,
    /// Nothing is there.
    Empty,
}

/// How the network treats a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrives, and so does the answer.
    Fine,
    /// It never arrives.
    RequestLost,
    /// It arrives, and the answer does not.
    AnswerLost,
    /// It is held back, and arrives after everything else.
    Late,
}

/// The way to a log server.
#[derive(Debug)]
pub struct Link {
    log: Vec<Entry>,
    plan: Vec<Fate>,
    sent: usize,
    /// Requests in a row, up to now, that were not answered.
    unanswered: usize,
    /// Appends that are still on their way.
    late: Vec<Entry>,
    /// Before which request another writer's entry arrives.
    rival: Option<usize>,
    story: Vec<String>,
}

impl Link {
    pub(super) fn new(plan: &[Fate], rival: Option<usize>) -> Self {
        Self {
            log: Vec::new(),
            plan: plan.to_vec(),
            sent: 0,
            unanswered: 0,
            late: Vec::new(),
            rival,
            story: Vec::new(),
        }
    }

    /// Asks the server to append an entry, if the one before it is the newest. `None`: no
    /// answer came in time.
    pub fn append(&mut self, entry: &Entry) -> Option<Place> {
        let what = format!("append {:?} at {}", entry.id, entry.seq);
        self.send(&what, Some(entry), |link| link.take(entry))
    }

    /// Asks the server what is at the place of an entry. `None`: no answer came in time.
    pub fn look(&mut self, entry: &Entry) -> Option<Place> {
        let what = format!("look at {}", entry.seq);
        self.send(&what, None, |link| link.place(entry))
    }

    /// The newest place of the log, as a reader would find it.
    pub fn newest(&self) -> u64 {
        self.log.len() as u64
    }

    fn send(
        &mut self,
        what: &str,
        append: Option<&Entry>,
        serve: impl FnOnce(&mut Self) -> Place,
    ) -> Option<Place> {
        if self.rival.is_some_and(|at| at <= self.sent) {
            self.let_the_rival_in();
        }
        let fate = self.plan.get(self.sent).copied().unwrap_or(Fate::Fine);
        self.sent += 1;
        let answer = match fate {
            Fate::Fine => Some(serve(self)),
            Fate::RequestLost => None,
            Fate::AnswerLost => {
                serve(self);
                None
            }
            Fate::Late => {
                self.late.extend(append.cloned());
                None
            }
        };
        self.unanswered = if answer.is_some() {
            0
        } else {
            self.unanswered + 1
        };
        let said = match (fate, answer) {
            (_, Some(place)) => format!("{place:?}"),
            (Fate::RequestLost, None) => "no answer (the request was lost)".to_owned(),
            (Fate::AnswerLost, None) => "no answer (the answer was lost)".to_owned(),
            (_, None) => "no answer (the request is on its way)".to_owned(),
        };
        self.story.push(format!("{what}: {said}"));
        answer
    }

    // anchor: server
    fn take(&mut self, entry: &Entry) -> Place {
        match self.place(entry) {
            Place::Empty if entry.seq == self.newest() + 1 => {
                self.log.push(entry.clone());
                Place::Yours
            }
            Place::Empty => Place::Others,
            there => there,
        }
    }

    fn place(&self, entry: &Entry) -> Place {
        match self.log.get(entry.seq as usize - 1) {
            Some(there) if there.id == entry.id => Place::Yours,
            Some(_) => Place::Others,
            None => Place::Empty,
        }
    }
    // end: server

    fn let_the_rival_in(&mut self) {
        self.rival = None;
        let seq = self.newest() + 1;
        let id = "another".to_owned();
        self.story.push(format!("another writer appends at {seq}"));
        self.log.push(Entry { seq, id });
    }

    pub(super) fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Everything that is on its way arrives: the log as it is in the end.
    pub(super) fn settle(&mut self) -> Vec<Entry> {
        for entry in std::mem::take(&mut self.late) {
            let place = self.take(&entry);
            let line = format!("the append of {:?} arrives late: {place:?}", entry.id);
            self.story.push(line);
        }
        self.log.clone()
    }

    /// What happened, a line for each step.
    pub(super) fn story(&self) -> String {
        let lines = self.story.iter().map(|line| format!("  {line}"));
        lines.collect::<Vec<String>>().join("\n")
    }
}
