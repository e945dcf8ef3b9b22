//! Determines the kind of an error from its types and fields. Messages are ignored, because a text may quote
//! anything.
//!
//! Sources are inspected by downcasting. An error that borrows, or that is inside a box that may borrow,
//! cannot be downcast. For these the derived `Debug` output is parsed, because its structure is that of the
//! type: `Refused { status_code: 429, .. }`. Quoted text, and `Debug` output that is a sentence, are ignored.

use std::error::Error;
use std::fmt::{self, Debug, Write as _};

/// The maximum number of bytes that are read of one `Debug` output. The fields of an error are at its
/// beginning.
const MAX_DEBUG: usize = 16 << 10;
/// The names of fields that contain an HTTP status.
const STATUS_FIELDS: &[&str] = &["status", "status_code", "http_status", "http_status_code"];
/// The names of fields that contain an HTTP status or another number. Only an error status counts.
const CODE_FIELDS: &[&str] = &["code"];
/// The names of types and variants that contain an HTTP status.
const STATUS_TYPES: &[&str] = &["Status", "StatusCode", "HttpStatus"];
/// The names of types and variants for a time-out, in `std::io::ErrorKind`, reqwest and tokio.
const TIMEOUTS: &[&str] = &["TimedOut", "Elapsed"];
/// The start of the `Debug` output of a reqwest error.
const REQWEST: &str = "reqwest::Error";

/// What is known of an error apart from its message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The HTTP status that the error contains.
    pub status: Option<u16>,
    /// `true` if the error or one of its sources is a time-out of the standard library, tokio or reqwest.
    pub is_timeout: bool,
    /// `true` if the error or one of its sources is a reqwest error.
    pub is_of_http: bool,
    /// The type or variant that the derived `Debug` output names. A box does not reveal the type of its
    /// content otherwise.
    pub name: Option<String>,
}

impl Evidence {
    /// Reads the error itself, whose type is unknown.
    pub(crate) fn from_error<E: Error + ?Sized>(error: &E) -> Self {
        let mut evidence = Self::default();
        evidence.read(error);
        evidence
    }

