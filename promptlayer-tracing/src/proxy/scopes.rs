//! The open addresses of a proxy, each of which stands for a span.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::Span;
use tracing::dispatcher::{self, Dispatch};
use tracing::subscriber::NoSubscriber;

/// The maximum number of open addresses.
const MAX_OPEN: usize = 4096;
/// The start of the path of such an address.
const PREFIX: &str = "/~promptlayer-";
/// The number of random bytes in an address.
const RANDOM_BYTES: usize = 16;

/// A span, with the subscriber that it belongs to.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) span: Span,
    pub(super) dispatch: Dispatch,
}

/// The open addresses.
#[derive(Default)]
pub(super) struct Scopes(Mutex<HashMap<String, Scope>>);

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scopes").field("open", &self.lock().len()).finish_non_exhaustive()
    }
}

/// The address of a request that has none of the open ones.
#[derive(Debug)]
pub(super) struct UnknownScope;

impl Scopes {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Scope>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an address for the current span.
    pub(super) fn open(scopes: &Arc<Self>, url: &str) -> ScopedUrl {
        let plain = || ScopedUrl { url: url.to_owned(), open: None };
        let span = Span::current();
        let Some(dispatch) = span.with_subscriber(|(_, dispatch)| dispatch.clone()) else { return plain() };
        let Some(prefix) = random_prefix() else { return plain() };
        let mut open = scopes.lock();
        if open.len() >= MAX_OPEN {
            return plain();
        }
        open.insert(prefix.clone(), Scope { span, dispatch });
        ScopedUrl { url: format!("{url}{prefix}"), open: Some((Arc::clone(scopes), prefix)) }
    }

    /// Splits the path of a request into its span and the rest of the path.
    pub(super) fn split<'a>(&self, path: &'a str) -> Result<(Option<Scope>, &'a str), UnknownScope> {
        if !path.starts_with(PREFIX) {
            return Ok((None, path));
        }
        let end = path.get(1..).and_then(|rest| rest.find('/')).map_or(path.len(), |at| at + 1);
        let (prefix, rest) = path.split_at_checked(end).ok_or(UnknownScope)?;
        let scope = self.lock().get(prefix).cloned().ok_or(UnknownScope)?;
        Ok((Some(scope), rest))
    }
}

/// Returns the start of a path that cannot be guessed. Returns `None` if the system has no random numbers.
fn random_prefix() -> Option<String> {
    let mut bytes = [0; RANDOM_BYTES];
    getrandom::fill(&mut bytes).ok()?;
    let mut prefix = PREFIX.to_owned();
    for byte in bytes {
        write!(prefix, "{byte:02x}").ok()?;
    }
    Some(prefix)
}

/// Returns the default subscriber of this thread, if there is one.
pub(super) fn current_dispatch() -> Option<Dispatch> {
    let current = dispatcher::get_default(Clone::clone);
    (!current.is::<NoSubscriber>()).then_some(current)
}

/// A base address whose calls belong to a span. Made by [`Proxy::scoped`](super::Proxy::scoped).
///
/// It is closed when it is dropped: keep it until the call has ended. `Debug` does not show the address, because it is
/// a secret.
///
/// ```
/// use promptlayer_tracing::promptlayer;
/// use promptlayer_tracing::proxy::{Proxy, ScopedUrl};
///
/// /// A client that is made for one conversation. It keeps the address open.
/// struct Chat {
///     address: ScopedUrl,
/// }
///
/// impl Chat {
///     fn completions(&self) -> String {
///         format!("{}/chat/completions", self.address)
///     }
/// }
///
/// #[promptlayer(kind = "agent", skip_all)]
/// fn converse(proxy: &Proxy) -> String {
///     let chat = Chat { address: proxy.scoped() };
///     // … several calls to `chat.completions()` …
///     # assert_eq!(chat.address.url(), chat.address.as_ref());
///     chat.completions()
/// }
/// # fn main() -> Result<(), promptlayer_tracing::Error> {
/// # let proxy = promptlayer_tracing::proxy("https://api.openai.com/v1").start()?;
/// # let (layer, captured) = promptlayer_tracing::layer().in_memory()?;
/// # use tracing_subscriber::prelude::*;
/// # let subscriber = tracing_subscriber::registry().with(layer);
/// # let address = tracing::subscriber::with_default(subscriber, || converse(&proxy));
/// # assert!(address.starts_with(&format!("{}/~promptlayer-", proxy.url())));
/// # assert_eq!(captured.spans().len(), 1);
/// # Ok(())
/// # }
/// ```
pub struct ScopedUrl {
    url: String,
    open: Option<(Arc<Scopes>, String)>,
}

impl ScopedUrl {
    /// Returns the address, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl AsRef<str> for ScopedUrl {
    fn as_ref(&self) -> &str {
        &self.url
    }
}

impl fmt::Display for ScopedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

impl fmt::Debug for ScopedUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ScopedUrl").finish_non_exhaustive()
    }
}

impl Drop for ScopedUrl {
    fn drop(&mut self) {
        if let Some((scopes, prefix)) = &self.open {
            // The span may end here, which runs code of its subscriber: not while the table is locked.
            let closed = scopes.lock().remove(prefix);
            drop(closed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_bounded_and_freed() {
        let scopes = Arc::new(Scopes::default());
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let span = tracing::info_span!("call");
            let _entered = span.enter();
            let mut open: Vec<_> = (0..MAX_OPEN).map(|_| Scopes::open(&scopes, "http://p")).collect();
            assert!(open.iter().all(|open| open.url().len() == "http://p".len() + PREFIX.len() + 32));
            assert_eq!(Scopes::open(&scopes, "http://p").url(), "http://p");
            open.pop();
            assert_ne!(Scopes::open(&scopes, "http://p").url(), "http://p");
            drop(open);
            assert!(scopes.lock().is_empty());
        });
    }

    #[test]
    fn only_a_whole_known_prefix_is_split_off() {
        let scopes = Arc::new(Scopes::default());
        tracing::subscriber::with_default(tracing_subscriber::registry(), || {
            let span = tracing::info_span!("call");
            let open = span.in_scope(|| Scopes::open(&scopes, ""));
            let known = open.url();
            for (path, rest) in [
                ("/v1/chat".to_owned(), Some((false, "/v1/chat"))),
                ("/v1/~promptlayer-x/chat".to_owned(), Some((false, "/v1/~promptlayer-x/chat"))),
                (format!("{known}/v1/chat"), Some((true, "/v1/chat"))),
                (known.to_owned(), Some((true, ""))),
                (format!("{known}x/v1/chat"), None),
                (known[..known.len() - 1].to_owned(), None),
                (PREFIX.to_owned(), None),
                (format!("{PREFIX}/v1"), None),
            ] {
                let split = scopes.split(&path).ok().map(|(scope, rest)| (scope.is_some(), rest));
                assert_eq!(split, rest, "{path}");
            }
        });
    }
}
