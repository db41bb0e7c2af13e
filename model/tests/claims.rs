use std::time::Duration;
use model::claims::*;
use model::*;
#[test]
fn smoke() {
    for (agents, resources, observer, thorough) in [
        (vec![REGISTERED, ANONYMOUS], 1, None, true),
        (vec![REGISTERED, REGISTERED, ANONYMOUS], 1, None, false),
        (vec![REGISTERED, ANONYMOUS], 2, None, false),
    ] {
        let b = Bounds { agents, resources, observer, thorough };
        eprintln!("{b:?}");
        match exhaust(Claims::new(b), Duration::from_secs(60)) {
            Ok(r) => eprintln!("{r:?} {}", r.speed()),
            Err(e) => eprintln!("{e}"),
        }
    }
}
