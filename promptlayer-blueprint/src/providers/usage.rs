//! Reads token counts by a table of their paths.

use super::json::{Fields, Object, whole_number};
use super::reading::Usage;

/// The paths of a format's token counts in its usage object. The first path that has a count is used.
pub(super) struct UsagePaths {
    /// Input tokens.
    pub(super) input: &'static [&'static str],
    /// Output tokens, including those for reasoning.
    pub(super) output: &'static [&'static str],
    /// Input tokens that were read from a cache.
    pub(super) cached: &'static [&'static str],
    /// Input tokens that were written to a cache.
    pub(super) cache_creation: &'static [&'static str],
    /// Output tokens that were used for reasoning.
    pub(super) reasoning: &'static [&'static str],
    /// Counts without a field in the log: the path, and the metadata key.
    pub(super) other: &'static [(&'static str, &'static str)],
}

impl UsagePaths {
    /// A table without any path.
    pub(super) const NONE: Self =
        Self { input: &[], output: &[], cached: &[], cache_creation: &[], reasoning: &[], other: &[] };

    /// Reads the counts of a usage object.
    pub(super) fn read(&self, usage: &Object) -> Usage {
        let count = |path: &str| whole_number(usage.at(path)?);
        let first = |paths: &[&str]| paths.iter().find_map(|path| count(path));
        Usage {
            input: first(self.input),
            output: first(self.output),
            cached: first(self.cached),
            cache_creation: first(self.cache_creation),
            reasoning: first(self.reasoning),
            other: self.other.iter().filter_map(|(path, key)| Some((*key, count(path)?))).collect(),
        }
    }
}
