//! Detects secrets by the names of values.

/// Words that mark a secret, alone or as the last word of a name.
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

/// Words before `key` that mark a key that is not a secret.
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

/// Words before `tokens` that mark secrets and not a count of tokens.
const SECRET_TOKENS: &[&str] = &["access", "refresh", "auth", "session", "bearer", "id", "api", "csrf"];

/// Last words that only describe the format of the value. The word before them decides.
const FORMS: &[&str] = &["string", "value"];

/// Words that mark a name that is about authentication.
#[cfg(feature = "export")]
const AUTH: &[&str] = &["auth", "oauth", "authentication", "authorization"];

/// The text that replaces a secret value.
#[cfg(feature = "export")]
pub(crate) const REDACTED: &str = "[redacted]";

/// Returns `true` if the name marks its value as a secret: `password`, `api_key`, `*_secret`, `*_token` and
/// so on, in any case style (`apiKey`, `X-Api-Key`). Returns `false` for a count of tokens (`max_tokens`) and
/// for a key that is not a secret (`cache_key`).
///
/// The attribute's code calls it in a `const` block, so that no words are compared at run time.
pub const fn is_secret(name: &str) -> bool {
    let (mut rest, mut last) = split_last_word(name.as_bytes());
    if is_any(last, FORMS) {
        (rest, last) = split_last_word(rest);
    }
    let (_, before) = split_last_word(rest);
    if before.is_empty() {
        return is_any(last, SECRETS);
    }
    if is_any(last, &["key", "keys"]) {
        !is_any(before, HARMLESS_KEYS)
    } else if is_any(last, &["tokens"]) {
        is_any(before, SECRET_TOKENS)
    } else if is_any(last, &["header", "headers"]) {
        is_any(before, &["auth", "authorization"])
    } else {
        is_any(last, SECRETS)
    }
}

/// Returns `true` if the name is about authentication, such as `authentication` or `authConfig`.
#[cfg(feature = "export")]
pub(crate) fn is_of_auth(name: &str) -> bool {
    let mut rest = name.as_bytes();
    loop {
        let (before, word) = split_last_word(rest);
        if word.is_empty() || is_any(word, AUTH) {
            return !word.is_empty();
        }
        rest = before;
    }
}

const fn is_any(word: &[u8], mut others: &[&str]) -> bool {
    while let [other, rest @ ..] = others {
        if word.eq_ignore_ascii_case(other.as_bytes()) {
            return true;
        }
        others = rest;
    }
    false
}

/// Splits the last word off a name. Returns the part before it and the word, which is empty if the name has
/// no words.
const fn split_last_word(mut name: &[u8]) -> (&[u8], &[u8]) {
    while let [rest @ .., b'_' | b'-'] = name {
        name = rest;
    }
    let (mut head, mut after) = (name, None);
    while let [start @ .., current] = head {
        let [.., before] = start else { break };
        if starts_word(*before, *current, after) {
            return name.split_at(start.len());
        }
        (head, after) = (start, Some(*current));
    }
    (&[], name)
}

/// Returns `true` if `current` starts a word: it follows a separator, or it is a capital that is not inside a
/// run of capitals.
const fn starts_word(before: u8, current: u8, after: Option<u8>) -> bool {
    match (before, current, after) {
        (b'_' | b'-', ..) => true,
        (b'A'..=b'Z', b'A'..=b'Z', Some(after)) => after.is_ascii_lowercase(),
        (b'A'..=b'Z', b'A'..=b'Z', None) => false,
        (_, current, _) => current.is_ascii_uppercase(),
    }
}

/// Returns a `Debug` output without the values of the fields whose names mark them as secrets.
#[cfg(feature = "export")]
pub(crate) fn without_secrets(debugged: String) -> String {
    let mut shown = String::new();
    let mut rest = debugged.as_str();
    while let Some(colon) = rest.find(": ") {
        let (before, after) = rest.split_at(colon + 2);
        shown.push_str(before);
        let name_starts = before[..colon].rfind(|c: char| !(c.is_alphanumeric() || c == '_'));
        let name = &before[name_starts.map_or(0, |at| at + 1)..colon];
        // An ASCII name can be sliced at any byte. Names that are not ASCII are never secrets.
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

/// Returns where a value in a `Debug` output ends: at the first comma or closing bracket that is not part of
/// the value.
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
    fn secret_name_is_detected_and_token_count_is_not() {
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
    fn secret_name_is_detected_at_compile_time() {
        const { assert!(is_secret("openAIApiKey") && !is_secret("maxTokens")) }
    }

    #[test]
    fn debug_output_omits_the_values_of_secrets() {
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
