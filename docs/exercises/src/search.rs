//! All that can happen in a small world, the shortest histories first.
//!
//! What the exercises need of a model checker: whatever is found to be wrong is found at the
//! end of a history than which there is no shorter one. Chapter 10 uses a real one.

use std::collections::BTreeSet;
use std::fmt::Display;

/// A step, and where it leads: to another world, or to what is wrong there.
pub(crate) type Steps<W, A> = Vec<(A, Result<W, String>)>;

/// Tries every history that begins in `first`; worlds that are equal count as one. Gives the
/// number of worlds.
///
/// # Errors
///
/// A shortest history that ends in something wrong, and what that is.
pub(crate) fn explore<W: Clone + Ord, A: Display>(
    first: W,
    steps: impl Fn(&W) -> Steps<W, A>,
) -> Result<usize, String> {
    let mut known = BTreeSet::from([first.clone()]);
    // Each world, and the step by which it was found.
    let mut found: Vec<(W, Option<(usize, A)>)> = vec![(first, None)];
    let mut next = 0;
    while next < found.len() {
        for (step, world) in steps(&found[next].0) {
            match world {
                Ok(world) if known.contains(&world) => {}
                Ok(world) => {
                    known.insert(world.clone());
                    found.push((world, Some((next, step))));
                }
                Err(wrong) => return Err(told(&found, next, &step, &wrong)),
            }
        }
        next += 1;
    }
    Ok(found.len())
}

fn told<W, A: Display>(
    found: &[(W, Option<(usize, A)>)],
    last: usize,
    step: &A,
    wrong: &str,
) -> String {
    let mut history = vec![step.to_string()];
    let mut at = last;
    while let Some((before, step)) = &found[at].1 {
        history.push(step.to_string());
        at = *before;
    }
    let lines = history.iter().rev().zip(1..);
    let lines: Vec<String> = lines.map(|(step, n)| format!("{n:>3}. {step}\n")).collect();
    format!("after these steps\n\n{}\n{wrong}", lines.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortest_history_is_told() {
        let steps = |n: &u32| {
            let step = |by: u32| match n + by {
                7 => Err("seven is wrong".to_owned()),
                sum => Ok(sum.min(20)),
            };
            vec![("one more", step(1)), ("three more", step(3))]
        };
        let wrong = explore(0, steps).unwrap_err();
        let steps = ["  1. one more", "  2. three more", "  3. three more"];
        let wanted = format!(
            "after these steps\n\n{}\n\nseven is wrong",
            steps.join("\n")
        );
        assert_eq!(wrong, wanted);
    }

    #[test]
    fn all_worlds_are_counted_once() {
        let steps = |n: &u32| vec![("on", Ok::<_, String>((n + 1) % 5)), ("stay", Ok(*n))];
        assert_eq!(explore(0, steps), Ok(5));
    }
}
