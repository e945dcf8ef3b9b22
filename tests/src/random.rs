//! Random numbers from a seed, which make a test run reproducible.

use std::env;

/// A random number generator: xorshift64* (Vigna, 2016).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Creates a generator with this seed. Neighboring seeds give unrelated numbers.
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

    /// Returns a number from 0 to below `many`. Returns 0 if `many` is 0.
    #[allow(clippy::cast_possible_truncation, reason = "it is below a usize")]
    pub fn below(&mut self, many: usize) -> usize {
        ((self.next() >> 16) % many.max(1) as u64) as usize
    }

    /// Returns `true` with a probability of one in `many`.
    pub fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// Returns a random item.
    ///
    /// # Panics
    ///
    /// Panics if `items` is empty.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let Some(item) = items.get(self.below(items.len())) else { panic!("there is nothing to pick from") };
        item
    }
}

/// Parses the number in an environment variable. Returns `default` if the variable is not set.
///
/// # Panics
///
/// Panics if the value is not a number.
pub fn number_from_env(variable: &str, default: u64) -> u64 {
    let Ok(text) = env::var(variable) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text:?}"))
}
