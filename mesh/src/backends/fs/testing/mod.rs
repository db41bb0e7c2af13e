//! What the tests of this backend share.

#[cfg(feature = "os")]
mod faulty;
mod process;

#[cfg(feature = "os")]
pub(crate) use faulty::{Fault, FaultyFs};
pub(crate) use process::Process;

#[cfg(feature = "os")]
use std::cell::{Cell, RefCell};
use std::pin::pin;
#[cfg(feature = "os")]
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

#[cfg(feature = "os")]
use crate::core::Millis;
#[cfg(feature = "os")]
use crate::ports::Clock;

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
#[cfg(feature = "os")]
#[derive(Clone)]
pub(crate) struct FakeClock {
    time: Rc<Cell<Millis>>,
    meanwhile: Rc<RefCell<dyn FnMut()>>,
}

#[cfg(feature = "os")]
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

#[cfg(feature = "os")]
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
