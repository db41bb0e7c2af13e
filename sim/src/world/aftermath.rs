//! What befalls a folder when all is quiet: rot, a newer mesh, or somebody's hand.
//!
//! They come last, since nothing that follows could be held against the log any more.

use mesh::backends::fs::{Scanned, Sum, Tag, encode, scan};
use mesh::core::MAX_COUNT;
use serde_json::{Value, json};

use super::disk::Inode;
use super::knobs::Aftermath;
use super::state::World;
use crate::trace::Incident;

/// Does it. `false`: nothing was to be done, or nothing could be.
pub(crate) fn happens(world: &mut World) -> bool {
    let Some((name, inode)) = newest_generation(world) else {
        return false;
    };
    match world.knobs.epilogue {
        // That one takes processes of its own.
        Aftermath::None | Aftermath::Restored => false,
        Aftermath::Rot => {
            let bit = world.tape.draw() as usize % (8 * world.disk.bytes(inode).len().max(1));
            world.disk.rot(inode, bit);
            world.incident(0, Incident::BitFlipped { name, bit });
            true
        }
        Aftermath::Newer => {
            let event = json!({ "kind": "teleported" });
            append(world, inode, &event) && {
                world.incident(0, Incident::NewerWrote { name });
                true
            }
        }
        Aftermath::Forged => {
            let epoch = MAX_COUNT + 1;
            let event =
                json!({ "kind": "heartbeat", "agent_id": "a0", "expires_at": 0, "epoch": epoch });
            append(world, inode, &event) && {
                world.incident(0, Incident::NumberForged { name });
                true
            }
        }
    }
}

/// Appends an entry with this event, as mesh would. `false`: it cannot be.
fn append(world: &mut World, inode: Inode, event: &Value) -> bool {
    let Some(last) = open_end(world.disk.bytes(inode)) else {
        return false;
    };
    let body = json!({
        "seq": world.ledger.newest() + 1,
        "durable": 0,
        "id": "newer.1",
        "at": world.now / 1000,
        "events": [event],
    });
    let Ok((record, _)) = encode(last, Tag::Entry, &body) else {
        return false;
    };
    world.disk.append(inode, &record);
    true
}

fn newest_generation(world: &World) -> Option<(String, Inode)> {
    let names = world.disk.list(None)?;
    let generations = names.into_iter().filter_map(|name| {
        let number = name.strip_prefix("journal.")?.parse::<u64>().ok()?;
        Some((number, name))
    });
    let (_, name) = generations.max()?;
    let inode = world.disk.lookup(&name)?;
    Some((name, inode))
}

/// The checksum of the last record that counts; `None` behind a seal.
fn open_end(bytes: &[u8]) -> Option<Sum> {
    let mut last: Option<Sum> = None;
    let mut at = 0;
    loop {
        match scan(&bytes[at..]) {
            Scanned::Record(record, len) => {
                if last.is_none_or(|last| record.prev == last) {
                    if record.tag == Some(Tag::Seal) {
                        return None;
                    }
                    last = Some(record.sum);
                }
                at += len;
            }
            Scanned::Void(len) => at += len,
            Scanned::Unfinished | Scanned::End => return last,
        }
    }
}
