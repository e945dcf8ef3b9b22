//! The fields of W3C Trace Context: `traceparent` and `tracestate`.

use std::fmt::Write as _;

use promptlayer_blueprint::{SpanId, TraceId};

/// The span of the caller.
#[allow(clippy::struct_field_names, reason = "they are the names of the field")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) is_sampled: bool,
}

/// The length of a `traceparent` of version 00. Later versions may be longer.
const LENGTH: usize = 55;
/// The version that is never valid.
const FORBIDDEN: u8 = 0xff;
/// The flag of a sampled trace.
const SAMPLED: u8 = 1;

impl Parent {
    /// Parses a `traceparent`. Of a version that is not known yet, the fields of version 00 are read.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = trim(text).as_bytes();
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let &[v1, v0, b'-', ref rest_known @ ..] = known else { return None };
        let version = byte(v1, v0)?;
        let is_of_version = match version {
            FORBIDDEN => false,
            0 => rest.is_empty(),
            _ => matches!(rest, [] | [b'-', ..]),
        };
        if !is_of_version {
            return None;
        }
        let (trace_id, rest) = rest_known.split_at_checked(32)?;
        let (b'-', rest) = rest.split_first()? else { return None };
        let (span_id, rest) = rest.split_at_checked(16)?;
        let &[b'-', f1, f0] = rest else { return None };
        Some(Self {
            trace_id: TraceId::from_bytes(bytes(trace_id)?)?,
            span_id: SpanId::from_bytes(bytes(span_id)?)?,
            is_sampled: byte(f1, f0)? & SAMPLED != 0,
        })
    }

    /// Returns the `traceparent` of version 00.
    pub(crate) fn to_header(self) -> String {
        let mut text = String::with_capacity(LENGTH);
        let flags = u8::from(self.is_sampled);
        // Writing into a string does not fail.
        let _ = write!(text, "00-{}-{}-{flags:02x}", self.trace_id, self.span_id);
        text
    }
}

/// Removes the white space that HTTP allows around a value.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn bytes<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (to, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        let &[high, low] = pair else { return None };
        *to = byte(high, low)?;
    }
    Some(bytes)
}

fn byte(high: u8, low: u8) -> Option<u8> {
    Some(digit(high)? << 4 | digit(low)?)
}

/// Reads a hex digit, which must be in lower case.
fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// The maximum number of members of a `tracestate`.
const MAX_MEMBERS: usize = 32;
/// The length of a `tracestate` up to which it is passed on as it is.
const MAX_STATE: usize = 512;
/// The length above which a member is left out first.
const LONG_MEMBER: usize = 128;

/// Joins the `tracestate` headers of a request. Returns an empty text if they are invalid.
///
/// Members that have no room are left out: first those of more than 128 characters, then those at the end.
pub(crate) fn state<'a>(headers: impl IntoIterator<Item = &'a str>) -> String {
    let mut members: Vec<&str> = Vec::new();
    for member in headers.into_iter().flat_map(|header| header.split(',')).map(trim) {
        if member.is_empty() {
            continue;
        }
        let Some((key, _)) = member.split_once('=').filter(|(key, value)| is_key(key) && is_value(value))
        else {
            return String::new();
        };
        let is_known =
            members.iter().any(|known| known.split_once('=').is_some_and(|(known, _)| known == key));
        if is_known || members.len() == MAX_MEMBERS {
            return String::new();
        }
        members.push(member);
    }
    let length = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>();
    while length(&members) > MAX_STATE + 1 {
        let longest = members.iter().rposition(|member| member.len() > LONG_MEMBER);
        members.remove(longest.unwrap_or(members.len() - 1));
    }
    members.join(",")
}

/// Returns `true` for a key of the form `vendor` or `tenant@vendor`.
fn is_key(key: &str) -> bool {
    let is_part = |part: &str, starts: fn(u8) -> bool, limit: usize| {
        let is_of_key = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
        part.len() <= limit && part.bytes().next().is_some_and(starts) && part.bytes().all(is_of_key)
    };
    let is_letter = |byte: u8| byte.is_ascii_lowercase();
    match key.split_once('@') {
        None => is_part(key, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit(), 256),
        Some((tenant, vendor)) => {
            is_part(tenant, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit(), 241)
                && is_part(vendor, is_letter, 14)
        }
    }
}

