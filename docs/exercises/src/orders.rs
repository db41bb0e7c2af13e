//! Every order of a few tasks: a scheduler that tries them all.
//!
//! A task is a future that says with [`turn`] where others may come first; what stands between
//! two turns is one step. [`every_order`] plays a scene again and again, each time in another
//! order of its steps, until there is none left. It is the whole idea of a model checker, in
//! its plainest form: nothing is remembered from one run to the next, so it is good for some
//! ten thousand orders, which is what an exercise needs.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What a process does, step by step.
pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// More steps than any scene has that comes to an end.
const ENDLESS: usize = 200;

/// Lets others go first. What follows, up to the next turn, is one step.
pub fn turn() -> impl Future<Output = ()> {
    let mut passed = false;
    std::future::poll_fn(move |_| match std::mem::replace(&mut passed, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
}

/// What has happened so far, in words. All clones are one story.
#[derive(Clone, Debug, Default)]
pub struct Story(Rc<RefCell<Vec<String>>>);

impl Story {
    /// Tells one more thing.
    pub fn tell(&self, what: impl Into<String>) {
        self.0.borrow_mut().push(what.into());
    }

    /// Everything since the last time, each in a line of its own.
    pub fn take(&self) -> Vec<String> {
        self.0.take()
    }

    /// Everything so far, in one line.
    pub fn told(&self) -> String {
        self.0.borrow().join(", ")
    }
}

/// A world at its beginning, and who acts in it.
pub struct Scene {
    /// Who acts.
    pub tasks: Vec<Task>,
    /// What happens is told here.
    pub story: Story,
    /// Asked after each step: what is wrong, if anything is. `true`: this was the last step.
    pub judge: Box<dyn Fn(bool) -> Result<(), String>>,
}

/// One choice of an order: which of the tasks that could go did, of how many.
struct Choice {
    taken: usize,
    of: usize,
}

/// Plays what `scene` sets up in every order, and gives the number of orders.
///
/// # Errors
///
/// What is wrong in the first bad order, and the story that leads there.
pub fn every_order(scene: impl Fn() -> Scene) -> Result<usize, String> {
    let mut order = Vec::new();
    for orders in 1.. {
        play(scene(), &mut order)?;
        while order
            .pop_if(|last: &mut Choice| last.taken + 1 == last.of)
            .is_some()
        {}
        match order.last_mut() {
            Some(last) => last.taken += 1,
            None => return Ok(orders),
        }
    }
    Ok(0)
}

/// Plays a scene once: as `order` says, and behind its end whoever comes first.
fn play(mut scene: Scene, order: &mut Vec<Choice>) -> Result<(), String> {
    // To its first turn nobody does anything that others could see.
    scene.tasks.retain_mut(|task| !goes_on(task));
    for step in 0.. {
        let of = scene.tasks.len();
        if of == 0 {
            break;
        }
        if step == ENDLESS {
            return Err(format!("this goes on for ever: {}", scene.story.told()));
        }
        if step == order.len() {
            order.push(Choice { taken: 0, of });
        }
        let taken = order[step].taken;
        if goes_on(&mut scene.tasks[taken]) {
            drop(scene.tasks.remove(taken));
        }
        let judged = (scene.judge)(scene.tasks.is_empty());
        judged.map_err(|wrong| format!("{wrong}. The order: {}", scene.story.told()))?;
    }
    Ok(())
}

/// Lets a task do one step: `true` if that was its last.
pub fn goes_on(task: &mut Task) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    task.as_mut().poll(&mut context).is_ready()
}

/// Runs a task to its end, with nobody else there.
pub fn alone<T>(task: impl Future<Output = T>) -> T {
    let mut task = std::pin::pin!(task);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = task.as_mut().poll(&mut context) {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tasks that tell two things each.
    fn scene() -> Scene {
        let story = Story::default();
        let tell = |name: &'static str| -> Task {
            let story = story.clone();
            Box::pin(async move {
                for _ in 0..2 {
                    turn().await;
                    story.tell(name);
                }
            })
        };
        Scene {
            tasks: vec![tell("a"), tell("b")],
            story: story.clone(),
            judge: Box::new(|_| Ok(())),
        }
    }

    #[test]
    fn two_tasks_of_two_steps_have_six_orders() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let orders = every_order(|| {
            let mut scene = scene();
            let (story, seen) = (scene.story.clone(), seen.clone());
            scene.judge = Box::new(move |over| {
                if over {
                    seen.borrow_mut().push(story.told());
                }
                Ok(())
            });
            scene
        });
        assert_eq!(orders, Ok(6));
        seen.borrow_mut().sort();
        let all = [
            "a, a, b, b",
            "a, b, a, b",
            "a, b, b, a",
            "b, a, a, b",
            "b, a, b, a",
            "b, b, a, a",
        ];
        assert_eq!(*seen.borrow(), all);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_order() {
        let wrong = every_order(|| {
            let mut scene = scene();
            let story = scene.story.clone();
            scene.judge = Box::new(move |_| match story.told().as_str() {
                "a, b, b" => Err("b was faster".to_owned()),
                _ => Ok(()),
            });
            scene
        });
        assert_eq!(wrong, Err("b was faster. The order: a, b, b".to_owned()));
    }

    #[test]
    fn what_does_not_end_is_told() {
        let wrong = every_order(|| {
            let for_ever: Task = Box::pin(async {
                loop {
                    turn().await;
                }
            });
            Scene {
                tasks: vec![for_ever],
                ..scene()
            }
        });
        assert!(wrong.unwrap_err().starts_with("this goes on for ever"));
    }
}
