//! Output for a terminal, or for another program.

use std::io::{self, Write};

use console::{Style, Term, measure_text_width, truncate_str};

use crate::timestamp::Timestamp;

/// Standard output. Lines are cut to the width of a terminal. They have colours only on a terminal, unless `NO_COLOR`
/// is set.
pub(super) struct Output {
    term: Term,
    /// The width of the terminal. `None` if the output is not a terminal.
    width: Option<usize>,
    has_colours: bool,
}

impl Output {
    pub(super) fn new() -> Self {
        let term = Term::stdout();
        let is_terminal = term.is_term();
        let width = is_terminal.then(|| usize::from(term.size().1));
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { term, width, has_colours: is_terminal && !no_colour }
    }

    /// Writes a line, cut to the width of the terminal.
    pub(super) fn line(&mut self, line: &str) -> io::Result<()> {
        match self.width {
            Some(width) => writeln!(self.term, "{}", truncate_str(line, width, "…")),
            None => writeln!(self.term, "{line}"),
        }
    }

    /// Writes a line as it is.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.term, "{text}")
    }

    /// Returns the text in a style, if the output has colours.
    pub(super) fn styled(&self, style: Style, text: &str) -> String {
        style.force_styling(self.has_colours).apply_to(text).to_string()
    }
}

/// Pads a text with spaces on the right, or cuts it, to a width.
pub(super) fn column(text: &str, width: usize) -> String {
    let cut = truncate_str(text, width, "…");
    let spaces = width.saturating_sub(measure_text_width(&cut));
    format!("{cut}{}", " ".repeat(spaces))
}

/// Replaces all control characters by spaces. A logged text could otherwise control the terminal.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|character| if is_control(character) { ' ' } else { character }).collect()
}

/// Replaces all control characters except line breaks and tabs.
pub(super) fn harmless(text: &str) -> String {
    let is_kept = |character: char| matches!(character, '\n' | '\t') || !is_control(character);
    text.chars().map(|character| if is_kept(character) { character } else { '\u{fffd}' }).collect()
}

/// Returns `true` for characters that control a terminal or the direction of text.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Formats a time to the second, in the zone of this machine.
pub(super) fn local_time(timestamp: Timestamp) -> String {
    timestamp.to_jiff().to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Returns the offset of this machine's clock from UTC in minutes, as the parameter of a list of requests.
pub(super) fn zone_parameter(now: Timestamp) -> (String, String) {
    let offset = jiff::tz::TimeZone::system().to_offset(now.to_jiff());
    ("zone".to_owned(), (offset.seconds() / 60).to_string())
}

/// Writes a line to standard error. A failure is ignored, because it could not be reported.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::{column, harmless, one_line};

    #[test]
    fn columns_have_the_width_of_what_is_shown() {
        assert_eq!(column("ab", 4), "ab  ");
        assert_eq!(column("abcdef", 4), "abc…");
        assert_eq!(column("東京東京", 5), "東京…");
    }

    #[test]
    fn logged_text_does_not_control_the_terminal() {
        assert_eq!(one_line("a\u{1b}[31m\nb\u{202e}"), "a [31m b ");
        assert_eq!(harmless("a\u{1b}]0;x\u{7}\n\tb"), "a\u{fffd}]0;x\u{fffd}\n\tb");
    }
}
