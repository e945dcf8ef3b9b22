//! Compile-time checks of tags that the macro cannot evaluate: constants and concatenations.

/// The maximum length of a tag, in characters. PromptLayer sets this limit.
pub(crate) const MAX_CHARACTERS: usize = 512;

/// Returns the tag if it is valid.
///
/// # Panics
///
/// Panics if the tag is empty or too long. In a `const` context, this is a compile error at the tag.
pub const fn checked(tag: &'static str) -> &'static str {
    assert!(!is_blank(tag), "a tag is not empty: name what the request is for, such as \"chat\"");
    assert!(characters(tag) <= MAX_CHARACTERS, "a tag has at most 512 characters: shorten it");
    tag
}

/// Checks that the tag is not among the others.
///
/// # Panics
///
/// Panics if the tag is among the others. In a `const` context, this is a compile error at the tag.
pub const fn check_distinct(tag: &str, others: &[&str]) {
    let mut i = 0;
    while i < others.len() {
        assert!(!equal(tag.as_bytes(), others[i].as_bytes()), "this tag is given twice: remove one of them");
        i += 1;
    }
}

const fn is_blank(text: &str) -> bool {
    text.trim_ascii().is_empty()
}

/// Counts the characters: every byte that is not a UTF-8 continuation byte starts one.
const fn characters(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut count, mut i) = (0, 0);
    while i < bytes.len() {
        if bytes[i] & 0b1100_0000 != 0b1000_0000 {
            count += 1;
        }
        i += 1;
    }
    count
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}
