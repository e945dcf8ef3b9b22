//! Assembles a streamed response from its pieces, by a table of rules.
//!
//! A piece has the form of the whole response, with parts of it. Formats whose events have another form convert
//! each event into such a piece first. A table says for each field how a later piece changes it:
//!
//! ```text
//! static CHOICE: Rules = &[("text", Op::Append), ("logprobs", Op::Fields(&[("*", Op::Extend)]))];
//! static REPLY: Rules = &[("choices", Op::Items(CHOICE)), ("id", Op::First), ("obfuscation", Op::Drop)];
//! ```

use serde_json::Value;

use super::json::Object;

/// The rules for the fields of an object, by name. The name `*` stands for all fields that have no rule. Without
/// it, they have the rule [`Op::Merge`].
pub(super) type Rules = &'static [(&'static str, Op)];

/// The field by which the items of a list are told apart.
const INDEX: &str = "index";

/// How a field of a later piece changes the field of the whole. A field that is `null` changes nothing.
#[derive(Clone, Copy)]
pub(super) enum Op {
    /// Replaces the value.
    Set,
    /// Replaces the value. The fields of an object replace those of the known object.
    Merge,
    /// Keeps the known value, unless it is empty.
    First,
    /// Appends a text to the known text, and a list to the known list. A value of another type changes neither.
    /// Replaces any other value.
    Append,
    /// Appends the items of a list. Any other value changes nothing.
    Extend,
    /// Changes nothing.
    Drop,
    /// Applies rules to the fields of an object. Any other value changes nothing.
    Fields(Rules),
    /// Applies rules to the items of a list. An item extends the known item with the same `index`; without an
    /// index, its position is its index. Items are ordered by index.
    Items(Rules),
    /// Calls a function with the known value (`null` if there is none) and the later one.
    With(fn(&mut Value, Value)),
}

pub(super) fn add(whole: &mut Object, piece: Object, rules: Rules) {
    let other = rules.iter().find(|(name, _)| *name == "*").map_or(Op::Merge, |(_, op)| *op);
    for (key, value) in piece {
        if value.is_null() {
            continue;
        }
        let op = rules.iter().find(|(name, _)| *name == key).map_or(other, |(_, op)| *op);
        if matches!(op, Op::Drop) {
            continue;
        }
        match whole.get_mut(&key) {
            Some(known) => op.apply(known, value),
            None => {
                let mut known = Value::Null;
                op.apply(&mut known, value);
                if !known.is_null() {
                    whole.insert(key, known);
                }
            }
        }
    }
}

pub(super) fn sum(pieces: impl IntoIterator<Item = Object>, rules: Rules) -> Object {
    let mut whole = Object::new();
    for piece in pieces {
        add(&mut whole, piece, rules);
    }
    whole
}

impl Op {
    fn apply(self, known: &mut Value, later: Value) {
        match (self, &mut *known, later) {
            (Self::First, known, later) => {
                if is_empty(known) {
                    *known = later;
                }
            }
            (Self::Append, Value::String(text), Value::String(piece)) => text.push_str(&piece),
            (Self::Append | Self::Extend, Value::Array(items), Value::Array(more)) => items.extend(more),
            (Self::Append, known @ (Value::String(_) | Value::Array(_)), _) if !is_empty(known) => {}
            (Self::Extend, Value::Null, later @ Value::Array(_)) => *known = later,
            (Self::Merge, Value::Object(fields), Value::Object(more)) => {
                fields.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
            }
            (Self::Fields(rules), known, Value::Object(piece)) => {
                if !known.is_object() {
                    *known = Value::Object(Object::new());
                }
                if let Value::Object(fields) = known {
                    add(fields, piece, rules);
                }
            }
            (Self::Items(rules), known, Value::Array(pieces)) => {
                if !known.is_array() {
                    *known = Value::Array(Vec::new());
                }
                if let Value::Array(items) = known {
                    add_items(items, pieces, rules);
                }
            }
            (Self::Drop | Self::Extend | Self::Fields(_) | Self::Items(_), ..) => {}
            (Self::With(change), known, later) => change(known, later),
            (Self::Set | Self::Merge | Self::Append, known, later) => *known = later,
        }
    }
}

