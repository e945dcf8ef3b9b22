//! Figures over time.

use std::collections::BTreeMap;

use rusqlite::params_from_iter;

use super::filter::{Filter, NumberField, Sql};
use super::find::{conjuncts, from_driver};
use crate::store::{Reader, count_of, integer};
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
    pub(crate) part: Part,
    /// The buckets that have requests, by the time at which they begin, in nanoseconds since 1970.
    pub(crate) buckets: BTreeMap<i64, Bucket>,
    pub(crate) models: Groups,
    pub(crate) providers: Groups,
    pub(crate) prompts: Groups,
    pub(crate) errors: Groups,
    pub(crate) names: Groups,
    /// By tag, if the figures have a limit. A request with several tags is in several groups.
    pub(crate) tags: Groups,
}

/// The requests that figures were counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    /// One request of so many. The figures are scaled to all.
    Sample(i64),
    /// The newest of the requests that have the words that are searched.
    Newest,
}

/// The first and the last id, and the first and the last start time, of the requests of a period. Ids are about in
/// the order of start times.
struct Bounds {
    ids: (i64, i64),
    starts: (i64, i64),
}

/// The requests with the same text, by this text.
pub(crate) type Groups = BTreeMap<String, Group>;

/// The figures of the requests with the same text.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) total: Bucket,
    /// The number of requests in each bucket.
    pub(crate) by_time: BTreeMap<i64, usize>,
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
    /// The durations of the requests, in ascending order once the series is complete.
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

    /// Returns the begin of the bucket that contains a time.
    pub(crate) const fn begin(self, at: i64) -> i64 {
        at.saturating_sub(at.rem_euclid(self.nanoseconds()))
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

    fn scale(&mut self, factor: i64) {
        let counts = [&mut self.requests, &mut self.errors];
        for count in counts {
            *count = count.saturating_mul(usize::try_from(factor).unwrap_or(1));
        }
        let sums = [
            &mut self.input_tokens,
            &mut self.output_tokens,
            &mut self.cached_tokens,
            &mut self.reasoning_tokens,
            &mut self.duration_ns,
        ];
        for sum in sums {
            *sum = sum.saturating_mul(factor);
        }
        #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
        let factor = factor as f64;
        self.price *= factor;
    }

    fn add_request(&mut self, request: &Self) {
        self.add(request);
        self.durations.push(request.duration_ns);
    }

    /// Adds the figures of another bucket, but not its durations.
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
    /// Returns the groups, in the order of the columns that they are read from. The tags are not in a column.
    fn groups(&mut self) -> [&mut Groups; 6] {
        [
            &mut self.models,
            &mut self.providers,
            &mut self.prompts,
            &mut self.errors,
            &mut self.names,
            &mut self.tags,
        ]
    }

    /// Sorts the durations for percentiles, and scales the figures of a sample.
    fn finish(&mut self) {
        let factor = match self.part {
            Part::Sample(step) => step,
            Part::All | Part::Newest => 1,
        };
        let finish = |bucket: &mut Bucket| {
            bucket.durations.sort_unstable();
            bucket.scale(factor);
        };
        self.buckets.values_mut().for_each(finish);
        for groups in self.groups() {
            for group in groups.values_mut() {
                finish(&mut group.total);
            }
        }
    }

    /// Returns the sums of all buckets, without percentiles.
    pub(crate) fn total(&self) -> Bucket {
        let mut total = Bucket::default();
        for bucket in self.buckets.values() {
            total.add(bucket);
        }
        total
    }
}

/// Adds a request of the bucket that begins at this time to the group with this text.
fn add_to(groups: &mut Groups, text: &str, at: i64, request: &Bucket) {
    if text.is_empty() {
        return;
    }
    if !groups.contains_key(text) {
        groups.insert(text.to_owned(), Group::default());
    }
    if let Some(group) = groups.get_mut(text) {
        *group.by_time.entry(at).or_default() += 1;
        group.total.add_request(request);
    }
}

