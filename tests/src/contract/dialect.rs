//! Translates the schemas of an `OpenAPI` document to JSON Schema.

use serde_json::{Map, Value, json};

/// Keywords whose value is a schema, a list of schemas, or a map of schemas. The value of any other keyword,
/// such as an example, is not translated, even if it looks like a schema.
const ONE: [&str; 11] = [
    "items",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "contains",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
];
const LIST: [&str; 4] = ["oneOf", "anyOf", "allOf", "prefixItems"];
const BY_NAME: [&str; 4] = ["properties", "patternProperties", "$defs", "dependentSchemas"];

/// The name of the schema for the request log inside a span, which may omit its times.
const INHERITING: &str = "LogRequestInsideSpan";
const LOG_REQUEST: &str = "#/components/schemas/LogRequest";

/// Allows the request log inside a span to omit its times.
///
/// The schema of a request log requires them. But according to the description of the request log inside a
/// span, omitted times are those of the span, and an example in the document omits them. If the document has
/// no such schemas, it is not changed.
pub(super) fn inherit_times(document: &mut Value) {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else {
        return;
    };
    let Some(mut log) = schemas.get("LogRequest").cloned() else {
        return;
    };
    if let Some(Value::Array(required)) = log.get_mut("required") {
        required.retain(|field| field != "request_start_time" && field != "request_end_time");
    }
    let inside = schemas.get_mut("Span").and_then(|span| span.pointer_mut("/properties/log_request"));
    let Some(inside) = inside else {
        return;
    };
    redirect(inside, &format!("#/components/schemas/{INHERITING}"));
    schemas.insert(INHERITING.to_owned(), log);
}

/// Replaces every reference to the schema of a request log by `target`.
fn redirect(schema: &mut Value, target: &str) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "$ref" && value == LOG_REQUEST {
                    *value = Value::from(target);
                } else {
                    redirect(value, target);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, target)),
        _ => {}
    }
}

/// Translates a schema to JSON Schema.
pub(super) fn translate(schema: &Value) -> Value {
    let Value::Object(fields) = schema else {
        return schema.clone();
    };
    let inside = fields.iter().map(|(name, value)| (name.clone(), translate_keyword(name, value))).collect();
    allow_null(overlap(discriminate(inside)))
}

fn translate_keyword(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(schemas) if BY_NAME.contains(&name) => {
            schemas.iter().map(|(name, schema)| (name.clone(), translate(schema))).collect()
        }
        Value::Array(schemas) if LIST.contains(&name) => schemas.iter().map(translate).collect(),
        schema if ONE.contains(&name) => translate(schema),
        value => value.clone(),
    }
}

/// Replaces a choice with a discriminator by an equivalent: the discriminator is required, must have a known
/// value, and this value decides which schema applies.
///
/// As a plain choice, a body with one small error would match none of twenty schemas, or two at once if the
/// discriminator is optional. The error message would not name the error.
fn discriminate(mut schema: Map<String, Value>) -> Map<String, Value> {
    let Some(discriminator) = schema.remove("discriminator") else {
        return schema;
    };
    let name = discriminator.get("propertyName").and_then(Value::as_str);
    let mapping = discriminator.get("mapping").and_then(Value::as_object);
    let (Some(name), Some(mapping)) = (name, mapping) else {
        return schema;
    };
    schema.remove("oneOf");
    schema.remove("anyOf");
    let values: Vec<_> = mapping.keys().collect();
    let branch = |(value, target): (&String, &Value)| {
        json!({
            "if": { "required": [name], "properties": { name: { "const": value } } },
            "then": { "$ref": target },
        })
    };
    let branches: Vec<_> = mapping.iter().map(branch).collect();
    let decided = json!({
        "type": "object",
        "required": [name],
        "properties": { name: { "enum": values } },
        "allOf": branches,
    });
    require(&mut schema, decided);
    schema
}

/// Adds a schema that must also be met.
fn require(schema: &mut Map<String, Value>, also: Value) {
    if let Some(all) = schema.entry("allOf").or_insert_with(|| json!([])).as_array_mut() {
        all.push(also);
    }
}

/// Replaces the remaining `oneOf` keywords by `anyOf`.
///
/// This is what the document means. For example, its 422 response is one of two schemas, and a body that
/// meets the first (an object with details) always meets the second (any object).
fn overlap(mut schema: Map<String, Value>) -> Map<String, Value> {
    if let Some(choices) = schema.remove("oneOf") {
        require(&mut schema, json!({ "anyOf": choices }));
    }
    schema
}

/// Translates `nullable` as in `OpenAPI` 3.0. The document claims to be version 3.1, in which the keyword has
/// no meaning.
fn allow_null(mut schema: Map<String, Value>) -> Value {
    match schema.remove("nullable") {
        Some(Value::Bool(true)) => json!({ "anyOf": [schema, { "type": "null" }] }),
        _ => Value::Object(schema),
    }
}
