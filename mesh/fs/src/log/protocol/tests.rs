//! The order of the steps, each machine alone: what a driver is told to do, and when.

use mesh_coordinator::ports::Append;

use super::{Appending, Retiring, Rotating, Standing, Syncing};
use crate::log::chain::{Chain, Link};
use crate::log::record::Sum;

/// A process that has read a generation with a checkpoint of entry 4 to its end.
fn standing() -> Standing {
    Standing::at_checkpoint(2, Chain::after_checkpoint(4, Sum(40), Sum(44)))
}

fn synced() -> Standing {
    let mut standing = standing();
    standing.names_synced();
    standing.entries_synced();
    standing
}

#[test]
fn a_record_that_lost_leaves_its_writer_exposed_until_a_sync() {
    let mut standing = synced();
    let write = Appending::begin(&standing, Link::Entry { seq: 5 });
    let find = write.landed(&mut standing, Sum(50), false);
    assert_eq!(find, Appending::FindWinner(Link::Entry { seq: 5 }, Sum(50)));
    assert_eq!(
        find.found(&mut standing, false),
        Appending::Over(Append::Lost)
    );
    assert!(standing.exposed && !standing.is_synced());
    // Nothing else is to be synced, and yet the file is.
    let sync = Syncing::begin(&standing);
    assert_eq!(sync, Syncing::Entries);
    assert_eq!(sync.synced(&mut standing), Syncing::Confirm);
    assert!(standing.is_synced());
}

/// Its own entries it can vouch for as soon as somebody has for those that it found.
#[test]
fn a_sync_vouches_for_what_came_after_the_file_was_opened() {
    let mut standing = standing();
    standing.names_synced();
    standing.accept(Sum(50), Link::Entry { seq: 5 });
    standing.first_read();
    assert!(standing.is_doubtful());
    standing.accept(Sum(60), Link::Entry { seq: 6 });
    standing.mark(5);
    assert!(!standing.is_doubtful());
    let sync = Syncing::begin(&standing);
    assert_eq!(sync.synced(&mut standing), Syncing::Confirm);
    assert_eq!(standing.durable, 6);
}

/// The record that beat it stands in the generation before, so what is known of it goes on.
#[test]
fn a_writer_stays_exposed_in_the_next_generation() {
    let mut standing = synced();
    standing.lose_race();
    let begins = Chain::after_checkpoint(4, Sum(40), Sum(45));
    let next = standing.succeeded_by(Standing::at_checkpoint(3, begins));
    assert!(next.exposed && !next.named);
    assert_eq!(next.durable, standing.durable);
}

/// The entry that a checkpoint includes may have been marked in the generation before, whose
/// name says nothing of this one's.
#[test]
fn a_mark_at_the_checkpoint_names_no_generation() {
    let mut at_checkpoint = standing();
    at_checkpoint.mark(4);
    assert!(!at_checkpoint.named);
    assert_eq!(Syncing::begin(&at_checkpoint), Syncing::Names);

    let mut behind = standing();
    behind.accept(Sum(50), Link::Entry { seq: 5 });
    behind.mark(5);
    assert!(behind.named);
    assert_eq!(Syncing::begin(&behind), Syncing::Confirm);
}

#[test]
fn a_rotation_looks_at_the_name_between_the_seal_and_the_link() {
    let mut standing = synced();
    let seal = Rotating::begin(&standing, 4).written(&standing);
    let Rotating::Seal(write) = seal else {
        panic!("{seal:?}");
    };
    let sealed = Rotating::sealing(write.landed(&mut standing, Sum(45), true));
    assert_eq!(sealed, Rotating::CheckName);
    // Whoever finds the seal there goes on in the same place.
    assert_eq!(Rotating::begin(&standing, 4).written(&standing), sealed);
    let link = sealed.checked(&standing, true);
    assert_eq!(link, Rotating::Link);
    let linked = Rotating::RemoveTemporary(Append::Committed);
    assert_eq!(
        (link.linked(), sealed.checked(&standing, false)),
        (linked, linked)
    );
    assert_eq!(linked.removed(), Rotating::Open);
    for step in [seal, sealed, link] {
        assert!(step.has_temporary(), "{step:?}");
    }
}

/// Each generation is removed between two syncs of the directory: without the one before it,
/// a lower name could come back; and no generation is left for the next time.
#[test]
fn a_retirement_syncs_the_names_before_each_removal_and_lists_anew_after_it() {
    let standing = synced();
    for lowest in [0, 1] {
        let names = Retiring::List.listed(&standing, Some(lowest));
        assert_eq!(names, Retiring::SyncNames(lowest));
        let (sweep, unlink) = (names.done(), names.done().done());
        assert_eq!(
            (sweep, unlink),
            (Retiring::Sweep(lowest), Retiring::Unlink(lowest))
        );
        assert_eq!(unlink.done(), Retiring::List);
    }
    assert_eq!(Retiring::List.listed(&standing, Some(2)), Retiring::Over);
}
