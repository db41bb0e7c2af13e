//! Messages: ids, inboxes, and a cursor for each reader.
//!
//! A cursor says that everything up to it has been read, so nothing may ever appear below
//! it that was not shown. Ids that are drawn from clocks break that, and so does a cursor
//! that is put where no message is yet.
//!
//! The task are the three decisions of a mailbox. `start.rs` has each of them wrong.

pub mod answer;
mod show;
pub mod start;

use std::fmt;

use crate::Exercise;
use crate::search::{Steps, explore};

/// The exercise of chapter 8.
pub const EXERCISE: Exercise = Exercise {
    chapter: 8,
    title: "Messages",
    task: "Mend a mailbox in which messages are passed that nobody has seen.",
    start: check::<start::Post>,
    answer: check::<answer::Post>,
    show: show::show,
};

/// The id of a message. In mesh a ULID, here a number; the clock counts in the same units.
pub type Id = u64;

/// The decisions of a mailbox.
pub trait Mailbox {
    /// The id of a message that is stored now. `newest` is the highest id ever issued, 0
    /// before the first; `clock` is what the sender's clock shows.
    fn next_id(newest: Id, clock: Id) -> Id;

    /// What an inbox shows: all above `cursor` that is addressed to `reader` or to everybody
    /// (`*`), in the order of the log. `log` has everything that was stored.
    fn inbox(log: &[Message], reader: &str, cursor: Id) -> Vec<Message>;

    /// Where the cursor of a reader goes that says it has read up to `up_to`.
    ///
    /// # Errors
    ///
    /// Where no message can be that high.
    fn read(cursor: Id, up_to: Id, newest: Id) -> Result<Id, Refused>;
}

/// The cursor may not go there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// A message that was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// Its id.
    pub id: Id,
    /// To whom: an agent, or `*` for everybody.
    pub to: &'static str,
}

/// Who reads.
const READER: &str = "cem";
/// To whom messages go.
const ADDRESSES: [&str; 3] = [READER, "*", "dan"];
/// By how much bob's clock is behind ann's.
const BEHIND: Id = 2;
/// How many messages there are, and how late it gets.
const MESSAGES: usize = 3;
const EVENING: Id = 13;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct World {
    /// What ann's clock shows. Each post takes a moment.
    time: Id,
    log: Vec<Message>,
    /// Which of them cem's inbox has shown.
    shown: Vec<bool>,
    /// What it showed last.
    inbox: Vec<Message>,
    cursor: Id,
}

/// Something that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Post {
        from: &'static str,
        to: &'static str,
        clock: Id,
    },
    Tick,
    Look,
    Read {
        up_to: Id,
        why: &'static str,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Post { from, to, clock } => {
                let to = whom(to);
                write!(f, "{from} posts to {to}; {from}'s clock shows {clock}")
            }
            Self::Tick => write!(f, "a moment passes"),
            Self::Look => write!(f, "{READER} looks into its inbox"),
            Self::Read { up_to, why } => write!(f, "{READER} reads up to {up_to}, {why}"),
        }
    }
}

fn whom(to: &str) -> &str {
    if to == "*" { "everybody" } else { to }
}

/// Tries everything that two senders and a reader can do with up to three messages.
///
/// # Errors
///
/// A shortest history after which a message is lost to its reader, or shown to another one.
pub fn check<M: Mailbox>() -> Result<(), String> {
    let first = World {
        time: 10,
        log: Vec::new(),
        shown: Vec::new(),
        inbox: Vec::new(),
        cursor: 0,
    };
    explore(first, World::steps::<M>).map(drop)
}

impl World {
    fn newest(&self) -> Id {
        self.log.iter().map(|message| message.id).max().unwrap_or(0)
    }

    fn steps<M: Mailbox>(&self) -> Steps<Self, Step> {
        let mut steps = vec![Step::Look];
        if self.time < EVENING {
            steps.push(Step::Tick);
        }
        if self.log.len() < MESSAGES {
            for to in ADDRESSES {
                for (from, clock) in [("ann", self.time), ("bob", self.time - BEHIND)] {
                    steps.push(Step::Post { from, to, clock });
                }
            }
        }
        if let (Some(first), Some(last)) = (self.inbox.first(), self.inbox.last()) {
            let read = |up_to, why| Step::Read { up_to, why };
            steps.push(read(last.id, "the last that it was shown"));
            steps.push(read(first.id, "the first that it was shown"));
            steps.push(read(self.newest() + 1, "which is no message yet"));
        }
        let after = |step: Step| (step, self.after::<M>(step));
        steps.into_iter().map(after).collect()
    }

