//! `compare_requests`: what differs between two requests.

use std::fmt::Write as _;

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Value, json};

use super::request::missing;
use super::text::{named, quoted};
use super::tool::{Answer, Database, Definition, Refusal, parameters, read_arguments, request_id};
use crate::comparison::{self, Compared, Marked, Pair, Section};
use crate::format;

/// The maximum number of characters of a text that both requests have. Of a longer one, the ends are returned.
const LONGEST_EQUAL: usize = 200;

/// The maximum number of characters of a text that one of the requests has.
const LONGEST_CHANGED: usize = 2_000;

/// The maximum number of facts. Further ones are counted.
const MOST_DIFFERENCES: usize = 100;

/// The maximum number of characters of all messages. Further messages are counted.
const LONGEST: usize = 40_000;

pub(super) const TOOL: Definition = Definition {
    name: "compare_requests",
    title: "Compare two logged requests",
    description: "Returns what differs between two requests: the facts (model, parameters, template, tokens, cost, error, \
        metadata, scores), and the messages of the prompts and of the answers with the words that only one of them has. \
        Long equal texts are shortened, and messages beyond 40,000 characters are left out: get_request returns them \
        whole. In the text, [-words-] are only in request a, and [+words+] only in request b.",
    parameters: || {
        parameters([
            ("a", request_id("The id of the first request, as search_requests returns it.")),
            ("b", request_id("The id of the second request.")),
        ])
    },
    required: &["a", "b"],
    run,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(deserialize_with = "crate::integer::required")]
    a: i64,
    #[serde(deserialize_with = "crate::integer::required")]
    b: i64,
}

fn run(database: &Database, arguments: JsonObject) -> Result<Answer, Refusal> {
    let Arguments { a, b } = read_arguments(arguments)?;
    let (one, other) = database.read(|store| {
        let one = comparison::read(store, a)?.ok_or_else(|| missing(a))?;
        let other = comparison::read(store, b)?.ok_or_else(|| missing(b))?;
        Ok((one, other))
    })?;
    let Compared { mut differences, sections } = Compared::new(&one, &other);
    let left_out = differences.len().saturating_sub(MOST_DIFFERENCES);
    differences.truncate(MOST_DIFFERENCES);

    let mut text = format!("request {a} is a, request {b} is b\n");
    if differences.is_empty() {
        text.push_str("All facts are equal.\n");
    }
    for difference in &differences {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{} differs:\n{}{}",
            named(&difference.name),
            quoted(&format!("a: {}", difference.a)),
            quoted(&format!("b: {}", difference.b))
        );
    }
    if left_out > 0 {
        let _ = writeln!(text, "{left_out} more facts differ; get_request returns them");
    }
    let mut room = LONGEST;
    let sections: Vec<Value> =
        sections.iter().map(|section| section_json(section, &mut text, &mut room)).collect();
    let differences: Vec<Value> = differences
        .into_iter()
        .map(|difference| json!({ "name": difference.name, "a": difference.a, "b": difference.b }))
        .collect();
    let structured = json!({
        "a": a, "b": b, "differences": differences, "left_out_differences": left_out, "sections": sections,
    });
    Ok(Answer { text, structured })
}

/// Returns the messages of a section as JSON, and appends them to the text. `room` is the number of characters that are
/// left for messages.
fn section_json(section: &Section, text: &mut String, room: &mut usize) -> Value {
    let _ = writeln!(text, "\n{}: {}", section.title, if section.is_equal { "equal" } else { "different" });
    let (mut messages, mut left_out) = (Vec::new(), 0_usize);
    for pair in &section.pairs {
        let (json, shown) = match pair {
            Pair::Equal(said) => {
                let beginning = format::cut(&said.text, LONGEST_EQUAL);
                let shown = format!("{} in both:\n{}", named(&said.role), quoted(&beginning));
                (json!({ "is_equal": true, "role": said.role, "text": beginning }), shown)
            }
            Pair::Different { a, b } => {
                let mut shown = String::new();
                for (name, signs, side) in [("a", ("[-", "-]"), a), ("b", ("[+", "+]"), b)] {
                    let Some(marked) = side else { continue };
                    let _ = write!(
                        shown,
                        "{} in {name}:\n{}",
                        named(&marked.role),
                        quoted(&joined(marked, signs))
                    );
                }
                let side = |marked: &Option<Marked>| marked.as_ref().map(marked_json);
                (json!({ "is_equal": false, "a": side(a), "b": side(b) }), shown)
            }
        };
        match room.checked_sub(shown.chars().count()) {
            Some(rest) if left_out == 0 => {
                *room = rest;
                text.push_str(&shown);
                messages.push(json);
            }
            _ => left_out += 1,
        }
    }
    if left_out > 0 {
        let _ = writeln!(text, "{left_out} more messages were left out; get_request returns them");
    }
    json!({
        "title": section.title, "is_equal": section.is_equal, "messages": messages, "left_out_messages": left_out,
    })
}

/// Returns the text of a message with signs around the parts that only it has.
fn joined(marked: &Marked, (open, close): (&str, &str)) -> String {
    let parts = marked.parts.iter().map(|(is_changed, part)| {
        let part = shortened(*is_changed, part);
        if *is_changed { format!("{open}{part}{close}") } else { part }
    });
    parts.collect()
}

fn marked_json(marked: &Marked) -> Value {
    let parts: Vec<Value> = marked
        .parts
        .iter()
        .map(|(is_changed, part)| json!({ "is_changed": is_changed, "text": shortened(*is_changed, part) }))
        .collect();
    json!({ "role": marked.role, "parts": parts })
}

/// Returns the ends of a text that is too long.
fn shortened(is_changed: bool, text: &str) -> String {
    let most = if is_changed { LONGEST_CHANGED } else { LONGEST_EQUAL };
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let begin: String = text.chars().take(most / 2).collect();
    let end: String = text.chars().skip(count - most / 2).collect();
    format!("{begin} … ({} characters) … {end}", format::size(count - most / 2 * 2))
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn long_texts_keep_their_ends() {
        let text = format!("begin{}end", "x".repeat(300));
        let short = shortened(false, &text);
        assert!(
            short.starts_with("begin") && short.ends_with("end") && short.contains("(108 characters)"),
            "{short}"
        );
        assert_eq!(shortened(true, &text), text);
    }
}
