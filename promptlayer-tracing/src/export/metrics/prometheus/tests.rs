use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::export::queue::ledger::{DropReason, RejectReason};

/// The samples of a text: the name and the labels, and the value.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

fn is_name(text: &str, may_have_colon: bool) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || (may_have_colon && c == ':');
    text.starts_with(is_start) && text.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// Reads `name="value",…`, and what follows the closing brace.
fn labels(mut text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    loop {
        if let Some(rest) = text.strip_prefix('}') {
            return Ok((labels, rest));
        }
        let (name, rest) = text.split_once("=\"").ok_or(format!("no label: {text}"))?;
        if !is_name(name, false) || name.starts_with("__") {
            return Err(format!("not the name of a label: {name}"));
        }
        let (mut value, mut characters) = (String::new(), rest.chars());
        loop {
            match characters.next().ok_or(format!("a label without an end: {text}"))? {
                '"' => break,
                '\\' => value.push(match characters.next() {
                    Some('n') => '\n',
                    Some(escaped @ ('\\' | '"')) => escaped,
                    other => return Err(format!("not an escape: {other:?}")),
                }),
                other => value.push(other),
            }
        }
        if labels.insert(name.to_owned(), value).is_some() {
            return Err(format!("a label twice: {name}"));
        }
        let rest = characters.as_str();
        text = rest.strip_prefix(',').unwrap_or(rest);
        if !rest.starts_with([',', '}']) {
            return Err(format!("no comma: {rest}"));
        }
    }
}

/// Reads the text format, version 0.0.4. Stricter than Prometheus: each metric has a help text and a type, in this
/// order and before its samples, its lines stand together, no time stamps, and nothing but what it needs.
fn parse(text: &str) -> Result<Samples, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("no newline at the end".to_owned());
    }
    let mut samples = Samples::new();
    let mut begun = BTreeSet::new();
    // The metric whose lines are read, and its type once it was read.
    let mut current: Option<(&str, Option<&str>)> = None;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').ok_or(format!("no help: {line}"))?;
            if !is_name(name, true) || help.is_empty() || help.contains('\\') {
                return Err(format!("not a help line: {line}"));
            }
            if !begun.insert(name) {
                return Err(format!("a metric in two places: {name}"));
            }
            current = Some((name, None));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or(format!("no type: {line}"))?;
            if current != Some((name, None)) || !["counter", "gauge"].contains(&kind) {
                return Err(format!("a type in the wrong place: {line}"));
            }
            if (kind == "counter") != name.ends_with("_total") {
                return Err(format!("not the name of a {kind}: {name}"));
            }
            current = Some((name, Some(kind)));
        } else {
            let end = line.find(['{', ' ']).ok_or(format!("not a sample: {line}"))?;
            let (name, rest) = line.split_at(end);
            if !matches!(current, Some((of, Some(_))) if of == name) {
                return Err(format!("a sample in the wrong place: {line}"));
            }
            let (labels, rest) = match rest.strip_prefix('{') {
                Some(rest) => labels(rest)?,
                None => (BTreeMap::new(), rest),
            };
            let value = rest.strip_prefix(' ').and_then(|value| value.parse().ok());
            let value = value.ok_or(format!("no value: {line}"))?;
            if samples.insert((name.to_owned(), labels), value).is_some() {
                return Err(format!("a sample twice: {line}"));
            }
        }
    }
    Ok(samples)
}

fn parsed(stats: &Stats) -> Samples {
    parse(&stats.to_prometheus()).unwrap()
}

fn value(samples: &Samples, name: &str, label: Option<(&str, &str)>) -> Option<f64> {
    let labels = label.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    samples.get(&(name.to_owned(), labels)).copied()
}

/// Statistics in which every number differs.
fn all_different() -> Stats {
    let mut numbers = 1..;
    let mut next = || numbers.next().unwrap();
    let mut stats = Stats::default();
    for ledger in [&mut stats.spans, &mut stats.tracking] {
        ledger.accepted = next();
        ledger.delivered = next();
        ledger.rejected = RejectReason::ALL.iter().map(|reason| (*reason, next())).collect();
        ledger.dropped = DropReason::ALL.iter().map(|reason| (*reason, next())).collect();
        ledger.outcome_unknown = next();
        ledger.pending.queued = next();
        ledger.pending.in_flight = next();
        ledger.pending.spooled = next();
    }
    let hooks = &mut stats.hooks;
    let of_hooks = [
        &mut hooks.received,
        &mut hooks.run,
        &mut hooks.panicked,
        &mut hooks.timed_out,
        &mut hooks.skipped,
        &mut hooks.of_hooks,
        &mut hooks.missing,
    ];
    let others = [
        &mut stats.retries,
        &mut stats.possible_duplicates,
        &mut stats.skipped_requests,
        &mut stats.shrunk,
        &mut stats.sampled_out,
        &mut stats.undecided,
        &mut stats.evicted,
        &mut stats.set_aside,
        &mut stats.panics,
        &mut stats.unmeasured,
    ];
    for count in of_hooks.into_iter().chain(others) {
        *count = next();
    }
    stats
}

