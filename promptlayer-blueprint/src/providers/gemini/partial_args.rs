//! Function arguments that arrive in fragments, each with the path of its target
//! (`streamFunctionCallArguments`, on Vertex AI).

use serde_json::{Number, Value};

use super::{field, field_of};
use crate::providers::shape::Object;

/// The maximum number of list items that a path may skip. A path with a larger index is rejected.
const MOST_LEFT_OUT: usize = 64;
/// The maximum depth of a path.
const DEEPEST: usize = 64;

/// Assembles the arguments from their fragments. Texts with the same path are concatenated. A fragment with
/// an invalid path is skipped.
pub(super) fn whole(pieces: &[Value]) -> Object {
    let mut whole = Value::Object(Object::new());
    for piece in pieces.iter().filter_map(Value::as_object) {
        let path = field(piece, "jsonPath").and_then(Value::as_str).and_then(steps);
        let Some((path, value)) = path.zip(value(piece)) else { continue };
        if let Some(place) = path.iter().try_fold(&mut whole, |place, step| within(place, step)) {
            match (place, value) {
                (Value::String(text), Value::String(more)) => text.push_str(&more),
                (place, value) => *place = value,
            }
        }
    }
    match whole {
        Value::Object(whole) => whole,
        _ => Object::new(),
    }
}

/// One step of a path.
enum Step<'a> {
    Field(&'a str),
    Item(usize),
}

/// Parses a path such as `$.places[0].name` or `$['places'][0]`.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(name) = rest.strip_prefix('.') {
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (name, after) = name.split_at_checked(end)?;
            steps.push(Step::Field(name));
            rest = after;
        } else {
            let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
            let name =
                ['\'', '"'].into_iter().find_map(|quote| inside.strip_prefix(quote)?.strip_suffix(quote));
            steps.push(match name {
                Some(name) => Step::Field(name),
                None => Step::Item(inside.parse().ok()?),
            });
            rest = after;
        }
    }
    (!steps.is_empty() && steps.len() <= DEEPEST).then_some(steps)
}

/// Returns the value that a step refers to. Creates it if it does not exist.
fn within<'a>(place: &'a mut Value, step: &Step<'_>) -> Option<&'a mut Value> {
    match step {
        Step::Field(name) => {
            if place.is_null() {
                *place = Value::Object(Object::new());
            }
            Some(place.as_object_mut()?.entry(*name).or_insert(Value::Null))
        }
        Step::Item(at) => {
            if place.is_null() {
                *place = Value::Array(Vec::new());
            }
            let items = place.as_array_mut()?;
            if *at >= items.len() {
                if *at - items.len() > MOST_LEFT_OUT {
                    return None;
                }
                items.resize(*at + 1, Value::Null);
            }
            items.get_mut(*at)
        }
    }
}

/// Returns the value of a fragment.
fn value(piece: &Object) -> Option<Value> {
    if let Some(text) = field(piece, "stringValue").and_then(Value::as_str) {
        return Some(Value::from(text));
    }
    if let Some(number) = field(piece, "numberValue").filter(|number| number.is_number()) {
        return Some(integral(number));
    }
    let flag = field(piece, "boolValue").and_then(Value::as_bool).map(Value::from);
    // An absent value and `nullValue` mean the same.
    flag.or_else(|| piece.keys().any(|key| super::is_spelled(key, "nullValue")).then_some(Value::Null))
}

/// Converts a float without a fractional part to an integer.
fn integral(number: &Value) -> Value {
    match number.as_f64() {
        // `f64` represents every whole number up to this limit exactly.
        #[allow(clippy::cast_possible_truncation)]
        Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
            Value::Number(Number::from(float as i64))
        }
        _ => number.clone(),
    }
}

/// Returns `true` if more fragments of a function call will follow.
pub(super) fn continues(part: &Value) -> bool {
    let call = field_of(part, "functionCall");
    call.and_then(|call| field_of(call, "willContinue")).and_then(Value::as_bool).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::whole;

    fn of(pieces: &Value) -> Value {
        Value::Object(whole(pieces.as_array().unwrap()))
    }

    #[test]
    fn fragments_are_stored_at_their_paths() {
        let pieces = json!([
            {"jsonPath": "$.city", "stringValue": "Be", "willContinue": true},
            {"jsonPath": "$.city", "stringValue": "rn"},
            {"jsonPath": "$.days[0].n", "numberValue": 3.0},
            {"json_path": "$['days'][1]", "bool_value": true},
            {"jsonPath": "$.rest", "nullValue": null},
            {"jsonPath": "$.half", "numberValue": 0.5},
        ]);
        let expected = json!({"city": "Bern", "days": [{"n": 3}, true], "rest": null, "half": 0.5});
        assert_eq!(of(&pieces), expected);
    }

    #[test]
    fn fragments_with_invalid_paths_are_skipped() {
        let deep = format!("${}", ".a".repeat(1_000));
        let pieces = json!([
            {"jsonPath": "$.list[1000000000]", "stringValue": "far"},
            {"jsonPath": "$.list[-1]", "stringValue": "before"},
            {"jsonPath": deep, "stringValue": "deep"},
            {"jsonPath": "city", "stringValue": "no root"},
            {"jsonPath": "$", "stringValue": "the root"},
            {"jsonPath": "$.city", "stringValue": "Bern"},
            {"jsonPath": "$.city.name", "stringValue": "below a text"},
            {"jsonPath": "$.open[0", "stringValue": "not closed"},
            {"stringValue": "no path"}, 7, null,
        ]);
        assert_eq!(of(&pieces), json!({"list": [], "city": "Bern"}));
    }
}
