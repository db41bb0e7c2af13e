//! The watermark, changed: a lower bound that is lost costs no answer.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = mesh_fuzz::whole();
    let file = folder.path().join("watermark");
    let mut bytes = std::fs::read(&file).expect("a watermark");
    mesh_fuzz::harm(&mut bytes, data);
    std::fs::write(file, bytes).expect("a file");
    assert_eq!(mesh_fuzz::messages(folder.path()), Ok(mesh_fuzz::MESSAGES));
    mesh_fuzz::judge(folder.path());
});