    fn after<M: Mailbox>(&self, step: Step) -> Result<Self, String> {
        let mut next = self.clone();
        match step {
            Step::Post { to, clock, .. } => {
                let id = M::next_id(self.newest(), clock);
                next.log.push(Message { id, to });
                next.shown.push(false);
                next.time += 1;
            }
            Step::Tick => next.time += 1,
            Step::Look => next.look::<M>()?,
            Step::Read { up_to, .. } => match M::read(self.cursor, up_to, self.newest()) {
                Ok(cursor) => next.cursor = cursor,
                Err(Refused) if up_to > self.newest() => {}
                Err(Refused) => {
                    return Err(format!(
                        "{READER} was shown {up_to}, and may not read up to it"
                    ));
                }
            },
        }
        next.judge(self.cursor).map(|()| next)
    }

    /// Looks into the inbox: it must show what is there.
    fn look<M: Mailbox>(&mut self) -> Result<(), String> {
        self.inbox = M::inbox(&self.log, READER, self.cursor);
        for (message, shown) in self.log.iter().zip(&mut self.shown) {
            let mine = is_mine(message);
            let is_there = self.inbox.contains(message);
            *shown |= is_there && mine;
            if is_there && !mine {
                return Err(format!(
                    "{READER} is shown {}, which is for {}",
                    message.id, message.to
                ));
            }
            if mine && message.id > self.cursor && !is_there {
                return Err(format!(
                    "{READER} is not shown {}, which is for {}, and its cursor is at {}",
                    message.id,
                    whom(message.to),
                    self.cursor
                ));
            }
        }
        Ok(())
    }

    /// What is wrong, if anything is.
    fn judge(&self, before: Id) -> Result<(), String> {
        if self.cursor < before {
            return Err(format!(
                "the cursor was at {before}, and goes back to {}",
                self.cursor
            ));
        }
        let passed = |(message, shown): &(&Message, &bool)| {
            is_mine(message) && message.id <= self.cursor && !**shown
        };
        match self.log.iter().zip(&self.shown).find(passed) {
            Some((message, _)) => Err(format!(
                "message {} is for {READER}, whose cursor is at {}, and it was never shown",
                message.id, self.cursor
            )),
            None => Ok(()),
        }
    }
}

fn is_mine(message: &Message) -> bool {
    message.to == READER || message.to == "*"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answer, with another id.
    struct HighestOfBoth;

    impl Mailbox for HighestOfBoth {
        fn next_id(newest: Id, clock: Id) -> Id {
            newest.max(clock)
        }

        fn inbox(log: &[Message], reader: &str, cursor: Id) -> Vec<Message> {
            answer::Post::inbox(log, reader, cursor)
        }

        fn read(cursor: Id, up_to: Id, newest: Id) -> Result<Id, Refused> {
            answer::Post::read(cursor, up_to, newest)
        }
    }

    #[test]
    fn two_messages_with_one_id_are_found() {
        let wrong = check::<HighestOfBoth>().unwrap_err();
        assert!(wrong.ends_with("and it was never shown"), "{wrong}");
    }

    /// Mends some of the mistakes of the start.
    struct Partly<const ID: bool, const INBOX: bool, const CURSOR: bool>;

    impl<const ID: bool, const INBOX: bool, const CURSOR: bool> Mailbox for Partly<ID, INBOX, CURSOR> {
        fn next_id(newest: Id, clock: Id) -> Id {
            match ID {
                true => answer::Post::next_id(newest, clock),
                false => start::Post::next_id(newest, clock),
            }
        }

        fn inbox(log: &[Message], reader: &str, cursor: Id) -> Vec<Message> {
            match INBOX {
                true => answer::Post::inbox(log, reader, cursor),
                false => start::Post::inbox(log, reader, cursor),
            }
        }

        fn read(cursor: Id, up_to: Id, newest: Id) -> Result<Id, Refused> {
            match CURSOR {
                true => answer::Post::read(cursor, up_to, newest),
                false => start::Post::read(cursor, up_to, newest),
            }
        }
    }

    #[test]
    fn a_late_message_is_found() {
        let wrong = check::<Partly<false, true, true>>().unwrap_err();
        assert!(wrong.contains("bob's clock shows 9"), "{wrong}");
        assert!(wrong.ends_with("and it was never shown"), "{wrong}");
    }

    #[test]
    fn a_broadcast_that_does_not_show_is_found() {
        let wrong = check::<Partly<true, false, true>>().unwrap_err();
        assert!(wrong.contains("cem is not shown 10"), "{wrong}");
    }

    #[test]
    fn a_cursor_past_what_is_to_come_is_found() {
        let wrong = check::<Partly<true, true, false>>().unwrap_err();
        assert!(wrong.contains("which is no message yet"), "{wrong}");
        assert_eq!(check::<Partly<true, true, true>>(), Ok(()));
    }
}
