//! The filters of a list, as parameters of its address and as the options of a command.
//!
//! Each parameter is one condition, and a request or a trace must fulfill all of them. The form, the links of a row and the
//! links that remove a filter all write the same parameters.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::format;
use crate::store::{
    Comparison, Filter, Member, Number, NumberField, Side, Sort, SortBy, TextField, TextTest, TraceFilter,
    Words,
};
use crate::timestamp::Timestamp;

/// The characters that stay as they are in a parameter.
const PARAMETER: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b'*')
    .remove(b'/');

/// The maximum number of characters of a text that a link filters by. The store keeps at least one more.
const LONGEST_FILTER: usize = 200;

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// A filter that a form offers.
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) label: &'static str,
    pub(crate) kind: Kind,
    /// An example, which the empty field shows.
    pub(crate) hint: &'static str,
}

/// How the value of a filter is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Words(Side),
    /// A whole text, or a part of it with `*` in place of the rest.
    Text(TextField),
    Tag,
    Metadata,
    Status,
    Score,
    Amount(NumberField, Unit),
    /// A period that ends now, or a day.
    When,
    Since,
    Until,
    Group,
    /// A part of the name of a span of the trace.
    SpanName,
    /// Whether something in the trace failed.
    HasErrors,
}

/// The unit of an amount.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Duration,
    Count,
    Dollars,
}

/// All filters of requests, in the order of the form.
pub(crate) const FIELDS: &[Field] = &[
    field("q", "Text", Kind::Words(Side::Both), "words of the prompt or the answer, or weath*"),
    field("status", "Status", Kind::Status, ""),
    field("when", "Time", Kind::When, ""),
    field("model", "Model", Kind::Text(TextField::Model), "gpt-4o or gpt-4*"),
    field("tag", "Tag", Kind::Tag, "chat"),
    field("name", "Name", Kind::Text(TextField::Name), "summarize or *ticket*"),
    field("provider", "Provider", Kind::Text(TextField::Provider), "openai"),
    field("template", "Template", Kind::Text(TextField::PromptName), "greeting"),
    field("error", "Error", Kind::Text(TextField::ErrorType), "PROVIDER_TIMEOUT"),
    field("input", "Prompt", Kind::Words(Side::Input), "words of the prompt"),
    field("output", "Answer", Kind::Words(Side::Output), "words of the answer"),
    field("metadata", "Metadata", Kind::Metadata, "user=42"),
    field("score", "Score", Kind::Score, "<50 or helpful>=80"),
    field("latency", "Latency", Kind::Amount(NumberField::Duration, Unit::Duration), ">2s or 500ms..2s"),
    field("first", "First token", Kind::Amount(NumberField::FirstToken, Unit::Duration), ">800ms"),
    field("tokens", "Tokens", Kind::Amount(NumberField::Tokens, Unit::Count), ">1000"),
    field("cost", "Cost", Kind::Amount(NumberField::Price, Unit::Dollars), ">0.01"),
    field("since", "From", Kind::Since, "2026-01-15T10:30"),
    field("until", "Until", Kind::Until, "2026-01-16"),
    field("group", "Group", Kind::Group, "7"),
];

/// All filters of traces, in the order of the form.
const TRACE_FIELDS: &[Field] = &[
    field("q", "Span name", Kind::SpanName, "a part of the name of any span"),
    field("status", "Errors", Kind::HasErrors, ""),
    field("when", "Time", Kind::When, ""),
    field("since", "From", Kind::Since, "2026-01-15T10:30"),
    field("until", "Until", Kind::Until, "2026-01-16"),
];

const fn field(key: &'static str, label: &'static str, kind: Kind, hint: &'static str) -> Field {
    Field { key, label, kind, hint }
}

/// The periods of the filter `when`.
pub(crate) const PERIODS: &[(&str, &str)] = &[
    ("1h", "last hour"),
    ("24h", "last 24 hours"),
    ("today", "today"),
    ("yesterday", "yesterday"),
    ("7d", "last 7 days"),
    ("30d", "last 30 days"),
];

