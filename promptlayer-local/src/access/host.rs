//! Checks the `Host` and the `Origin` of requests.
//!
//! A web page can make a browser send requests to this server. Two checks protect the server. The `Host`
//! check refuses a page whose own name resolves to this machine (DNS rebinding): the browser would let such a
//! page read the responses. The `Origin` check stops all other pages from changing data.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, Method, Uri, Version, header};

/// The reason why a request is refused before the rest of it is read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The number of `Host` headers is not valid: HTTP requires exactly one.
    Malformed(&'static str),
    /// The host is neither an IP address nor a name of this server.
    Host(String),
    /// A page of another origin sent a request that can change data.
    Origin(String),
}

/// A host, in the syntax that URLs, `Host` and `Origin` share.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    Ip(IpAddr),
    /// A name in lower case, without the final dot of a fully qualified name.
    Name(String),
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Some(address) = text.strip_prefix('[') {
            let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse() {
            return Some(Self::Ip(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_name = !name.is_empty()
            && name.split('.').all(|label| !label.is_empty())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        is_name.then(|| Self::Name(name.to_ascii_lowercase()))
    }
}

/// A host with an optional port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Authority {
    host: Host,
    port: Option<u16>,
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        // The colons of an IPv6 address are inside its brackets.
        let after_address = text.rfind(']').map_or(0, |end| end + 1);
        let (host, port) = match text.get(after_address..)?.split_once(':') {
            Some((name, port)) => (text.get(..after_address + name.len())?, port),
            None => (text, ""),
        };
        let port = match port {
            "" => None,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
            _ => return None,
        };
        Some(Self { host: Host::parse(host)?, port })
    }

    fn is_same(&self, other: &Self, default_port: u16) -> bool {
        self.host == other.host && self.port.unwrap_or(default_port) == other.port.unwrap_or(default_port)
    }
}

/// The names that a request may use for this server, in addition to `localhost`.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedHosts(Vec<Host>);

