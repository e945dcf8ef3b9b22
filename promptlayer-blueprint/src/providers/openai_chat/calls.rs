//! Assembles the tool calls of a streamed response.
//!
//! OpenAI sends an index with every fragment, the id and the name with the first fragment of a call, and
//! its arguments in fragments. Other servers omit the index, use the same index or id for all calls, send a
//! new id with every fragment, repeat the name, or send a call in one piece.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::{Value, json};

use super::sum::merge;
use crate::providers::json::string;
use crate::providers::shape::Object;

/// Calls by index, or by id without an index.
#[derive(Default)]
pub(super) struct Calls {
    all: Vec<Call>,
    by_index: HashMap<u64, usize>,
    by_id: HashMap<String, usize>,
}

/// A call that is assembled from its fragments.
#[derive(Default)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    arguments: String,
    /// `true` for a call of a custom tool, whose input is free text.
    is_custom: bool,
    fields: Object,
}

/// A fragment of a call.
struct Piece<'a> {
    index: Option<u64>,
    id: Option<&'a str>,
    name: Option<&'a str>,
    arguments: Cow<'a, str>,
}

impl Calls {
    /// Adds a fragment of a call.
    pub(super) fn add(&mut self, call: &Value) {
        let Some(call) = call.as_object() else { return };
        let custom = call.get("custom").and_then(Value::as_object);
        let function = call.get("function").and_then(Value::as_object).or(custom);
        let arguments = function.and_then(|of| of.get("arguments").or_else(|| of.get("input")));
        let piece = Piece {
            index: call.get("index").and_then(Value::as_u64),
            id: string(call, "id"),
            name: function.and_then(|function| string(function, "name")),
            arguments: match arguments {
                None | Some(Value::Null) => Cow::Borrowed(""),
                Some(Value::String(text)) => Cow::Borrowed(text),
                // Some servers send an object instead of a JSON string.
                Some(other) => Cow::Owned(other.to_string()),
            },
        };
        let place = self.place(&piece);
        let Some(known) = self.all.get_mut(place) else { return };
        known.add(&piece);
        known.is_custom |= custom.is_some();
        for (key, value) in call {
            if !matches!(key.as_str(), "index" | "id" | "function" | "custom") {
                merge(&mut known.fields, key, value);
            }
        }
    }

    /// Returns the position of the call that a fragment belongs to. Adds a call if the fragment starts a
    /// new one.
    fn place(&mut self, piece: &Piece<'_>) -> usize {
        let known = match (piece.index, piece.id) {
            (Some(index), _) => self.by_index.get(&index).copied(),
            (None, Some(id)) => self.by_id.get(id).copied(),
            (None, None) => self.all.len().checked_sub(1),
        };
        if let Some(place) = known
            && self.all.get(place).is_some_and(|call| !call.is_over(piece))
        {
            return place;
        }
        let place = self.all.len();
        self.all.push(Call { index: piece.index, ..Call::default() });
        if let Some(index) = piece.index {
            self.by_index.insert(index, place);
        }
        if let Some(id) = piece.id {
            self.by_id.insert(id.to_owned(), place);
        }
        place
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns all calls, ordered by index. Calls without an index follow in the order of arrival.
    pub(super) fn whole(mut self) -> Option<Value> {
        self.all.sort_by_key(|call| call.index.unwrap_or(u64::MAX));
        (!self.all.is_empty()).then(|| self.all.into_iter().map(Call::whole).collect())
    }
}

impl Call {
    /// Returns `true` if a fragment starts another call: it has a name, the arguments of this call are
    /// complete, and the fragment does not repeat this call.
    fn is_over(&self, piece: &Piece<'_>) -> bool {
        let Some(name) = piece.name else { return false };
        let is_complete = !self.name.is_empty() && self.arguments.ends_with('}');
        let is_other_id = piece.id.is_some_and(|id| id != self.id);
        let is_other = is_other_id || name != self.name || piece.arguments.trim_start().starts_with('{');
        is_complete && is_other && !self.is_repeated(piece)
    }

    /// Returns `true` if a fragment repeats the whole call. A call without an id is not a repetition: a
    /// model may make the same call twice.
    fn is_repeated(&self, piece: &Piece<'_>) -> bool {
        piece.id == Some(self.id.as_str())
            && piece.name == Some(self.name.as_str())
            && piece.arguments == self.arguments
            && !self.arguments.is_empty()
    }

    fn add(&mut self, piece: &Piece<'_>) {
        if self.is_repeated(piece) {
            return;
        }
        if let Some(id) = piece.id
            && self.id.is_empty()
        {
            id.clone_into(&mut self.id);
        }
        // A name may arrive in fragments before the arguments. Any later name repeats the same one.
        if let Some(name) = piece.name
            && self.arguments.is_empty()
            && self.name != name
        {
            self.name.push_str(name);
        }
        self.arguments.push_str(&piece.arguments);
    }

    fn whole(self) -> Value {
        let (kind, arguments) = if self.is_custom { ("custom", "input") } else { ("function", "arguments") };
        let mut whole = self.fields;
        whole.insert("id".to_owned(), self.id.into());
        whole.entry("type").or_insert_with(|| kind.into());
        whole.insert(kind.to_owned(), json!({"name": self.name, arguments: self.arguments}));
        whole.into()
    }
}
