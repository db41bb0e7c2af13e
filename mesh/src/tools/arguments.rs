//! Arguments between their check and the command that they make.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Arguments that have passed the checks of their row, without those that were left out.
#[derive(Debug)]
pub(super) struct Arguments(Map<String, Value>);

impl Arguments {
    /// Arguments that were checked.
    pub(super) fn checked(arguments: Map<String, Value>) -> Self {
        Self(arguments)
    }

    /// The command whose fields they are, by their names.
    pub(super) fn read<C: DeserializeOwned>(self) -> C {
        match serde_json::from_value(Value::Object(self.0)) {
            Ok(command) => command,
            Err(error) => unreachable!("a row lists the fields of its command: {error}"),
        }
    }
}
