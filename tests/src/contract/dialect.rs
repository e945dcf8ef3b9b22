//! From the schemas of an `OpenAPI` document to those of JSON Schema.

use serde_json::{Map, Value, json};

/// Keywords whose value is a schema, a list of schemas, or schemas by name. What is inside any other keyword, an
/// example say, is a value, and stays as it is whatever it looks like.
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

/// The name under which the request log inside a span is kept: one that may leave out its times.
const INHERITING: &str = "LogRequestInsideSpan";
const LOG_REQUEST: &str = "#/components/schemas/LogRequest";

/// Lets the request log inside a span leave out its times.
///
/// The schema of a request log requires them, while the description of the one inside a span says that times left out
/// are those of the span; an example of the document leaves them out. Where the document has no such schemas, nothing
/// is changed.
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

/// Points every reference to a request log elsewhere.
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

/// The same schema in JSON Schema.
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

/// Replaces a choice with a discriminator by what it means: the discriminator must be there, must have a known value,
/// and that value decides which schema holds.
///
/// Left as a choice, a body with one small fault would meet none of twenty schemas, or, where the discriminator may be
/// left out, two at once; and what the fault is could not be told.
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

/// Demands this too, beside all else.
fn require(schema: &mut Map<String, Value>, also: Value) {
    if let Some(all) = schema.entry("allOf").or_insert_with(|| json!([])).as_array_mut() {
        all.push(also);
    }
}

/// Reads what is left of `oneOf` as "one of these, or more".
///
/// The document means that much: its answer of status 422 is one of two schemas, and what meets the first, an object
/// with details, always meets the second, an object with anything.
fn overlap(mut schema: Map<String, Value>) -> Map<String, Value> {
    if let Some(choices) = schema.remove("oneOf") {
        require(&mut schema, json!({ "anyOf": choices }));
    }
    schema
}

/// Reads `nullable` as `OpenAPI` 3.0 does, although the document claims to be 3.1, where it means nothing.
fn allow_null(mut schema: Map<String, Value>) -> Value {
    match schema.remove("nullable") {
        Some(Value::Bool(true)) => json!({ "anyOf": [schema, { "type": "null" }] }),
        _ => Value::Object(schema),
    }
}
