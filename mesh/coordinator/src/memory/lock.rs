//! The store's lock between the coordinators of one process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::ports::{Clock, Lock};
use mesh_core::Millis;

/// How long a holder is waited for.
const PATIENCE: Millis = 1_000;
const POLL: Millis = 1;

/// A lock that all clones of one value contend for.
///
/// Waiting is polling by the clock, and bounded by it: on one thread a holder cannot
/// move on while another waits, so a waiter soon gives up and goes on without the
/// lock, as [`Lock`] asks for.
#[derive(Debug)]
pub struct MemoryLock<C> {
    clock: C,
    taken: Arc<AtomicBool>,
    held: bool,
}

impl<C: Clock> MemoryLock<C> {
    /// A new lock, which nobody holds.
    pub fn new(clock: C) -> Self {
        Self {
            clock,
            taken: Arc::default(),
            held: false,
        }
    }
}

impl<C: Clone> Clone for MemoryLock<C> {
    /// Another contender for the same lock, which does not hold it.
    fn clone(&self) -> Self {
        Self {
            clock: self.clock.clone(),
            taken: self.taken.clone(),
            held: false,
        }
    }
}

impl<C: Clock> Lock for MemoryLock<C> {
    async fn acquire(&mut self) -> bool {
        let started = self.clock.monotonic();
        while !self.held {
            self.held = !self.taken.swap(true, Ordering::Acquire);
            if self.held {
                break;
            }
            if self.clock.monotonic().saturating_sub(started) >= PATIENCE {
                return false;
            }
            self.clock.sleep(POLL).await;
        }
        true
    }

    async fn release(&mut self) {
        if std::mem::take(&mut self.held) {
            self.taken.store(false, Ordering::Release);
        }
    }
}

impl<C> Drop for MemoryLock<C> {
    /// A holder that is gone keeps nobody out.
    fn drop(&mut self) {
        if self.held {
            self.taken.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::ManualClock;
    use futures_executor::block_on;

    #[test]
    fn one_of_two_contenders_holds_and_the_other_gives_up_in_bounded_time() {
        let clock = ManualClock::at(0);
        let mut first = MemoryLock::new(clock.clone());
        let mut second = first.clone();
        assert!(block_on(first.acquire()));
        assert!(!block_on(second.acquire()));
        assert_eq!(clock.monotonic(), PATIENCE);

        block_on(second.release());
        assert!(
            !block_on(second.acquire()),
            "what was not held is not freed"
        );
        block_on(first.release());
        assert!(block_on(second.acquire()));
    }

    #[test]
    fn a_holder_that_is_gone_keeps_nobody_out() {
        let mut first = MemoryLock::new(ManualClock::at(0));
        let mut second = first.clone();
        assert!(block_on(first.acquire()));
        drop(first);
        assert!(block_on(second.acquire()));
    }
}
