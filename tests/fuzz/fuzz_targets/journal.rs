//! The newest generation, a little changed.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = mesh_fuzz::whole();
    let file = folder.path().join(mesh_fuzz::newest(folder.path()));
    let mut bytes = std::fs::read(&file).expect("a journal");
    mesh_fuzz::harm(&mut bytes, data);
    std::fs::write(file, bytes).expect("a file");
    mesh_fuzz::judge(folder.path());
});
