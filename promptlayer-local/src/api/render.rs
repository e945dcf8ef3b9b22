//! Fills variables into a template.

use serde_json::{Map, Value};

use super::error::ApiError;

/// Fills in `{name}` in the text of every message or of the completion whose format is f-string.
///
/// A name without a value stays unchanged, which makes missing values visible.
///
/// # Errors
///
/// Returns [`ApiError::RenderedTooLarge`] if the filled texts have more than `limit` bytes in total. A
/// template of a few kilobytes can use a long value thousands of times.
pub(super) fn fill(prompt: &mut Value, variables: &Map<String, Value>, limit: usize) -> Result<(), ApiError> {
    let mut room = limit;
    let filled = if let Some(messages) = prompt.get_mut("messages").and_then(Value::as_array_mut) {
        messages.iter_mut().try_for_each(|message| fill_content(message, variables, &mut room))
    } else {
        fill_content(prompt, variables, &mut room)
    };
    filled.ok_or(ApiError::RenderedTooLarge { limit })
}

/// Fills in the text blocks of a message or of a completion. Both store the format and the content in the
/// same fields.
fn fill_content(holder: &mut Value, variables: &Map<String, Value>, room: &mut usize) -> Option<()> {
    let format = holder.get("template_format").and_then(Value::as_str).unwrap_or("f-string");
    if format != "f-string" {
        return Some(());
    }
    let blocks = holder.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten();
    for block in blocks {
        if let Some(Value::String(text)) = block.get_mut("text") {
            *text = filled(text, variables, room)?;
        }
    }
    Some(())
}

/// Returns the filled text, or `None` if it is longer than the remaining room.
fn filled(template: &str, variables: &Map<String, Value>, room: &mut usize) -> Option<String> {
    let mut text = String::with_capacity(template.len());
    let mut push = |part: &str| {
        *room = room.checked_sub(part.len())?;
        text.push_str(part);
        Some(())
    };
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        push(before)?;
        let value = after.split_once('}').and_then(|(name, behind)| Some((variables.get(name)?, behind)));
        if let Some((value, behind)) = value {
            match value {
                Value::String(value) => push(value)?,
                value => push(&value.to_string())?,
            }
            rest = behind;
        } else {
            push("{")?;
            rest = after;
        }
    }
    push(rest)?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{fill, filled};

    fn variables() -> Map<String, Value> {
        json!({ "product": "toasters", "braces": "{product}", "é": "ok" }).as_object().unwrap().clone()
    }

    #[test]
    fn known_names_are_filled_in_and_all_else_stays() {
        for (template, expected) in [
            ("a company for {product}", "a company for toasters"),
            ("{product}{product}", "toasterstoasters"),
            ("{braces}", "{product}"),
            ("{é}", "ok"),
            ("{missing} {product", "{missing} {product"),
            ("json: {\"a\": {product}}", "json: {\"a\": toasters}"),
            ("unbalanced product}", "unbalanced product}"),
            ("", ""),
        ] {
            assert_eq!(filled(template, &variables(), &mut 100).as_deref(), Some(expected), "{template}");
        }
    }

    #[test]
    fn filled_text_above_the_limit_is_refused() {
        let exact = filled("{product} {product}", &variables(), &mut 17);
        assert_eq!(exact.as_deref(), Some("toasters toasters"));
        assert_eq!(filled("{product} {product}", &variables(), &mut 16), None);
        let block = json!({ "type": "text", "text": "{product}" });
        let mut prompt =
            json!({ "type": "chat", "messages": [{ "role": "user", "content": [block, block] }] });
        assert!(fill(&mut prompt.clone(), &variables(), 16).is_ok());
        assert!(fill(&mut prompt, &variables(), 15).is_err(), "the limit is for all texts together");
    }

    #[test]
    fn only_text_written_as_an_f_string_is_filled_in() {
        let text =
            |text: &str| json!([{ "type": "text", "text": text }, { "type": "thinking", "thinking": text }]);
        let mut prompt = json!({ "type": "chat", "messages": [
            { "role": "user", "content": text("{product}") },
            { "role": "user", "content": text("{product}"), "template_format": "jinja2" },
            { "role": "assistant", "content": null },
        ]});
        fill(&mut prompt, &variables(), 100).unwrap();
        assert_eq!(prompt["messages"][0]["content"][0]["text"], "toasters");
        assert_eq!(prompt["messages"][0]["content"][1]["thinking"], "{product}");
        assert_eq!(prompt["messages"][1]["content"][0]["text"], "{product}");

        let mut prompt = json!({ "type": "completion", "content": text("{product}") });
        fill(&mut prompt, &variables(), 100).unwrap();
        assert_eq!(prompt["content"][0]["text"], "toasters");
    }
}
