//! The time axis of a trace.

use super::percent;

/// The maximum number of steps of an axis.
const MOST_STEPS: i64 = 6;

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The steps from ten seconds to a day. Shorter and longer steps are 1, 2 or 5 times a power of ten.
const CLOCK_STEPS: [i64; 17] = [
    10 * SECOND,
    20 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
];

/// A mark of the axis.
#[derive(Debug, PartialEq)]
pub(super) struct Tick {
    /// The distance from the beginning, in percent of the axis.
    pub(super) position: String,
    pub(super) label: String,
    /// The side of the mark that the label is on, so that it stays within the axis: `first`, `last` or empty.
    pub(super) class: &'static str,
}

/// Returns the marks of an axis for a duration.
pub(super) fn ticks(duration_ns: i64) -> Vec<Tick> {
    let step = step(duration_ns);
    (0..=MOST_STEPS)
        .map_while(|number| number.checked_mul(step).filter(|at| *at <= duration_ns.max(0)))
        .map(|at| {
            let thousandths = i128::from(at) * 1000 / i128::from(duration_ns.max(1));
            let thousandths = i64::try_from(thousandths).unwrap_or_default();
            Tick {
                position: percent(thousandths),
                label: label(at),
                class: match thousandths {
                    0 => "first",
                    930.. => "last",
                    _ => "",
                },
            }
        })
        .collect()
}

/// Returns the shortest readable step that divides a duration into at most [`MOST_STEPS`] steps.
fn step(duration_ns: i64) -> i64 {
    let fits = |step: &i64| duration_ns / step <= MOST_STEPS;
    let decimal = |begin: i64| {
        std::iter::successors(Some(begin), |power| power.checked_mul(10))
            .flat_map(|power| [Some(power), power.checked_mul(2), power.checked_mul(5)])
            .flatten()
    };
    decimal(1)
        .take_while(|step| *step < 10 * SECOND)
        .chain(CLOCK_STEPS)
        .chain(decimal(10 * DAY))
        .find(fits)
        .unwrap_or(i64::MAX)
}

/// Formats the time of a mark: `0`, `500 ms`, `1.5 s`, `1 min 30 s`.
fn label(nanoseconds: i64) -> String {
    let two = |whole: i64, unit: &str, rest: i64, rest_unit: &str| match rest {
        0 => format!("{whole} {unit}"),
        rest => format!("{whole} {unit} {rest} {rest_unit}"),
    };
    match nanoseconds {
        0 => "0".to_owned(),
        DAY.. => two(nanoseconds / DAY, "d", nanoseconds % DAY / HOUR, "h"),
        HOUR.. => two(nanoseconds / HOUR, "h", nanoseconds % HOUR / MINUTE, "min"),
        MINUTE.. => two(nanoseconds / MINUTE, "min", nanoseconds % MINUTE / SECOND, "s"),
        SECOND.. => decimal(nanoseconds, SECOND, "s"),
        1_000_000.. => decimal(nanoseconds, 1_000_000, "ms"),
        1_000.. => decimal(nanoseconds, 1_000, "µs"),
        _ => format!("{nanoseconds} ns"),
    }
}

/// Formats an amount with as many digits after the point as it has, at most three.
fn decimal(nanoseconds: i64, unit: i64, name: &str) -> String {
    let thousandths = format!("{:03}", nanoseconds % unit * 1000 / unit);
    let digits = thousandths.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("{}{point}{digits} {name}", nanoseconds / unit)
}

#[cfg(test)]
mod tests {
    use super::{DAY, HOUR, MINUTE, SECOND, ticks};

    fn labels(duration_ns: i64) -> Vec<String> {
        ticks(duration_ns).into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_have_readable_units() {
        for (duration, expected) in [
            (0, &["0"][..]),
            (-5, &["0"]),
            (3, &["0", "1 ns", "2 ns", "3 ns"]),
            (1_500, &["0", "500 ns", "1 µs", "1.5 µs"]),
            (42_000_000, &["0", "10 ms", "20 ms", "30 ms", "40 ms"]),
            (1_240_000_000, &["0", "200 ms", "400 ms", "600 ms", "800 ms", "1 s", "1.2 s"]),
            (9 * SECOND, &["0", "2 s", "4 s", "6 s", "8 s"]),
            (100 * SECOND, &["0", "20 s", "40 s", "1 min", "1 min 20 s", "1 min 40 s"]),
            (50 * MINUTE, &["0", "10 min", "20 min", "30 min", "40 min", "50 min"]),
            (7 * HOUR, &["0", "2 h", "4 h", "6 h"]),
            (3 * DAY, &["0", "12 h", "1 d", "1 d 12 h", "2 d", "2 d 12 h", "3 d"]),
        ] {
            assert_eq!(labels(duration), expected, "{duration}");
        }
    }

    #[test]
    fn ticks_are_few_and_within_the_axis() {
        let mut duration = 1_i64;
        while let Some(next) = duration.checked_mul(3) {
            let count = ticks(duration).len();
            assert!((2..=7).contains(&count), "{duration}: {count}");
            duration = next;
        }
        let all = ticks(i64::MAX);
        assert!((2..=7).contains(&all.len()), "{all:?}");
        let positions: Vec<_> =
            ticks(4 * SECOND).into_iter().map(|tick| (tick.position, tick.class)).collect();
        let expected = [("0%", "first"), ("25%", ""), ("50%", ""), ("75%", ""), ("100%", "last")];
        assert_eq!(positions, expected.map(|(position, class)| (position.to_owned(), class)));
    }
}
