use std::time::Duration;
use model::claims::*;
use model::*;
#[test]
fn smoke() {
    let fast = Role{registers:false,clock:3};
    for (agents, resources, lease, observer, thorough) in [
        (vec![REGISTERED, ANONYMOUS], 1,4, None, true),
        (vec![REGISTERED, REGISTERED], 1,4, None, true),
        (vec![REGISTERED, fast], 1,1, None, true),
        (vec![REGISTERED, REGISTERED], 1,4, Some(2), true),
        (vec![REGISTERED, ANONYMOUS, ANONYMOUS], 1,1, None, false),
        (vec![REGISTERED, REGISTERED, ANONYMOUS], 1,1, None, false),
        (vec![REGISTERED, REGISTERED, REGISTERED], 1,1, None, false),
        (vec![REGISTERED, REGISTERED, REGISTERED], 1,4, None, false),
        (vec![ANONYMOUS, ANONYMOUS], 2,1, None, false),
        (vec![REGISTERED, ANONYMOUS], 2,1, None, false),
        (vec![REGISTERED, REGISTERED], 2,1, None, false),
    ] {
        let b = Bounds { agents, resources, lease, observer, thorough };
        eprintln!("{b:?}");
        match exhaust(Claims::new(b), Duration::from_secs(60)) {
            Ok(r) => eprintln!("{r:?} {}", r.speed()),
            Err(e) => eprintln!("{e}"),
        }
    }
}
