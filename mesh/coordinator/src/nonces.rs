//! Names that nobody else uses.

/// A sequence of nonces from a seed that no other process has.
///
/// The generator is SplitMix64 (Steele, Lea and Flood, 2014): a bijection of a
/// counter, so one sequence never repeats, and sequences of different seeds meet only
/// by accident.
#[derive(Clone, Debug)]
pub struct Nonces(u64);

impl Nonces {
    /// The sequence of a seed: from the operating system's entropy in production, from
    /// the tape in the simulator.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next nonce.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
