//! Any bytes as the newest generation, and as one that comes after it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (later, data) = data.split_first().map_or((false, data), |(b, rest)| (b % 2 == 1, rest));
    let folder = mesh_fuzz::whole();
    let name = match later {
        true => "journal.999".to_owned(),
        false => mesh_fuzz::newest(folder.path()),
    };
    std::fs::write(folder.path().join(name), data).expect("a file");
    assert!(mesh_fuzz::messages(folder.path()).is_err(), "bytes made up are no log");
    mesh_fuzz::judge(folder.path());
});
