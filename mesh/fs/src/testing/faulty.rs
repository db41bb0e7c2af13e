//! A file system that fails, stops and yields where a test says so.

use std::cell::RefCell;
use std::future::{pending, poll_fn};
use std::io;
use std::rc::Rc;
use std::task::Poll;

use crate::{Access, Appended, FileStat, FileSystem, ProcessId};
use mesh_coordinator::ports::StorageError;

/// What a test does to one operation.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Nothing: it happens.
    None,
    /// It fails, and does not happen.
    Before(io::ErrorKind),
    /// It happens, and fails all the same.
    After(io::ErrorKind),
    /// Of an append, only so many bytes are written.
    Partial(usize),
    /// The process is killed right before it.
    Stop,
}

type Plan = Box<dyn FnMut(&str, &str) -> Fault>;

/// A [`FileSystem`] over another one, with a plan for faults.
///
/// Clones share the plan. Syncs are planned like everything else, but not carried out:
/// nothing here cuts the power, and a test that runs thousands of schedules should not
/// wait for a disk.
#[derive(Clone)]
pub(crate) struct FaultyFs<F> {
    inner: F,
    plan: Rc<RefCell<Plan>>,
    yields: bool,
}

/// An open file, and the name by which it was opened.
pub(crate) struct Named<T> {
    name: String,
    file: T,
}

impl<F: FileSystem> FaultyFs<F> {
    /// Asks `plan` before each operation, with its name and the file's.
    pub(crate) fn new(inner: F, plan: impl FnMut(&str, &str) -> Fault + 'static) -> Self {
        Self {
            inner,
            plan: Rc::new(RefCell::new(Box::new(plan))),
            yields: false,
        }
    }

    /// No faults, but each operation waits to be polled once more, so that a test can
    /// let others run in between.
    pub(crate) fn stepping(inner: F) -> Self {
        let mut fs = Self::new(inner, |_, _| Fault::None);
        fs.yields = true;
        fs
    }

    /// Goes on with another plan.
    pub(crate) fn plan(&self, plan: impl FnMut(&str, &str) -> Fault + 'static) {
        *self.plan.borrow_mut() = Box::new(plan);
    }

    async fn enter(&self, call: &str, name: &str) -> Fault {
        if self.yields {
            let mut polled = false;
            poll_fn(|_| match std::mem::replace(&mut polled, true) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
        }
        let fault = (self.plan.borrow_mut())(call, name);
        match fault {
            Fault::Stop => pending().await,
            fault => fault,
        }
    }

    async fn run<T>(
        &self,
        call: &str,
        name: &str,
        operation: impl AsyncFnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        match self.enter(call, name).await {
            Fault::Before(kind) => Err(kind.into()),
            Fault::After(kind) => {
                operation().await?;
                Err(kind.into())
            }
            Fault::None | Fault::Partial(_) | Fault::Stop => operation().await,
        }
    }
}

impl<F: FileSystem> FileSystem for FaultyFs<F> {
    type File = Named<F::File>;

    async fn open(&self, name: &str, access: Access) -> io::Result<Self::File> {
        let file = self
            .run("open", name, async || self.inner.open(name, access).await)
            .await?;
        let name = name.to_owned();
        Ok(Named { name, file })
    }

    async fn create(&self, name: &str) -> io::Result<Self::File> {
        let file = self
            .run("create", name, async || self.inner.create(name).await)
            .await?;
        let name = name.to_owned();
        Ok(Named { name, file })
    }

    async fn read_at(
        &self,
        file: &Self::File,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        self.run("read_at", &file.name, async || {
            self.inner.read_at(&file.file, offset, buffer).await
        })
        .await
    }

    async fn append(&self, file: &Self::File, bytes: &[u8]) -> io::Result<Appended> {
        match self.enter("append", &file.name).await {
            Fault::Before(kind) => Err(kind.into()),
            Fault::After(kind) => {
                self.inner.append(&file.file, bytes).await?;
                Err(kind.into())
            }
            Fault::Partial(len) => {
                let len = len.min(bytes.len());
                self.inner.append(&file.file, &bytes[..len]).await
            }
            Fault::None | Fault::Stop => self.inner.append(&file.file, bytes).await,
        }
    }

    fn why_short(&self, end: u64) -> io::Error {
        self.inner.why_short(end)
    }

    async fn write_at(&self, file: &Self::File, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.run("write_at", &file.name, async || {
            self.inner.write_at(&file.file, offset, bytes).await
        })
        .await
    }

    async fn sync(&self, file: &Self::File) -> io::Result<()> {
        self.run("sync", &file.name, async || Ok(())).await
    }

    async fn sync_dir(&self) -> io::Result<()> {
        self.run("sync_dir", "", async || Ok(())).await
    }

    async fn stat(&self, file: &Self::File) -> io::Result<FileStat> {
        self.run("stat", &file.name, async || {
            self.inner.stat(&file.file).await
        })
        .await
    }

    async fn stat_name(&self, name: &str) -> io::Result<FileStat> {
        self.run("stat_name", name, async || self.inner.stat_name(name).await)
            .await
    }

    async fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.run("link", to, async || self.inner.link(from, to).await)
            .await
    }

    async fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.run("rename", to, async || self.inner.rename(from, to).await)
            .await
    }

    async fn remove(&self, name: &str) -> io::Result<()> {
        self.run("remove", name, async || self.inner.remove(name).await)
            .await
    }

    async fn list(&self, name: Option<&str>) -> io::Result<Vec<String>> {
        self.run("list", name.unwrap_or(""), async || {
            self.inner.list(name).await
        })
        .await
    }

    async fn make_dir(&self, name: &str) -> io::Result<()> {
        self.run("make_dir", name, async || self.inner.make_dir(name).await)
            .await
    }

    async fn remove_dir(&self, name: &str) -> io::Result<()> {
        self.run("remove_dir", name, async || {
            self.inner.remove_dir(name).await
        })
        .await
    }

    async fn try_lock(&self, file: &Self::File) -> io::Result<bool> {
        self.inner.try_lock(&file.file).await
    }

    async fn unlock(&self, file: &Self::File) -> io::Result<()> {
        self.inner.unlock(&file.file).await
    }

    async fn is_attached(&self) -> io::Result<bool> {
        self.run("is_attached", "", async || self.inner.is_attached().await)
            .await
    }

    async fn reattach(&self) -> Result<(), StorageError> {
        self.inner.reattach().await
    }

    async fn changed(&self, name: Option<&str>) {
        self.inner.changed(name).await;
    }

    fn unwatch(&self) {
        self.inner.unwatch();
    }

    fn this_process(&self) -> ProcessId {
        self.inner.this_process()
    }

    async fn is_dead(&self, process: &ProcessId) -> bool {
        self.inner.is_dead(process).await
    }
}
