//! A folder for one scene.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::{env, process};

use super::error::DemoError;

/// A folder that is removed with everything in it when the value is dropped.
pub(super) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes a new folder among the system's temporary files, closed to other users.
    pub(super) fn create() -> Result<Self, DemoError> {
        let mut attempt = 0;
        loop {
            let name = format!("mesh-demo-{}-{attempt}", process::id());
            let path = env::temp_dir().join(name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Left behind by a process of the same number, and not ours to touch.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => attempt += 1,
                Err(error) => {
                    let what = format!("cannot make the folder {}", path.display());
                    return Err(DemoError::System { what, error });
                }
            }
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the whole folder is thrown away, and a mesh folder is only a part of it"
)]
impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            let path = self.0.display();
            crate::cli::output::complain(format_args!("demo: cannot remove {path}: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "what is tested is a plain folder"
    )]
    fn a_temporary_folder_is_private_and_goes_with_its_content() {
        use std::os::unix::fs::PermissionsExt;

        let folder = TemporaryFolder::create().unwrap();
        let other = TemporaryFolder::create().unwrap();
        assert_ne!(folder.path(), other.path());
        let path = folder.path().to_owned();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        fs::write(path.join("file"), "content").unwrap();
        drop(folder);
        assert!(!path.exists());
        assert!(other.path().exists());
    }
}
