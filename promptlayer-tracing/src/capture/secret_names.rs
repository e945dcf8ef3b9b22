//! Detects secrets by the names of values, and where a name leaves it open, by the value.

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

/// Words before `key` in the name of a type of secrets. Other types, such as `StorageKey`, name their use.
#[cfg(feature = "export")]
const SECRET_KEYS: &[&str] =
    &["api", "secret", "access", "private", "auth", "signing", "encryption", "subscription"];

/// Last words that only describe the format of the value. The word before them decides.
const FORMS: &[&str] = &["string", "value"];

/// Names that mark a secret only if the value looks like one: also the names of keys in a map.
#[cfg(feature = "export")]
const AMBIGUOUS: &[&str] = &["key", "keys"];

/// Words that mark a name that is about authentication.
#[cfg(feature = "export")]
const AUTH: &[&str] = &["auth", "oauth", "authentication", "authorization"];

/// Names of secrets that are only redacted inside authentication data.
#[cfg(feature = "export")]
const OF_AUTH: &[&str] = &["key", "connection_string", "connectionString"];

/// Names of fields that contain the named parts of a JSON schema.
#[cfg(feature = "export")]
const OF_SCHEMA: &[&str] = &["properties", "patternProperties", "$defs", "definitions"];

/// Names of arguments and fields that contain what is said to a model or by a model. It is not redacted.
#[cfg(feature = "export")]
const OF_CONTENT: &[&str] = &["messages", "contents", "history", "chat_history", "content", "parts"];

/// The starts of keys and tokens, with the scheme of the `Authorization` header.
#[cfg(feature = "export")]
const PREFIXES: &[&str] = &[
    "sk-",
    "sk_",
    "rk_",
    "pl_",
    "gsk_",
    "hf_",
    "r8_",
    "xai-",
    "pplx-",
    "nvapi-",
    "AIza",
    "ya29.",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "eyJ",
    "Bearer ",
    "Basic ",
    "-----BEGIN ",
];

/// The least length of a key with a known prefix. The locale `pl_PL` is shorter.
#[cfg(feature = "export")]
const LEAST_WITH_PREFIX: usize = 8;

/// The least number of letters and digits in a row that a key has, where it has no known prefix.
#[cfg(feature = "export")]
const RUN_OF_KEY: usize = 16;

/// The text that replaces a secret value.
#[cfg(feature = "export")]
pub(crate) const REDACTED: &str = "[redacted]";

/// The kind of object that a field name appears in. It determines what the name means.
#[cfg(feature = "export")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Within {
    Settings,
    /// Authentication data.
    Auth,
    /// HTTP headers. Each header may contain a key.
    Headers,
    /// Parts of a JSON schema. Names in a schema do not describe values.
    Schema,
    /// What is said to a model or by a model.
    Content,
}

#[cfg(feature = "export")]
impl Within {
    /// Returns the kind of the nested object with this name.
    pub(crate) fn then(self, name: &str) -> Self {
        match self {
            Self::Schema | Self::Content => self,
            _ if OF_SCHEMA.contains(&name) => Self::Schema,
            _ if is_of_headers(name) => Self::Headers,
            Self::Auth => Self::Auth,
            Self::Settings | Self::Headers if is_of_auth(name) => Self::Auth,
            Self::Settings | Self::Headers => Self::Settings,
        }
    }

    /// Returns the kind of the nested object with this name, where it may be content.
    pub(crate) fn then_or_content(self, name: &str) -> Self {
        if OF_CONTENT.contains(&name) { Self::Content } else { self.then(name) }
    }

    /// Returns `true` if the value of this name is a secret. `text` is the value, if it is a text.
    pub(crate) fn hides(self, name: &str, text: Option<&str>) -> bool {
        let is_meant = match self {
            Self::Content => return false,
            Self::Headers => text.is_some(),
            Self::Auth => OF_AUTH.contains(&name),
            Self::Settings | Self::Schema => false,
        };
        is_meant || is_secret(name) || (AMBIGUOUS.contains(&name) && text.is_some_and(looks_like_a_secret))
    }
}

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
fn is_of_auth(name: &str) -> bool {
    let mut rest = name.as_bytes();
    loop {
        let (before, word) = split_last_word(rest);
        if word.is_empty() || is_any(word, AUTH) {
            return !word.is_empty();
        }
        rest = before;
    }
}

/// Returns `true` if the name is that of HTTP headers, such as `headers` or `responseHeaders`.
#[cfg(feature = "export")]
pub(crate) fn is_of_headers(name: &str) -> bool {
    let (_, last) = split_last_word(name.as_bytes());
    last.eq_ignore_ascii_case(b"headers")
}

/// Returns `true` if a type or a variant with this name contains a secret. A token may be one of a text, and a key
/// may be that of a map, unless the word before it says otherwise.
#[cfg(feature = "export")]
pub(crate) fn is_secret_type(name: &str) -> bool {
    let (before, last) = split_last_word(name.as_bytes());
    let (_, before) = split_last_word(before);
    if is_any(last, &["token", "tokens"]) {
        is_any(before, SECRET_TOKENS)
    } else if is_any(last, &["key", "keys"]) {
        is_any(before, SECRET_KEYS)
    } else {
        is_secret(name)
    }
}

/// Returns `true` if the text has the form of a key: a known prefix, or many letters and digits in a row.
#[cfg(feature = "export")]
pub(crate) fn looks_like_a_secret(text: &str) -> bool {
    if text.len() >= LEAST_WITH_PREFIX && PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
        return true;
    }
    if text.contains(char::is_whitespace) {
        return false;
    }
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        let has = |is: fn(&u8) -> bool| run.bytes().any(|byte| is(&byte));
        run.len() >= RUN_OF_KEY && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
    })
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
    fn type_is_a_secret_only_if_its_name_leaves_no_doubt() {
        for name in [
            "ApiKey",
            "Password",
            "SecretString",
            "Secret",
            "AccessToken",
            "Credentials",
            "PrivateKey",
            "APIKey",
        ] {
            assert!(is_secret_type(name), "{name}");
        }
        for name in
            ["Token", "NewToken", "StopToken", "StorageKey", "Key", "Keyboard", "TokenUsage", "String", ""]
        {
            assert!(!is_secret_type(name), "{name}");
        }
    }

    #[test]
    fn key_is_recognized_by_its_form() {
        for key in [
            "sk-proj-abc",
            "Bearer x",
            "0123456789abcdef0123456789abcdef",
            "AIzaSyA1",
            "user:AbCdEfGh12345678",
            "-----BEGIN PRIVATE KEY-----",
        ] {
            assert!(looks_like_a_secret(key), "{key}");
        }
        for text in [
            "",
            "Bern",
            "pl_PL",
            "user:1234:2024-06-19",
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "internationalization",
            "1234567890123456",
            "a text with AbCdEfGh12345678 in it",
        ] {
            assert!(!looks_like_a_secret(text), "{text}");
        }
    }

    #[test]
    fn secret_name_is_detected_at_compile_time() {
        const { assert!(is_secret("openAIApiKey") && !is_secret("maxTokens")) }
    }
}
