//! Any bytes as the predecessor's `state.json`: taken over and kept, or left alone.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::TempDir::new().expect("a temporary directory");
    let path = folder.path();
    std::fs::write(path.join("state.json"), data).expect("a file");
    let (kept, begun) = match mesh_fuzz::messages(path) {
        Ok(_) => ("state.node.json", true),
        Err(_) => ("state.json", false),
    };
    assert_eq!(std::fs::read(path.join(kept)).expect("the original"), data);
    assert_eq!(path.join("journal.1").exists(), begun, "no state is made up");
    if begun {
        let text = std::str::from_utf8(data).expect("JSON is UTF-8");
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok());
    }
});