fn is_value(value: &str) -> bool {
    let is_of_value = |byte: u8| matches!(byte, b' '..=b'~') && byte != b',' && byte != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(is_of_value) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn valid_traceparent_is_read() {
        let parent = Parent::parse(VALID).unwrap();
        assert_eq!(parent.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span_id.to_string(), "00f067aa0ba902b7");
        assert!(parent.is_sampled);
        assert_eq!(parent.to_header(), VALID);
        for (text, is_sampled) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-02", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff", true),
            (" \t00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\t ", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes", true),
            ("fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-08-", false),
        ] {
            assert_eq!(Parent::parse(text), Some(Parent { is_sampled, ..parent }), "{text}");
        }
    }

    #[test]
    fn invalid_traceparent_is_refused() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "0A-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-011",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Parent::parse(text), None, "{text}");
        }
    }

    #[test]
    fn tracestate_headers_are_joined_in_order() {
        assert_eq!(state(["a=1, b=2", "", "c@d=3 4"]), "a=1,b=2,c@d=3 4");
        assert_eq!(state([" ,a=1,,"]), "a=1");
        assert_eq!(state([]), "");
    }

    #[test]
    fn invalid_tracestate_is_dropped_whole() {
        for text in ["a", "a=", "A=1", "a=1,a=2", "a=1=2", "a=é", "@b=1", "a@=1", "a@0=1", "=1", "a b=1"] {
            assert_eq!(state(["ok=1", text]), "", "{text}");
        }
        let many: Vec<String> = (0..33).map(|at| format!("k{at}=1")).collect();
        assert_eq!(state([many.join(",").as_str()]), "");
        assert_eq!(state([many[1..].join(",").as_str()]), many[1..].join(","));
        assert_eq!(state([format!("{}=1", "k".repeat(257)).as_str()]), "");
        assert_eq!(state([format!("k={}", "v".repeat(257)).as_str()]), "");
    }

    #[test]
    fn long_tracestate_loses_long_members_and_then_the_last_ones() {
        let member = |name: &str, length: usize| format!("{name}={}", "v".repeat(length - name.len() - 1));
        let fits = [member("a", 128), member("b", 128), member("c", 128), member("d", 125)].join(",");
        assert_eq!(fits.len(), 512);
        assert_eq!(state([fits.as_str()]), fits);
        assert_eq!(state([format!("long={},{fits}", "v".repeat(200)).as_str()]), fits);
        let more = format!("{fits},e=1");
        assert_eq!(state([more.as_str()]), fits);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), bytes in "[0-9a-f-]{0,70}") {
            let _ = (Parent::parse(&text), Parent::parse(&bytes));
            let _ = state([text.as_str(), bytes.as_str()]);
        }

        #[test]
        fn traceparent_reads_back(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>(), is_sampled: bool) {
            if let (Some(trace_id), Some(span_id)) = (TraceId::from_bytes(trace), SpanId::from_bytes(span)) {
                let parent = Parent { trace_id, span_id, is_sampled };
                prop_assert_eq!(Parent::parse(&parent.to_header()), Some(parent));
            }
        }

        #[test]
        fn every_change_of_a_character_is_refused_or_read_as_hex(at in 0_usize..55, with in any::<char>()) {
            let mut text: Vec<char> = VALID.chars().collect();
            text[at] = with;
            let text: String = text.into_iter().collect();
            if let Some(parent) = Parent::parse(&text) {
                prop_assert!(with.is_ascii_digit() || ('a'..='f').contains(&with) || text == VALID);
                // Bits of the flags that have no meaning yet are not passed on.
                prop_assert_eq!(&parent.to_header()[3..53], &text[3..53]);
            }
        }

        #[test]
        fn valid_tracestate_is_unchanged(
            members in proptest::collection::btree_map("[a-z][a-z0-9_*/-]{0,5}", "[!-+.-<>-~]{1,8}", 0..32)
        ) {
            let text = members.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
            prop_assert_eq!(state([text.as_str()]), text);
        }
    }
}
