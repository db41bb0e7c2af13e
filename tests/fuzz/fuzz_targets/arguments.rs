//! Any JSON as the arguments of any tool: a command, or a rejection in printable words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh::tools::TOOLS;

fuzz_target!(|data: &[u8]| {
    let Some((tool, json)) = data.split_first() else {
        return;
    };
    let Ok(arguments) = serde_json::from_slice(json) else {
        return;
    };
    let tool = &TOOLS[usize::from(*tool) % TOOLS.len()];
    if let Err(rejection) = tool.decode(&arguments) {
        let said = rejection.to_string();
        assert!(said.chars().all(|c| !c.is_control()), "{said:?}");
        assert!(said.len() < 2000, "{} bytes", said.len());
    }
});
