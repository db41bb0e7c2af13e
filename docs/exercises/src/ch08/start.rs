//! Yours to edit: a mailbox with three mistakes.

use super::{Id, Mailbox, Message, Refused};

/// Where messages are, and how far they are read.
#[derive(Debug)]
pub struct Post;

impl Mailbox for Post {
    fn next_id(_newest: Id, clock: Id) -> Id {
        clock
    }

    fn inbox(log: &[Message], reader: &str, cursor: Id) -> Vec<Message> {
        let mine = log.iter().filter(|message| message.to == reader);
        mine.filter(|message| message.id > cursor)
            .copied()
            .collect()
    }

    fn read(_cursor: Id, up_to: Id, _newest: Id) -> Result<Id, Refused> {
        Ok(up_to)
    }
}
