//! Every cut of a recording, the images that it may leave, and what is found in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use mesh::core::Snapshot;

use super::facts::Fact;
use super::images::{Cut, Forgetful, Image};
use super::open::{self, Disk};
use super::recorder::Step;
use crate::Random;

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// A cut that may leave at most so many images has all of them tried; of another one
    /// as many are sampled, besides the one with everything and the one with nothing.
    pub images_of_a_cut: usize,
    /// Of so many images one is also opened by the program itself.
    pub program_one_in: usize,
    /// Which are sampled.
    pub seed: u64,
    /// Which syncs are taken for nothing.
    pub forgetful: Forgetful,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Cuts: one before each step and one behind the last.
    pub cuts: usize,
    /// Cuts of which every image was tried.
    pub exhausted: usize,
    /// Different images that were opened.
    pub images: usize,
    /// Of these, how many by the program itself.
    pub by_program: usize,
    /// Damaged images, which are to be told or to do no harm.
    pub damaged: usize,
    /// How many of those were told.
    pub told: usize,
    /// What is wrong.
    pub wrong: Vec<String>,
}

impl Summary {
    /// Takes in what came of another recording.
    pub fn add(&mut self, other: Self) {
        self.cuts += other.cuts;
        self.exhausted += other.exhausted;
        self.images += other.images;
        self.by_program += other.by_program;
        self.damaged += other.damaged;
        self.told += other.told;
        self.wrong.extend(other.wrong);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cuts ({} exhausted), {} images, {} of them opened by the program too; \
             {} of {} damaged images told, the others did no harm; {} things are wrong",
            self.cuts,
            self.exhausted,
            self.images,
            self.by_program,
            self.told,
            self.damaged,
            self.wrong.len()
        )
    }
}

/// All ways to pick, the last first.
pub(super) fn all_picks(ways: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let ways = ways.to_vec();
    let mut next: Option<Vec<usize>> = Some(ways.iter().map(|ways| ways - 1).collect());
    std::iter::from_fn(move || {
        let picks = next.take()?;
        let mut following = picks.clone();
        for (pick, ways) in following.iter_mut().zip(&ways) {
            if *pick > 0 {
                *pick -= 1;
                next = Some(following);
                break;
            }
            *pick = ways - 1;
        }
        Some(picks)
    })
}

/// Tries the images of every cut, in directories under `dir`. With a program, a sample is
/// opened by that, too.
#[must_use]
pub fn explore(steps: &[Step], bounds: Bounds, dir: &Path, program: Option<&Path>) -> Summary {
    let mut explorer = Explorer {
        bounds,
        random: Random::new(bounds.seed),
        disk: Disk::new(dir),
        program,
        seen: BTreeMap::new(),
        facts: Vec::new(),
        summary: Summary::default(),
    };
    let mut cut = Cut::forgetful(bounds.forgetful);
    explorer.cut(&cut, 0);
    for (n, step) in steps.iter().enumerate() {
        cut.step(step);
        match step {
            Step::Told(fact) => explorer.facts.push(fact.clone()),
            _ => explorer.cut(&cut, n + 1),
        }
        // What was told stands right behind the operation that made it true.
        if !matches!(steps.get(n + 1), Some(Step::Told(_))) && matches!(step, Step::Told(_)) {
            explorer.cut(&cut, n + 1);
        }
    }
    if bounds.forgetful == Forgetful::No {
        explorer.damage(&cut);
    }
    explorer.summary
}

struct Explorer<'a> {
    bounds: Bounds,
    random: Random,
    disk: Disk,
    program: Option<&'a Path>,
    /// What was found in images that were opened before, so that no two are opened that
    /// are the same.
    seen: BTreeMap<u64, Option<Snapshot>>,
    facts: Vec<Fact>,
    summary: Summary,
}

