//! W3C Baggage, and the tags and metadata that it may carry.

use std::borrow::Cow;
use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use promptlayer_blueprint::Tags;

use super::traceparent::trim;
use crate::span::finished::Inherited;

/// The maximum number of bytes of all members, with the commas between them.
const MAX_BYTES: usize = 8192;
/// The maximum number of members.
const MAX_MEMBERS: usize = 64;

/// The key of the tags.
const TAGS: &str = "promptlayer.tags";
/// The prefix of the keys of metadata.
const METADATA: &str = "promptlayer.metadata.";

/// The characters that are encoded in a value, beside those that are not ASCII.
const IN_VALUE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\').add(b'%');
/// The characters that are encoded in a key: those that are not allowed in a token.
const IN_KEY: &AsciiSet = &IN_VALUE
    .add(b'(')
    .add(b')')
    .add(b'/')
    .add(b':')
    .add(b'<')
    .add(b'=')
    .add(b'>')
    .add(b'?')
    .add(b'@')
    .add(b'[')
    .add(b']')
    .add(b'{')
    .add(b'}');

/// The baggage of a request: its members as they were received.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Baggage(Vec<String>);

/// Selects tags and metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) tags: bool,
    pub(crate) metadata: BTreeSet<String>,
}

impl Selection {
    pub(crate) fn is_empty(&self) -> bool {
        !self.tags && self.metadata.is_empty()
    }
}

impl Baggage {
    /// Reads the headers of a request. Members that are invalid, or for which there is no room, are left out.
    pub(crate) fn parse<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut baggage = Self::default();
        for member in headers.into_iter().flat_map(|header| header.split(',')).map(trim) {
            if is_member(member) {
                baggage.push(member.to_owned());
            }
        }
        baggage
    }

    fn push(&mut self, member: String) {
        let length: usize = self.0.iter().map(|member| member.len() + 1).sum();
        if self.0.len() < MAX_MEMBERS && length + member.len() <= MAX_BYTES {
            self.0.push(member);
        }
    }

    /// Returns the value of the header. It is empty if there are no members.
    pub(crate) fn to_header(&self) -> String {
        self.0.join(",")
    }

    /// Returns the selected tags and metadata. Those that PromptLayer does not allow are left out.
    pub(crate) fn accepted(&self, selection: &Selection) -> Inherited {
        let mut inherited = Inherited::default();
        if selection.is_empty() {
            return inherited;
        }
        for (key, value) in self.0.iter().filter_map(|member| entry(member)) {
            if key == TAGS && selection.tags {
                let mut tags = Tags::default();
                for tag in value.split(',').filter_map(decoded) {
                    // The baggage of another process is no error of this one.
                    let _ = tags.push(tag.into_owned());
                }
                inherited.tags.merge(&tags);
            } else if let Some(key) = key.strip_prefix(METADATA).and_then(decoded)
                && selection.metadata.contains(&*key)
            {
                inherited.metadata.insert(key.into_owned(), value.into_owned());
            }
        }
        inherited
    }

    /// Adds the selected tags and metadata. They replace members with the same keys.
    pub(crate) fn set(&mut self, inherited: &Inherited, selection: &Selection) {
        if selection.tags && !inherited.tags.is_empty() {
            let tags: Vec<_> = inherited.tags.iter().map(|tag| encoded(tag, IN_VALUE)).collect();
            self.replace(TAGS, &tags.join(","));
        }
        for key in &selection.metadata {
            if let Some(value) = inherited.metadata.get(key) {
                self.replace(&format!("{METADATA}{}", encoded(key, IN_KEY)), value);
            }
        }
    }

    fn replace(&mut self, key: &str, value: &str) {
        self.0.retain(|member| member_key(member) != Some(key));
        let value = encoded(value, IN_VALUE);
        self.push(format!("{key}={value}"));
    }
}

fn encoded(text: &str, set: &'static AsciiSet) -> String {
    utf8_percent_encode(text, set).to_string()
}

/// Decodes a text. Returns `None` if it is not UTF-8.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

/// Returns the key of a member, as it was received.
fn member_key(member: &str) -> Option<&str> {
    Some(trim(member.split(';').next()?.split_once('=')?.0))
}

/// Returns the key of a member, as it was received, and its value, decoded.
fn entry(member: &str) -> Option<(&str, Cow<'_, str>)> {
    let (key, value) = member.split(';').next()?.split_once('=')?;
    Some((trim(key), decoded(trim(value))?))
}

