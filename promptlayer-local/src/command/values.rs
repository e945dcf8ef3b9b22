//! Parses the values of options: addresses, periods and sizes.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

pub(super) const DEFAULT_PORT: u16 = 7780;

/// Parses the value of `--address`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim();
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(ip) = text.parse() {
        return Ok(SocketAddr::new(ip, DEFAULT_PORT));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => match text.parse() {
            Ok(port) => ("", Some(port)),
            Err(_) => (text, Some(DEFAULT_PORT)),
        },
    };
    // Requires a letter in a host name: a resolver would parse 99999 as an IPv4 address.
    let is_host = host.contains(|char: char| char.is_alphabetic()) && !host.contains([':', '/', '[', ']']);
    let address = match (host, port) {
        ("" | "localhost", Some(port)) if !text.is_empty() => {
            Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        }
        (host, Some(port)) if is_host => {
            (host, port).to_socket_addrs().ok().and_then(|mut addresses| addresses.next())
        }
        _ => None,
    };
    address.ok_or_else(|| {
        "give an address such as 127.0.0.1:7780, localhost:7780, [::1]:7780 or 7780".to_owned()
    })
}

/// Parses a period such as `30d`, `12h` or `90m`.
pub(super) fn period(text: &str) -> Result<Duration, String> {
    let seconds = number_with_unit(text, &[("m", 60), ("h", 60 * 60), ("d", 24 * 60 * 60)]);
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "give a whole number and a unit: 90m, 12h or 30d".to_owned())
}

/// Parses a size such as `500MiB` or `2GiB`.
pub(super) fn size(text: &str) -> Result<u64, String> {
    number_with_unit(text, &[("MiB", 1 << 20), ("GiB", 1 << 30)])
        .ok_or_else(|| "give a whole number and a unit: 500MiB or 2GiB".to_owned())
}

/// Parses a provider and its base address, such as `ollama=http://localhost:11434/v1`.
pub(super) fn provider(text: &str) -> Result<(String, String), String> {
    let (name, url) = text
        .split_once('=')
        .filter(|(name, url)| !name.contains(':') && url.contains("://"))
        .ok_or("give a name and a URL, such as ollama=http://localhost:11434/v1")?;
    Ok((name.trim().to_owned(), url.trim().to_owned()))
}

/// Parses a number above 0 that is followed by one of the units.
fn number_with_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let at = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(at);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok().filter(|number| *number > 0)?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{address, period, provider, size};

    #[test]
    fn periods_and_sizes_need_a_unit() {
        for (text, minutes) in [("90m", 90), ("12h", 720), ("30d", 43_200), (" 1 D ", 1_440)] {
            assert_eq!(period(text), Ok(Duration::from_secs(minutes * 60)), "{text}");
        }
        for text in
            ["", "30", "d", "0d", "-1d", "1.5d", "30 days", "99999999999999999999d", "999999999999999999d"]
        {
            assert!(period(text).unwrap_err().contains("30d"), "{text}");
        }
        assert_eq!(size("500MiB"), Ok(500 << 20));
        assert_eq!(size("2 gib"), Ok(2 << 30));
        for text in ["", "2", "2GB", "0GiB", "99999999999GiB"] {
            assert!(size(text).unwrap_err().contains("2GiB"), "{text}");
        }
    }

    #[test]
    fn provider_needs_a_name_and_a_url() {
        let pair = |name: &str, url: &str| Ok((name.to_owned(), url.to_owned()));
        assert_eq!(provider("ollama=http://localhost:11434/v1"), pair("ollama", "http://localhost:11434/v1"));
        assert_eq!(provider("a=http://h/?b=c"), pair("a", "http://h/?b=c"));
        for text in
            ["", "openai", "https://api.openai.com/v1", "openai=", "http://h/?a=b", "openai=localhost"]
        {
            assert!(provider(text).unwrap_err().contains("ollama="), "{text}");
        }
    }

    #[test]
    fn every_usual_way_to_write_an_address_is_understood() {
        for (text, expected) in [
            ("127.0.0.1:7780", "127.0.0.1:7780"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:7780", "[::1]:7780"),
            ("127.0.0.1", "127.0.0.1:7780"),
            ("::1", "[::1]:7780"),
            ("localhost:7781", "127.0.0.1:7781"),
            ("localhost", "127.0.0.1:7780"),
            (":7781", "127.0.0.1:7781"),
            ("7781", "127.0.0.1:7781"),
            ("0", "127.0.0.1:0"),
        ] {
            assert_eq!(address(text).map(|address| address.to_string()), Ok(expected.to_owned()), "{text}");
        }
        for text in [
            "",
            ":",
            "localhost:",
            "localhost:port",
            "99999",
            ":99999",
            "http://localhost:7780",
            "[::1",
            "a:b:1",
        ] {
            let error = address(text).unwrap_err();
            assert!(error.contains("127.0.0.1:7780") && error.contains("localhost:7780"), "{text}: {error}");
        }
    }
}
