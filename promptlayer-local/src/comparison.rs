//! What differs between two requests, or between two versions of a template: the facts, and the words of the messages.

use std::collections::BTreeMap;
use std::time::Duration;

use promptlayer_blueprint::providers::TIME_TO_FIRST_CHUNK;
use serde_json::Value;
use similar::{Algorithm, ChangeTag, DiffOp, TextDiff, capture_diff_slices};

use crate::format;
use crate::store::{CACHED_TOKENS, REASONING_TOKENS, Reader, RequestRow, StoredRequest};

/// The maximum number of characters that the table shows of a value.
pub(crate) const LONGEST_VALUE: usize = 300;

/// The maximum length of a text whose words are compared, in bytes. Of a longer text, the beginning is compared.
const LONGEST_TEXT: usize = 64 * 1024;

/// The maximum time to compare the words of one message.
const TIME_LIMIT: Duration = Duration::from_millis(100);

/// The maximum number of messages that are compared.
const MOST_MESSAGES: usize = 500;

/// The metadata that are shown as facts.
pub(crate) const METADATA_FACTS: [&str; 3] = [TIME_TO_FIRST_CHUNK, CACHED_TOKENS, REASONING_TOKENS];

/// What differs between two requests.
pub(crate) struct Compared {
    pub(crate) differences: Vec<Difference>,
    /// The inputs and the outputs.
    pub(crate) sections: [Section; 2],
}

/// A fact that differs.
pub(crate) struct Difference {
    pub(crate) name: String,
    pub(crate) a: String,
    pub(crate) b: String,
}

/// The messages of the inputs, or of the outputs.
pub(crate) struct Section {
    /// The heading. Empty for a section below another heading.
    pub(crate) title: &'static str,
    pub(crate) pairs: Vec<Pair>,
    pub(crate) is_equal: bool,
}

/// A message of each request, or one that only one of them has.
pub(crate) enum Pair {
    Equal(Said),
    Different { a: Option<Marked>, b: Option<Marked> },
}

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Said {
    pub(crate) role: String,
    pub(crate) text: String,
}

/// A message in which the parts that the other request does not have are marked.
pub(crate) struct Marked {
    pub(crate) role: String,
    pub(crate) parts: Vec<(bool, String)>,
}

/// Reads a request to compare.
pub(crate) fn read(store: &Reader<'_>, id: i64) -> rusqlite::Result<Option<(StoredRequest, RequestRow)>> {
    Ok(store.request(id)?.zip(store.facts(id)?))
}

impl Compared {
    pub(crate) fn new(a: &(StoredRequest, RequestRow), b: &(StoredRequest, RequestRow)) -> Self {
        Self {
            differences: differences(&facts(a), &facts(b)),
            sections: [
                Section::new("Input", &said(&a.0.input), &said(&b.0.input)),
                Section::new("Output", &said(&a.0.output), &said(&b.0.output)),
            ],
        }
    }
}

