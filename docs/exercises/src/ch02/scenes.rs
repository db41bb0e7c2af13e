//! What a lock is put through.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Folder, Lock};
use crate::orders::{Scene, Task, alone, every_order, goes_on, turn};

/// More steps than any operation of a lock takes.
const STEPS: usize = 12;

/// Who believes that it holds the lock, and was not robbed of it.
#[derive(Clone, Default)]
struct Inside(Rc<RefCell<BTreeSet<String>>>);

impl Inside {
    fn enter(&self, who: &str) {
        self.0.borrow_mut().insert(who.to_owned());
    }

    fn leave(&self, who: &str) {
        self.0.borrow_mut().remove(who);
    }

    fn judge(&self, scene: &str) -> Result<(), String> {
        let inside = self.0.borrow();
        let names: Vec<&str> = inside.iter().map(String::as_str).collect();
        match names.len() {
            0 | 1 => Ok(()),
            _ => Err(format!(
                "{scene}: {} are inside together",
                names.join(" and ")
            )),
        }
    }
}

/// Nobody disturbs anybody.
pub(super) fn one_after_the_other<L: Lock>() -> Result<(), String> {
    let folder = Folder::default();
    for who in ["ann", "bob"] {
        let folder = folder.of(who);
        if !alone(L::acquire(&folder, who)) {
            let told = folder.story().told();
            return Err(format!(
                "{who} cannot acquire a lock that is free. The order: {told}"
            ));
        }
        if alone(L::acquire(&folder, "carl")) {
            let told = folder.story().told();
            return Err(format!(
                "carl acquires the lock of {who}. The order: {told}"
            ));
        }
        alone(L::release(&folder, who));
    }
    Ok(())
}

/// A process is killed after each of its steps. Whoever comes later, and knows that it is dead,
/// must get in.
pub(super) fn killed_anywhere<L: Lock>() -> Result<(), String> {
    for steps in 0..STEPS {
        killed::<L>(steps, "acquire", |folder| {
            Box::pin(async move {
                L::acquire(&folder.of("dead"), "dead").await;
            })
        })?;
        killed::<L>(steps, "release", |folder| {
            alone(L::acquire(&folder.of("dead"), "dead"));
            Box::pin(async move { L::release(&folder.of("dead"), "dead").await })
        })?;
        killed::<L>(steps, "steal", |folder| {
            alone(L::acquire(&folder.of("long dead"), "long dead"));
            Box::pin(async move { L::steal(&folder.of("dead"), "long dead").await })
        })?;
    }
    Ok(())
}

fn killed<L: Lock>(
    steps: usize,
    what: &str,
    task: impl FnOnce(Folder) -> Task,
) -> Result<(), String> {
    let folder = Folder::default();
    let mut task = task(folder.clone());
    // The first one goes to the first turn, and does nothing yet.
    for _ in 0..=steps {
        if goes_on(&mut task) {
            break;
        }
    }
    drop(task);
    folder.story().tell("and is killed");
    let ann = folder.of("ann");
    if let Some(owner) = alone(ann.list("lock")).first() {
        alone(L::steal(&ann, owner));
    }
    if alone(L::acquire(&ann, "ann")) {
        return Ok(());
    }
    Err(format!(
        "a process was killed in the middle of {what}, and nobody can ever acquire the lock \
         again. The order: {}",
        folder.story().told()
    ))
}

/// Nobody is dead, and nobody steals.
pub(super) fn two_at_once<L: Lock>() -> Result<(), String> {
    scene("two at once", |folder, inside| {
        let works = |who| works::<L>(folder, inside, who);
        vec![works("ann"), works("bob")]
    })
}

/// A dead process holds the lock. Two others find that out, steal it, and acquire it.
pub(super) fn two_thieves<L: Lock>() -> Result<(), String> {
    scene("two thieves of a dead owner's lock", |folder, inside| {
        alone(L::acquire(&folder.of("dead"), "dead"));
        let robs = |who| robs::<L>(folder, inside, who, "dead");
        vec![robs("ann"), robs("bob")]
    })
}

/// Ann holds the lock and stands still; bob takes her for dead, and robs her. Carl only waits
/// for his turn. Then ann goes on, and gives back what is not hers any more.
pub(super) fn robbed_owner<L: Lock>() -> Result<(), String> {
    scene("a robbed owner comes back", |folder, inside| {
        alone(L::acquire(&folder.of("ann"), "ann"));
        let ann = folder.of("ann");
        let comes_back: Task = Box::pin(async move { L::release(&ann, "ann").await });
        let bob = robs::<L>(folder, inside, "bob", "ann");
        vec![comes_back, bob, works::<L>(folder, inside, "carl")]
    })
}

/// Plays a scene in every order.
fn scene(name: &'static str, cast: impl Fn(&Folder, &Inside) -> Vec<Task>) -> Result<(), String> {
    let play = || {
        let (folder, inside) = (Folder::default(), Inside::default());
        Scene {
            tasks: cast(&folder, &inside),
            story: folder.story(),
            judge: Box::new(move |_| inside.judge(name)),
        }
    };
    every_order(play).map(drop)
}

/// Tries once to get in, and works there.
fn works<L: Lock>(folder: &Folder, inside: &Inside, who: &'static str) -> Task {
    let (folder, inside) = (folder.of(who), inside.clone());
    Box::pin(async move { get_in::<L>(&folder, &inside, who).await })
}

/// Looks whose lock it is; steals it if it is the one of `stale`; and tries to get in.
fn robs<L: Lock>(folder: &Folder, inside: &Inside, who: &'static str, stale: &'static str) -> Task {
    let (folder, inside) = (folder.of(who), inside.clone());
    Box::pin(async move {
        if folder.list("lock").await == [stale] {
            L::steal(&folder, stale).await;
        }
        get_in::<L>(&folder, &inside, who).await;
    })
}

async fn get_in<L: Lock>(folder: &Folder, inside: &Inside, who: &'static str) {
    if L::acquire(folder, who).await {
        inside.enter(who);
        folder.story().tell(format!("{who} is inside"));
        turn().await;
        inside.leave(who);
        L::release(folder, who).await;
    }
}