impl AllowedHosts {
    /// Parses the names of [`Config::allow_host`](crate::Config::allow_host).
    ///
    /// # Errors
    ///
    /// Returns the first name that is not a valid host name.
    pub(crate) fn new(names: &[String]) -> Result<Self, String> {
        names
            .iter()
            .map(|name| Host::parse(name).ok_or_else(|| name.clone()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    fn allows(&self, host: &Host) -> bool {
        match host {
            // A page that is loaded under an IP address always comes from the server at that address.
            Host::Ip(_) => true,
            Host::Name(name) => name == "localhost" || self.0.contains(host),
        }
    }

    /// Checks the host and the origin of a request.
    pub(crate) fn check(
        &self,
        method: &Method,
        uri: &Uri,
        version: Version,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let mut named = headers.get_all(header::HOST).iter();
        let in_header = named.next();
        if named.next().is_some() {
            return Err(Refusal::Malformed("The request has more than one Host header; send one"));
        }
        if in_header.is_none() && uri.authority().is_none() && version >= Version::HTTP_11 {
            return Err(Refusal::Malformed("The request has no Host header; send one"));
        }
        // `GET http://name/path` also names a host, so the check covers it too.
        let in_header = in_header.map(|host| String::from_utf8_lossy(host.as_bytes()).into_owned());
        let in_target = uri.authority().map(ToString::to_string);
        let mut effective = None;
        for text in [in_header, in_target].into_iter().flatten() {
            match Authority::parse(&text).filter(|authority| self.allows(&authority.host)) {
                Some(authority) => effective = Some(authority),
                None => return Err(Refusal::Host(text)),
            }
        }
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        for origin in headers.get_all(header::ORIGIN) {
            let origin = String::from_utf8_lossy(origin.as_bytes()).into_owned();
            if !effective.as_ref().is_some_and(|own| is_own(&origin, own)) {
                return Err(Refusal::Origin(origin));
            }
        }
        Ok(())
    }
}

/// Returns `true` if the origin is the host that the request is sent to. The scheme may be `http` or `https`,
/// because a proxy in front of the server may add TLS.
fn is_own(origin: &str, own: &Authority) -> bool {
    let (authority, default_port) = match origin.split_once("://") {
        Some(("http", authority)) => (authority, 80),
        Some(("https", authority)) => (authority, 443),
        _ => return false,
    };
    Authority::parse(authority).is_some_and(|origin| origin.is_same(own, default_port))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Method, Uri, Version, header};

    use super::{AllowedHosts, Refusal};

    fn allowed() -> AllowedHosts {
        AllowedHosts::new(&["Box.lan".to_owned()]).unwrap()
    }

    fn headers(host: Option<&str>, origins: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(header::HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        for origin in origins {
            headers.append(header::ORIGIN, HeaderValue::from_bytes(origin.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn only_ip_addresses_localhost_and_given_names_are_allowed() {
        for (host, is_allowed) in [
            ("127.0.0.1", true),
            ("127.0.0.1:7780", true),
            ("127.0.0.1:", true),
            ("192.168.1.7:80", true),
            ("0.0.0.0:7780", true),
            ("[::1]", true),
            ("[::1]:7780", true),
            ("[::ffff:127.0.0.1]:7780", true),
            ("localhost", true),
            ("localhost:7780", true),
            ("LocalHost:7780", true),
            ("localhost.:7780", true),
            ("box.lan", true),
            ("BOX.LAN.:7780", true),
            ("evil.example", false),
            ("evil.example:7780", false),
            ("localhost.evil.example", false),
            ("evil.localhost", false),
            ("sub.box.lan", false),
            ("localhost..", false),
            (".", false),
            ("", false),
            (":7780", false),
            ("127.0.0.1.evil.example", false),
            ("127.1", false),
            ("0x7f000001", false),
            ("2130706433", false),
            ("127.0.0.1:port", false),
            ("127.0.0.1:99999", false),
            ("127.0.0.1:80:80", false),
            ("127.0.0.1@evil.example", false),
            ("evil.example@127.0.0.1", false),
            ("127.0.0.1, evil.example", false),
            ("localhost evil.example", false),
            ("::1", false),
            ("[::1", false),
            ("[::1]evil.example", false),
            ("[fe80::1%25eth0]", false),
            ("[127.0.0.1]", false),
            ("http://localhost", false),
            ("löcalhost", false),
            ("localhost\t", false),
        ] {
            let checked = allowed().check(
                &Method::GET,
                &Uri::from_static("/"),
                Version::HTTP_11,
                &headers(Some(host), &[]),
            );
            let expected = if is_allowed { Ok(()) } else { Err(Refusal::Host(host.to_owned())) };
            assert_eq!(checked, expected, "{host:?}");
        }
    }

    #[test]
    fn the_host_of_the_target_and_of_the_header_both_count() {
        let check = |target: &str, host: Option<&str>, version| {
            allowed().check(&Method::GET, &target.parse().unwrap(), version, &headers(host, &[]))
        };
        let refused = |host: &str| Err(Refusal::Host(host.to_owned()));
        let (old, new) = (Version::HTTP_10, Version::HTTP_11);
        assert_eq!(check("http://127.0.0.1:7780/", Some("localhost"), new), Ok(()));
        assert_eq!(check("http://evil.example/", Some("localhost"), new), refused("evil.example"));
        assert_eq!(check("http://localhost/", Some("evil.example"), new), refused("evil.example"));
        assert_eq!(check("http://evil@localhost/", Some("localhost"), new), refused("evil@localhost"));
        assert_eq!(check("http://localhost/", None, new), Ok(()));
        assert_eq!(check("/", None, old), Ok(()), "HTTP/1.0 has no Host, and no browser speaks it");
        assert!(matches!(check("/", None, new), Err(Refusal::Malformed(_))));
        let mut twice = headers(Some("localhost"), &[]);
        twice.append(header::HOST, HeaderValue::from_static("localhost"));
        let checked = allowed().check(&Method::GET, &Uri::from_static("/"), new, &twice);
        assert!(matches!(checked, Err(Refusal::Malformed(_))));
    }

    #[test]
    fn only_pages_of_the_server_itself_may_change_anything() {
        for (host, origins, is_own) in [
            ("127.0.0.1:7780", &[][..], true),
            ("127.0.0.1:7780", &["http://127.0.0.1:7780"], true),
            ("localhost:7780", &["http://LOCALHOST:7780"], true),
            ("[::1]:7780", &["http://[::1]:7780"], true),
            ("box.lan", &["http://box.lan"], true),
            ("box.lan:80", &["http://box.lan"], true),
            ("box.lan", &["https://box.lan"], true),
            ("box.lan:443", &["https://box.lan"], true),
            ("127.0.0.1:7780", &["http://localhost:7780"], false),
            ("127.0.0.1:7780", &["http://127.0.0.1:3000"], false),
            ("127.0.0.1:7780", &["http://127.0.0.1"], false),
            ("127.0.0.1:7780", &["https://evil.example"], false),
            ("127.0.0.1:7780", &["null"], false),
            ("127.0.0.1:7780", &[""], false),
            ("127.0.0.1:7780", &["file://"], false),
            ("127.0.0.1:7780", &["chrome-extension://127.0.0.1:7780"], false),
            ("127.0.0.1:7780", &["http://127.0.0.1:7780/"], false),
            ("127.0.0.1:7780", &["http://127.0.0.1:7780", "http://evil.example"], false),
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
                let headers = headers(Some(host), origins);
                let checked = allowed().check(&method, &Uri::from_static("/"), Version::HTTP_11, &headers);
                assert_eq!(checked.is_ok(), is_own, "{method} {host} {origins:?}: {checked:?}");
            }
            for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                let headers = headers(Some(host), origins);
                let checked = allowed().check(&method, &Uri::from_static("/"), Version::HTTP_11, &headers);
                assert_eq!(checked, Ok(()), "{method} changes nothing");
            }
        }
        let nowhere = headers(None, &["http://localhost"]);
        let checked = allowed().check(&Method::POST, &Uri::from_static("/"), Version::HTTP_10, &nowhere);
        assert!(matches!(checked, Err(Refusal::Origin(_))), "no host is no host of its own");
    }

    #[test]
    fn invalid_host_names_are_rejected() {
        for name in ["", "box.lan:7780", "http://box.lan", "*", "*.lan", "a b"] {
            assert_eq!(AllowedHosts::new(&[name.to_owned()]).unwrap_err(), name);
        }
    }
}
