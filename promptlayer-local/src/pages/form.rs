//! The form with the filters, which several pages have.

use super::filters::{Field, Kind, PERIODS, Parameters, STATUSES, TRACE_STATUSES};
use super::format;
use crate::store::{Reader, TextField};

/// The maximum number of characters that a removable filter shows.
const LONGEST_WORD: usize = 60;

/// The maximum number of values that a field suggests, and of characters of a value.
const MOST_SUGGESTED: usize = 100;
const LONGEST_SUGGESTED: usize = 100;

/// The form with the filters, and the filters that are set.
pub(super) struct FilterForm {
    /// The page that the form leads to.
    pub(super) action: &'static str,
    pub(super) fields: Vec<FormField>,
    /// The parameters that the form keeps.
    pub(super) kept: Vec<(&'static str, String)>,
    /// `true` if a filter below the first line of the form is set.
    pub(super) has_more_filters: bool,
    pub(super) chips: Vec<Chip>,
    /// What could not be done, for the reader.
    pub(super) problems: Vec<String>,
}

/// A field of the form.
pub(super) struct FormField {
    pub(super) field: &'static Field,
    pub(super) value: String,
    /// `true` if it is on the first line of the form.
    pub(super) is_first: bool,
    /// The choices of a selection: value, text, and `true` for the chosen one.
    pub(super) choices: Vec<(&'static str, &'static str, bool)>,
    /// The values that the field suggests.
    pub(super) suggestions: Vec<String>,
}

/// A filter that is set, with the address without it.
pub(super) struct Chip {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) without: String,
}

impl FilterForm {
    /// Reads what the fields suggest.
    pub(super) fn read(
        store: &Reader<'_>,
        parameters: &Parameters,
        action: &'static str,
        problems: Vec<String>,
    ) -> rusqlite::Result<Self> {
        let here = parameters.clone().on(action);
        let fields: Vec<FormField> = parameters
            .fields()
            .iter()
            .map(|field| FormField::read(store, field, parameters))
            .collect::<rusqlite::Result<_>>()?;
        Ok(Self {
            action,
            has_more_filters: fields.iter().any(|field| !field.is_first && !field.value.is_empty()),
            fields,
            kept: kept(parameters),
            chips: parameters
                .set()
                .map(|(field, value)| Chip {
                    label: field.label,
                    value: format::short(value, LONGEST_WORD),
                    without: here.without(field.key, value),
                })
                .collect(),
            problems,
        })
    }

    pub(super) fn is_filtered(&self) -> bool {
        !self.chips.is_empty()
    }
}

/// Returns the parameters that no field of the form shows: the order, the zone, and all but the first of the values of a
/// filter.
fn kept(parameters: &Parameters) -> Vec<(&'static str, String)> {
    let others = ["sort", "order", "zone"].into_iter();
    let mut kept: Vec<_> = others.filter_map(|key| Some((key, parameters.get(key)?.to_owned()))).collect();
    let mut shown: Vec<&str> = Vec::new();
    for (field, value) in parameters.set() {
        if shown.contains(&field.key) {
            kept.push((field.key, value.to_owned()));
        }
        shown.push(field.key);
    }
    kept
}

impl FormField {
    fn read(store: &Reader<'_>, field: &'static Field, parameters: &Parameters) -> rusqlite::Result<Self> {
        let value = parameters.get(field.key).unwrap_or_default().to_owned();
        let choices: &[(&str, &str)] = match field.kind {
            Kind::Status => STATUSES,
            Kind::HasErrors => TRACE_STATUSES,
            Kind::When => PERIODS,
            _ => &[],
        };
        let mut suggestions = match field.kind {
            Kind::Text(column @ (TextField::Model | TextField::Provider | TextField::Name)) => {
                store.texts(column, "", MOST_SUGGESTED)?
            }
            Kind::Tag => store.tags("", MOST_SUGGESTED)?,
            _ => Vec::new(),
        };
        suggestions.retain(|value| value.chars().count() <= LONGEST_SUGGESTED);
        Ok(Self {
            is_first: matches!(field.key, "q" | "status" | "when" | "model" | "tag"),
            choices: choices
                .iter()
                .map(|(word, text)| (*word, *text, word.eq_ignore_ascii_case(&value)))
                .collect(),
            suggestions,
            field,
            value,
        })
    }
}
