use std::time::Duration;
use model::commit::*;
use model::*;
const B: Bounds = Bounds { writers: 2, commands: 1, rotate_after: 1, generations: 2, kills: 0, cuts: 1, torn: false, looks: false, lock: false, fault: None };
#[test]
fn smoke() {
    for b in [
        B,
        Bounds { lock: true, ..B },
        Bounds { looks: true, ..B },
        Bounds { kills: 1, ..B },
        Bounds { commands: 2, generations: 1, ..B },
        Bounds { writers: 3, generations: 1, ..B },
        Bounds { writers: 3, ..B },
        Bounds { kills: 1, torn: true, generations: 1, commands: 2, ..B },
        Bounds { kills: 1, torn: true, ..B },
        Bounds { commands: 2, cuts: 0, generations: 3, ..B },
        Bounds { commands: 2, ..B },
    ] {
        eprintln!("{b:?}");
        match exhaust(Commit::new(b), Duration::from_secs(30)) {
            Ok(r) => eprintln!("{r:?} {}", r.speed()),
            Err(e) => eprintln!("{e}"),
        }
    }
}
