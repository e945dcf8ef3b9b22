//! Removes secrets from text that cannot be parsed, such as the output of a hand-written `Debug`.

use super::secret_names::{REDACTED, Within};

/// Returns a text without the values whose names mark them as secrets. A name is the word or the quoted text
/// before a colon, or the quoted text that starts a pair.
pub(crate) fn without_secrets(text: String) -> String {
    let mut shown = String::new();
    // The part of the text up to here is in `shown`.
    let mut copied = 0;
    let mut tokens = Tokens { text: &text, at: 0 };
    let (mut before, mut name) = ("", "");
    while let Some(token) = tokens.next() {
        let is_named = match token {
            ":" => is_quoted(name) || tokens.rest().starts_with(' '),
            "," => is_quoted(name) && before == "(",
            _ => false,
        };
        if is_named && is_hidden(name.trim_matches('"'), tokens.rest()) {
            let value = tokens.rest().trim_start();
            let start = text.len() - value.len();
            shown.push_str(text.get(copied..start).unwrap_or_default());
            shown.push_str(REDACTED);
            copied = start + end_of_value(value);
            tokens.at = copied;
        }
        (before, name) = (name, token);
    }
    if copied == 0 {
        return text;
    }
    shown.push_str(text.get(copied..).unwrap_or_default());
    shown
}

/// Returns `true` if a value of this name is a secret. `rest` starts with the value.
fn is_hidden(name: &str, rest: &str) -> bool {
    let value = Tokens { text: rest.trim_start(), at: 0 }.next().filter(|value| is_quoted(value));
    Within::Settings.hides(name, value.map(|value| value.trim_matches('"')))
}

fn is_quoted(token: &str) -> bool {
    token.starts_with('"')
}

/// Iterates over the quoted texts, the words, and the other characters of a text. White space is left out.
struct Tokens<'t> {
    text: &'t str,
    /// The position behind the last token.
    at: usize,
}

impl<'t> Tokens<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<&'t str> {
        let token = self.rest().trim_start();
        self.at = self.text.len() - token.len();
        let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let first = token.chars().next()?;
        let length = match first {
            '"' => length_of_quoted(token),
            c if is_of_word(c) => token.find(|c| !is_of_word(c)).unwrap_or(token.len()),
            c => c.len_utf8(),
        };
        self.at += length;
        token.get(..length)
    }
}

/// Returns the length of a quoted text with its quotes.
fn length_of_quoted(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns the length of a value: it ends at the first comma or closing bracket that is not part of it.
fn end_of_value(text: &str) -> usize {
    let mut tokens = Tokens { text, at: 0 };
    let mut depth = 0_u32;
    let mut end = 0;
    while let Some(token) = tokens.next() {
        match token {
            "(" | "[" | "{" => depth += 1,
            "," | ")" | "]" | "}" if depth == 0 => return end,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        end = tokens.at;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        without_secrets(text.to_owned())
    }

    #[test]
    fn values_of_secrets_are_removed_from_debug_output() {
        #[derive(Debug)]
        #[allow(dead_code, reason = "its `Debug` is what is looked at")]
        struct Client {
            base_url: &'static str,
            api_key: Option<String>,
            inner: (u8, Inner),
        }
        #[derive(Debug)]
        #[allow(dead_code, reason = "its `Debug` is what is looked at")]
        struct Inner {
            token: &'static str,
            retries: u8,
        }
        let client = Client {
            base_url: "http://here: there",
            api_key: Some("sk-\"1\", 2".to_owned()),
            inner: (1, Inner { token: "t-3", retries: 4 }),
        };
        assert_eq!(
            shown(&format!("{client:?}")),
            "Client { base_url: \"http://here: there\", api_key: [redacted], inner: (1, Inner { token: [redacted], \
             retries: 4 }) }"
        );
    }

    #[test]
    fn quoted_names_and_pairs_are_detected() {
        for (text, expected) in [
            (r#"{"api_key": "sk-1", "a": "b"}"#, r#"{"api_key": [redacted], "a": "b"}"#),
            (r#"{"Authorization":"Bearer x"} end"#, r#"{"Authorization":[redacted]} end"#),
            (r#"is [("set-cookie", "a=b"), ("x", "y")]"#, r#"is [("set-cookie", [redacted]), ("x", "y")]"#),
            ("x-api-key: abc def, z: 1", "x-api-key: [redacted], z: 1"),
            (r#"key: "sk-12345678""#, "key: [redacted]"),
            (r#"key: "Bern", cache_key: "a""#, r#"key: "Bern", cache_key: "a""#),
            ("é: 1, password: ü", "é: 1, password: [redacted]"),
            ("password: (1, [2, \"]\"]) end", "password: [redacted]"),
            (r#"password: "open"#, "password: [redacted]"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn text_without_secrets_is_unchanged() {
        for text in [
            "",
            "no colon",
            "token::Kind",
            "[\"password\", \"hello\"]",
            "max_tokens: 5",
            "the password is: wrong",
            "\"api_key\"",
            "\\",
        ] {
            assert_eq!(shown(text), text);
        }
    }
}