impl Reader<'_> {
    /// Returns the figures of the requests that fulfill the conditions, in buckets of this length, or of one that suits
    /// the period.
    ///
    /// Reads every such request, or with a limit a sample of about so many.
    pub(crate) fn series(
        &self,
        filters: &[Filter],
        interval: Option<Interval>,
        limit: Option<usize>,
    ) -> rusqlite::Result<Series> {
        let bounds = self.bounds(&conjuncts(filters))?;
        let (source, part) = match limit {
            Some(limit) => self.sample(filters, &bounds, limit)?,
            None => (self.source(filters)?, Part::All),
        };
        let mut sql = Sql::new(
            "SELECT f.start_ns, f.duration_ns, f.status = 'ERROR', f.input_tokens, f.output_tokens, f.cached_tokens,
                 f.reasoning_tokens, f.price, f.model, f.provider, f.prompt_name, f.error_type, f.name",
        );
        // The tags are read one request at a time, which takes too long for all requests.
        let has_tags = limit.is_some();
        if has_tags {
            sql.push(
                ", (SELECT json_group_array(DISTINCT tag) FROM request_tags WHERE request_id = f.request_id)",
            );
        }
        sql.push(" FROM ").append(source).push(" WHERE ").join(filters, "AND");
        let interval = match (interval, part) {
            (Some(interval), _) => interval,
            (None, Part::All) => Interval::of(self.period(filters)?),
            (None, Part::Sample(_) | Part::Newest) => {
                Interval::of(bounds.starts.1.saturating_sub(bounds.starts.0))
            }
        };
        let mut series = Series {
            interval,
            part,
            buckets: BTreeMap::new(),
            models: Groups::new(),
            providers: Groups::new(),
            prompts: Groups::new(),
            errors: Groups::new(),
            names: Groups::new(),
            tags: Groups::new(),
        };
        let mut statement = self.connection.prepare(&sql.text)?;
        let mut rows = statement.query(params_from_iter(sql.values))?;
        while let Some(row) = rows.next()? {
            let (start, duration): (i64, i64) = (row.get(0)?, row.get(1)?);
            let request = Bucket {
                requests: 1,
                errors: usize::from(row.get::<_, bool>(2)?),
                input_tokens: row.get(3)?,
                output_tokens: row.get(4)?,
                cached_tokens: row.get::<_, Option<i64>>(5)?.unwrap_or_default(),
                reasoning_tokens: row.get::<_, Option<i64>>(6)?.unwrap_or_default(),
                price: row.get(7)?,
                duration_ns: duration,
                durations: Vec::new(),
            };
            let at = interval.begin(start);
            series.buckets.entry(at).or_default().add_request(&request);
            for (groups, column) in series.groups().into_iter().zip(8..=12) {
                if let Some(name) = row.get_ref(column)?.as_str_or_null()? {
                    add_to(groups, name, at, &request);
                }
            }
            if has_tags {
                // SQLite wrote this array.
                let tags: Vec<String> = serde_json::from_str(row.get_ref(13)?.as_str()?).unwrap_or_default();
                for tag in tags {
                    add_to(&mut series.tags, &tag, at, &request);
                }
            }
        }
        series.finish();
        Ok(series)
    }

    /// Returns a source of about so many of the requests that fulfill the conditions.
    fn sample(&self, filters: &[Filter], bounds: &Bounds, limit: usize) -> rusqlite::Result<(Sql, Part)> {
        let all = conjuncts(filters);
        let driver = match self.best_driver(&all)? {
            Some(driver) => Some((driver, Part::All)),
            None => all.iter().find_map(|filter| match filter {
                Filter::Words(words) => {
                    let mut newest = words.driver();
                    newest.push(&format!(" ORDER BY rowid DESC LIMIT {limit}"));
                    Some((newest, Part::Newest))
                }
                _ => None,
            }),
        };
        if let Some((driver, part)) = driver {
            return Ok((from_driver(driver), part));
        }
        let (first, last) = bounds.ids;
        let step = (last.saturating_sub(first) / integer(limit)).saturating_add(1);
        if step == 1 {
            return Ok((Sql::new("request_facts AS f"), Part::All));
        }
        let mut ids = Sql::new("WITH RECURSIVE ids (id) AS (SELECT ");
        ids.value(first).push(" UNION ALL SELECT id + ").value(step).push(" FROM ids WHERE id <= ");
        ids.value(last.saturating_sub(step)).push(") SELECT id FROM ids");
        Ok((from_driver(ids), Part::Sample(step)))
    }

    /// Returns the bounds of the requests of the period that the conditions leave.
    fn bounds(&self, filters: &[&Filter]) -> rusqlite::Result<Bounds> {
        let starts: Vec<&Filter> = filters
            .iter()
            .copied()
            .filter(|filter| matches!(filter, Filter::Number(NumberField::Start, ..)))
            .collect();
        let mut sql = Sql::new("SELECT min(id), max(id), min(start_ns), max(start_ns) FROM (SELECT * FROM (");
        for (index, direction) in ["", " DESC"].into_iter().enumerate() {
            sql.push(if index == 0 { "" } else { ") UNION ALL SELECT * FROM (" });
            sql.push("SELECT f.request_id AS id, f.start_ns FROM request_facts AS f INDEXED BY facts_by_time WHERE ");
            sql.join(starts.iter().copied(), "AND");
            sql.push(" ORDER BY f.start_ns").push(direction).push(" LIMIT 100");
        }
        sql.push("))");
        self.connection.prepare(&sql.text)?.query_row(params_from_iter(sql.values), |row| {
            let bound =
                |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.unwrap_or_default());
            Ok(Bounds { ids: (bound(0)?, bound(1)?), starts: (bound(2)?, bound(3)?) })
        })
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