    /// Adds the evidence of a source.
    pub(crate) fn add(&mut self, source: &(dyn Error + 'static)) {
        if let Some(source) = source.downcast_ref::<std::io::Error>() {
            self.is_timeout |= source.kind() == std::io::ErrorKind::TimedOut;
        }
        #[cfg(feature = "export")]
        self.add_known(source);
        if self.status.is_none() {
            let name = self.name.take();
            self.read(source);
            // Keep the name of the outermost error.
            self.name = name;
        }
    }

    #[cfg(feature = "export")]
    fn add_known(&mut self, source: &(dyn Error + 'static)) {
        self.is_timeout |= source.is::<tokio::time::error::Elapsed>();
        if let Some(source) = source.downcast_ref::<reqwest::Error>() {
            self.is_of_http = true;
            self.is_timeout |= source.is_timeout();
            self.status = self.status.or_else(|| source.status().map(|status| status.as_u16()));
        }
    }

    /// Reads the `Debug` output of the error, if it has the form of derived output.
    fn read<E: Error + ?Sized>(&mut self, error: &E) {
        let Some(debugged) = crate::capture::guarded(|| Beginning::of_debug(error)) else { return };
        let Some(name) = name_of(&debugged) else { return };
        self.is_of_http |= name == REQWEST;
        let last = name.rsplit("::").next().unwrap_or(name);
        self.is_timeout |= TIMEOUTS.contains(&last);
        self.name = Some(last.to_owned());
        let mut tokens = Tokens(debugged.get(name.len()..).unwrap_or_default());
        let mut statuses = Statuses::default();
        // The status may follow the name directly: `StatusCode(429)`.
        statuses.after(last, tokens.0);
        while let Some(word) = tokens.next() {
            self.is_timeout |= TIMEOUTS.contains(&word);
            self.is_of_http |= word == "reqwest" && tokens.0.starts_with("::Error {");
            statuses.after(word, tokens.0);
        }
        self.status = self.status.or(statuses.only());
    }
}

/// The HTTP statuses in a `Debug` output.
#[derive(Default)]
struct Statuses {
    /// Statuses of fields and types whose name is that of a status.
    named: Found,
    /// Statuses of fields that may contain another number.
    codes: Found,
}

impl Statuses {
    /// Looks for a status after a word.
    fn after(&mut self, word: &str, rest: &str) {
        if STATUS_FIELDS.contains(&word) {
            self.named.add(rest.strip_prefix(": ").and_then(status));
        } else if STATUS_TYPES.contains(&word) {
            self.named.add(rest.strip_prefix('(').and_then(status));
        } else if CODE_FIELDS.contains(&word) {
            let status = rest.strip_prefix(": ").and_then(status);
            self.codes.add(status.filter(|status| (400..600).contains(status)));
        }
    }

    /// Returns the status, if there is exactly one.
    fn only(&self) -> Option<u16> {
        if self.named.first.is_some() { self.named.only() } else { self.codes.only() }
    }
}

/// Statuses that were found in one kind of field.
#[derive(Default)]
struct Found {
    first: Option<u16>,
    is_ambiguous: bool,
}

impl Found {
    fn add(&mut self, status: Option<u16>) {
        let Some(status) = status else { return };
        self.is_ambiguous |= self.first.is_some_and(|first| first != status);
        self.first = Some(status);
    }

    fn only(&self) -> Option<u16> {
        self.first.filter(|_| !self.is_ambiguous)
    }
}

/// Parses a status at the start of a text, alone or inside `Some` and `StatusCode`.
fn status(mut value: &str) -> Option<u16> {
    value = value.strip_prefix("Some(").unwrap_or(value);
    value = STATUS_TYPES.iter().find_map(|name| value.strip_prefix(name)?.strip_prefix('(')).unwrap_or(value);
    let (digits, rest) = value.split_at(value.find(|c: char| !c.is_ascii_digit())?);
    let status = digits.parse().ok().filter(|status| (100..600).contains(status))?;
    rest.starts_with([',', ')', ' ', '}']).then_some(status)
}

/// Returns the path at the start of a derived `Debug` output. Fields or nothing must follow it.
fn name_of(debugged: &str) -> Option<&str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let end = debugged.find(|c| !is_name(c)).unwrap_or(debugged.len());
    let (name, rest) = debugged.split_at(end);
    let is_structure = rest.is_empty() || rest.starts_with('(') || rest.starts_with(" {");
    (is_structure && name.starts_with(|c: char| c.is_alphabetic())).then_some(name)
}

/// Iterates over the words of a `Debug` output outside of quotes. The inner text is the rest after the last
/// word.
struct Tokens<'a>(&'a str);

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Option<&'a str> {
        loop {
            let start = self.0.find(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '\''))?;
            let (_, from) = self.0.split_at(start);
            let first = from.chars().next()?;
            if first == '"' || first == '\'' {
                self.0 = behind_quotes(from, first);
                continue;
            }
            let end = from.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(from.len());
            let (word, rest) = from.split_at(end);
            self.0 = rest;
            return Some(word);
        }
    }
}

/// Returns the text after a quoted string.
fn behind_quotes(text: &str, quote: char) -> &str {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return text.get(at + 1..).unwrap_or_default(),
            _ => {}
        }
    }
    ""
}

/// A writer that keeps the first [`MAX_DEBUG`] bytes of a `Debug` output and then stops the formatting.
struct Beginning(String);

impl Beginning {
    fn of_debug<T: Debug + ?Sized>(value: &T) -> String {
        let mut beginning = Self(String::new());
        // The write fails if the output is too long, which is how the formatting is stopped.
        let _ = write!(beginning, "{value:?}");
        beginning.0
    }
}

