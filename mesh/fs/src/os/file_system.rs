//! Which file systems mesh refuses, and what they are called (rule S6).
//!
//! The journal needs atomic appends, locks and one cache for all its writers. A file
//! system with more than one kernel in front of it promises none of these, whatever
//! its documentation says, and fails only once it is too late. So they are refused by
//! name. Anything else is taken for local; whether it has hard links is tried out.

use std::io;
use std::os::fd::BorrowedFd;

/// The name of the file system that `dir` is on, if mesh refuses to live there.
pub(super) fn refused(dir: BorrowedFd<'_>) -> io::Result<Option<String>> {
    system::refused(dir)
}

#[cfg(target_os = "linux")]
mod system {
    #![allow(
        clippy::disallowed_methods,
        reason = "the table of mounts is a file of the kernel, outside any mesh folder"
    )]

    use std::fs;
    use std::io;
    use std::os::fd::BorrowedFd;

    use rustix::fs::{fstat, fstatfs, major, minor};

    /// Magic numbers of file systems that several machines may write at once, or that
    /// a hypervisor shares with its host.
    const REMOTE: [(u32, &str); 22] = [
        (0x0000_6969, "NFS"),
        (0x0000_517b, "SMB"),
        (0xff53_4d42, "SMB/CIFS"),
        (0xfe53_4d42, "SMB"),
        (0x0102_1997, "9p"),
        (0x0000_564c, "NCP"),
        (0x7375_7245, "Coda"),
        (0x5346_414f, "AFS"),
        (0x6b41_4653, "AFS"),
        (0x00c3_6400, "Ceph"),
        (0x0bd0_0bd0, "Lustre"),
        (0x0116_1970, "GFS2"),
        (0x7461_636f, "OCFS2"),
        (0x4750_4653, "GPFS"),
        (0x1983_0326, "BeeGFS"),
        (0x2003_0528, "OrangeFS"),
        (0xaad7_aaea, "PanFS"),
        (0x6163_6673, "ACFS"),
        (0xbeef_dead, "StorNext"),
        (0x786f_4256, "VirtualBox shared folder"),
        (0xbacb_acbc, "VMware shared folder"),
        (0x7c7c_6673, "Parallels shared folder"),
    ];

    /// Behind FUSE is a program that can do anything, often over a network. These
    /// are known to keep their files on this machine.
    const FUSE: u32 = 0x6573_5546;
    const LOCAL_FUSE: [&str; 4] = [
        "fuseblk",
        "fuse.fuse-overlayfs",
        "fuse.gocryptfs",
        "fuse.encfs",
    ];

    pub(super) fn refused(dir: BorrowedFd<'_>) -> io::Result<Option<String>> {
        // The number has 32 bits, in a field that is wider, and signed, on some machines.
        let magic = (fstatfs(dir)?.f_type & 0xffff_ffff) as u32;
        if magic == FUSE {
            return fuse(dir);
        }
        Ok(named(magic).map(str::to_owned))
    }

    pub(super) fn named(magic: u32) -> Option<&'static str> {
        REMOTE
            .iter()
            .find(|(number, _)| *number == magic)
            .map(|(_, name)| *name)
    }

    fn fuse(dir: BorrowedFd<'_>) -> io::Result<Option<String>> {
        let device = fstat(dir)?.st_dev;
        let mounts = match fs::read_to_string("/proc/self/mountinfo") {
            // Without the table it could be anything.
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            mounts => mounts?,
        };
        let kind = mount_type(&mounts, major(device), minor(device)).unwrap_or("FUSE");
        Ok((!LOCAL_FUSE.contains(&kind)).then(|| kind.to_owned()))
    }

    /// The type of the mount with this device: in a line of mountinfo, field 3 is the
    /// device, and the type comes first behind the lone hyphen.
    pub(super) fn mount_type(mounts: &str, major: u32, minor: u32) -> Option<&str> {
        let device = format!("{major}:{minor}");
        let line = mounts
            .lines()
            .find(|line| line.split(' ').nth(2) == Some(&device))?;
        line.split_once(" - ")?.1.split(' ').next()
    }
}

#[cfg(target_os = "macos")]
mod system {
    use std::io;
    use std::os::fd::BorrowedFd;

    use rustix::fs::fstatfs;

    /// `MNT_LOCAL`: the system itself says that the file system is stored locally.
    const LOCAL: u32 = 0x1000;
    /// Local by that flag, but with a program or another machine behind.
    const FOREIGN: [&str; 4] = ["macfuse", "osxfuse", "virtiofs", "AppleVirtIOFS"];

    pub(super) fn refused(dir: BorrowedFd<'_>) -> io::Result<Option<String>> {
        let stat = fstatfs(dir)?;
        let bytes = stat
            .f_fstypename
            .iter()
            .map(|c| *c as u8)
            .take_while(|c| *c != 0);
        let name = String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned();
        let refused = stat.f_flags & LOCAL == 0 || FOREIGN.contains(&name.as_str());
        Ok(refused.then_some(name))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::system::{mount_type, named};

    /// S6: network file systems are known by name.
    #[test]
    fn network_file_systems_are_named() {
        assert_eq!(named(0x6969), Some("NFS"));
        assert_eq!(named(0xff53_4d42), Some("SMB/CIFS"));
        assert_eq!(named(0x0102_1997), Some("9p"));
    }

    #[test]
    fn local_file_systems_are_not() {
        let (ext4, btrfs, xfs, tmpfs, overlay) =
            (0xef53, 0x9123_683e, 0x5846_5342, 0x0102_1994, 0x794c_7630);
        for magic in [ext4, btrfs, xfs, tmpfs, overlay] {
            assert_eq!(named(magic), None);
        }
    }

    #[test]
    fn the_program_behind_fuse_is_found_in_the_table_of_mounts() {
        let mounts = "\
            22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
            90 22 0:52 / /mnt/far\\040away rw,nosuid shared:7 - fuse.sshfs host:/ rw,user_id=0\n";
        assert_eq!(mount_type(mounts, 0, 52), Some("fuse.sshfs"));
        assert_eq!(mount_type(mounts, 254, 0), Some("ext4"));
        assert_eq!(mount_type(mounts, 0, 5), None);
    }
}