/// Returns `true` for a valid member: `key=value`, with properties after it.
fn is_member(member: &str) -> bool {
    let mut parts = member.split(';');
    let is_entry = parts
        .next()
        .and_then(|entry| entry.split_once('='))
        .is_some_and(|(key, value)| is_token(trim(key)) && trim(value).bytes().all(is_octet));
    is_entry
        && parts.map(trim).all(|property| match property.split_once('=') {
            Some((key, value)) => is_token(trim(key)) && trim(value).bytes().all(is_octet),
            None => is_token(property),
        })
}

fn is_token(text: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_of_token)
}

/// Returns `true` for a character of a value. A space, a quote, a comma, a semicolon and a backslash are encoded.
fn is_octet(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'+' | b'-'..=b':' | b'<'..=b'[' | b']'..=b'~')
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn selection(metadata: &[&str]) -> Selection {
        Selection { tags: true, metadata: metadata.iter().map(|key| (*key).to_owned()).collect() }
    }

    #[test]
    fn members_pass_through_unchanged() {
        let text = "a=1,b = %20x ; p;q=2,c=";
        assert_eq!(Baggage::parse([text]).to_header(), text);
        assert_eq!(Baggage::parse([" a=1\t", "b=2 , c=3"]).to_header(), "a=1,b=2,c=3");
    }

    #[test]
    fn invalid_members_are_left_out() {
        for text in ["", "a", "=1", "a b=1", "a=\"1\"", "a=é", "a=1;=2", "a=1;;", "a=b\\c", "(a)=1"] {
            assert_eq!(Baggage::parse([format!("{text},ok=1").as_str()]).to_header(), "ok=1", "{text}");
        }
    }

    #[test]
    fn limits_of_size_and_number_hold() {
        let many: Vec<String> = (0..100).map(|at| format!("k{at}=1")).collect();
        assert_eq!(Baggage::parse([many.join(",").as_str()]).to_header(), many[..64].join(","));
        let long = |key: &str, length: usize| format!("{key}={}", "x".repeat(length - key.len() - 1));
        let fits = [long("a", 4096), long("b", 4095)].join(",");
        assert_eq!(fits.len(), 8192);
        assert_eq!(Baggage::parse([format!("{fits},c=1").as_str()]).to_header(), fits);
    }

    #[test]
    fn nothing_is_accepted_that_is_not_selected() {
        let baggage = Baggage::parse(["promptlayer.tags=a,promptlayer.metadata.k=v,k=w"]);
        let of_default = baggage.accepted(&Selection::default());
        assert!(of_default.tags.is_empty() && of_default.metadata.is_empty());

        let accepted = baggage.accepted(&selection(&["other"]));
        assert_eq!(accepted.tags.iter().collect::<Vec<_>>(), ["a"]);
        assert!(accepted.metadata.is_empty());
    }

    #[test]
    fn tags_that_are_not_allowed_are_left_out() {
        let baggage = Baggage::parse([format!("promptlayer.tags=%20%2C{}%2Cgood", "x".repeat(513)).as_str()]);
        let accepted = baggage.accepted(&selection(&[]));
        assert_eq!(accepted.tags.iter().collect::<Vec<_>>(), ["good"]);
    }

    #[test]
    fn own_members_replace_those_that_came_in() {
        let mut baggage = Baggage::parse(["promptlayer.metadata.k=old;p=1,x=1"]);
        let metadata = BTreeMap::from([("k".to_owned(), "new".to_owned())]);
        baggage.set(&Inherited { metadata, ..Inherited::default() }, &selection(&["k"]));
        assert_eq!(baggage.to_header(), "x=1,promptlayer.metadata.k=new");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let baggage = Baggage::parse([text.as_str()]);
            prop_assert_eq!(&Baggage::parse([baggage.to_header().as_str()]), &baggage);
            let _ = baggage.accepted(&selection(&["k"]));
        }

        #[test]
        fn tags_and_metadata_read_back(
            tags in proptest::collection::vec(any::<String>(), 0..4),
            metadata in proptest::collection::btree_map("\\PC{1,8}", any::<String>(), 0..4),
        ) {
            let mut inherited = Inherited { metadata, ..Inherited::default() };
            for tag in tags {
                let _ = inherited.tags.push(tag);
            }
            let keys: Vec<&str> = inherited.metadata.keys().map(String::as_str).collect();
            let selection = selection(&keys);
            let mut baggage = Baggage::default();
            baggage.set(&inherited, &selection);
            let header = baggage.to_header();
            // What has no room is left out.
            prop_assume!(header.len() < MAX_BYTES / 2);
            let read = Baggage::parse([header.as_str()]).accepted(&selection);
            prop_assert_eq!(read.tags, inherited.tags);
            prop_assert_eq!(read.metadata, inherited.metadata);
        }
    }
}