impl fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MAX_DEBUG - self.0.len();
        let end =
            (0..=room.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        self.0.push_str(text.get(..end).unwrap_or_default());
        if end < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Removes the query of every address in a text, because a query may contain a key (`?key=…`).
pub(crate) fn without_queries(text: String) -> String {
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at);
        let ends = |c: char| c.is_whitespace() || matches!(c, ')' | '"' | '\'' | '<' | '>' | '`');
        let (address, after) = address.split_at(address.find(ends).unwrap_or(address.len()));
        let (address, _) = address.split_once('?').unwrap_or((address, ""));
        shown.push_str(before);
        shown.push_str(address);
        rest = after;
    }
    if shown.is_empty() {
        return text;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[allow(dead_code, reason = "its `Debug` is what is looked at")]
    enum Fault {
        Plain { status: u16 },
        Wrapped(Inner),
        Told(&'static str),
        Two { status: u16, inner: Inner },
        Letter(char, Inner),
        TimedOut,
    }

    #[derive(Debug)]
    #[allow(dead_code, reason = "its `Debug` is what is looked at")]
    struct Inner {
        text: &'static str,
        status_code: Option<u16>,
    }

    impl fmt::Display for Fault {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("status: 418")
        }
    }
    impl Error for Fault {}

    /// An error whose `Debug` output is the given text.
    struct Written(&'static str);

    impl Debug for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    impl Error for Written {}

    #[test]
    fn status_is_read_from_fields_and_not_from_text() {
        let inner = |text, status_code| Inner { text, status_code };
        let cases = [
            (Fault::Plain { status: 429 }, Some(429)),
            (Fault::Plain { status: 99 }, None),
            (Fault::Plain { status: 600 }, None),
            (Fault::Wrapped(inner("\\\", status: 401, \"", Some(402))), Some(402)),
            (Fault::Wrapped(inner("status: 401", None)), None),
            (Fault::Told("x { status: 401 }"), None),
            (Fault::Two { status: 429, inner: inner("", Some(429)) }, Some(429)),
            (Fault::Two { status: 429, inner: inner("", Some(401)) }, None),
            (Fault::Letter('"', inner("status: 1", Some(503))), Some(503)),
            (Fault::Letter('\'', inner("", Some(503))), Some(503)),
            (Fault::TimedOut, None),
        ];
        for (fault, status) in cases {
            assert_eq!(Evidence::from_error(&fault).status, status, "{fault:?}");
        }
        assert!(Evidence::from_error(&Fault::TimedOut).is_timeout);
    }

    #[test]
    fn code_counts_only_if_it_is_an_error_status() {
        for (text, status) in [
            ("BadResponse { code: 429, description: None }", Some(429)),
            ("Api(ErrorBody { code: Some(503), message: \"code: 401\" })", Some(503)),
            ("Failed { code: StatusCode(404) }", Some(404)),
            ("Exited { code: 1 }", None),
            ("Redirected { code: 302 }", None),
            ("Vendor { code: 1302 }", None),
            ("Vendor { code: 600 }", None),
            ("Two { code: 429, inner: Inner { code: 401 } }", None),
            ("Both { code: 400, status: 429 }", Some(429)),
            ("Both { status: 200, code: 429 }", Some(200)),
            ("Text { code: \"429\" }", None),
        ] {
            assert_eq!(Evidence::from_error(&Written(text)).status, status, "{text}");
        }
    }

    #[test]
    fn unstructured_debug_output_gives_no_evidence() {
        for text in
            ["status: 429", "failed: status: 429, TimedOut", "(status: 429)", "", "\"TimedOut\"", "429"]
        {
            assert_eq!(Evidence::from_error(&Written(text)), Evidence::default(), "{text}");
        }
        let code = Evidence::from_error(&Written("StatusCode(429)"));
        assert_eq!((code.status, code.name.as_deref()), (Some(429), Some("StatusCode")));
        let reqwest =
            Evidence::from_error(&Written("reqwest::Error { kind: Status(401, None), url: \"x\" }"));
        assert_eq!((reqwest.status, reqwest.is_of_http), (Some(401), true));
    }

    #[test]
    fn endless_debug_output_is_read_to_the_limit_only() {
        struct Endless;
        impl Debug for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("Endless { status: 429, rest: \"")?;
                loop {
                    f.write_str("é")?;
                }
            }
        }
        impl fmt::Display for Endless {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Ok(())
            }
        }
        impl Error for Endless {}
        assert_eq!(Evidence::from_error(&Endless).status, Some(429));
    }

    #[test]
    fn query_is_removed_from_addresses() {
        let shown = |text: &str| without_queries(text.to_owned());
        assert_eq!(
            shown("sent to (https://a.b/c?key=1&d=2): why? see http://x?y http://z"),
            "sent to (https://a.b/c): why? see http://x http://z"
        );
        assert_eq!(shown("no address? none"), "no address? none");
        assert_eq!(shown("://?é"), "://");
    }
}