impl Explorer<'_> {
    fn cut(&mut self, cut: &Cut, at: usize) {
        self.summary.cuts += 1;
        let ways = cut.ways();
        let bound = self.bounds.images_of_a_cut;
        let all = ways
            .iter()
            .try_fold(1_usize, |product, ways| product.checked_mul(*ways));
        if all.is_some_and(|all| all <= bound) {
            self.summary.exhausted += 1;
            for picks in all_picks(&ways) {
                self.image(&cut.image(&picks), at, &picks);
            }
            return;
        }
        let everything: Vec<usize> = ways.iter().map(|ways| ways - 1).collect();
        let nothing = vec![0; ways.len()];
        for picks in [everything, nothing] {
            self.image(&cut.image(&picks), at, &picks);
        }
        for _ in 0..bound {
            let picks = self.sample(&ways);
            self.image(&cut.image(&picks), at, &picks);
        }
    }

    /// Picks at random; half of the time most things are there, or most are not, since an
    /// even mix is seldom what hurts.
    fn sample(&mut self, ways: &[usize]) -> Vec<usize> {
        let inclination = *self.random.pick(&[5, 50, 50, 95]);
        let random = &mut self.random;
        let pick = |ways: &usize| match random.chance(50) {
            true if random.chance(inclination) => ways - 1,
            true => 0,
            false => random.below(*ways as u64) as usize,
        };
        ways.iter().map(pick).collect()
    }

    fn image(&mut self, image: &Image, at: usize, picks: &[usize]) {
        let key = hash(image);
        if !self.seen.contains_key(&key) {
            let found = self.open(image);
            let found = match found {
                Ok(snapshot) => Some(snapshot),
                Err(why) => {
                    self.wrong(at, picks, &why);
                    None
                }
            };
            self.seen.insert(key, found);
        }
        let Some(Some(snapshot)) = self.seen.get(&key) else {
            return;
        };
        let lost = self.facts.iter().find(|fact| !fact.holds_in(snapshot));
        if let Some(lost) = lost.cloned() {
            self.wrong(
                at,
                picks,
                &format!("G4, G5: {lost:?} was told, and is lost"),
            );
        }
    }

    fn wrong(&mut self, at: usize, picks: &[usize], why: &str) {
        let text = format!("cut behind step {at}, picks {picks:?}: {why}");
        self.summary.wrong.push(text);
    }

    /// What a process finds, which then goes on from there, as does the next one.
    fn open(&mut self, image: &Image) -> Result<Snapshot, String> {
        self.summary.images += 1;
        let folder = self.disk.put(image);
        let found = open::read(&folder).map_err(|why| format!("G7: refused: {why}"))?;
        if self
            .summary
            .images
            .is_multiple_of(self.bounds.program_one_in)
            && let Some(program) = self.program
        {
            self.summary.by_program += 1;
            open::by_program(program, &folder, &found)?;
            return Ok(found);
        }
        let after = open::go_on(&folder).map_err(|why| format!("G7: no going on: {why}"))?;
        let facts = open::facts_of(&found);
        match facts.into_iter().find(|fact| !fact.holds_in(&after)) {
            Some(lost) => Err(format!(
                "G4: {lost:?} was there, and went with the next entry"
            )),
            None => Ok(found),
        }
    }

    /// Bits that flip and ends that are cut off where everything was durable: told, or
    /// without consequence (G7).
    fn damage(&mut self, cut: &Cut) {
        let everything: Vec<usize> = cut.ways().iter().map(|ways| ways - 1).collect();
        let whole = cut.image(&everything);
        let journals = whole.names.iter();
        let journals: BTreeSet<_> = journals
            .filter(|(name, _)| name.starts_with("journal."))
            .map(|(_, number)| *number)
            .collect();
        for number in journals {
            let length = whole.contents[&number].len();
            for _ in 0..self.bounds.images_of_a_cut {
                let at = self.random.below(length as u64) as usize;
                let mut image = whole.clone();
                if let Some(bytes) = image.contents.get_mut(&number) {
                    match self.random.chance(50) {
                        true => bytes[at] ^= 1 << self.random.below(8),
                        false => bytes.truncate(at),
                    }
                }
                self.damaged(&image, at);
            }
        }
    }

    fn damaged(&mut self, image: &Image, at: usize) {
        self.summary.damaged += 1;
        match open::read(&self.disk.put(image)) {
            Err(_) => self.summary.told += 1,
            Ok(snapshot) => {
                if let Some(lost) = self.facts.iter().find(|fact| !fact.holds_in(&snapshot)) {
                    let why = format!("G7: damage at byte {at} takes {lost:?} without a word");
                    self.summary.wrong.push(why);
                }
            }
        }
    }
}

fn hash(image: &Image) -> u64 {
    let mut hasher = DefaultHasher::new();
    image.hash(&mut hasher);
    hasher.finish()
}
