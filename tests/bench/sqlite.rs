//! The peer that claims rows in SQLite.
//!
//! It is a package of its own outside the workspace, built when it is needed: so the
//! command that measures everything is one command, and nobody who tests mesh compiles
//! SQLite.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Error, Result};
use crate::plan::Plan;

/// The built peer.
pub(crate) struct Sqlite {
    program: PathBuf,
}

impl Sqlite {
    /// Builds the peer, or finds it built.
    ///
    /// # Errors
    ///
    /// Where it cannot be built: it needs the package registry once, and a C compiler.
    pub(crate) fn build(plan: &Plan) -> Result<Self> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/sqlite");
        let target = plan.dir().join("sqlite-build");
        let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
        let status = Command::new(cargo)
            .args([
                "build",
                "--quiet",
                "--release",
                "--locked",
                "--manifest-path",
            ])
            .arg(package.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            // Without it SQLite does not know that there is an `fdatasync`, and pays for
            // more than is needed.
            .env("LIBSQLITE3_FLAGS", "-DHAVE_FDATASYNC=1")
            .status()?;
        match status.success() {
            true => Ok(Self {
                program: target.join("release/sqlite-peer"),
            }),
            false => Err(Error::new(format!(
                "the peer in {} cannot be built: see above",
                package.display()
            ))),
        }
    }

    /// The peer as a worker on the database in `place`.
    pub(crate) fn command(&self, place: &Path, index: usize) -> Command {
        let mut command = Command::new(&self.program);
        command.arg(place.join("claims.db")).arg(index.to_string());
        command
    }
}