/// Adds the pieces of a list's items. The items are ordered by index, so that an item is found without a search
/// through all of them.
fn add_items(items: &mut Vec<Value>, pieces: Vec<Value>, rules: Rules) {
    for (position, piece) in (0_u64..).zip(pieces) {
        let Value::Object(mut piece) = piece else { continue };
        let index = piece.get(INDEX).and_then(Value::as_u64).unwrap_or(position);
        piece.remove(INDEX);
        let place = items
            .binary_search_by_key(&index, |item| item.get(INDEX).and_then(Value::as_u64).unwrap_or_default());
        let place = place.unwrap_or_else(|place| {
            items.insert(place, Value::Object(Object::from_iter([(INDEX.to_owned(), index.into())])));
            place
        });
        if let Some(Value::Object(item)) = items.get_mut(place) {
            add(item, piece, rules);
        }
    }
}

/// Returns the object in a field. Creates it if the field is absent or has another type.
pub(super) fn within<'a>(object: &'a mut Object, key: &str) -> Option<&'a mut Object> {
    let value = object.entry(key).or_insert(Value::Null);
    if !value.is_object() {
        *value = Value::Object(Object::new());
    }
    value.as_object_mut()
}

/// Replaces a text in a field by the JSON value that it contains. If it is not JSON, because the stream was
/// interrupted, it stays a text.
pub(super) fn parse(object: &mut Object, key: &str) {
    if let Some(Value::String(text)) = object.get(key)
        && let Ok(value) = serde_json::from_str(text)
    {
        object.insert(key.to_owned(), value);
    }
}

/// Returns `true` if a value is `null`, an empty text, or 0.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULES: Rules = &[
        ("text", Op::Append),
        ("id", Op::First),
        ("padding", Op::Drop),
        ("list", Op::Extend),
        ("choices", Op::Items(&[("text", Op::Append)])),
        ("inner", Op::Fields(&[("*", Op::Append)])),
    ];

    fn whole(pieces: &[Value]) -> Value {
        Value::Object(sum(pieces.iter().filter_map(|piece| piece.as_object().cloned()), RULES))
    }

    #[test]
    fn each_rule_changes_its_field() {
        let pieces = [
            json!({"text": "a", "id": "", "padding": "p", "list": [1], "usage": {"in": 1, "out": 0}}),
            json!({"text": "b", "id": "x", "padding": "p", "list": [2], "usage": {"out": 3, "in": null}}),
            json!({"text": "c", "id": "y", "list": "no list", "model": "m", "inner": {"a": "1", "b": "2"}}),
            json!({"text": null, "model": "n", "inner": {"a": "3"}}),
            json!({"text": {"no": "text"}}),
        ];
        let expected = json!({
            "text": "abc", "id": "x", "list": [1, 2], "usage": {"in": 1, "out": 3}, "model": "n",
            "inner": {"a": "13", "b": "2"},
        });
        assert_eq!(whole(&pieces), expected);
    }

    #[test]
    fn items_are_joined_by_index_and_ordered() {
        let pieces = [
            json!({"choices": [{"index": 5, "text": "f"}, {"text": "p"}]}),
            json!({"choices": [{"index": 0, "text": "a"}, {"index": 5, "text": "g"}, 3]}),
            json!({"choices": [{"index": 0, "text": "b"}]}),
        ];
        let expected = json!({"choices": [
            {"index": 0, "text": "ab"}, {"index": 1, "text": "p"}, {"index": 5, "text": "fg"},
        ]});
        assert_eq!(whole(&pieces), expected);
    }

    #[test]
    fn incomplete_json_stays_text() {
        let mut call =
            Object::from_iter([("input".to_owned(), "{\"a\":".into()), ("b".to_owned(), "[1]".into())]);
        parse(&mut call, "input");
        parse(&mut call, "b");
        assert_eq!(Value::Object(call), json!({"input": "{\"a\":", "b": [1]}));
    }
}