/// Returns the facts of a request, in the order of the table.
fn facts((request, row): &(StoredRequest, RequestRow)) -> Vec<(String, String)> {
    let optional = |value: Option<String>| value.unwrap_or_default();
    let mut facts: Vec<(String, String)> = [
        ("Name", request.name.clone()),
        ("Model", request.model.clone()),
        ("Provider", request.provider.clone()),
        ("API", optional(request.api_type.clone())),
        ("Status", request.status.clone()),
        ("Error", optional(request.error_type.clone())),
        ("Error message", optional(request.error_message.clone())),
        ("Latency", format::duration(row.duration_ns)),
        ("First token", optional(row.first_token_ns.map(format::duration))),
        ("Tokens in", format::count(request.input_tokens)),
        ("Tokens out", format::count(request.output_tokens)),
        ("Cost", format::price(row.price)),
        ("Template", optional(request.link.name.clone())),
        ("Template version", optional(request.link.version.map(|version| version.to_string()))),
        ("Tags", request.tags.join(", ")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let of_json = |kind: &'static str, values: &serde_json::Map<String, Value>| -> Vec<(String, String)> {
        values.iter().map(|(name, value)| (format!("{kind}: {name}"), format::inline(value))).collect()
    };
    facts.extend(of_json("Parameter", &request.parameters));
    facts.extend(of_json("Variable", &request.link.variables));
    let metadata = request.metadata.iter().filter(|(key, _)| !METADATA_FACTS.contains(&key.as_str()));
    facts.extend(metadata.map(|(key, value)| (format!("Metadata: {key}"), value.clone())));
    facts.extend(request.scores.iter().map(|(name, score)| (format!("Score: {name}"), score.to_string())));
    facts
}

/// Returns the facts that differ, those of the first request first.
fn differences(a: &[(String, String)], b: &[(String, String)]) -> Vec<Difference> {
    let value = |facts: &BTreeMap<&String, &String>, name: &String| {
        facts.get(name).map(|value| format::cut(value, LONGEST_VALUE)).unwrap_or_default()
    };
    let [of_a, of_b] = [a, b].map(|facts| -> BTreeMap<&String, &String> {
        facts.iter().map(|(name, value)| (name, value)).collect()
    });
    let names = a.iter().chain(b.iter().filter(|(name, _)| !of_a.contains_key(name))).map(|(name, _)| name);
    names
        .filter(|name| of_a.get(name) != of_b.get(name))
        .map(|name| Difference { name: name.clone(), a: value(&of_a, name), b: value(&of_b, name) })
        .collect()
}

/// Returns the messages of a prompt as texts. What is not text is shown as JSON.
pub(crate) fn said(prompt: &Value) -> Vec<Said> {
    let list = |holder: &Value, field: &str| -> Vec<Value> {
        holder.get(field).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text = |holder: &Value| -> String {
        let blocks = list(holder, "content").into_iter().map(|block| {
            match block.get("text").or_else(|| block.get("thinking")).and_then(Value::as_str) {
                Some(text) => text.to_owned(),
                None => format::json(&block),
            }
        });
        let calls = list(holder, "tool_calls").into_iter().map(|call| {
            let function = call.get("function").unwrap_or(&call);
            let field =
                |name: &str| function.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            format!("{}({})", field("name"), format::readable(&field("arguments")))
        });
        blocks.chain(calls).collect::<Vec<_>>().join("\n")
    };
    match prompt.get("messages").and_then(Value::as_array) {
        Some(messages) => messages
            .iter()
            .take(MOST_MESSAGES)
            .map(|message| Said {
                role: message.get("role").and_then(Value::as_str).unwrap_or_default().to_owned(),
                text: text(message),
            })
            .collect(),
        None => vec![Said { role: "completion".to_owned(), text: text(prompt) }],
    }
}

impl Section {
    pub(crate) fn new(title: &'static str, a: &[Said], b: &[Said]) -> Self {
        let range = |said: &[Said], start: usize, length: usize| -> Vec<Said> {
            said.iter().skip(start).take(length).cloned().collect()
        };
        let mut pairs = Vec::new();
        for step in capture_diff_slices(Algorithm::Myers, a, b) {
            match step {
                DiffOp::Equal { old_index, len, .. } => {
                    pairs.extend(range(a, old_index, len).into_iter().map(Pair::Equal));
                }
                DiffOp::Delete { old_index, old_len, .. } => {
                    pairs.extend(
                        range(a, old_index, old_len).into_iter().map(|said| Pair::of(Some(said), None)),
                    );
                }
                DiffOp::Insert { new_index, new_len, .. } => {
                    pairs.extend(
                        range(b, new_index, new_len).into_iter().map(|said| Pair::of(None, Some(said))),
                    );
                }
                DiffOp::Replace { old_index, old_len, new_index, new_len } => {
                    let (old, new) = (range(a, old_index, old_len), range(b, new_index, new_len));
                    for index in 0..old.len().max(new.len()) {
                        pairs.push(Pair::of(old.get(index).cloned(), new.get(index).cloned()));
                    }
                }
            }
        }
        Self { title, is_equal: pairs.iter().all(|pair| matches!(pair, Pair::Equal(_))), pairs }
    }
}

impl Pair {
    /// Marks the words that only one of two messages has. A message without another is marked as a whole.
    fn of(a: Option<Said>, b: Option<Said>) -> Self {
        let (Some(a), Some(b)) = (&a, &b) else {
            let whole = |said: Said| Marked { role: said.role, parts: vec![(true, said.text)] };
            return Self::Different { a: a.map(whole), b: b.map(whole) };
        };
        let (old, new) = (beginning(&a.text), beginning(&b.text));
        let diff = TextDiff::configure().timeout(TIME_LIMIT).diff_unicode_words(old, new);
        let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
        for change in diff.iter_all_changes() {
            match change.tag() {
                ChangeTag::Equal => {
                    push(&mut of_a, false, change.value());
                    push(&mut of_b, false, change.value());
                }
                ChangeTag::Delete => push(&mut of_a, true, change.value()),
                ChangeTag::Insert => push(&mut of_b, true, change.value()),
            }
        }
        let marked = |said: &Said, parts| Some(Marked { role: said.role.clone(), parts });
        Self::Different { a: marked(a, of_a), b: marked(b, of_b) }
    }
}

/// Appends a text to the last part if both are marked or both are not.
fn push(parts: &mut Vec<(bool, String)>, is_marked: bool, text: &str) {
    match parts.last_mut() {
        Some((last, part)) if *last == is_marked => part.push_str(text),
        _ => parts.push((is_marked, text.to_owned())),
    }
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Pair, Said, Section};

    fn said(texts: &[&str]) -> Vec<Said> {
        texts.iter().map(|text| Said { role: "user".to_owned(), text: (*text).to_owned() }).collect()
    }

    /// Returns each pair with the marked parts in brackets.
    fn shown(a: &[&str], b: &[&str]) -> Vec<[String; 2]> {
        let section = Section::new("Input", &said(a), &said(b));
        let side = |marked: &Option<super::Marked>| match marked {
            None => "-".to_owned(),
            Some(marked) => marked
                .parts
                .iter()
                .map(|(is_marked, text)| if *is_marked { format!("[{text}]") } else { text.clone() })
                .collect(),
        };
        let pairs = section.pairs.iter().map(|pair| match pair {
            Pair::Equal(said) => [said.text.clone(), said.text.clone()],
            Pair::Different { a, b } => [side(a), side(b)],
        });
        pairs.collect()
    }

    #[test]
    fn words_that_differ_are_marked() {
        assert_eq!(
            shown(&["Be brief.", "Rain in Oslo today?"], &["Be brief.", "Rain in Bergen today?"]),
            [["Be brief.", "Be brief."], ["Rain in [Oslo] today?", "Rain in [Bergen] today?"]]
                .map(|pair| pair.map(str::to_owned))
        );
    }

    #[test]
    fn message_that_only_one_has_stands_alone() {
        assert_eq!(
            shown(&["a", "b"], &["a", "x y", "b"]),
            [["a", "a"], ["-", "[x y]"], ["b", "b"]].map(|pair| pair.map(str::to_owned))
        );
        assert_eq!(shown(&["a"], &[]), [["[a]", "-"]].map(|pair| pair.map(str::to_owned)));
    }

    #[test]
    fn long_texts_are_compared_in_time() {
        let (a, b) = ("a b c d ".repeat(100_000), "b a d c ".repeat(100_000));
        let begin = std::time::Instant::now();
        shown(&[&a], &[&b]);
        assert!(begin.elapsed() < std::time::Duration::from_secs(20));
    }
}
