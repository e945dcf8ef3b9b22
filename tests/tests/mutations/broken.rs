//! The mutations of an exchange.

use serde_json::{Map, Value, json};
use tests::fixtures::Given;
use tests::random::Random;

use crate::exchanges::Exchange;

/// The maximum number of mutations of one exchange.
const AT_ONCE: usize = 4;
/// The depth added by one nesting mutation. It is the greatest depth that can still be parsed.
const DEEP: usize = 60;
/// Indexes that exceed every list.
const HUGE: [u64; 4] = [1_000_000_000, u32::MAX as u64, u64::MAX, 1 << 20];
/// Words with a meaning in some places. Mutations put them in other places.
const WORDS: [&str; 14] = [
    "type",
    "role",
    "content",
    "text",
    "index",
    "tool_calls",
    "function",
    "arguments",
    "parts",
    "usage",
    "message",
    "assistant",
    "stop",
    "",
];

impl Exchange {
    /// Applies one or more mutations.
    pub(crate) fn break_by(&mut self, random: &mut Random) {
        for _ in 0..=random.below(AT_ONCE) {
            match random.below(5) {
                0 | 1 => break_value(&mut self.request, random),
                2 if random.below(20) == 0 => self.given = text_of(&self.given, random),
                2 if random.below(20) == 0 => {
                    self.request = cut_text(&self.request.to_string(), random).into();
                }
                _ => self.break_answer(random),
            }
        }
    }

    fn break_answer(&mut self, random: &mut Random) {
        match &mut self.given {
            Given::Whole(reply) => break_value(reply, random),
            Given::Events(events) if random.below(3) == 0 => break_list(events, random),
            Given::Events(events) if !events.is_empty() => {
                let at = random.below(events.len());
                break_value(&mut events[at], random);
            }
            _ => {}
        }
    }
}

/// Replaces the response by its text, cut short, or by the pieces of that text.
fn text_of(given: &Given, random: &mut Random) -> Given {
    match given {
        Given::Whole(reply) => Given::Body(cut_text(&reply.to_string(), random)),
        Given::Events(events) => {
            let events: Vec<String> = events.iter().map(|event| format!("data: {event}\n\n")).collect();
            let body = events.concat();
            let body = cut_text(&body, random);
            let middle = body.len() - cut_text(&body, random).len();
            Given::Bytes(vec![body.as_bytes()[..middle].to_vec(), body.as_bytes()[middle..].to_vec()])
        }
        other => other.clone(),
    }
}

fn cut_text(text: &str, random: &mut Random) -> String {
    text.chars().take(random.below(text.len())).collect()
}

/// Descends to a random place in a value and mutates it.
fn break_value(value: &mut Value, random: &mut Random) {
    let inside = match value {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        _ => 0,
    };
    // There are more places at greater depths, so it descends with a probability of 80 %.
    if inside > 0 && random.below(5) > 0 {
        let at = random.below(inside);
        match value {
            Value::Array(items) => return break_value(&mut items[at], random),
            Value::Object(fields) => return break_value(fields.values_mut().nth(at).unwrap(), random),
            _ => {}
        }
    }
    match (value, random.below(3)) {
        (Value::Array(items), 0 | 1) => break_list(items, random),
        (Value::Object(fields), 0 | 1) => break_fields(fields, random),
        (Value::String(text), 0) => *text = cut_text(text, random),
        (Value::Number(number), 0 | 1) => *number = (*random.pick(&HUGE)).into(),
        (value, _) => swap(value, random),
    }
}

/// Drops, duplicates and moves items.
fn break_list(items: &mut Vec<Value>, random: &mut Random) {
    if items.is_empty() {
        return items.push(Value::Null);
    }
    let (at, other) = (random.below(items.len()), random.below(items.len()));
    match random.below(6) {
        0 => drop(items.remove(at)),
        1 => items.insert(other, items[at].clone()),
        2 => items.swap(at, other),
        3 => items.truncate(at),
        4 => items.reverse(),
        _ => items.extend(items.clone()),
    }
}

/// Drops, renames and duplicates fields.
fn break_fields(fields: &mut Map<String, Value>, random: &mut Random) {
    let Some(name) = fields.keys().nth(random.below(fields.len())).cloned() else {
        fields.insert((*random.pick(&WORDS)).to_owned(), Value::Null);
        return;
    };
    let new = (*random.pick(&WORDS)).to_owned();
    match random.below(4) {
        0 => drop(fields.remove(&name)),
        1 => {
            let value = fields.remove(&name).unwrap();
            fields.insert(new, value);
        }
        2 => {
            let value = fields[&name].clone();
            fields.insert(new, value);
        }
        _ => {
            fields.insert("index".to_owned(), (*random.pick(&HUGE)).into());
        }
    }
}

/// Replaces a value by one of another type.
fn swap(value: &mut Value, random: &mut Random) {
    let old = value.take();
    *value = match random.below(12) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(*random.pick(&HUGE)),
        3 => json!(-1.5e300),
        4 => json!(*random.pick(&WORDS)),
        5 => json!([]),
        6 => json!({}),
        7 => Value::Array(vec![old]),
        8 => inside(WORDS[random.below(WORDS.len())], old),
        9 => Value::String(old.to_string()),
        10 => (0..random.below(DEEP)).fold(old, |value, _| Value::Array(vec![value])),
        _ => (0..random.below(DEEP)).fold(old, |value, _| inside("content", value)),
    };
}

/// Returns an object with one field.
fn inside(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}
