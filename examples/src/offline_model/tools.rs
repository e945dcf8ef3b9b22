//! Decides which tools to call, and with which arguments.

use serde_json::{Map, Value, json};

use super::request::Chat;

/// A tool call of the model.
#[derive(Debug, PartialEq)]
pub(super) struct ToolCall {
    pub(super) name: String,
    /// A JSON object as text, as the API requires.
    pub(super) arguments: String,
}

/// Returns the tool calls for a request. There are none unless the last message is from the user.
///
/// The response to a tool result must be a text. Otherwise a program that loops until there are no more tool
/// calls would not end.
pub(super) fn calls(request: &Chat) -> Vec<ToolCall> {
    let Some(last) = request.messages.last().filter(|message| message.role == "user") else {
        return Vec::new();
    };
    let tools: Vec<_> = request.tools.iter().filter_map(|tool| tool.get("function")).collect();
    let mut wanted: Vec<_> = match &request.tool_choice {
        Value::String(mode) if mode == "none" => Vec::new(),
        Value::Object(choice) => {
            let chosen = choice.get("function").and_then(|function| function.get("name"));
            tools.iter().filter(|tool| tool.get("name") == chosen).copied().collect()
        }
        choice => {
            let mut wanted = mentioned(&tools, &last.text);
            if wanted.is_empty() && choice == "required" {
                wanted.extend(tools.first());
            }
            wanted
        }
    };
    if !request.parallel_tool_calls {
        wanted.truncate(1);
    }
    wanted.into_iter().filter_map(|tool| call(tool, &last.text)).collect()
}

/// Returns the tools whose names the text mentions. If there are none and the text mentions the weather,
/// returns the tool for it.
fn mentioned<'a>(tools: &[&'a Value], text: &str) -> Vec<&'a Value> {
    let text = text.to_lowercase();
    let name = |tool: &Value| tool.get("name").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let named: Vec<_> = tools
        .iter()
        .filter(|tool| {
            let name = name(tool);
            !name.is_empty() && (text.contains(&name) || text.contains(&name.replace('_', " ")))
        })
        .copied()
        .collect();
    if !named.is_empty() || !text.contains("weather") {
        return named;
    }
    let weather = tools.iter().find(|tool| name(tool).contains("weather")).or(tools.first());
    weather.copied().into_iter().collect()
}

fn call(tool: &Value, text: &str) -> Option<ToolCall> {
    let name = tool.get("name")?.as_str()?.to_owned();
    let arguments = match tool.get("parameters") {
        Some(schema) => object(schema, text),
        None => json!({}),
    };
    Some(ToolCall { name, arguments: arguments.to_string() })
}

/// Returns an object with the required properties of the schema, or with all properties if none is required.
fn object(schema: &Value, text: &str) -> Value {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return json!({});
    };
    let required: Vec<_> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let chosen =
        properties.iter().filter(|(name, _)| required.is_empty() || required.contains(&name.as_str()));
    Value::Object(
        chosen.map(|(name, schema)| (name.clone(), value(name, schema, text))).collect::<Map<_, _>>(),
    )
}

fn value(name: &str, schema: &Value, text: &str) -> Value {
    if let Some(fixed) = schema.get("const").or_else(|| schema.get("default")) {
        return fixed.clone();
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let lower = text.to_lowercase();
        let said =
            |choice: &&Value| choice.as_str().is_some_and(|choice| lower.contains(&choice.to_lowercase()));
        return choices.iter().find(said).or_else(|| choices.first()).cloned().unwrap_or_default();
    }
    match kind(schema) {
        "integer" => json!(number(text).and_then(|number| number.parse::<i64>().ok()).unwrap_or(1)),
        "number" => json!(number(text).and_then(|number| number.parse::<f64>().ok()).unwrap_or(1.0)),
        "boolean" => json!(true),
        "null" => Value::Null,
        "array" => json!([value(name, schema.get("items").unwrap_or(&Value::Null), text)]),
        "object" => object(schema, text),
        _ => json!(string(name, text)),
    }
}

/// Returns the type of the schema. If it has several, returns the first one that is not null.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("string")
        }
        _ => "string",
    }
}

/// Returns a string argument: the text after "in" for a location, otherwise the whole text of the user.
fn string<'a>(name: &str, text: &'a str) -> &'a str {
    let name = name.to_lowercase();
    let place =
        ["location", "city", "place", "town", "country", "where"].iter().any(|word| name.contains(word));
    let named = || {
        let (_, after) = text.split_once(" in ")?;
        let end = after.find(['?', '!', '.', ';', '\n']).unwrap_or(after.len());
        after.get(..end).map(str::trim).filter(|named| !named.is_empty())
    };
    place.then(named).flatten().unwrap_or(text)
}

/// Returns the first number in the text.
fn number(text: &str) -> Option<&str> {
    text.split(|character: char| !character.is_ascii_digit()).find(|digits| !digits.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_follow_the_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": { "type": "string" },
                "unit": { "type": "string", "enum": ["fahrenheit", "celsius"] },
                "days": { "type": "integer" },
                "detailed": { "type": ["null", "boolean"] },
                "stations": { "type": "array", "items": { "type": "object", "properties": { "limit": { "const": 7 } } } },
            }
        });
        assert_eq!(
            object(&schema, "The weather in Paris, France? In celsius, for 3 days."),
            json!({
                "city": "Paris, France",
                "unit": "celsius",
                "days": 3,
                "detailed": true,
                "stations": [{ "limit": 7 }],
            })
        );
    }

    #[test]
    fn only_required_properties_are_given_if_there_are_any() {
        let schema = json!({
            "properties": { "query": { "type": "string" }, "page": { "type": "integer" } },
            "required": ["query"],
        });
        assert_eq!(object(&schema, "toasters"), json!({ "query": "toasters" }));
    }
}
