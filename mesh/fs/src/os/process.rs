//! Who a process is, so that it can be found dead without a doubt.
//!
//! A pid alone says little: it is reused, and it means another process in another
//! container or after a reboot. On Linux an identity is therefore the boot, the pid
//! namespace, the pid, and the time at which the process started. Wherever a part of
//! it cannot be had, the process gets no host, and nobody will ever call it dead; the
//! lock of such an owner is stolen by age instead. macOS shows the start of another
//! process only through calls that are unsafe from Rust, so there it is always so.

use crate::seam::ProcessId;

/// This process, with an empty `host` where it cannot be told from others for sure.
pub(super) fn this_process() -> ProcessId {
    let pid = std::process::id();
    system::identify(pid).unwrap_or(ProcessId {
        host: String::new(),
        pid,
        started: 0,
    })
}

/// Whether `other` is gone beyond doubt, as `me` sees it.
pub(super) fn is_dead(me: &ProcessId, other: &ProcessId) -> bool {
    !me.host.is_empty() && me.host == other.host && system::is_gone(other)
}

#[cfg(target_os = "linux")]
mod system {
    #![allow(
        clippy::disallowed_methods,
        reason = "processes are described by files of the kernel, outside any mesh folder"
    )]

    use std::fs;
    use std::path::Path;

    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};

    use super::ProcessId;

    /// The identity of `pid`, a process in the namespaces of this one.
    pub(super) fn identify(pid: u32) -> Option<ProcessId> {
        Some(ProcessId {
            host: host()?,
            pid,
            started: started(pid)?,
        })
    }

    /// The boot and the namespaces in which the numbers that we see mean something.
    /// The time namespace belongs to it, since start times are shown relative to it.
    fn host() -> Option<String> {
        // In a container that sees another namespace's /proc, our pid is the number
        // of somebody else there.
        let own_number = fs::read_link("/proc/self").ok()?;
        if own_number != Path::new(&std::process::id().to_string()) {
            return None;
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let pids = fs::read_link("/proc/self/ns/pid").ok()?;
        // Kernels before 5.6 have no time namespaces, and then all share one.
        let time = fs::read_link("/proc/self/ns/time").unwrap_or_default();
        Some(format!(
            "{} {} {}",
            boot.trim(),
            pids.display(),
            time.display()
        ))
    }

    /// Field 22 of `/proc/<pid>/stat`. Field 2, the name of the program, may contain
    /// anything, parentheses included, so counting starts behind the last one.
    fn started(pid: u32) -> Option<u64> {
        let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
        let name_ends = stat.iter().rposition(|byte| *byte == b')')?;
        let fields = std::str::from_utf8(&stat[name_ends + 1..]).ok()?;
        fields.split_ascii_whitespace().nth(22 - 3)?.parse().ok()
    }

    /// The signal 0 asks the kernel itself whether there is such a pid. A /proc that
    /// hides other users' processes would say "no" too easily.
    pub(super) fn is_gone(process: &ProcessId) -> bool {
        let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else {
            return false;
        };
        match test_kill_process(pid) {
            Err(Errno::SRCH) => true,
            _ => started(process.pid).is_some_and(|started| started != process.started),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::ProcessId;

    pub(super) fn identify(_: u32) -> Option<ProcessId> {
        None
    }

    pub(super) fn is_gone(_: &ProcessId) -> bool {
        false
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::process::Command;

    use super::system::identify;
    use super::*;

    /// A killed process is dead as soon as its parent has collected it, and not before
    /// it was killed.
    #[test]
    fn a_process_is_dead_once_it_is_gone() {
        let me = this_process();
        let mut child = Command::new("sleep").arg("600").spawn().unwrap();
        let id = identify(child.id()).unwrap();
        assert!(!is_dead(&me, &id));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_dead(&me, &id));
    }

    #[test]
    fn a_reused_pid_is_another_process() {
        let me = this_process();
        let before = ProcessId {
            started: me.started - 1,
            ..me.clone()
        };
        assert!(is_dead(&me, &before));
        assert!(!is_dead(&me, &me));
    }

    #[test]
    fn where_there_is_doubt_nobody_is_dead() {
        let me = this_process();
        let elsewhere = ProcessId {
            host: "another boot".to_owned(),
            started: 0,
            ..me.clone()
        };
        assert!(!is_dead(&me, &elsewhere));
        let unknown = ProcessId {
            host: String::new(),
            pid: me.pid,
            started: 0,
        };
        assert!(!is_dead(&unknown, &unknown));
        let impossible = ProcessId {
            pid: u32::MAX,
            ..me.clone()
        };
        assert!(!is_dead(&me, &impossible));
        let zero = ProcessId {
            pid: 0,
            ..me.clone()
        };
        assert!(!is_dead(&me, &zero));
    }
}
