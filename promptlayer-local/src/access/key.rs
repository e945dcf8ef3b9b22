//! The server's API key, and the sessions of browsers that logged in with it.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// The lifetime of a browser session: 12 hours.
pub(crate) const SESSION_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// The maximum number of browser sessions. When it is exceeded, the oldest session ends.
const MAX_SESSIONS: usize = 64;

/// The only accepted API key. It is compared in constant time and has no `Debug` implementation.
pub(crate) struct ApiKey(String);

impl ApiKey {
    /// Creates the key.
    ///
    /// # Errors
    ///
    /// Returns the reason if the key cannot be sent in an HTTP header.
    pub(crate) fn new(key: String) -> Result<Self, &'static str> {
        if key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(key))
        } else {
            Err("it has characters other than printable ASCII, which no HTTP header holds")
        }
    }

    pub(crate) fn is(&self, given: &str) -> bool {
        same(&self.0, given)
    }
}

/// Compares two secrets in a time that depends on their lengths only.
fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// The open browser sessions. The cookie holds a random token instead of the key.
pub(crate) struct Sessions {
    cookie: String,
    open: Mutex<VecDeque<Session>>,
}

struct Session {
    token: String,
    end: Instant,
}

impl Sessions {
    /// Creates an empty set of sessions. The cookie's name contains the port, because all ports of a host
    /// share their cookies.
    pub(crate) fn new(port: u16) -> Self {
        Self { cookie: format!("promptlayer-local-{port}"), open: Mutex::default() }
    }

    /// Opens a session and returns the `Set-Cookie` header for the browser.
    ///
    /// # Errors
    ///
    /// Returns an error if the operating system provides no random bytes.
    pub(crate) fn open(&self) -> Result<String, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        let mut token = String::new();
        for byte in bytes {
            // Writing to a `String` does not fail.
            let _ = write!(token, "{byte:02x}");
        }
        let set_cookie = self.set_cookie(&token, SESSION_LIFETIME);
        self.with(|open| {
            open.push_back(Session { token, end: Instant::now() + SESSION_LIFETIME });
            if open.len() > MAX_SESSIONS {
                open.pop_front();
            }
        });
        Ok(set_cookie)
    }

    /// Returns `true` if the request has the cookie of an open session.
    pub(crate) fn has(&self, headers: &HeaderMap) -> bool {
        let mut tokens = self.tokens(headers);
        self.with(|open| tokens.any(|token| open.iter().any(|session| same(&session.token, token))))
    }

    /// Ends the session of a request and returns the `Set-Cookie` header that removes the cookie.
    pub(crate) fn close(&self, headers: &HeaderMap) -> String {
        let tokens: Vec<&str> = self.tokens(headers).collect();
        self.with(|open| open.retain(|session| !tokens.iter().any(|token| same(&session.token, token))));
        self.set_cookie("", Duration::ZERO)
    }

    fn set_cookie(&self, token: &str, lifetime: Duration) -> String {
        let seconds = lifetime.as_secs();
        format!("{}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}", self.cookie)
    }

    fn tokens<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h str> {
        let cookies = headers.get_all(header::COOKIE).into_iter();
        cookies
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(move |cookie| cookie.trim().strip_prefix(self.cookie.as_str())?.strip_prefix('='))
    }

    fn with<T>(&self, work: impl FnOnce(&mut VecDeque<Session>) -> T) -> T {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        open.retain(|session| session.end > now);
        work(&mut open)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::{ApiKey, MAX_SESSIONS, Sessions};

    fn with_cookie(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        headers
    }

    fn cookie(set_cookie: &str) -> String {
        set_cookie.split(';').next().unwrap().to_owned()
    }

    #[test]
    fn only_the_exact_key_is_accepted() {
        let key = ApiKey::new("pl_secret".to_owned()).unwrap();
        assert!(key.is("pl_secret"));
        for other in ["", "pl_secre", "pl_secret2", "PL_SECRET", "pl_secreT", " pl_secret"] {
            assert!(!key.is(other), "{other:?}");
        }
        for unusable in ["two words", "line\nbreak", "schlüssel", "\u{7f}"] {
            assert!(ApiKey::new(unusable.to_owned()).is_err(), "{unusable:?}");
        }
    }

    #[test]
    fn session_is_known_by_its_cookie_until_it_is_closed() {
        let sessions = Sessions::new(7780);
        let (one, other) = (cookie(&sessions.open().unwrap()), cookie(&sessions.open().unwrap()));
        assert_ne!(one, other);
        for (cookies, is_open) in [
            (one.clone(), true),
            (format!("theme=dark; {one}; x=y"), true),
            (format!("promptlayer-local-7780=wrong; {one}"), true),
            ("promptlayer-local-7780=".to_owned(), false),
            (one[..one.len() - 1].to_owned(), false),
            (format!("{one}0"), false),
            (one.replace("7780", "7781"), false),
            ("promptlayer-local-7780".to_owned(), false),
        ] {
            assert_eq!(sessions.has(&with_cookie(&cookies)), is_open, "{cookies}");
        }
        assert!(!sessions.has(&HeaderMap::new()));
        assert!(sessions.close(&with_cookie(&one)).contains("Max-Age=0"));
        assert!(!sessions.has(&with_cookie(&one)));
        assert!(sessions.has(&with_cookie(&other)));
    }

    #[test]
    fn cookie_is_for_this_site_and_no_script() {
        let set_cookie = Sessions::new(80).open().unwrap();
        assert!(set_cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=43200"), "{set_cookie}");
    }

    #[test]
    fn oldest_session_ends_when_there_are_too_many() {
        let sessions = Sessions::new(80);
        let cookies: Vec<String> = (0..=MAX_SESSIONS).map(|_| cookie(&sessions.open().unwrap())).collect();
        assert!(!sessions.has(&with_cookie(&cookies[0])));
        assert!(cookies[1..].iter().all(|cookie| sessions.has(&with_cookie(cookie))));
    }
}
