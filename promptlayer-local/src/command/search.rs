//! `search`: finds requests by words and by the filters of the page.

use clap::{Arg, ArgAction, ArgMatches, Args, FromArgMatches};

use super::terminal::{Output, note, zone_parameter};
use super::{DatabaseOptions, Failure, line};
use crate::filters::{FIELDS, Kind, ORDERS, PERIODS, Parameters, STATUSES};
use crate::format;
use crate::store::{Filter, Sort};
use crate::timestamp::Timestamp;

pub(super) const EXAMPLES: &str = "\
Examples:
  promptlayer-local search Oslo weather --status error --when yesterday
  promptlayer-local search --model 'gpt-4*' --latency '>2s' --sort cost";

#[derive(Args)]
pub(super) struct Options {
    /// Words of the prompt or the answer
    words: Vec<String>,

    #[command(flatten)]
    filters: Filters,

    /// Order: time, latency, tokens or cost; the greatest first
    #[arg(long, default_value = "time", value_parser = order)]
    sort: String,

    /// The smallest or oldest first
    #[arg(long)]
    ascending: bool,

    /// Print at most this many requests
    #[arg(short = 'n', long, value_name = "N", default_value = "20")]
    limit: usize,

    /// Print a JSON object for each request
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    database: DatabaseOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let now = Timestamp::now();
    let mut filters = options.filters.clone();
    if !options.words.is_empty() {
        filters.0.push(("q".to_owned(), options.words.join(" ")));
    }
    filters.0.push(("sort".to_owned(), options.sort.clone()));
    if options.ascending {
        filters.0.push(("order".to_owned(), "asc".to_owned()));
    }
    let (filters, sort) = filters.read(now)?;
    let database = options.database.open()?;
    let (found, unindexed) = database.read(|store| {
        let found = store.find_requests(&filters, sort, None, options.limit.max(1))?;
        Ok((found, store.unindexed()?))
    })?;

    let mut output = Output::new();
    for row in &found.rows {
        if options.json {
            output.text(&line::json(row).to_string())?;
        } else {
            output.line(&line::of(row, &output))?;
        }
    }
    if !options.json {
        let figures = &found.figures;
        let count = |count: usize| format::count(i64::try_from(count).unwrap_or(i64::MAX));
        note(&match figures.requests {
            0 => format!("No request matches; {} are stored", format::count(found.stored)),
            requests => format!(
                "{} of {}{} requests; {} errors, half within {}, {}",
                count(found.rows.len()),
                if figures.are_complete { "" } else { "more than " },
                count(requests),
                count(figures.errors),
                format::duration(figures.p50_ns),
                format::price(figures.price),
            ),
        });
    }
    if unindexed > 0 && filters.iter().any(Filter::has_words) {
        note(&format!(
            "The newest {unindexed} requests were not searched: a server has not indexed them yet"
        ));
    }
    Ok(())
}

/// Reads the name of an order.
pub(super) fn order(text: &str) -> Result<String, String> {
    match ORDERS.iter().find(|(name, _)| *name == text) {
        Some((name, _)) => Ok((*name).to_owned()),
        None => Err("give time, latency, tokens or cost".to_owned()),
    }
}

/// The filters of the page, as options: the name of the parameter and its value.
#[derive(Clone, Default)]
pub(super) struct Filters(Vec<(String, String)>);

impl Filters {
    /// Takes the names of filters and of `sort` and `order`, each with a value.
    pub(super) fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// Returns the conditions and the order. A value that cannot be read is an error.
    pub(super) fn read(mut self, now: Timestamp) -> Result<(Vec<Filter>, Sort), Failure> {
        self.0.push(zone_parameter(now));
        let parameters = Parameters::new(self.0);
        let read = parameters.read(now);
        if let Some(problem) = read.problems.first() {
            return Err(problem.clone().into());
        }
        Ok((read.filters, parameters.sort()))
    }
}

impl FromArgMatches for Filters {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let of_field = |key: &'static str| {
            let values = matches.try_get_many::<String>(key).ok().flatten();
            values.into_iter().flatten().map(move |value| (key.to_owned(), value.clone()))
        };
        Ok(Self(FIELDS.iter().flat_map(|field| of_field(field.key)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Filters {
    fn augment_args(command: clap::Command) -> clap::Command {
        // The words are arguments and not an option.
        let fields = FIELDS.iter().filter(|field| field.key != "q");
        command.args(fields.map(|field| {
            let choices = |choices: &[(&str, &str)]| {
                choices.iter().map(|(value, _)| *value).collect::<Vec<_>>().join(", ")
            };
            let help = match field.kind {
                Kind::Status => choices(STATUSES),
                Kind::When => choices(PERIODS),
                Kind::Words(_) => field.hint.to_owned(),
                _ => format!("{}, such as {}", field.label, field.hint),
            };
            Arg::new(field.key)
                .long(field.key)
                .value_name(match field.kind {
                    Kind::Since | Kind::Until => "TIME",
                    _ => "FILTER",
                })
                .help(help)
                .action(ArgAction::Append)
        }))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}
