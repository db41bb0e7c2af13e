//! A terminal with a process on it, for what is only done where a person looks.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::run::PATIENCE;

/// A process whose standard streams all are one terminal. It is killed and reaped when
/// it goes out of scope.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    screen: OwnedFd,
    written: Receiver<Vec<u8>>,
    text: String,
}

impl Terminal {
    /// Starts `command` on a terminal of that size.
    ///
    /// # Panics
    ///
    /// Where the system has no terminal to give.
    pub fn start(mut command: Command, columns: u16, lines: u16) -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&screen).expect("a terminal of one's own");
        unlockpt(&screen).expect("an unlocked terminal");
        let name = ptsname(&screen, Vec::new()).expect("a terminal with a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let line = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("its other end");
        resize(&screen, columns, lines);
        let stream = || Stdio::from(line.try_clone().expect("a descriptor"));
        command.stdin(stream()).stdout(stream()).stderr(stream());
        command.env("TERM", "xterm");
        let child = command.spawn().expect("the program starts");
        let reader = screen.try_clone().expect("a descriptor");
        Self {
            child,
            screen,
            written: read_on(reader),
            text: String::new(),
        }
    }

    /// Gives the terminal another size and tells the process, as a terminal does.
    pub fn resize(&self, columns: u16, lines: u16) {
        resize(&self.screen, columns, lines);
        self.signal(Signal::WINCH);
    }

    /// Sends the process a signal.
    ///
    /// # Panics
    ///
    /// Where the system refuses.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a process id");
        kill_process(pid, signal).expect("a signal to a child");
    }

    /// Waits until `wanted` is on the terminal, and gives what came up to its end.
    ///
    /// # Panics
    ///
    /// When it does not come in time.
    pub fn wait_for(&mut self, wanted: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(at) = self.text.find(wanted) {
                let rest = self.text.split_off(at + wanted.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.written.recv_timeout(left) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("{wanted:?} did not come: {:?}", self.text),
            }
        }
    }

    /// Waits for the process's end, and gives what was written since the last wait.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match self.written.recv_timeout(left) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("no end: {:?}", self.text),
            }
        }
        let status = self.child.wait().expect("a child that ended");
        (status, std::mem::take(&mut self.text))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended, and has been reaped then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(screen: &OwnedFd, columns: u16, lines: u16) {
    let size = Winsize {
        ws_row: lines,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(screen, size).expect("a terminal of that size");
}

/// Reads until the process has closed its end, which some systems call an error.
fn read_on(reader: OwnedFd) -> Receiver<Vec<u8>> {
    let (sender, written) = channel();
    thread::spawn(move || {
        let mut reader = File::from(reader);
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    written
}
