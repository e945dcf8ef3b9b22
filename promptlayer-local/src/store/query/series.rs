//! Figures over time.

use std::collections::BTreeMap;

use rusqlite::params_from_iter;

use super::filter::{Filter, Sql};
use crate::store::{Reader, count_of};
use crate::timestamp::Timestamp;

const MINUTE: i64 = 60_000_000_000;

/// The maximum number of metadata values in a breakdown.
const MOST_VALUES: i64 = 50;

/// The length of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interval {
    Minute,
    Hour,
    Day,
}

/// Figures of requests, in buckets by their start times.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) interval: Interval,
    /// The buckets that have requests, by the time at which they begin, in nanoseconds since 1970.
    pub(crate) buckets: BTreeMap<i64, Bucket>,
    /// The number of requests in each bucket, by model, provider, template, and kind of error.
    pub(crate) models: BTreeMap<String, BTreeMap<i64, usize>>,
    pub(crate) providers: BTreeMap<String, BTreeMap<i64, usize>>,
    pub(crate) prompts: BTreeMap<String, BTreeMap<i64, usize>>,
    pub(crate) errors: BTreeMap<String, BTreeMap<i64, usize>>,
}

/// The figures of one bucket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket {
    pub(crate) requests: usize,
    pub(crate) errors: usize,
    pub(crate) input_tokens: i64,
    pub(crate) output_tokens: i64,
    pub(crate) cached_tokens: i64,
    pub(crate) reasoning_tokens: i64,
    pub(crate) price: f64,
    pub(crate) duration_ns: i64,
    /// The durations of the requests, in microseconds and in ascending order once the series is complete.
    durations: Vec<i64>,
}

/// The requests and the price of one metadata value.
#[derive(Debug)]
pub(crate) struct MetadataCost {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) requests: usize,
    pub(crate) price: f64,
}

impl Interval {
    /// Returns the shortest interval that divides a period into at most 200 buckets, or else days.
    fn of(period_ns: i64) -> Self {
        [Self::Minute, Self::Hour]
            .into_iter()
            .find(|interval| period_ns / interval.nanoseconds() <= 200)
            .unwrap_or(Self::Day)
    }

