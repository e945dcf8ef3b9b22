//! Numbers that follow from a seed, so that what a test did can be done again.

use std::env;

/// A generator of numbers: xorshift64*, by Vigna, 2016.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that starts from this seed. Neighbouring seeds give unrelated numbers.
    pub fn new(seed: u64) -> Self {
        // The state must not be 0.
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `many`, from 0; 0 if that is 0.
    #[allow(clippy::cast_possible_truncation, reason = "it is below a usize")]
    pub fn below(&mut self, many: usize) -> usize {
        ((self.next() >> 16) % many.max(1) as u64) as usize
    }

    /// Returns `true` once in so many times.
    pub fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// One of these.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let Some(item) = items.get(self.below(items.len())) else { panic!("there is nothing to pick from") };
        item
    }
}

/// The number in an environment variable; `default` if it is not set.
///
/// # Panics
///
/// If it is set to something else.
pub fn number_from_env(variable: &str, default: u64) -> u64 {
    let Ok(text) = env::var(variable) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text:?}"))
}
