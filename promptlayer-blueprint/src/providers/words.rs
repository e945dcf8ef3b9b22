//! Lists of words that a text in the source spells, with spaces between them.

use super::json::Object;

/// A list of words: names of fields, or values of a field.
#[derive(Clone, Copy)]
pub(super) struct Words(pub(super) &'static [&'static str]);

/// Makes [`Words`] of a text with spaces between the words. The compiler splits the text.
macro_rules! words {
    ($text:literal) => {{
        const WORDS: [&str; $crate::providers::words::count_words($text)] =
            $crate::providers::words::split_words($text);
        $crate::providers::words::Words(&WORDS)
    }};
}
pub(super) use words;

/// Returns the number of words in a text.
pub(super) const fn count_words(text: &str) -> usize {
    let (bytes, mut at, mut count) = (text.as_bytes(), 0, 0);
    while at < bytes.len() {
        if bytes[at] != b' ' && (at == 0 || bytes[at - 1] == b' ') {
            count += 1;
        }
        at += 1;
    }
    count
}

/// Splits a text into its `N` words.
pub(super) const fn split_words<const N: usize>(text: &'static str) -> [&'static str; N] {
    let (mut words, mut rest, mut word) = ([""; N], text, 0);
    while word < N {
        let mut length = 0;
        while length < rest.len() && rest.as_bytes()[length] != b' ' {
            length += 1;
        }
        let (first, after) = rest.split_at(length);
        if !first.is_empty() {
            words[word] = first;
            word += 1;
        }
        if let Some((_, after)) = after.as_bytes().split_first() {
            rest = rest.split_at(rest.len() - after.len()).1;
        }
    }
    words
}

impl Words {
    pub(super) fn iter(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().copied()
    }

    pub(super) fn contains(self, word: &str) -> bool {
        self.0.contains(&word)
    }

    /// Returns `true` if an object has one of these fields, and it is not `null`.
    pub(super) fn any_in(self, object: &Object) -> bool {
        object.iter().any(|(name, value)| !value.is_null() && self.contains(name))
    }

    /// Returns `true` if an object has no other fields than these. Fields that are `null` do not count.
    pub(super) fn are_all_of(self, object: &Object) -> bool {
        object.iter().all(|(name, value)| value.is_null() || self.contains(name))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_is_split_at_spaces() {
        assert_eq!(words!("one two  three ").0, ["one", "two", "three"]);
        assert_eq!(words!("  one").0, ["one"]);
        assert!(words!("").0.is_empty());
        assert!(words!("one two").contains("two"));
        assert!(!words!("one two").contains("one two"));
    }
}
