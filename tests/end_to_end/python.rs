//! The official Python client, which validates every reply on its own.

use std::env;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::Sandbox;

const INSTALL: &str =
    "python3 -m venv target/python && target/python/bin/pip install 'mcp>=2.3,<3'";

/// A Python that can import `mcp`: the one in `MESH_PYTHON`, or the one that CI makes.
fn python() -> Result<PathBuf, String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = match env::var_os("MESH_PYTHON") {
        Some(named) => PathBuf::from(named),
        None => workspace.join("target/python/bin/python"),
    };
    let found = Command::new(&python).args(["-c", "import mcp"]).output();
    match found {
        Ok(output) if output.status.success() => Ok(python),
        Ok(_) => Err(format!("{} has no package mcp", python.display())),
        Err(error) => Err(format!("{}: {error}", python.display())),
    }
}

/// G2, G3, and the main story, with both of the client's ways to speak: the stateless
/// version, and the one that begins with `initialize`.
#[test]
fn the_python_client_plays_the_main_story() {
    let python = match python() {
        Ok(python) => python,
        Err(why) => {
            let message = format!("{why}; the Python client needs: {INSTALL}");
            assert!(env::var_os("CI").is_none(), "{message}");
            // Written past the test runner, which keeps what a passing test prints.
            let _ = writeln!(
                io::stderr(),
                "SKIPPED the_python_client_plays_the_main_story: {message}"
            );
            return;
        }
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("end_to_end/python_client.py");
    let sandbox = Sandbox::bare();
    let server = sandbox.command("", &["mcp"]);
    let output = Command::new(python)
        .arg(script)
        .arg(server.get_program())
        .current_dir(sandbox.root())
        .env("MESH_DIR", sandbox.mesh())
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.ends_with("both sessions: ok\n"), "{said}");
}
