//! Figures over time: calls, errors, latencies, tokens and cost, and the same by model, name, tag, template and error.

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;

use super::chart::{self, Bar};
use super::filters::{Parameters, Zone};
use super::form::FilterForm;
use super::{failed, format, html};
use crate::app::App;
use crate::store::{Bucket, Filter, Groups, Interval, Part, Reader, Series, StoreError};
use crate::timestamp::Timestamp;

/// The number of requests that the figures are counted from, if there are more. It limits the time for a page.
const SAMPLE: usize = 4_000;

/// The maximum number of bars of a chart. A longer period shows its end.
const MOST_BARS: i64 = 400;

/// The maximum number of lines of a table.
const MOST_LINES: usize = 12;

/// The maximum number of characters of a text in a table.
const LONGEST_TEXT: usize = 60;

#[derive(Template)]
#[template(path = "figures.html")]
struct Page {
    form: FilterForm,
    summary: Vec<(&'static str, String)>,
    note: Option<String>,
    charts: Vec<Chart>,
    tables: Vec<Table>,
}

struct Chart {
    title: &'static str,
    legend: &'static [(&'static str, &'static str)],
    svg: String,
}

struct Table {
    title: &'static str,
    lines: Vec<Line>,
    /// The number of further lines.
    more: usize,
}

struct Line {
    text: String,
    address: String,
    requests: String,
    /// The share of the requests of the first line, in percent.
    share: usize,
    failed: String,
    has_failed: bool,
    p50: String,
    p95: String,
    tokens: String,
    price: String,
}

pub(super) async fn page(State(app): State<App>, Query(query): Query<Vec<(String, String)>>) -> Response {
    let parameters = Parameters::new(query);
    let read = parameters.read(Timestamp::now());
    if read.filters.iter().any(Filter::has_words)
        && let Err(error) = app.store().prepare_search().await
    {
        return failed(&error);
    }
    let page = app.store().read(move |store| {
        let page = Page::read(store, &parameters, &read.filters, read.problems)?;
        Ok::<_, StoreError>(html(&page))
    });
    page.await.unwrap_or_else(|error| failed(&error))
}

impl Page {
    fn read(
        store: &Reader<'_>,
        parameters: &Parameters,
        filters: &[Filter],
        problems: Vec<String>,
    ) -> rusqlite::Result<Self> {
        let series = store.series(filters, None, Some(SAMPLE))?;
        let total = series.total();
        let tables = [
            ("By model", "model", &series.models),
            ("By name", "name", &series.names),
            ("By tag", "tag", &series.tags),
            ("By error", "error", &series.errors),
            ("By template", "template", &series.prompts),
            ("By provider", "provider", &series.providers),
        ];
        Ok(Self {
            form: FilterForm::read(store, parameters, "/figures", problems)?,
            summary: vec![
                ("requests", format::size(total.requests)),
                ("failed", format::share(total.errors, total.requests)),
                ("tokens in", format::count(total.input_tokens)),
                ("tokens out", format::count(total.output_tokens)),
                ("cost", format::price(total.price)),
            ],
            note: match series.part {
                Part::All => None,
                Part::Sample(step) => {
                    Some(format!("The figures are estimated from one request of {}.", format::count(step)))
                }
                Part::Newest => Some(format!(
                    "The figures are of the newest {} requests with these words.",
                    format::size(SAMPLE)
                )),
            },
            charts: if total.requests == 0 { Vec::new() } else { charts(&series, parameters) },
            tables: tables
                .into_iter()
                .filter(|(.., groups)| !groups.is_empty())
                .map(|(title, key, groups)| table(title, key, groups, parameters))
                .collect(),
        })
    }
}

/// What a chart shows of a bucket.
struct Measure {
    title: &'static str,
    legend: &'static [(&'static str, &'static str)],
    parts: fn(&Bucket) -> Vec<(chart::Part, f64)>,
    unit: fn(f64) -> String,
}

const MEASURES: &[Measure] = &[
    Measure {
        title: "Requests",
        legend: &[("main", "succeeded"), ("bad", "failed")],
        parts: |bucket| {
            let (all, failed) = (as_float(bucket.requests), as_float(bucket.errors));
            vec![(chart::Part::Main, all), (chart::Part::Bad, failed)]
        },
        unit: format::short_number,
    },
    Measure {
        title: "Latency",
        legend: &[("main", "p50"), ("pale", "p95")],
        parts: |bucket| {
            let time = |percent| number(bucket.percentile(percent));
            vec![(chart::Part::Pale, time(95)), (chart::Part::Main, time(50))]
        },
        unit: |value| format::duration(whole(value)),
    },
    Measure {
        title: "Tokens",
        legend: &[("main", "in"), ("pale", "out")],
        parts: |bucket| {
            let (input, output) = (number(bucket.input_tokens), number(bucket.output_tokens));
            vec![(chart::Part::Pale, input + output), (chart::Part::Main, input)]
        },
        unit: format::short_number,
    },
    Measure {
        title: "Cost",
        legend: &[("main", "US dollars")],
        parts: |bucket| vec![(chart::Part::Main, bucket.price)],
        unit: format::price,
    },
];

fn charts(series: &Series, parameters: &Parameters) -> Vec<Chart> {
    let empty = Bucket::default();
    let times = times(series);
    let chart = |measure: &Measure| {
        let bars: Vec<Bar> = times
            .iter()
            .map(|at| {
                let parts = (measure.parts)(series.buckets.get(at).unwrap_or(&empty));
                let label = label(*at, series.interval, parameters.zone());
                let values: Vec<String> = parts.iter().map(|(_, value)| (measure.unit)(*value)).collect();
                Bar {
                    title: format!("{label}: {}", values.join(", ")),
                    address: requests_of(*at, series.interval, parameters),
                    parts,
                    label,
                }
            })
            .collect();
        let svg = chart::draw(&bars, &measure.unit)?;
        Some(Chart { title: measure.title, legend: measure.legend, svg })
    };
    MEASURES.iter().filter_map(chart).collect()
}

/// Returns the begins of all buckets from the first to the last, also of those without requests.
fn times(series: &Series) -> Vec<i64> {
    let length = series.interval.nanoseconds();
    let (Some((first, _)), Some((last, _))) =
        (series.buckets.first_key_value(), series.buckets.last_key_value())
    else {
        return Vec::new();
    };
    let first = (*first).max(last.saturating_sub(length.saturating_mul(MOST_BARS - 1)));
    (0..MOST_BARS).map(|index| first.saturating_add(index * length)).take_while(|at| at <= last).collect()
}

/// Returns the address of the list with the requests of a bucket.
fn requests_of(at: i64, interval: Interval, parameters: &Parameters) -> String {
    let time = |at: i64| Timestamp::from_nanoseconds(at).to_string();
    parameters
        .clone()
        .set_to("when", "")
        .set_to("since", &time(at))
        .set_to("until", &time(at.saturating_add(interval.nanoseconds())))
        .address()
}

fn label(at: i64, interval: Interval, zone: Zone) -> String {
    let local = Timestamp::from_nanoseconds(zone.local(at)).to_jiff();
    match interval {
        Interval::Day => Timestamp::from_nanoseconds(at).to_jiff().strftime("%b %-d").to_string(),
        Interval::Hour => local.strftime("%b %-d %H:%M").to_string(),
        Interval::Minute => local.strftime("%H:%M").to_string(),
    }
}

fn table(title: &'static str, key: &str, groups: &Groups, parameters: &Parameters) -> Table {
    let mut groups: Vec<_> = groups.iter().map(|(text, group)| (text, &group.total)).collect();
    groups.sort_by(|one, other| other.1.requests.cmp(&one.1.requests).then_with(|| one.0.cmp(other.0)));
    let most = groups.first().map_or(1, |(_, total)| total.requests.max(1));
    Table {
        title,
        more: groups.len().saturating_sub(MOST_LINES),
        lines: groups
            .into_iter()
            .take(MOST_LINES)
            .map(|(text, total)| Line {
                text: if key == "error" { format::words(text) } else { format::short(text, LONGEST_TEXT) },
                address: parameters.with_text(key, text),
                requests: format::size(total.requests),
                share: total.requests * 100 / most,
                failed: format::share(total.errors, total.requests),
                has_failed: total.errors > 0,
                p50: format::duration(total.percentile(50)),
                p95: format::duration(total.percentile(95)),
                tokens: format::count(total.input_tokens.saturating_add(total.output_tokens)),
                price: format::price(total.price),
            })
            .collect(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown to a few digits")]
fn as_float(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "shown to a few digits")]
fn number(count: i64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a position on an axis, within the values of the chart")]
fn whole(value: f64) -> i64 {
    value as i64
}
