//! What a process has used, as Linux counts it in `/proc`.
//!
//! Elsewhere there is no such place, and the figures that need it are left out.

use std::fs;
use std::io;
use std::path::PathBuf;

/// What a process has used since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Time on a processor, all threads together, in nanoseconds.
    pub(crate) cpu: u64,
    /// How often a thread slept and was woken.
    pub(crate) wakes: u64,
}

impl Usage {
    /// What process `id` has used. Threads that ended are not in it.
    ///
    /// # Errors
    ///
    /// Where there is no such process, or no `/proc`.
    pub(crate) fn of(id: u32) -> io::Result<Self> {
        let mut usage = Self::default();
        for task in fs::read_dir(format!("/proc/{id}/task"))? {
            let task = task?.path();
            let times = fs::read_to_string(task.join("schedstat"))?;
            let cpu = times.split_whitespace().next();
            usage.cpu += cpu.and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
            let status = fs::read_to_string(task.join("status"))?;
            usage.wakes += number(&status, "voluntary_ctxt_switches:").unwrap_or(0);
        }
        Ok(usage)
    }

    /// What was used since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(earlier.cpu),
            wakes: self.wakes.saturating_sub(earlier.wakes),
        }
    }
}

/// The memory of process `id` that is resident now, in bytes.
///
/// # Errors
///
/// As [`Usage::of`].
pub(crate) fn resident(id: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    Ok(number(&status, "VmRSS:").unwrap_or(0) * 1024)
}

/// How many bytes this process has handed to `write` and its kin, whatever became of
/// them.
///
/// # Errors
///
/// As [`Usage::of`].
pub(crate) fn written() -> io::Result<u64> {
    let io = fs::read_to_string(PathBuf::from("/proc/self/io"))?;
    Ok(number(&io, "wchar:").unwrap_or(0))
}

/// The number behind `key` at the beginning of a line.
fn number(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_by_the_whole_key() {
        let status =
            "VmRSS:\t  1234 kB\nnonvoluntary_ctxt_switches:\t9\nvoluntary_ctxt_switches:\t7\n";
        assert_eq!(number(status, "VmRSS:"), Some(1234));
        assert_eq!(number(status, "voluntary_ctxt_switches:"), Some(7));
        assert_eq!(number(status, "VmSwap:"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_uses_something() {
        let id = std::process::id();
        let before = Usage::of(id).unwrap();
        let written_before = written().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        fs::write("/dev/null", [0; 4096]).unwrap();
        let used = Usage::of(id).unwrap().since(before);
        assert!(used.wakes > 0, "a sleep ends with being woken: {used:?}");
        assert!(written().unwrap() >= written_before + 4096);
        assert!(resident(id).unwrap() > 0);
    }
}
