//! Validation rules for JSON bodies, written as tables, and the check that reports the location of every
//! problem.
//!
//! The tables follow PromptLayer's API document, with one exception. If a union is discriminated by a field
//! (`type`, `role`), that field is required here, because PromptLayer's service requires it.

mod blueprint;
mod content;
mod otlp;
mod requests;
mod search;
mod spans;
mod templates;
mod tracking;

pub(crate) use otlp::OTLP_TRACES;
use promptlayer_blueprint::Score;
pub(crate) use requests::{LOG_REQUEST, TRACK_REQUEST};
pub(crate) use search::SEARCH;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
pub(crate) use spans::SPANS_BULK;
pub(crate) use templates::{
    ATTACH_EXTERNAL_ID, CREATE_LABEL, EXTERNAL_ID_LENGTH, GET_TEMPLATE, LEGACY_PUBLISH, MOVE_LABEL,
    PATCH_TEMPLATE, PUBLISH, SOURCE_LENGTH,
};
pub(crate) use tracking::{TRACK_GROUP, TRACK_METADATA, TRACK_PROMPT, TRACK_SCORE};

use super::error::ApiError;
use super::problem::{Place, Problems};
use crate::integer;
use crate::timestamp::Timestamp;

/// The rule that a value must follow.
pub(crate) enum Rule {
    Any,
    Text,
    /// Text with a minimum and a maximum number of characters.
    TextOf(usize, usize),
    /// A date-time, or seconds or milliseconds since 1970.
    Time,
    /// Nanoseconds since 1970, as an integer or as text, or a date-time.
    SpanTime,
    Boolean,
    /// An integer within these bounds, both inclusive.
    Integer(i64, i64),
    /// A number that is at least this one.
    NumberFrom(f64),
    /// One of these strings.
    Word(&'static [&'static str]),
    /// An object with any fields.
    Object,
    /// An object whose values are text, with a maximum number of characters for its keys.
    TextMap(usize),
    List(&'static Rule),
    Nullable(&'static Rule),
    Record(&'static Record),
    /// An object whose fields depend on the value of its tag field.
    Tagged(&'static Tagged),
    /// A value that follows at least one of these rules. If it follows none, the problems of the last rule
    /// are reported.
    Either(&'static [Rule]),
}

/// The known fields of an object. Other fields are allowed.
pub(crate) struct Record {
    pub(crate) fields: &'static [Field],
    /// A record whose fields belong to this one too.
    pub(crate) base: Option<&'static Record>,
    /// A check that involves more than one field.
    pub(crate) check: Option<RecordCheck>,
}

type RecordCheck = fn(&Map<String, Value>, &Place<'_>, &mut Problems);

impl Record {
    pub(crate) const fn of(fields: &'static [Field]) -> Self {
        Self { fields, base: None, check: None }
    }
}

pub(crate) struct Field {
    name: &'static str,
    required: bool,
    rule: Rule,
}

/// Returns a required field.
pub(crate) const fn needs(name: &'static str, rule: Rule) -> Field {
    Field { name, required: true, rule }
}

/// Returns an optional field.
pub(crate) const fn may(name: &'static str, rule: Rule) -> Field {
    Field { name, required: false, rule }
}

pub(crate) struct Tagged {
    /// The name of the tag field.
    pub(crate) tag: &'static str,
    pub(crate) kinds: &'static [(&'static str, &'static Record)],
    /// The record to use if the tag field is missing. `None` makes the tag field required.
    pub(crate) untagged: Option<&'static Record>,
}

/// Any integer that fits into an `i64`.
pub(crate) const INTEGER: Rule = Rule::Integer(i64::MIN, i64::MAX);
/// An integer above 0.
pub(crate) const POSITIVE: Rule = Rule::Integer(1, i64::MAX);
/// The score of a request.
pub(crate) const SCORE: Rule = Rule::Integer(Score::MIN.get() as i64, Score::MAX.get() as i64);
pub(crate) const MAYBE_TEXT: Rule = Rule::Nullable(&Rule::Text);

/// Checks a prompt that was made from a body.
pub(super) fn check_prompt(prompt: &Value, place: &Place<'_>) -> Result<(), ApiError> {
    let mut problems = Problems::default();
    blueprint::PROMPT.check(prompt, place, &mut problems);
    if problems.is_empty() { Ok(()) } else { Err(ApiError::Invalid(problems.into_inner())) }
}

/// Checks a body with a rule and deserializes it for the handler.
pub(super) fn parse<T: DeserializeOwned>(body: Value, rule: &Rule) -> Result<T, ApiError> {
    let mut problems = Problems::default();
    rule.check(&body, &Place::BODY, &mut problems);
    if !problems.is_empty() {
        return Err(ApiError::Invalid(problems.into_inner()));
    }
    // The types accept every body that passes the rules. If they ever differ, the client gets an error.
    serde_json::from_value(body)
        .map_err(|error| ApiError::invalid(&Place::BODY, "value_error", error.to_string()))
}

impl Rule {
    fn check(&self, value: &Value, place: &Place<'_>, problems: &mut Problems) {
        match self {
            Self::Any => {}
            Self::Text => expect(value.is_string(), "string_type", "a string", value, place, problems),
            Self::TextOf(least, most) => match value.as_str() {
                Some(text) => check_length(text, *least, *most, place, problems),
                None => wrong("string_type", "a string", value, place, problems),
            },
            Self::Time => expect(
                Timestamp::read(value).is_some(),
                "datetime_parsing",
                "an RFC 3339 date-time with a time zone, or seconds or milliseconds since 1970, of the years 1678 to \
                 2261",
                value,
                place,
                problems,
            ),
            Self::SpanTime => expect(
                Timestamp::read_of_span(value).is_some(),
                "int_type",
                "an integer: the nanoseconds since 1970",
                value,
                place,
                problems,
            ),
            Self::Boolean => expect(value.is_boolean(), "bool_type", "true or false", value, place, problems),
            Self::Integer(least, most) => check_integer(value, *least, *most, place, problems),
            Self::NumberFrom(least) => match value.as_f64() {
                Some(number) if number >= *least => {}
                Some(_) => {
                    wrong_with("greater_than_equal", || format!("at least {least}"), value, place, problems);
                }
                None => wrong("float_type", "a number", value, place, problems),
            },
            Self::Word(words) => {
                if !value.as_str().is_some_and(|word| words.contains(&word)) {
                    wrong_with("enum", || one_of(words), value, place, problems);
                }
            }
            Self::Object => expect(value.is_object(), "dict_type", "an object", value, place, problems),
            Self::TextMap(longest) => check_text_map(value, *longest, place, problems),
            Self::List(rule) => match value.as_array() {
                Some(items) => {
                    for (index, item) in items.iter().enumerate() {
                        if problems.is_full() {
                            break;
                        }
                        rule.check(item, &place.item(index), problems);
                    }
                }
                None => wrong("list_type", "a list", value, place, problems),
            },
            Self::Nullable(rule) => {
                if !value.is_null() {
                    rule.check(value, place, problems);
                }
            }
            Self::Record(record) => match value.as_object() {
                Some(object) => record.check(object, place, problems),
                None => wrong("model_type", "an object", value, place, problems),
            },
            Self::Tagged(tagged) => tagged.check(value, place, problems),
            Self::Either(rules) => check_either(rules, value, place, problems),
        }
    }
}

impl Record {
    fn check(&self, object: &Map<String, Value>, place: &Place<'_>, problems: &mut Problems) {
        if let Some(base) = self.base {
            base.check(object, place, problems);
        }
        for field in self.fields {
            match object.get(field.name) {
                Some(value) => field.rule.check(value, &place.field(field.name), problems),
                None if field.required => {
                    problems.add(&place.field(field.name), "missing", "this field is required");
                }
                None => {}
            }
        }
        if let Some(check) = self.check {
            check(object, place, problems);
        }
    }
}

impl Tagged {
    fn check(&self, value: &Value, place: &Place<'_>, problems: &mut Problems) {
        let Some(object) = value.as_object() else {
            return wrong("model_type", "an object", value, place, problems);
        };
        let tag_place = place.field(self.tag);
        let record = match (object.get(self.tag), self.untagged) {
            (None, Some(untagged)) => Some(untagged),
            (None, None) => return problems.add(&tag_place, "union_tag_not_found", "this field is required"),
            (Some(tag), _) => {
                self.kinds.iter().find(|(kind, _)| tag.as_str() == Some(*kind)).map(|(_, record)| *record)
            }
        };
        if let Some(record) = record {
            record.check(object, place, problems);
        } else {
            let words = || one_of(&self.kinds.iter().map(|(kind, _)| *kind).collect::<Vec<_>>());
            let tag = object.get(self.tag).unwrap_or(&Value::Null);
            wrong_with("union_tag_invalid", words, tag, &tag_place, problems);
        }
    }
}

fn expect(
    holds: bool,
    kind: &'static str,
    expected: &str,
    found: &Value,
    place: &Place<'_>,
    problems: &mut Problems,
) {
    if !holds {
        wrong(kind, expected, found, place, problems);
    }
}

fn wrong(kind: &'static str, expected: &str, found: &Value, place: &Place<'_>, problems: &mut Problems) {
    wrong_with(kind, || expected.to_owned(), found, place, problems);
}

fn wrong_with(
    kind: &'static str,
    expected: impl FnOnce() -> String,
    found: &Value,
    place: &Place<'_>,
    problems: &mut Problems,
) {
    problems.add_with(place, kind, || format!("this should be {}, found {}", expected(), described(found)));
}

/// Checks the number of characters of a text.
pub(super) fn check_length(
    text: &str,
    least: usize,
    most: usize,
    place: &Place<'_>,
    problems: &mut Problems,
) {
    let length = text.chars().count();
    if length < least {
        problems.add_with(place, "string_too_short", || {
            format!("this should have at least {least} characters, it has {length}")
        });
    } else if length > most {
        problems.add_with(place, "string_too_long", || {
            format!("this should have at most {most} characters, it has {length}")
        });
    }
}

fn check_integer(value: &Value, least: i64, most: i64, place: &Place<'_>, problems: &mut Problems) {
    match integer::read(value) {
        None => wrong("int_type", "an integer", value, place, problems),
        Some(number) if number < least => {
            wrong_with("greater_than_equal", || format!("at least {least}"), value, place, problems);
        }
        Some(number) if number > most => {
            wrong_with("less_than_equal", || format!("at most {most}"), value, place, problems);
        }
        Some(_) => {}
    }
}

fn check_text_map(value: &Value, longest: usize, place: &Place<'_>, problems: &mut Problems) {
    let Some(object) = value.as_object() else {
        return wrong("dict_type", "an object", value, place, problems);
    };
    for (key, value) in object {
        if problems.is_full() {
            break;
        }
        let place = place.field(key);
        check_length(key, 0, longest, &place, problems);
        Rule::Text.check(value, &place, problems);
    }
}

fn check_either(rules: &[Rule], value: &Value, place: &Place<'_>, problems: &mut Problems) {
    let mut last = Problems::default();
    for rule in rules {
        last = Problems::default();
        rule.check(value, place, &mut last);
        if last.is_empty() {
            return;
        }
    }
    problems.append(last);
}

fn one_of(words: &[&str]) -> String {
    format!("one of {}", words.join(", "))
}

/// Describes the value that was found, short enough for a message.
pub(super) fn described(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= 40 => format!("the string {text:?}"),
        Value::String(_) => "a longer string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::super::problem::{Place, Problems};
    use super::{Record, Rule};

    /// Returns a full list of problems.
    fn full() -> Problems {
        let mut problems = Problems::default();
        while !problems.is_full() {
            problems.add(&Place::BODY, "test", "wrong");
        }
        problems
    }

    #[test]
    fn no_message_is_written_beyond_the_limit() {
        let mut problems = full();
        let kept = problems.len();
        problems.add_with(&Place::BODY, "test", || panic!("this message is kept nowhere"));
        assert_eq!(problems.len(), kept);
    }

    #[test]
    fn checking_stops_at_the_limit() {
        static CHECKED: AtomicUsize = AtomicUsize::new(0);
        const COUNTED: &Record = &Record {
            fields: &[],
            base: None,
            check: Some(|_, place, problems| {
                CHECKED.fetch_add(1, Ordering::Relaxed);
                problems.add(place, "test", "wrong");
            }),
        };
        let most = full().len();
        let body = vec![json!({}); most + 5000];
        let mut problems = Problems::default();
        Rule::List(&Rule::Record(COUNTED)).check(&json!(body), &Place::BODY, &mut problems);
        assert_eq!(problems.len(), most);
        assert_eq!(CHECKED.load(Ordering::Relaxed), most, "the items beyond it are not looked at");
    }
}