pub(crate) const STATUSES: &[(&str, &str)] =
    &[("success", "Success"), ("warning", "Warning"), ("error", "Error")];

pub(crate) const TRACE_STATUSES: &[(&str, &str)] = &[("error", "with errors"), ("success", "without errors")];

/// The orders of the list, by the value of the parameter `sort`.
pub(crate) const ORDERS: &[(&str, SortBy)] = &[
    ("time", SortBy::Start),
    ("latency", SortBy::Duration),
    ("tokens", SortBy::Tokens),
    ("cost", SortBy::Price),
];

/// The parameters of a page: filters, order, and the time zone of the reader.
#[derive(Clone)]
pub(crate) struct Parameters {
    /// The page that the addresses lead to.
    path: &'static str,
    /// The filters of the page.
    fields: &'static [Field],
    pairs: Vec<(String, String)>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { path: LIST, fields: FIELDS, pairs: Vec::new() }
    }
}

/// The path of the list of requests.
const LIST: &str = "/";

/// The path of the list of traces.
pub(crate) const TRACES: &str = "/traces";

/// The parameters after they were read.
pub(crate) struct Read {
    pub(crate) filters: Vec<Filter>,
    /// What could not be read, for the reader.
    pub(crate) problems: Vec<String>,
}

impl Parameters {
    /// Keeps the parameters that a list knows and that are not empty.
    pub(crate) fn new(query: Vec<(String, String)>) -> Self {
        Self::of(LIST, FIELDS, &["sort", "order", "zone"], query)
    }

    /// Keeps the parameters that the list of traces knows and that are not empty.
    pub(crate) fn of_traces(query: Vec<(String, String)>) -> Self {
        Self::of(TRACES, TRACE_FIELDS, &["zone"], query)
    }

    fn of(
        path: &'static str,
        fields: &'static [Field],
        others: &[&str],
        query: Vec<(String, String)>,
    ) -> Self {
        let is_known = |key: &str| others.contains(&key) || fields.iter().any(|field| field.key == key);
        let pairs = query
            .into_iter()
            .map(|(key, value)| (key, value.trim().to_owned()))
            .filter(|(key, value)| is_known(key) && !value.is_empty())
            .collect();
        Self { path, fields, pairs }
    }