#[test]
fn text_is_valid_and_has_each_number_once() {
    let stats = all_different();
    let samples = parsed(&stats);
    let values: BTreeSet<String> = samples.values().map(ToString::to_string).collect();
    assert_eq!(values.len(), samples.len(), "{samples:#?}");
    let expected: BTreeSet<String> = (1..=samples.len()).map(|number| number.to_string()).collect();
    assert_eq!(values, expected);

    for (name, label, expected) in [
        ("promptlayer_spans_accepted_total", None, stats.spans.accepted),
        ("promptlayer_spans_delivered_total", None, stats.spans.delivered),
        ("promptlayer_spans_outcome_unknown_total", None, stats.spans.outcome_unknown),
        ("promptlayer_spans_pending", Some(("state", "queued")), stats.spans.pending.queued),
        ("promptlayer_spans_pending", Some(("state", "in_flight")), stats.spans.pending.in_flight),
        ("promptlayer_spans_pending", Some(("state", "spooled")), stats.spans.pending.spooled),
        (
            "promptlayer_spans_rejected_total",
            Some(("reason", "too_large")),
            stats.spans.rejected[&RejectReason::TooLarge],
        ),
        (
            "promptlayer_tracking_dropped_total",
            Some(("reason", "forked")),
            stats.tracking.dropped[&DropReason::Forked],
        ),
        ("promptlayer_tracking_delivered_total", None, stats.tracking.delivered),
        ("promptlayer_hooks_timed_out_total", None, stats.hooks.timed_out),
        ("promptlayer_retries_total", None, stats.retries),
        ("promptlayer_possible_duplicates_total", None, stats.possible_duplicates),
        ("promptlayer_skipped_requests_total", None, stats.skipped_requests),
        ("promptlayer_shrunk_total", None, stats.shrunk),
        ("promptlayer_sampled_out_total", None, stats.sampled_out),
        ("promptlayer_undecided", None, stats.undecided),
        ("promptlayer_evicted_total", None, stats.evicted),
        ("promptlayer_set_aside_total", None, stats.set_aside),
        ("promptlayer_panics_total", None, stats.panics),
        ("promptlayer_unmeasured_total", None, stats.unmeasured),
    ] {
        #[allow(clippy::cast_precision_loss, reason = "the numbers are small")]
        let expected = Some(expected as f64);
        assert_eq!(value(&samples, name, label), expected, "{name} {label:?}");
    }
}

#[test]
fn every_reason_and_state_is_listed_at_zero() {
    let samples = parsed(&Stats::default());
    assert!(samples.values().all(|value| value.to_string() == "0"));
    assert_eq!(samples.keys().collect::<Vec<_>>(), parsed(&all_different()).keys().collect::<Vec<_>>());
    for reason in DropReason::ALL {
        let label = Some(("reason", reason.as_str()));
        assert_eq!(value(&samples, "promptlayer_spans_dropped_total", label), Some(0.0));
        assert_eq!(value(&samples, "promptlayer_tracking_dropped_total", label), Some(0.0));
    }
    for reason in RejectReason::ALL {
        let label = Some(("reason", reason.as_str()));
        assert_eq!(value(&samples, "promptlayer_spans_rejected_total", label), Some(0.0));
    }
}

#[cfg(feature = "otlp")]
#[test]
fn two_destinations_are_told_apart_by_a_label() {
    let mut stats = Stats::default();
    stats.spans.accepted = 5;
    let mut otlp = Stats::default();
    otlp.spans.accepted = 4;
    otlp.spans.dropped.insert(DropReason::QueueFull, 1);
    stats.otlp = Some(Box::new(otlp));
    let samples = parsed(&stats);
    assert_eq!(samples.len(), 2 * parsed(&Stats::default()).len());
    let accepted =
        |destination| value(&samples, "promptlayer_spans_accepted_total", Some(("destination", destination)));
    assert_eq!((accepted("spans_bulk"), accepted("otlp")), (Some(5.0), Some(4.0)));
    let dropped = "promptlayer_spans_dropped_total{destination=\"otlp\",reason=\"queue_full\"} 1\n";
    assert!(stats.to_prometheus().contains(dropped));
}

#[test]
fn largest_number_is_written_in_full() {
    let mut stats = Stats::default();
    stats.spans.accepted = u64::MAX;
    assert!(stats.to_prometheus().contains("promptlayer_spans_accepted_total 18446744073709551615\n"));
    parsed(&stats);
}

/// The parser itself refuses what the format forbids.
#[test]
fn parser_refuses_what_is_not_the_format() {
    let valid = "# HELP a_total Some.\n# TYPE a_total counter\na_total{x=\"1\"} 1\na_total{x=\"2\"} 2\n";
    assert_eq!(parse(valid).unwrap().len(), 2);
    for (what, with) in [
        ("a_total{x=\"2\"} 2\n", "a_total{x=\"2\"} 2"),
        ("a_total{x=\"2\"} 2\n", "a_total{x=\"1\"} 2\n"),
        ("a_total{x=\"2\"} 2\n", "a_total{x=\"2} 2\n"),
        ("a_total{x=\"2\"} 2\n", "a_total{x=\"2\",x=\"3\"} 2\n"),
        ("a_total{x=\"2\"} 2\n", "a_total{x=\"\\t\"} 2\n"),
        ("a_total{x=\"2\"} 2\n", "a_total{1x=\"2\"} 2\n"),
        ("a_total{x=\"2\"} 2\n", "a_total{x=\"2\"}\n"),
        ("a_total{x=\"2\"} 2\n", "a_total{x=\"2\"} two\n"),
        ("a_total{x=\"2\"} 2\n", "b_total 2\n"),
        ("a_total{x=\"2\"} 2\n", "# HELP a_total Again.\n"),
        ("# TYPE a_total counter\n", ""),
        ("# TYPE a_total counter\n", "# TYPE a_total gauge\n"),
        ("# TYPE a_total counter\n", "# TYPE a_total count\n"),
        ("# HELP a_total Some.\n", ""),
        ("# HELP a_total Some.\n", "# HELP a-total Some.\n"),
        ("# HELP a_total Some.\n", "# HELP a_total\n"),
    ] {
        assert_ne!(valid.replace(what, with), valid);
        assert!(parse(&valid.replace(what, with)).is_err(), "{what} {with}");
    }
}
