//! Logged texts in an answer. They can say anything, so they must not look like a part of the answer itself.

use super::super::terminal::{harmless, one_line};

/// Returns the text with `> ` before each line.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    for line in text.trim_end().lines() {
        quoted.push_str("> ");
        quoted.push_str(&harmless(line));
        quoted.push('\n');
    }
    quoted
}

/// Returns a name or another short text on one line, in quotation marks.
pub(super) fn named(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('"', "'"))
}

#[cfg(test)]
mod tests {
    use super::{named, quoted};

    #[test]
    fn every_line_of_a_logged_text_is_quoted() {
        assert_eq!(quoted("a\r\nrequest 2\u{2028}x\u{1b}[2J\n\n"), "> a\n> request 2\u{fffd}x\u{fffd}[2J\n");
        assert_eq!(quoted(""), "");
        assert_eq!(named("a\n\"b\""), "\"a 'b'\"");
    }
}