    /// Returns the filters of the page, in the order of the form.
    pub(crate) fn fields(&self) -> &'static [Field] {
        self.fields
    }

    /// Returns the same parameters, with addresses that lead to another page.
    pub(crate) fn on(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns the filters that are set: their field and their value.
    pub(crate) fn set(&self) -> impl Iterator<Item = (&'static Field, &str)> {
        self.pairs.iter().filter_map(|(key, value)| {
            Some((self.fields.iter().find(|field| field.key == key)?, value.as_str()))
        })
    }

    /// Returns the address with another value of a parameter, or with one more value of a tag or of metadata.
    pub(crate) fn with(&self, key: &str, value: &str) -> String {
        let is_list = matches!(key, "tag" | "metadata");
        let kept = self.pairs.iter().filter(|(name, old)| name != key || (is_list && old != value));
        let pairs = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        address(self.path, pairs.chain([(key, value)].into_iter().filter(|(_, value)| !value.is_empty())))
    }

    /// Returns the address like [`with`](Self::with), for a text of a request. The store cuts long texts, so a filter by
    /// one of them is a filter by its beginning.
    pub(crate) fn with_text(&self, key: &str, text: &str) -> String {
        match text.char_indices().nth(LONGEST_FILTER) {
            Some((end, _)) => self.with(key, &format!("{}*", text.get(..end).unwrap_or_default())),
            None => self.with(key, text),
        }
    }

    /// Replaces the value of a parameter. An empty value removes it.
    pub(crate) fn set_to(mut self, key: &str, value: &str) -> Self {
        self.pairs.retain(|(name, _)| name != key);
        if !value.is_empty() {
            self.pairs.push((key.to_owned(), value.to_owned()));
        }
        self
    }

    /// Returns the address without one value of a parameter.
    pub(crate) fn without(&self, key: &str, value: &str) -> String {
        let kept = self.pairs.iter().filter(|(name, old)| name != key || old != value);
        address(self.path, kept.map(|(name, value)| (name.as_str(), value.as_str())))
    }

    pub(crate) fn address(&self) -> String {
        self.address_at(self.path)
    }

    /// Returns the address of another page with these parameters.
    pub(crate) fn address_at(&self, path: &str) -> String {
        address(path, self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    pub(crate) fn sort(&self) -> Sort {
        let by = self.get("sort").and_then(|word| ORDERS.iter().find(|(name, _)| *name == word));
        Sort { by: by.map_or(SortBy::Start, |(_, by)| *by), descending: self.get("order") != Some("asc") }
    }

    pub(crate) fn zone(&self) -> Zone {
        Zone::of(self.get("zone"))
    }

    /// Returns the conditions. A value that cannot be read is a problem and no condition.
    pub(crate) fn read(&self, now: Timestamp) -> Read {
        let mut read = Read { filters: Vec::new(), problems: Vec::new() };
        let zone = self.zone();
        for (field, value) in self.set() {
            match condition(field, value, now, zone) {
                Some(filter) => read.filters.push(filter),
                None => read.problems.push(problem(field, value)),
            }
        }
        read
    }

    /// Returns the conditions on traces, and what could not be read.
    pub(crate) fn read_traces(&self, now: Timestamp) -> (TraceFilter, Vec<String>) {
        let (mut filter, mut problems) = (TraceFilter::default(), Vec::new());
        let zone = self.zone();
        for (field, value) in self.set() {
            match (field.kind, value) {
                (Kind::SpanName, _) => filter.name = Some(value.to_owned()),
                (Kind::HasErrors, "error") => filter.has_errors = Some(true),
                (Kind::HasErrors, "success") => filter.has_errors = Some(false),
                _ => match condition(field, value, now, zone) {
                    Some(time) => filter.times.push(time),
                    None => problems.push(problem(field, value)),
                },
            }
        }
        (filter, problems)
    }
}

fn problem(field: &Field, value: &str) -> String {
    format!(
        "The filter {} was not applied: {} cannot be read. {}",
        field.label,
        format::short(value, 60),
        if field.hint.is_empty() { String::new() } else { format!("Example: {}", field.hint) }
    )
}

fn address<'p>(path: &str, pairs: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let mut address = path.to_owned();
    for (index, (key, value)) in pairs.enumerate() {
        address.push(if index == 0 { '?' } else { '&' });
        address.push_str(key);
        address.push('=');
        address.extend(utf8_percent_encode(value, PARAMETER));
    }
    address
}

/// The offset of the reader's clock from UTC, in nanoseconds.
#[derive(Clone, Copy)]
pub(crate) struct Zone(i64);

impl Zone {
    /// Reads a number of minutes east of UTC. The clock is UTC if it is missing.
    fn of(minutes: Option<&str>) -> Self {
        let minutes =
            minutes.and_then(|text| text.parse::<i64>().ok()).filter(|minutes| minutes.abs() <= 26 * 60);
        Self(minutes.unwrap_or_default() * 60 * SECOND)
    }

    /// Returns the time on the reader's clock.
    pub(crate) fn local(self, at: i64) -> i64 {
        at.saturating_add(self.0)
    }

    /// Returns the begin of the day that contains this time.
    fn day(self, at: i64) -> i64 {
        let local = at.saturating_add(self.0);
        local.saturating_sub(local.rem_euclid(DAY)).saturating_sub(self.0)
    }

    /// Reads a date, or a date and a time: of this zone unless the text names one.
    fn time(self, text: &str) -> Option<i64> {
        let timestamp = |text: &str| Some(Timestamp::read(&serde_json::Value::from(text))?.nanoseconds());
        let of_zone = |text: &str| timestamp(&format!("{text}Z"))?.checked_sub(self.0);
        timestamp(text).or_else(|| of_zone(text)).or_else(|| of_zone(&format!("{text}T00:00:00")))
    }
}

fn condition(field: &Field, value: &str, now: Timestamp, zone: Zone) -> Option<Filter> {
    let start = |comparison, at: i64| Filter::Number(NumberField::Start, comparison, Number::Integer(at));
    let now = now.nanoseconds();
    Some(match field.kind {
        Kind::Words(side) => {
            if !value.contains(char::is_alphanumeric) {
                return None;
            }
            Filter::Words(Words { side, text: value.to_owned() })
        }
        Kind::Text(column) => Filter::Text(column, test(value)),
        Kind::Tag => Filter::Member(Member::Tag, test(value)),
        Kind::Metadata => match value.split_once('=') {
            Some((key, value)) => Filter::Member(Member::Metadata(key.trim().to_owned()), test(value.trim())),
            None => Filter::Member(Member::MetadataKey, test(value)),
        },
        Kind::Status => {
            let (word, _) = STATUSES.iter().find(|(word, _)| word.eq_ignore_ascii_case(value))?;
            Filter::is(TextField::Status, word.to_ascii_uppercase())
        }
        Kind::Score => {
            let at = value.find(['<', '>', '=']).unwrap_or_default();
            let (name, rest) = value.split_at(at);
            let name = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
            let bounds = range(rest, |text| text.parse::<i64>().ok())?;
            all(bounds.into_iter().map(|(comparison, score)| Filter::Score(name.clone(), comparison, score)))
        }
        Kind::Amount(number, unit) => {
            let bounds = range(value, |text| amount(text, unit))?;
            all(bounds.into_iter().map(|(comparison, amount)| Filter::Number(number, comparison, amount)))
        }
        Kind::When => {
            let day = zone.day(now);
            let (from, until) = match value {
                "1h" => (now - HOUR, None),
                "24h" => (now - DAY, None),
                "7d" => (now - 7 * DAY, None),
                "30d" => (now - 30 * DAY, None),
                "today" => (day, None),
                "yesterday" => (zone.day(day - 1), Some(day)),
                _ => return None,
            };
            let until = until.map(|until| start(Comparison::Less, until));
            all([start(Comparison::GreaterOrEqual, from)].into_iter().chain(until))
        }
        Kind::Since => start(Comparison::GreaterOrEqual, zone.time(value)?),
        Kind::Until => start(Comparison::Less, zone.time(value)?),
        Kind::Group => Filter::Group(value.parse().ok()?),
        // `read_traces` reads these.
        Kind::SpanName | Kind::HasErrors => return None,
    })
}

fn all(filters: impl Iterator<Item = Filter>) -> Filter {
    let mut filters: Vec<Filter> = filters.collect();
    match filters.pop() {
        Some(filter) if filters.is_empty() => filter,
        last => {
            filters.extend(last);
            Filter::All(filters)
        }
    }
}

/// Reads a text with `*` in place of anything at its ends.
fn test(value: &str) -> TextTest {
    match (value.strip_prefix('*'), value.strip_suffix('*')) {
        (Some(""), _) => TextTest::Exists,
        (Some(rest), Some(_)) => TextTest::Contains(rest.strip_suffix('*').unwrap_or(rest).to_owned()),
        (Some(end), None) => TextTest::EndsWith(end.to_owned()),
        (None, Some(begin)) => TextTest::StartsWith(begin.to_owned()),
        (None, None) => TextTest::Is(vec![value.to_owned()]),
    }
}

/// Reads one bound, such as `>=2`, or two, such as `2..5`. A value alone is the least.
fn range<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<(Comparison, T)>> {
    let text = text.trim();
    if let Some((least, most)) = text.split_once("..") {
        let bounds = [(Comparison::GreaterOrEqual, least), (Comparison::LessOrEqual, most)];
        let bounds: Option<Vec<_>> = bounds
            .into_iter()
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(comparison, text)| Some((comparison, read(text.trim())?)))
            .collect();
        return bounds.filter(|bounds| !bounds.is_empty());
    }
    let signs = [
        (">=", Comparison::GreaterOrEqual),
        ("<=", Comparison::LessOrEqual),
        (">", Comparison::Greater),
        ("<", Comparison::Less),
        ("=", Comparison::Equal),
        ("", Comparison::GreaterOrEqual),
    ];
    let (rest, comparison) =
        signs.into_iter().find_map(|(sign, comparison)| Some((text.strip_prefix(sign)?, comparison)))?;
    Some(vec![(comparison, read(rest.trim())?)])
}

