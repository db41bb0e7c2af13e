//! The demonstration: an election that is right about clocks, and has two leaders all the
//! same.

use super::{Candidate as _, Clocks, Lease, answer};

/// The leader stands still from here on.
const STANDS_STILL: u64 = 10;
/// And goes on here.
const GOES_ON: u64 = 40;

/// Prints how a leader that stood still writes over its successor, and how a store that
/// compares the number of the term refuses it.
pub(super) fn show() {
    println!("A store that takes every write");
    run(false);
    println!("\nA store that compares terms");
    run(true);
}

fn run(fenced: bool) {
    let mut store = Store {
        fenced,
        value: "nothing",
        term: 0,
    };
    let mut lease = Lease {
        holder: "a".to_owned(),
        renewed_at: 0,
        duration: super::LEASE,
        version: 1,
    };
    let mut term = 1;
    let mut b = answer::Candidate::default();
    say(0, "a leads, in term 1");
    for second in 0..=GOES_ON {
        let leads = lease.holder == "a";
        if leads && second == STANDS_STILL {
            say(second, "a sees that it leads, and stands still");
        } else if leads && second < STANDS_STILL && second % 4 == 0 {
            lease.version += 1;
        }
        let clocks = Clocks {
            wall: second,
            steady: second,
        };
        if leads && second % 2 == 0 && b.takes_over(&lease, clocks) {
            term += 1;
            lease.holder = "b".to_owned();
            say(second, &format!("b takes the lease over, in term {term}"));
            store.write(second, "b", term);
        }
    }
    say(GOES_ON, "a goes on, where it stood");
    store.write(GOES_ON, "a", 1);
    println!("        what is stored is {}'s", store.value);
}

fn say(second: u64, what: &str) {
    println!("  {second:>3}   {what}");
}

/// What is written by whoever leads.
struct Store {
    fenced: bool,
    value: &'static str,
    term: u64,
}

impl Store {
    fn write(&mut self, second: u64, by: &'static str, term: u64) {
        if self.fenced && term < self.term {
            say(
                second,
                &format!(
                    "{by} writes in term {term}: refused, it is term {}",
                    self.term
                ),
            );
            return;
        }
        (self.value, self.term) = (by, term);
        say(second, &format!("{by} writes in term {term}: taken"));
    }
}