    pub(crate) const fn nanoseconds(self) -> i64 {
        match self {
            Self::Minute => MINUTE,
            Self::Hour => 60 * MINUTE,
            Self::Day => 24 * 60 * MINUTE,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// Formats the begin of a bucket, in UTC: a date, or a date and a time.
    pub(crate) fn label(self, at: i64) -> String {
        let time = Timestamp::from_nanoseconds(at).to_jiff();
        match self {
            Self::Day => time.strftime("%Y-%m-%d").to_string(),
            Self::Minute | Self::Hour => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        }
    }
}

impl Bucket {
    /// Returns the duration, in nanoseconds, that this share of the requests does not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> i64 {
        let rank = (self.durations.len() * percent).div_ceil(100).saturating_sub(1);
        self.durations.get(rank).copied().unwrap_or_default()
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cached_tokens = self.cached_tokens.saturating_add(other.cached_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
        self.duration_ns = self.duration_ns.saturating_add(other.duration_ns);
        self.price += other.price;
    }
}

impl Series {
    /// Returns the sums of all buckets, without percentiles.
    pub(crate) fn total(&self) -> Bucket {
        let mut total = Bucket::default();
        for bucket in self.buckets.values() {
            total.add(bucket);
        }
        total
    }
}

impl Reader<'_> {
    /// Returns the figures of all requests that fulfill the conditions, in buckets of this length, or of one that suits
    /// the period.
    ///
    /// Reads every such request.
    pub(crate) fn series(&self, filters: &[Filter], interval: Option<Interval>) -> rusqlite::Result<Series> {
        let mut sql = Sql::new(
            "SELECT f.start_ns, f.duration_ns, f.status = 'ERROR', f.input_tokens, f.output_tokens, f.cached_tokens,
                 f.reasoning_tokens, f.price, f.model, f.provider, f.prompt_name, f.error_type FROM ",
        );
        sql.append(self.source(filters)?).push(" WHERE ").join(filters, "AND");
        let interval = match interval {
            Some(interval) => interval,
            None => Interval::of(self.period(filters)?),
        };
        let mut series = Series {
            interval,
            buckets: BTreeMap::new(),
            models: BTreeMap::new(),
            providers: BTreeMap::new(),
            prompts: BTreeMap::new(),
            errors: BTreeMap::new(),
        };
        let mut statement = self.connection.prepare(&sql.text)?;
        let mut rows = statement.query(params_from_iter(sql.values))?;
        while let Some(row) = rows.next()? {
            let (start, duration): (i64, i64) = (row.get(0)?, row.get(1)?);
            let at = start.saturating_sub(start.rem_euclid(interval.nanoseconds()));
            let bucket = series.buckets.entry(at).or_default();
            bucket.durations.push(duration);
            bucket.add(&Bucket {
                requests: 1,
                errors: usize::from(row.get::<_, bool>(2)?),
                input_tokens: row.get(3)?,
                output_tokens: row.get(4)?,
                cached_tokens: row.get::<_, Option<i64>>(5)?.unwrap_or_default(),
                reasoning_tokens: row.get::<_, Option<i64>>(6)?.unwrap_or_default(),
                price: row.get(7)?,
                duration_ns: duration,
                durations: Vec::new(),
            });
            let groups = [&mut series.models, &mut series.providers, &mut series.prompts, &mut series.errors];
            for (groups, column) in groups.into_iter().zip(8..) {
                if let Some(name) = row.get_ref(column)?.as_str_or_null()?.filter(|name| !name.is_empty()) {
                    if !groups.contains_key(name) {
                        groups.insert(name.to_owned(), BTreeMap::new());
                    }
                    if let Some(group) = groups.get_mut(name) {
                        *group.entry(at).or_default() += 1;
                    }
                }
            }
        }
        for bucket in series.buckets.values_mut() {
            bucket.durations.sort_unstable();
        }
        Ok(series)
    }

    /// Returns the time between the first and the last of the requests.
    fn period(&self, filters: &[Filter]) -> rusqlite::Result<i64> {
        let mut sql = Sql::new("SELECT min(f.start_ns), max(f.start_ns) FROM ");
        if filters.is_empty() {
            // Each of these is the first row of an index; together, SQLite would read all rows.
            sql = Sql::new(
                "SELECT (SELECT min(start_ns) FROM request_facts), (SELECT max(start_ns) FROM request_facts)",
            );
        } else {
            sql.append(self.source(filters)?).push(" WHERE ").join(filters, "AND");
        }
        let (first, last): (Option<i64>, Option<i64>) = self
            .connection
            .prepare(&sql.text)?
            .query_row(params_from_iter(sql.values), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(last.unwrap_or_default().saturating_sub(first.unwrap_or_default()))
    }

    /// Returns the metadata values whose requests cost most: of one key, or of all keys.
    pub(crate) fn metadata_costs(
        &self,
        filters: &[Filter],
        key: Option<&str>,
    ) -> rusqlite::Result<Vec<MetadataCost>> {
        let mut sql = Sql::new(
            "SELECT substr(m.key, 1, 200), substr(m.value, 1, 200), count(*), sum(f.price) AS price FROM ",
        );
        sql.append(self.source(filters)?);
        sql.push(" JOIN request_metadata AS m ON m.request_id = f.request_id WHERE ").join(filters, "AND");
        if let Some(key) = key {
            sql.push(" AND m.key = ").value(key.to_owned());
        }
        sql.push(" GROUP BY 1, 2 ORDER BY price DESC, 3 DESC, 1, 2 LIMIT ").value(MOST_VALUES);
        self.connection
            .prepare(&sql.text)?
            .query_map(params_from_iter(sql.values), |row| {
                Ok(MetadataCost {
                    key: row.get(0)?,
                    value: row.get(1)?,
                    requests: count_of(row, 2)?,
                    price: row.get(3)?,
                })
            })?
            .collect()
    }
}
