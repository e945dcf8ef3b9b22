//! `tail`: prints requests as they arrive.

use std::time::Duration;

use clap::Args;

use super::search::Filters;
use super::terminal::Output;
use super::{DatabaseOptions, Failure, line};
use crate::store::{Comparison, Filter, Number, NumberField, Reader, RequestRow, Sort};
use crate::timestamp::Timestamp;

/// The pause between two looks at the database.
const PAUSE: Duration = Duration::from_millis(200);

/// The maximum number of requests that are read at once.
const MOST: i64 = 500;

#[derive(Args)]
pub(super) struct Options {
    #[command(flatten)]
    filters: Filters,

    /// First print this many of the newest requests
    #[arg(short = 'n', long, value_name = "N", default_value = "10")]
    lines: usize,

    /// Print a JSON object for each request
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let (filters, _) = options.filters.clone().read(Timestamp::now())?;
    let has_words = filters.iter().any(Filter::has_words);
    let database = options.database.open()?;
    let mut output = Output::new();
    let mut print = |mut rows: Vec<RequestRow>| -> Result<(), Failure> {
        rows.sort_unstable_by_key(|row| row.id);
        for row in &rows {
            if options.json {
                output.text(&line::json(row).to_string())?;
            } else {
                output.line(&line::of(row, &output))?;
            }
        }
        Ok(())
    };
    // A request can be searched for words once it is in the index of texts.
    let last = |store: &Reader<'_>| {
        let (stored, indexed) = store.last_ids()?;
        Ok(if has_words { stored.min(indexed) } else { stored })
    };

    let mut printed = database.read(last)?;
    if options.lines > 0 {
        let with_bound = with_ids(&filters, i64::MIN, printed);
        let first = |filters| {
            move |store: &Reader<'_>| store.find_requests(filters, Sort::default(), None, options.lines)
        };
        print(database.read(first(&with_bound))?.rows)?;
    }
    loop {
        let newest = database.read(last)?;
        if newest <= printed {
            std::thread::sleep(PAUSE);
            continue;
        }
        let until = newest.min(printed.saturating_add(MOST));
        let filters = with_ids(&filters, printed, until);
        let limit = usize::try_from(MOST).unwrap_or(usize::MAX);
        print(database.read(|store| store.find_requests(&filters, Sort::default(), None, limit))?.rows)?;
        printed = until;
    }
}

/// Returns the conditions with those that the id is above `after`, and `until` at most.
fn with_ids(filters: &[Filter], after: i64, until: i64) -> Vec<Filter> {
    let id = |comparison, id| Filter::Number(NumberField::Id, comparison, Number::Integer(id));
    let mut all = filters.to_vec();
    all.push(id(Comparison::LessOrEqual, until));
    if after > i64::MIN {
        all.push(id(Comparison::Greater, after));
    }
    all
}
