//! `/library-get-prompt-template` and `/library-publish-prompt-template`: templates in the form of LangChain, for
//! PromptLayer's older Python client.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::{JsonBody, offload};
use super::error::ApiError;
use super::problem::Place;
use super::{publish, query, rules, templates};
use crate::app::App;
use crate::json_text::JsonText;
use crate::store::NewTemplate;

/// LangChain's name of a template with one text.
const TEXT: &str = "prompt";
/// The older client's name of a template with messages.
const CHAT: &str = "chat_promptlayer_langchain";
/// Fields of LangChain that are stored and returned as they are.
const KEPT: &[&str] = &["output_parser", "partial_variables", "validate_template"];

/// Returns the value of a kept field that is not stored.
fn default_of(name: &str) -> Value {
    match name {
        "partial_variables" => json!({}),
        "validate_template" => json!(false),
        _ => Value::Null,
    }
}

/// Handles `GET /library-get-prompt-template`.
pub(super) async fn read(
    State(app): State<App>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, ApiError> {
    let Some(name) = query::given(&query, "prompt_name").map(str::to_owned) else {
        let place = Place::QUERY;
        return Err(ApiError::invalid(&place.field("prompt_name"), "missing", "this field is required"));
    };
    let (number, label) = query::version_in(&query)?;
    let limit = app.body_limit();
    let version = app
        .store()
        .read(move |store| templates::find_resolved(store, &name, number, label.as_deref(), limit))
        .await?;
    Ok(Json(json!({
        "success": true,
        "id": version.template_id,
        "version": version.number,
        "prompt_template": to_langchain(version.prompt),
        "metadata": version.metadata,
        "tags": version.tags,
        "commit_message": version.commit_message,
    })))
}

#[derive(Deserialize)]
struct Publish {
    prompt_name: String,
    prompt_template: Value,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    commit_message: Option<String>,
    #[serde(default)]
    metadata: Option<JsonText>,
}

/// Handles `POST /library-publish-prompt-template`.
pub(super) async fn publish(State(app): State<App>, body: JsonBody) -> Result<Json<Value>, ApiError> {
    let (body, _share): (Publish, _) = body.parse(&rules::LEGACY_PUBLISH).await?;
    let prompt = offload(move || {
        let prompt = from_langchain(body.prompt_template);
        let place = Place::BODY;
        rules::check_prompt(&prompt, &place.field("prompt_template"))?;
        Ok::<_, ApiError>(JsonText::from(&prompt))
    })
    .await??;
    let template = NewTemplate {
        name: body.prompt_name,
        tags: body.tags.unwrap_or_default(),
        prompt,
        metadata: body.metadata,
        commit_message: body.commit_message,
        labels: Vec::new(),
        external_ids: Vec::new(),
    };
    app.store()
        .write(move |store| {
            let mut answer = publish::publish(store, template)?;
            answer["success"] = json!(true);
            Ok(Json(answer))
        })
        .await
}

/// Converts a template of LangChain. A template in PromptLayer's form stays as it is.
fn from_langchain(template: Value) -> Value {
    let Value::Object(mut template) = template else { return template };
    if template.get("type").is_some_and(|kind| kind == "chat" || kind == "completion") {
        return Value::Object(template);
    }
    let mut prompt = match template.remove("messages") {
        Some(Value::Array(messages)) => {
            let messages: Vec<Value> = messages.into_iter().map(message_from_langchain).collect();
            Map::from_iter([
                ("type".to_owned(), json!("chat")),
                ("messages".to_owned(), Value::Array(messages)),
            ])
        }
        _ => {
            let mut prompt = text_from_langchain(&template);
            prompt.insert("type".to_owned(), json!("completion"));
            prompt
        }
    };
    if let Some(variables @ Value::Array(_)) = template.remove("input_variables") {
        prompt.insert("input_variables".to_owned(), variables);
    }
    for name in KEPT {
        if let Some(value) = template.remove(*name) {
            prompt.insert((*name).to_owned(), value);
        }
    }
    Value::Object(prompt)
}

/// Converts a message, which has its text in the field `prompt`.
fn message_from_langchain(message: Value) -> Value {
    let Value::Object(mut message) = message else { return message };
    let Some(Value::Object(text)) = message.remove("prompt") else { return Value::Object(message) };
    message.extend(text_from_langchain(&text));
    Value::Object(message)
}

/// Returns the content and the format of a text.
fn text_from_langchain(template: &Map<String, Value>) -> Map<String, Value> {
    let text = template.get("template").and_then(Value::as_str).unwrap_or_default();
    let mut holder = Map::from_iter([("content".to_owned(), json!([{ "type": "text", "text": text }]))]);
    for name in ["template_format", "input_variables"] {
        if let Some(value) = template.get(name).filter(|value| !value.is_null()) {
            holder.insert(name.to_owned(), value.clone());
        }
    }
    holder
}

/// Converts a template of PromptLayer.
fn to_langchain(prompt: Value) -> Value {
    let Value::Object(mut prompt) = prompt else { return prompt };
    let kept: Vec<(&str, Value)> =
        KEPT.iter().map(|name| (*name, prompt.remove(*name).unwrap_or_else(|| default_of(name)))).collect();
    let mut template = match prompt.remove("messages") {
        Some(Value::Array(messages)) => {
            let messages: Vec<Value> = messages.into_iter().map(message_to_langchain).collect();
            let mut variables: Vec<&Value> = Vec::new();
            for variable in messages
                .iter()
                .filter_map(|message| message["prompt"]["input_variables"].as_array())
                .flatten()
            {
                if !variables.contains(&variable) {
                    variables.push(variable);
                }
            }
            let variables = prompt.remove("input_variables").unwrap_or_else(|| json!(variables));
            Map::from_iter([
                ("_type".to_owned(), json!(CHAT)),
                ("input_variables".to_owned(), variables),
                ("messages".to_owned(), Value::Array(messages)),
            ])
        }
        _ => text_to_langchain(&prompt),
    };
    for (name, value) in kept {
        template.insert(name.to_owned(), value);
    }
    Value::Object(template)
}

fn message_to_langchain(message: Value) -> Value {
    let Value::Object(mut message) = message else { return message };
    let text = text_to_langchain(&message);
    for name in ["content", "template_format", "input_variables"] {
        message.remove(name);
    }
    message.insert("prompt".to_owned(), Value::Object(text));
    Value::Object(message)
}

/// Returns the text of a message or of a completion, in the form of LangChain.
fn text_to_langchain(holder: &Map<String, Value>) -> Map<String, Value> {
    let blocks = holder.get("content").and_then(Value::as_array).into_iter().flatten();
    let text: String = blocks.filter_map(|block| block["text"].as_str()).collect();
    let format = holder.get("template_format").cloned().unwrap_or_else(|| json!("f-string"));
    let variables = holder.get("input_variables").cloned().unwrap_or_else(|| json!([]));
    Map::from_iter([
        ("_type".to_owned(), json!(TEXT)),
        ("template".to_owned(), json!(text)),
        ("template_format".to_owned(), format),
        ("input_variables".to_owned(), variables),
    ])
}
