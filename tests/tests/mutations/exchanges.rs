//! The exchanges to mutate.

use serde_json::{Value, json};
use tests::Fixture;
use tests::fixtures::Given;

/// The maximum length of a text. The content of texts is not interpreted, so longer texts would only be slower.
const LONGEST: usize = 16;
/// The number of items to keep at each end of a list of messages, tools or numbers.
const ITEMS: usize = 2;
/// The number of events to keep at each end of a stream.
const EVENTS: usize = 4;

/// A request and its response.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) model: Option<String>,
    pub(crate) request: Value,
    pub(crate) given: Given,
}

/// Returns the exchanges with providers, shortened, and one of plain texts.
pub(crate) fn all() -> Vec<Exchange> {
    Fixture::all().iter().flat_map(of_fixture).chain([texts()]).collect()
}

fn of_fixture(fixture: &Fixture) -> Vec<Exchange> {
    let exchange = |given: Given| Exchange {
        name: fixture.name.clone(),
        model: fixture.model_in_path().map(str::to_owned),
        request: shortened(&fixture.request),
        given,
    };
    let whole = [fixture.response(), fixture.accumulated()].into_iter().flatten();
    let whole = whole.map(|reply| exchange(Given::Whole(shortened(reply))));
    let events =
        fixture.events().map(|events| exchange(Given::Events(ends(events, EVENTS).map(shortened).collect())));
    whole.chain(events).collect()
}

/// Returns the first and the last `many` items of a list.
fn ends<T>(items: &[T], many: usize) -> impl Iterator<Item = &T> {
    let first = many.min(items.len());
    let last = items.len().saturating_sub(many).max(first);
    items[..first].iter().chain(&items[last..])
}

/// Returns a value of the same shape with short texts and short lists.
fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            text.char_indices().nth(LONGEST).map_or(text.as_str(), |(end, _)| &text[..end]).into()
        }
        Value::Array(items) => ends(items, ITEMS).map(shortened).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shortened(value))).collect()
        }
        other => other.clone(),
    }
}

/// Returns an exchange of plain texts.
fn texts() -> Exchange {
    let (name, given) = ("texts".to_owned(), Given::Whole(json!("So.")));
    Exchange { name, model: None, request: json!("Why?"), given }
}
