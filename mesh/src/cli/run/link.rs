//! What connects a run with the guard of its command: a socket that speaks lines of JSON.
//!
//! The socket is the guard's standard input, since a process can take that over without
//! `unsafe`; the command's own standard input travels through it, as a descriptor. When
//! either process dies, however it dies, the kernel closes its end and the other one knows.

use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use async_channel::{Receiver, bounded};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How many messages may wait to be looked at.
const BACKLOG: usize = 64;

/// What a run tells the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// The leases last until then, by [`steady`](super::steady) time.
    Lease {
        /// When.
        until: Duration,
    },
    /// Pass a signal on.
    Signal {
        /// Which.
        number: i32,
    },
    /// A claim is lost: end the command.
    Stop,
}

/// What the guard tells the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The command runs.
    Started {
        /// Its process.
        pid: i32,
    },
    /// The command could not be started.
    NotStarted {
        /// The system's reason, as a number.
        errno: i32,
    },
    /// The command has ended.
    Ended {
        /// Its exit code, if it exited.
        code: Option<i32>,
        /// The signal that ended it, else.
        signal: Option<i32>,
        /// Whether the guard ended it because nobody renewed the lease.
        lapsed: bool,
    },
}

/// One end of the socket.
#[derive(Debug)]
pub(super) struct Link(UnixStream);

impl Link {
    /// Both ends; the second is to become the guard's standard input.
    pub(super) fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Self(ours), theirs.into()))
    }

    /// The end that is this process's standard input.
    pub(super) fn of_standard_input() -> io::Result<Self> {
        let end = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Self(end.into()))
    }

    /// Sends a line.
    pub(super) fn send(&self, message: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }

    /// Sends an open file. It comes before every line.
    pub(super) fn send_file(&self, file: impl AsFd) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files = [file.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&files));
        // A descriptor cannot travel without a byte.
        sendmsg(
            &self.0,
            &[IoSlice::new(b"\n")],
            &mut control,
            SendFlags::empty(),
        )?;
        Ok(())
    }

    /// Receives the open file.
    pub(super) fn receive_file(&self) -> io::Result<OwnedFd> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        recvmsg(
            &self.0,
            &mut [IoSliceMut::new(&mut byte)],
            &mut control,
            RecvFlags::empty(),
        )?;
        let mut files = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut files) => files.next(),
            _ => None,
        });
        let file: OwnedFd = files.next().ok_or(io::ErrorKind::UnexpectedEof)?;
        // The command gets it as its standard input, and not a second time.
        fcntl_setfd(&file, FdFlags::CLOEXEC)?;
        Ok(file)
    }

    /// What the other end sends, from now on; closed when the other process is gone.
    ///
    /// A thread reads, since that asks nothing of the runtime; it ends with the process.
    pub(super) fn listen<M>(&self) -> io::Result<Receiver<M>>
    where
        M: DeserializeOwned + Send + 'static,
    {
        let (sender, messages) = bounded(BACKLOG);
        let lines = BufReader::new(self.0.try_clone()?).lines();
        let read = move || {
            for line in lines.map_while(Result::ok) {
                let Ok(message) = serde_json::from_str(&line) else {
                    return;
                };
                if sender.send_blocking(message).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("link".to_owned()).spawn(read)?;
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn pair() -> (Link, Link) {
        let (ours, theirs) = Link::pair().unwrap();
        (ours, Link(theirs.into()))
    }

    #[test]
    fn a_file_and_lines_arrive_in_order_and_the_end_is_seen() {
        let (ours, theirs) = pair();
        let (file, mut other_end) = UnixStream::pair().unwrap();
        ours.send_file(file).unwrap();
        let until = Duration::from_millis(7);
        ours.send(&Order::Lease { until }).unwrap();
        ours.send(&Order::Stop).unwrap();
        drop(ours);

        let received = theirs.receive_file().unwrap();
        UnixStream::from(received).write_all(b"x").unwrap();
        let mut text = String::new();
        other_end.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        let orders = theirs.listen().unwrap();
        let told = [orders.recv_blocking(), orders.recv_blocking()];
        assert_eq!(told, [Ok(Order::Lease { until }), Ok(Order::Stop)]);
        assert!(orders.recv_blocking().is_err());
    }

    #[test]
    fn no_file_is_an_error() {
        let (ours, theirs) = pair();
        drop(ours);
        assert!(theirs.receive_file().is_err());
    }
}
