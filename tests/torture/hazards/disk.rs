//! A small file system of one's own, where the user may have one.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A tmpfs, unmounted when it goes out of scope.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    mount: TempDir,
}

impl SmallDisk {
    /// Mounts one of so many bytes under `dir`; an error says why that is not possible.
    pub(crate) fn mount(dir: &Path, bytes: u64) -> Result<Self, String> {
        let mount = tempfile::Builder::new().prefix("disk-").tempdir_in(dir);
        let mount = mount.map_err(|error| error.to_string())?;
        run(Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(mount.path()))?;
        Ok(Self { mount })
    }

    pub(crate) fn path(&self) -> &Path {
        self.mount.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, should a process that was not reaped yet still be there.
        let _ = run(Command::new("umount").arg("-l").arg(self.path()));
    }
}

/// Runs a command of the system; an error is what it said.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Err(error) => Err(format!("{command:?}: {error}")),
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(format!("{:?}: {said}", command.get_program()))
        }
    }
}
