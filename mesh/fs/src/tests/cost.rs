//! What a call costs in operations of the file system, however large the log is.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Fault, Folder, block_on};

#[test]
fn a_call_costs_a_handful_of_operations() {
    let folder = Folder::with(&["1"]);
    let (mut process, fs) = folder.faulty(|_, _| Fault::None);
    block_on(process.commit("2")).unwrap();
    let calls = Rc::new(RefCell::new(Vec::new()));
    let seen = calls.clone();
    fs.plan(move |call, name| {
        seen.borrow_mut().push(format!("{call} {name}"));
        Fault::None
    });

    block_on(process.look()).unwrap();
    let nothing_new = [
        "read_at watermark",
        "read_at journal.1",
        "is_attached ",
        "stat_name journal.1",
        "read_at journal.1",
    ];
    assert_eq!(calls.take(), nothing_new);

    block_on(process.commit("3")).unwrap();
    assert_eq!(
        calls.take(),
        [
            "read_at watermark",
            "read_at journal.1",
            "append journal.1",
            "read_at journal.1",
            "sync journal.1",
            "is_attached ",
            "stat_name journal.1",
            "read_at journal.1",
            "read_at watermark",
            "write_at watermark",
        ]
    );
}
