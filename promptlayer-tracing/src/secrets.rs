//! Which names say that a value is a secret.

/// Words that say so, alone or as the last of several.
const SECRETS: &[&str] = &[
    "secret",
    "secrets",
    "token",
    "password",
    "passwords",
    "passwd",
    "pwd",
    "passphrase",
    "credential",
    "credentials",
    "bearer",
    "authorization",
    "apikey",
    "jwt",
    "cookie",
    "cookies",
];

/// Words before `key` that say that it opens nothing.
const HARMLESS_KEYS: &[&str] = &[
    "cache",
    "primary",
    "foreign",
    "sort",
    "public",
    "partition",
    "routing",
    "idempotency",
    "dedup",
    "group",
    "map",
    "dict",
    "object",
    "row",
    "column",
    "index",
    "lookup",
    "search",
    "answer",
    "hot",
];

/// Words before `tokens` that say that they are no count.
const SECRET_TOKENS: &[&str] = &["access", "refresh", "auth", "session", "bearer", "id", "api", "csrf"];

/// Last words that say in which form the word before is.
const FORMS: &[&str] = &["string", "value"];

/// Words that say that something is about who asks.
#[cfg(feature = "export")]
const AUTH: &[&str] = &["auth", "oauth", "authentication", "authorization"];

/// What stands for a value that is not shown.
#[cfg(feature = "export")]
pub(crate) const REDACTED: &str = "[redacted]";

/// Whether a name says that its value is a secret: `password`, `api_key`, `*_secret`, `*_token`, …, however its
/// words are joined (`apiKey`, `X-Api-Key`). A count of tokens (`max_tokens`) is none, nor is a key that opens
/// nothing (`cache_key`).
pub fn is_secret(name: &str) -> bool {
    let mut words = words_from_the_end(name);
    let Some(last) = words.next() else { return false };
    let last = if is_any(last, FORMS) { words.next().unwrap_or_default() } else { last };
    match words.next() {
        Some(before) if is_any(last, &["key", "keys"]) => !is_any(before, HARMLESS_KEYS),
        Some(before) if is_any(last, &["tokens"]) => is_any(before, SECRET_TOKENS),
        Some(before) if is_any(last, &["header", "headers"]) => is_any(before, &["auth", "authorization"]),
        _ => is_any(last, SECRETS),
    }
}

/// Whether a name says that its value is about who asks: `authentication`, `authConfig`.
#[cfg(feature = "export")]
pub(crate) fn is_of_auth(name: &str) -> bool {
    words_from_the_end(name).any(|word| is_any(word, AUTH))
}

fn is_any(word: &str, others: &[&str]) -> bool {
    others.iter().any(|other| word.eq_ignore_ascii_case(other))
}

/// The words of a name, the last one first.
fn words_from_the_end(name: &str) -> impl Iterator<Item = &str> {
    let mut rest = name;
    std::iter::from_fn(move || {
        let name = rest.trim_end_matches(['_', '-']);
        let start = (1..name.len()).rev().find(|at| starts_word(name.as_bytes(), *at)).unwrap_or_default();
        let (before, word) = name.split_at_checked(start)?;
        rest = before;
        (!word.is_empty()).then_some(word)
    })
}

/// Whether a word begins there: behind what joins words, or at a capital that is not in the midst of others.
fn starts_word(name: &[u8], at: usize) -> bool {
    match (name.get(at - 1), name.get(at)) {
        (Some(b'_' | b'-'), _) => true,
        (Some(before), Some(b'A'..=b'Z')) => {
            !before.is_ascii_uppercase() || name.get(at + 1).is_some_and(u8::is_ascii_lowercase)
        }
        _ => false,
    }
}

/// A `Debug` of a value, without the values of those fields whose names say that they are secrets.
#[cfg(feature = "export")]
pub(crate) fn without_secrets(debugged: String) -> String {
    let mut shown = String::new();
    let mut rest = debugged.as_str();
    while let Some(colon) = rest.find(": ") {
        let (before, after) = rest.split_at(colon + 2);
        shown.push_str(before);
        let name_starts = before[..colon].rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
        let name = &before[name_starts.map_or(0, |at| at + 1)..colon];
        // Of the name only what is ASCII can be cut at any byte, and no other is a secret's.
        if name.is_ascii() && is_secret(name) {
            shown.push_str(REDACTED);
            rest = &after[end_of_value(after)..];
        } else {
            rest = after;
        }
    }
    if shown.is_empty() {
        return debugged;
    }
    shown.push_str(rest);
    shown
}

/// Where a value that was debugged ends: at the comma or the bracket that is none of its own.
#[cfg(feature = "export")]
fn end_of_value(text: &str) -> usize {
    let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '(' | '[' | '{' => depth += 1,
            ',' | ')' | ']' | '}' if depth == 0 => return text[..at].trim_end().len(),
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(all(test, feature = "export"))]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_secret_is_one_and_a_count_of_tokens_is_not() {
        for name in [
            "api_key",
            "apikey",
            "_password",
            "client_secret",
            "auth_token",
            "token",
            "OPENAI_API_KEY",
            "api_keys",
            "anthropic_key",
            "access_tokens",
            "jwt",
            "session_cookie",
            "auth_header",
            "apiKey",
            "apiKeyString",
            "accessToken",
            "clientSecret",
            "openAIApiKey",
            "x-api-key",
            "secret_string",
        ] {
            assert!(is_secret(name), "{name}");
        }
        for name in [
            "max_tokens",
            "key",
            "keyboard",
            "prompt",
            "cache_key",
            "secretary",
            "",
            "tokens",
            "header",
            "_",
            "keys",
            "maxTokens",
            "cacheKey",
            "promptTokenCount",
            "keyString",
            "string",
            "MONKEY",
        ] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn a_debug_is_shown_without_the_values_of_secrets() {
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
            without_secrets(format!("{client:?}")),
            "Client { base_url: \"http://here: there\", api_key: [redacted], inner: (1, Inner { token: [redacted], \
             retries: 4 }) }"
        );
        assert_eq!(without_secrets("no colon".to_owned()), "no colon");
        assert_eq!(without_secrets("é: 1, password: ü".to_owned()), "é: 1, password: [redacted]");
    }
}