fn amount(text: &str, unit: Unit) -> Option<Number> {
    let text = text.replace([',', '_'], "");
    match unit {
        Unit::Count => text.parse().ok().map(Number::Integer),
        Unit::Dollars => {
            let price: f64 = text.trim_start_matches('$').trim().parse().ok()?;
            price.is_finite().then_some(Number::Real(price))
        }
        Unit::Duration => {
            let at = text.find(|character: char| character.is_alphabetic()).unwrap_or(text.len());
            let (number, unit) = text.split_at(at);
            let number: f64 = number.trim().parse().ok()?;
            let factor = match unit.trim() {
                "ms" => 1e6,
                "" | "s" => 1e9,
                "m" | "min" => 60e9,
                _ => return None,
            };
            let nanoseconds = (number * factor).round();
            #[expect(clippy::cast_possible_truncation, reason = "within the range checked")]
            (0.0..9e18).contains(&nanoseconds).then_some(Number::Integer(nanoseconds as i64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;
    use crate::store::{Comparison, Filter, Member, Number, NumberField, TextField, TextTest};
    use crate::timestamp::Timestamp;

    const NOW: Timestamp = Timestamp::from_nanoseconds(1_768_473_000_000_000_000);

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        Parameters::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    fn filter(key: &str, value: &str) -> Option<Filter> {
        let mut read = parameters(&[(key, value)]).read(NOW);
        assert_eq!(read.filters.len() + read.problems.len(), 1, "{key}={value}");
        read.filters.pop()
    }

    #[test]
    fn values_are_read_as_conditions() {
        let number = |field, comparison, value| Filter::Number(field, comparison, Number::Integer(value));
        let (at_least, at_most) = (Comparison::GreaterOrEqual, Comparison::LessOrEqual);
        let is = |text: &str| TextTest::Is(vec![text.to_owned()]);
        for (key, value, expected) in [
            ("model", "gpt-4o", Filter::is(TextField::Model, "gpt-4o")),
            ("model", "gpt*", Filter::Text(TextField::Model, TextTest::StartsWith("gpt".to_owned()))),
            ("name", "*a*", Filter::Text(TextField::Name, TextTest::Contains("a".to_owned()))),
            ("name", "*a", Filter::Text(TextField::Name, TextTest::EndsWith("a".to_owned()))),
            ("template", "*", Filter::Text(TextField::PromptName, TextTest::Exists)),
            ("status", "error", Filter::is(TextField::Status, "ERROR")),
            ("metadata", "user = 42", Filter::Member(Member::Metadata("user".to_owned()), is("42"))),
            ("metadata", "user", Filter::Member(Member::MetadataKey, is("user"))),
            ("score", "<50", Filter::Score(None, Comparison::Less, 50)),
            ("score", "helpful>=80", Filter::Score(Some("helpful".to_owned()), at_least, 80)),
            ("latency", "2s", number(NumberField::Duration, at_least, 2_000_000_000)),
            ("latency", "> 1.5 ms", number(NumberField::Duration, Comparison::Greater, 1_500_000)),
            (
                "latency",
                "500ms..2s",
                Filter::All(vec![
                    number(NumberField::Duration, at_least, 500_000_000),
                    number(NumberField::Duration, at_most, 2_000_000_000),
                ]),
            ),
            ("tokens", "1,000", number(NumberField::Tokens, at_least, 1000)),
            ("cost", "<$0.5", Filter::Number(NumberField::Price, Comparison::Less, Number::Real(0.5))),
            ("since", "2026-01-15", number(NumberField::Start, at_least, 1_768_435_200_000_000_000)),
            (
                "until",
                "2026-01-15T10:30Z",
                number(NumberField::Start, Comparison::Less, 1_768_473_000_000_000_000),
            ),
            ("group", "7", Filter::Group(7)),
        ] {
            assert_eq!(filter(key, value), Some(expected), "{key}={value}");
        }
        for (key, value) in [
            ("status", "odd"),
            ("when", "never"),
            ("latency", "soon"),
            ("latency", "2 weeks"),
            ("cost", "NaN"),
            ("score", "x>"),
            ("since", "yesterday"),
            ("group", "x"),
            ("q", "--"),
        ] {
            assert_eq!(filter(key, value), None, "{key}={value}");
        }
    }

    #[test]
    fn days_are_those_of_the_reader() {
        let of = |zone: &str| parameters(&[("zone", zone), ("when", "yesterday")]).read(NOW).filters;
        let bounds = |from: i64, until: i64| {
            let bound = |comparison, at| Filter::Number(NumberField::Start, comparison, Number::Integer(at));
            vec![Filter::All(vec![bound(Comparison::GreaterOrEqual, from), bound(Comparison::Less, until)])]
        };
        let midnight = 1_768_435_200_000_000_000;
        let (hour, day) = (3_600_000_000_000, 86_400_000_000_000);
        assert_eq!(of("0"), bounds(midnight - day, midnight));
        assert_eq!(of("60"), bounds(midnight - hour - day, midnight - hour));
        assert_eq!(of("840"), bounds(midnight + 10 * hour - day, midnight + 10 * hour));
    }

    #[test]
    fn addresses_keep_other_filters_and_encode_values() {
        let parameters = parameters(&[("q", "a b&c"), ("tag", "x"), ("other", "1"), ("model", "")]);
        assert_eq!(parameters.address(), "/?q=a%20b%26c&tag=x");
        assert_eq!(parameters.with("tag", "y"), "/?q=a%20b%26c&tag=x&tag=y");
        assert_eq!(parameters.with("tag", "x"), "/?q=a%20b%26c&tag=x");
        assert_eq!(parameters.with("q", "d"), "/?tag=x&q=d");
        assert_eq!(parameters.without("q", "a b&c"), "/?tag=x");
    }

    #[test]
    fn filters_of_traces_are_read_and_others_are_ignored() {
        let pairs =
            [("q", "tool"), ("status", "error"), ("since", "2026-01-15"), ("model", "x"), ("sort", "cost")];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let parameters = Parameters::of_traces(pairs.into());
        assert_eq!(parameters.address(), "/traces?q=tool&status=error&since=2026-01-15");
        let (filter, problems) = parameters.read_traces(NOW);
        assert_eq!((filter.name.as_deref(), filter.has_errors), (Some("tool"), Some(true)));
        let since = Number::Integer(1_768_435_200_000_000_000);
        assert_eq!(filter.times, [Filter::Number(NumberField::Start, Comparison::GreaterOrEqual, since)]);
        assert!(problems.is_empty(), "{problems:?}");
        let odd = Parameters::of_traces(vec![("status".to_owned(), "odd".to_owned())]);
        assert_eq!(odd.read_traces(NOW).1.len(), 1);
    }
}
