//! What the tests of this backend share.

mod faulty;

pub(crate) use faulty::{Fault, FaultyFs};
pub(crate) use mesh_coordinator::conformance::Process;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use mesh_coordinator::ports::Clock;
use mesh_core::Millis;

use crate::{FileSystem, FsOptions, FsStorage};

/// A process on a disk. Each has nonces of its own.
pub(crate) fn on_disk<F: FileSystem>(
    fs: F,
    options: FsOptions,
    clock: FakeClock,
) -> Process<FsStorage<F, FakeClock>> {
    static SEEDS: AtomicU64 = AtomicU64::new(1);
    let seed = SEEDS.fetch_add(1, Ordering::Relaxed) << 32;
    Process::over(FsStorage::new(fs, clock, options, seed))
}

/// Runs a future that never has to wait for anything: on the real file system every
/// operation is a blocking call, so the first poll finishes it.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a blocking call cannot be pending"),
    }
}

/// A clock whose time passes only while somebody sleeps on it, at once. A test may
/// let something happen in the world during each sleep.
#[derive(Clone)]
pub(crate) struct FakeClock {
    time: Rc<Cell<Millis>>,
    meanwhile: Rc<RefCell<dyn FnMut()>>,
}

impl FakeClock {
    pub(crate) fn new() -> Self {
        Self::with(|| {})
    }

    /// A clock during whose sleeps `meanwhile` happens.
    pub(crate) fn with(meanwhile: impl FnMut() + 'static) -> Self {
        Self {
            time: Rc::default(),
            meanwhile: Rc::new(RefCell::new(meanwhile)),
        }
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Millis {
        self.time.get()
    }

    fn monotonic(&self) -> Millis {
        self.time.get()
    }

    async fn sleep(&self, duration: Millis) {
        self.time.set(self.time.get() + duration);
        (self.meanwhile.borrow_mut())();
    }
}
