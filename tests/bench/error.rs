//! Why a measurement broke off.

use std::fmt;
use std::io;

use mesh::MeshError;

/// What a measurement gives, or why it broke off.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a measurement broke off: a sentence for whoever started it.
#[derive(Debug)]
pub(crate) struct Error(String);

impl Error {
    /// With this reason.
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<MeshError> for Error {
    fn from(error: MeshError) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("not the JSON that was expected: {error}"))
    }
}
