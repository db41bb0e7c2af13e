//! What the figures were taken on: they mean nothing without.
//!
//! Everything is told by the system as far as it tells it; what it does not tell is said
//! to be unknown, never guessed.

use std::fs;
use std::path::Path;
use std::process::Command;

const UNKNOWN: &str = "unknown";

/// The circumstances of a measurement.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The processor, and how many of them.
    pub(crate) processor: String,
    /// The memory.
    pub(crate) memory: String,
    /// The operating system's kernel.
    pub(crate) kernel: String,
    /// The file system and the disk under the measured folder.
    pub(crate) disk: String,
    /// What was measured.
    pub(crate) commit: String,
    /// How it was compiled.
    pub(crate) build: String,
    /// How busy the machine was at the beginning.
    pub(crate) load: String,
}

impl Machine {
    /// The machine that this runs on, with the disk under `folder`.
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            processor: processor(),
            memory: memory(),
            kernel: kernel(),
            disk: disk(folder),
            commit: commit(),
            build: build(),
            load: load(),
        }
    }

    /// The lines of a Markdown list.
    pub(crate) fn markdown(&self) -> String {
        let rows = [
            ("processor", &self.processor),
            ("memory", &self.memory),
            ("kernel", &self.kernel),
            ("disk", &self.disk),
            ("commit", &self.commit),
            ("build", &self.build),
            ("load at the beginning", &self.load),
        ];
        let lines = rows
            .iter()
            .map(|(name, value)| format!("* {name}: {value}\n"));
        lines.collect()
    }
}

/// The rest of the first line of `text` that begins with `key`.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.trim_start_matches([':', ' ', '\t']).trim())
}

fn read(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo").unwrap_or_default();
    let model = field(&info, "model name").unwrap_or(UNKNOWN);
    format!("{cores} × {model}")
}

fn memory() -> String {
    let info = read("/proc/meminfo").unwrap_or_default();
    let kilobytes = field(&info, "MemTotal")
        .and_then(|total| total.split_whitespace().next())
        .and_then(|number| number.parse::<f64>().ok());
    kilobytes.map_or(UNKNOWN.to_owned(), |kb| format!("{:.0} GB", kb / 1e6))
}

fn kernel() -> String {
    let name = rustix::system::uname();
    let part = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let (system, release, machine) = (name.sysname(), name.release(), name.machine());
    format!("{} {} {}", part(system), part(release), part(machine))
}

/// One line of `/proc/self/mountinfo`: where, what kind, from which device.
struct Mount<'a> {
    point: &'a str,
    kind: &'a str,
    device: &'a str,
}

fn mount(line: &str) -> Option<Mount<'_>> {
    let (place, source) = line.split_once(" - ")?;
    let point = place.split(' ').nth(4)?;
    let mut source = source.split(' ');
    Some(Mount {
        point,
        kind: source.next()?,
        device: source.next()?,
    })
}

/// The mount that `folder` is on: the deepest one above it, of several there the last.
fn mount_of<'a>(mounts: &'a str, folder: &Path) -> Option<Mount<'a>> {
    let above = mounts
        .lines()
        .filter_map(mount)
        .filter(|mount| folder.starts_with(mount.point));
    above.max_by_key(|mount| mount.point.len())
}

fn disk(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or(folder.to_owned());
    let mounts = read("/proc/self/mountinfo").unwrap_or_default();
    let Some(mount) = mount_of(&mounts, &folder) else {
        return UNKNOWN.to_owned();
    };
    let name = mount.device.rsplit('/').next().unwrap_or_default();
    let queue = |what: &str| read(&format!("/sys/block/{name}/{what}"));
    let kind = match queue("queue/rotational").as_deref() {
        Some("0") => ", not rotating",
        // Virtual disks say so too.
        Some("1") => ", rotating by its own account",
        _ => "",
    };
    let model = queue("device/model").map_or(String::new(), |model| format!(", {model}"));
    let cache = queue("queue/write_cache").map_or(String::new(), |cache| format!(", {cache}"));
    format!("{} on {}{kind}{model}{cache}", mount.kind, mount.device)
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn commit() -> String {
    let Some(commit) = output("git", &["rev-parse", "--short=12", "HEAD"]) else {
        return UNKNOWN.to_owned();
    };
    match output("git", &["status", "--porcelain", "--untracked-files=no"]).as_deref() {
        Some("") => commit,
        _ => format!("{commit} with changes"),
    }
}

fn build() -> String {
    let compiler = output("rustc", &["--version"]).unwrap_or(UNKNOWN.to_owned());
    let profile = match cfg!(debug_assertions) {
        true => "NOT optimised: these figures tell nothing",
        false => "release",
    };
    format!("{profile}, {compiler}")
}

fn load() -> String {
    let average = read("/proc/loadavg");
    let minute = average.and_then(|text| text.split(' ').next().map(str::to_owned));
    minute.unwrap_or(UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /tmp rw,nosuid - tmpfs tmpfs rw
24 22 254:1 / /tmp/disk rw - xfs /dev/vdb1 rw
";

    #[test]
    fn a_folder_is_on_the_deepest_mount_above_it() {
        let kind = |folder: &str| mount_of(MOUNTS, Path::new(folder)).map(|mount| mount.kind);
        assert_eq!(kind("/home/a"), Some("ext4"));
        assert_eq!(kind("/tmp/a"), Some("tmpfs"));
        assert_eq!(kind("/tmp/disk/a"), Some("xfs"));
        assert_eq!(kind("/tmp/diskette"), Some("tmpfs"));
    }

    #[test]
    fn a_field_is_read_without_its_name() {
        assert_eq!(field("a\nMemTotal:   12 kB\n", "MemTotal"), Some("12 kB"));
        assert_eq!(field("a\n", "MemTotal"), None);
    }
}
