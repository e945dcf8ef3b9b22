//! The checks of tags that only the compiler knows: constants and concatenations.

/// The greatest length of a tag, in characters: PromptLayer's limit.
pub(crate) const MAX_CHARACTERS: usize = 512;

/// The tag, if it is one.
///
/// # Panics
///
/// Where it is not, which stops the compiler at the tag.
pub const fn checked(tag: &'static str) -> &'static str {
    assert!(!is_blank(tag), "a tag is not empty: name what the request is for, such as \"chat\"");
    assert!(characters(tag) <= MAX_CHARACTERS, "a tag has at most 512 characters: shorten it");
    tag
}

/// Checks that a tag is none of the others.
///
/// # Panics
///
/// Where it is, which stops the compiler at the tag.
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

/// Every byte but a continuation of UTF-8 begins a character.
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
