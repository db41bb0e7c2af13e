//! The contract of the port, on a real disk.

use super::{FakeClock, Folder, FsOptions, FsStorage, block_on};
use mesh_coordinator::conformance::conformance;

fn a_folder_keeps_the_contract(rotate_bytes: u64) {
    let seeds = std::cell::Cell::new(1 << 40);
    block_on(conformance(|| {
        let folder = Folder::new();
        let seeds = &seeds;
        move || {
            seeds.set(seeds.get() + (1 << 32));
            let options = FsOptions {
                rotate_bytes,
                ..FsOptions::default()
            };
            FsStorage::new(folder.fs(), FakeClock::new(), options, seeds.get())
        }
    }));
}

#[test]
fn a_folder_keeps_the_contract_of_the_port() {
    a_folder_keeps_the_contract(FsOptions::default().rotate_bytes);
}

#[test]
fn a_folder_with_tiny_generations_keeps_the_contract_of_the_port() {
    a_folder_keeps_the_contract(64);
}
