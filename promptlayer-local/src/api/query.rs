//! Reads the parameters of queries and paths.

use super::error::ApiError;
use super::problem::Place;
use crate::store::Reader;

/// Returns the id of a template, by its name or its id.
pub(super) fn template_id(store: &Reader<'_>, identifier: &str) -> Result<i64, ApiError> {
    store.find_template(identifier)?.ok_or_else(|| {
        ApiError::NotFound(format!("There is no prompt template named {identifier:?}, nor with that id"))
    })
}

/// Returns a parameter of a query. If it is there twice, the last one counts.
pub(super) fn given<'q>(query: &'q [(String, String)], name: &str) -> Option<&'q str> {
    query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// Returns the version number or the label in a query, which must not have both.
pub(super) fn version_in(query: &[(String, String)]) -> Result<(Option<i64>, Option<String>), ApiError> {
    let place = Place::QUERY;
    match (given(query, "version"), given(query, "label")) {
        (Some(_), Some(_)) => {
            let problem = "give a version or a label, not both";
            Err(ApiError::invalid(&place.field("label"), "value_error", problem))
        }
        (version, label) => {
            let version = version.map(|version| positive(version, &place.field("version"))).transpose()?;
            Ok((version, label.map(str::to_owned)))
        }
    }
}

/// Returns a truth value in a query.
pub(super) fn flag(query: &[(String, String)], name: &str) -> Result<Option<bool>, ApiError> {
    let Some(text) = given(query, name) else { return Ok(None) };
    let place = Place::QUERY;
    flag_of(text, &place.field(name)).map(Some)
}

/// Parses `true` or `false` in a query.
pub(super) fn flag_of(text: &str, place: &Place<'_>) -> Result<bool, ApiError> {
    match text.to_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(ApiError::invalid(
            place,
            "bool_parsing",
            format!("this should be true or false, found {text:?}"),
        )),
    }
}

/// Parses a number of a query, which must be at least 1.
pub(super) fn positive(text: &str, place: &Place<'_>) -> Result<i64, ApiError> {
    text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| {
        ApiError::invalid(
            place,
            "int_parsing",
            format!("this should be an integer of at least 1, found {text:?}"),
        )
    })
}
