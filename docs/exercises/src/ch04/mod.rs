//! Fences: a store that refuses who is late.
//!
//! A lease ends while its holder stands still, and the next holder writes. Then the first one
//! goes on, sees nothing of all that, and writes too. No lock can prevent that from its side.
//! The store can: each grant carries a fence, a number higher than all before it, every write
//! brings its fence along, and the store refuses a fence that is lower than one it has seen.
//!
//! The task is that store. In `start.rs` it takes the fence and makes nothing of it.

pub mod answer;
pub mod start;

use crate::Exercise;

/// The exercise of chapter 4.
pub const EXERCISE: Exercise = Exercise {
    chapter: 4,
    title: "Fences",
    task: "Write a store that refuses a write whose fence is lower than one it has seen.",
    start: check::<start::Store>,
    answer: check::<answer::Store>,
    show,
};

/// What is written under a claim.
pub trait Store: Default {
    /// Replaces the text, under the fence of the writer's claim. A holder may write as often
    /// as it likes, so the same fence may come again.
    ///
    /// # Errors
    ///
    /// Where a higher fence was seen before. The text then stays.
    fn write(&mut self, fence: u64, text: &str) -> Result<(), TooLate>;

    /// The text.
    fn read(&self) -> &str;
}

/// Why a write is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLate {
    /// The highest fence that the store has seen.
    pub seen: u64,
}

/// The fences that writers bring.
const FENCES: [u64; 3] = [1, 2, 3];

/// Tries all orders of up to five writes of three holders.
///
/// # Errors
///
/// A shortest order in which the store does wrong, and what it does.
pub fn check<S: Store>() -> Result<(), String> {
    let mut orders: Vec<Vec<u64>> = vec![Vec::new()];
    for _ in 0..5 {
        let longer = |order: &Vec<u64>| FENCES.map(|fence| [order.as_slice(), &[fence]].concat());
        orders = orders.iter().flat_map(longer).collect();
        for order in &orders {
            run::<S>(order)?;
        }
    }
    Ok(())
}

/// Writes in one order; the last write is the one that is judged.
fn run<S: Store>(order: &[u64]) -> Result<(), String> {
    let mut store = S::default();
    let mut stands = String::new();
    for (number, fence) in (1..).zip(order) {
        let seen = order[..number - 1].iter().max().copied().unwrap_or(0);
        let text = format!("write {number}");
        let done = store.write(*fence, &text);
        let wanted = match *fence < seen {
            true => Err(TooLate { seen }),
            false => Ok(()),
        };
        if wanted.is_ok() {
            stands = text;
        }
        if done != wanted {
            return Err(format!(
                "writes come with the fences {order:?}; write {number} gets {done:?}, \
                 and should get {wanted:?}"
            ));
        }
        if store.read() != stands {
            return Err(format!(
                "writes come with the fences {order:?}; after write {number} there stands \
                 {:?}, and should stand {stands:?}",
                store.read()
            ));
        }
    }
    Ok(())
}

/// A holder is paused beyond the end of its lease, once with each kind of store.
fn show() {
    println!("A store that asks for no fence:");
    paused_holder(&mut Trusting::default());
    println!("\nA store that compares fences:");
    paused_holder(&mut answer::Store::default());
}

fn paused_holder(store: &mut impl Store) {
    println!("  ann is granted the claim, with fence 1, and stands still");
    println!("  ann's lease ends; bob is granted the claim, with fence 2");
    write(store, "bob", 2);
    println!("  ann goes on where she stood");
    write(store, "ann", 1);
    println!("  there stands: {}", store.read());
}

fn write(store: &mut impl Store, who: &str, fence: u64) {
    let end = match store.write(fence, &format!("{who}'s work")) {
        Ok(()) => "written".to_owned(),
        Err(TooLate { seen }) => format!("refused, the store has seen fence {seen}"),
    };
    println!("  {who} writes with fence {fence}: {end}");
}

/// A store that believes everybody.
#[derive(Debug, Default)]
struct Trusting {
    text: String,
}

impl Store for Trusting {
    fn write(&mut self, _fence: u64, text: &str) -> Result<(), TooLate> {
        text.clone_into(&mut self.text);
        Ok(())
    }

    fn read(&self) -> &str {
        &self.text
    }
}
