//! Bodies of Bedrock's `invoke` in the formats of its models. The model id is in the URL.
//!
//! Only the formats that no other API has are read here. Models of Anthropic have the Messages format, Nova models
//! the one of Converse, and others chat completions.

use serde_json::Value;

use super::content::read_media;
use crate::blueprint::{CompletionPrompt, ContentBlock, Prompt};
use crate::providers::anthropic::INVOCATION_METRICS;
use crate::providers::blocks::image_from_base64;
use crate::providers::finish::Finish;
use crate::providers::json::{Fields, Object};
use crate::providers::merge::{self, Op, Rules};
use crate::providers::reading::{Reply, Request, Shape, UsagePaths};
use crate::providers::{turn, vectors};

/// Text of Titan, Llama, Mistral, Cohere and `DeepSeek` models.
pub(in crate::providers) static INVOKE: Shape = Shape {
    api_type: "invoke",
    family: "amazon.bedrock",
    is_request: |object| {
        !object.has("model") && !prompt(object).is_empty() && OWN_FIELDS.iter().any(|field| object.has(field))
    },
    request: |object| Request::new(&INVOKE, CompletionPrompt::new(prompt(&object)), object, PROMPT_FIELDS),
    is_reply,
    reply: read_reply,
    // An event of a stream has the form of a response.
    is_chunk: is_reply,
    sum: |events| merge::sum(events.into_iter().filter_map(turn::into_object), EVENTS),
    ..Shape::BASE
};

/// Embeddings of Titan models, and of Nova models.
pub(in crate::providers) static EMBEDDINGS: Shape = Shape {
    api_type: "embeddings",
    family: "amazon.bedrock",
    is_request: |object| {
        let is_titan = ["inputText", "inputImage"].iter().any(|input| object.text(input).is_some())
            && object.keys().all(|field| EMBEDDING_FIELDS.contains(&field.as_str()));
        is_titan || (object.has("taskType") && object.object(NOVA_INPUT).is_some())
    },
    request: |mut object| {
        let mut content = prompt(&object);
        content.extend(object.get_mut(NOVA_INPUT).map(take_nova_input).unwrap_or_default());
        Request::new(&EMBEDDINGS, Prompt::user(content), object, PROMPT_FIELDS)
    },
    is_reply: |object| {
        let is_of_nova = |item: &Value| {
            item.text("embeddingType").is_some() && item.as_object().and_then(dimensions).is_some()
        };
        let of_nova = object.list("embeddings");
        (object.count("inputTextTokenCount").is_some() && dimensions(object).is_some())
            || (!of_nova.is_empty() && of_nova.iter().all(is_of_nova))
    },
    reply: |object| {
        let of_nova: Vec<usize> = object.objects("embeddings").filter_map(dimensions).collect();
        let count = of_nova.len().max(1);
        Reply {
            shape: Some(&EMBEDDINGS),
            prompt: Some(vectors::said(count, dimensions(object).into_iter().chain(of_nova))),
            usage: USAGE.read(object),
            ..Reply::default()
        }
    },
    ..Shape::BASE
};

/// The field of a request to a Nova model with the input, and with settings.
const NOVA_INPUT: &str = "singleEmbeddingParams";

/// Moves the input out of the settings of a request to a Nova model. It has one modality.
fn take_nova_input(params: &mut Value) -> Vec<ContentBlock> {
    let mut content = Vec::new();
    for (kind, field) in [("text", "value"), ("image", "source"), ("audio", "source"), ("video", "source")] {
        let Some(input) = params.get_mut(kind) else { continue };
        let block = match kind {
            "text" => input.text(field).map(ContentBlock::from_text),
            kind => read_media(kind, input),
        };
        if block.is_some() {
            input.as_object_mut().map(|input| input.remove(field));
        }
        content.extend(block);
    }
    content
}

/// Fields that, among the requests with a prompt and without a model, only these have: those of Titan, Llama and
/// Cohere models.
const OWN_FIELDS: &[&str] = &["textGenerationConfig", "max_gen_len", "return_likelihoods", "num_generations"];
/// All fields of a request for embeddings.
const EMBEDDING_FIELDS: &[&str] =
    &["inputText", "inputImage", "dimensions", "normalize", "embeddingTypes", "embeddingConfig"];

/// The places of the answers: the list that contains them (empty if the response itself is the answer), the text, the
/// reason why the model stopped, and another field that each of them has.
const ANSWERS: &[[&str; 4]] = &[
    // Titan. The events of its streams have no list.
    ["results", "outputText", "completionReason", "tokenCount"],
    ["", "outputText", "completionReason", "totalOutputTextTokenCount"],
    // Llama.
    ["", "generation", "stop_reason", "generation_token_count"],
    // Mistral.
    ["outputs", "text", "stop_reason", "stop_reason"],
    // Cohere.
    ["generations", "text", "finish_reason", "id"],
    // DeepSeek.
    ["choices", "text", "stop_reason", "stop_reason"],
];
/// Fields of responses with a list of answers. Responses of other APIs with such lists have more.
const BESIDE_ANSWERS: &[&str] = &["id", "prompt", "inputTextTokenCount", INVOCATION_METRICS];

static EVENTS: Rules = &[
    ("outputText", Op::Append),
    ("generation", Op::Append),
    ("outputs", Op::Items(&[("text", Op::Append)])),
    ("choices", Op::Items(&[("text", Op::Append)])),
];

static USAGE: UsagePaths = UsagePaths {
    input: &["inputTextTokenCount", "prompt_token_count", "amazon-bedrock-invocationMetrics.inputTokenCount"],
    output: &[
        "tokenCount",
        "totalOutputTextTokenCount",
        "generation_token_count",
        "amazon-bedrock-invocationMetrics.outputTokenCount",
    ],
    ..UsagePaths::NONE
};

/// Fields of a request that are its prompt.
const PROMPT_FIELDS: &[&str] = &["prompt", "inputText", "images", "inputImage"];

fn prompt(object: &Object) -> Vec<ContentBlock> {
    let text = object.text("inputText").or_else(|| object.text("prompt"));
    let images = object.list("images").iter().filter_map(Value::as_str).chain(object.text("inputImage"));
    // The format of the image is not named. The content of a PNG file always has the same start.
    let image = |content: &str| {
        image_from_base64(if content.starts_with("iVBOR") { "image/png" } else { "image/jpeg" }, content)
    };
    text.map(ContentBlock::from_text).into_iter().chain(images.map(image)).collect()
}

/// Returns the answers in a response, with the names of their fields. The last event of an interrupted stream is
/// missing, and with it some fields.
fn answers(object: &Object, is_complete: bool) -> Option<(Vec<&Object>, &'static [&'static str; 4])> {
    ANSWERS.iter().find_map(|names| {
        let [list, text, _, other] = names;
        let answers: Vec<&Object> =
            if list.is_empty() { vec![object] } else { object.objects(list).collect() };
        let is_alone = list.is_empty()
            || object.keys().all(|field| field == list || BESIDE_ANSWERS.contains(&field.as_str()));
        let is_answer = |answer: &&Object| {
            answer.has_a(text, Value::is_string) && (!is_complete || answer.contains_key(*other))
        };
        (!answers.is_empty() && is_alone && answers.iter().all(is_answer)).then_some((answers, names))
    })
}

fn is_reply(object: &Object) -> bool {
    answers(object, true).is_some()
}

/// Reads a response. Each answer becomes a text block.
fn read_reply(object: &Object) -> Reply {
    let (answers, [_, text, finish, _]) = answers(object, false).unwrap_or((Vec::new(), &[""; 4]));
    let texts: Vec<ContentBlock> =
        answers.iter().filter_map(|answer| answer.text(text)).map(ContentBlock::from_text).collect();
    let finishes = answers.iter().filter_map(|answer| answer.text(finish)).map(Finish::from_word);
    let mut usage = USAGE.read(object);
    if let [only] = answers.as_slice() {
        usage.output = usage.output.or(USAGE.read(only).output);
    }
    Reply {
        shape: Some(&INVOKE),
        prompt: Some(Prompt::assistant(texts)),
        usage,
        finish: Finish::worst(finishes),
        ..Reply::default()
    }
}

/// Vectors that were asked for in other types than numbers are in a separate object.
fn dimensions(object: &Object) -> Option<usize> {
    let by_type = object.object("embeddingsByType").into_iter().flat_map(Object::values);
    object.get("embedding").into_iter().chain(by_type).find_map(vectors::dimensions)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::providers::{Input, Output, request, response};

    #[test]
    fn cohere_embeddings_are_read_without_a_model() {
        let body = json!({"texts": ["one", "two"], "input_type": "search_document", "truncate": "END"});
        let read = request(Input::Value(body));
        assert_eq!(read.shape.map(|shape| (shape.family, shape.api_type)), Some(("cohere", "embed")));
        assert_eq!(read.prompt.map(|prompt| prompt.text()).as_deref(), Some("onetwo"));
        assert_eq!(
            Value::Object(read.parameters),
            json!({"input_type": "search_document", "truncate": "END"})
        );
        let reply =
            json!({"id": "e", "response_type": "embeddings_floats", "embeddings": [[0.5, 1.0], [0.5, 1.0]]});
        let read = response(Output::Value(reply));
        assert_eq!(read.prompt.map(|prompt| prompt.text()).as_deref(), Some("2 embeddings of 2 dimensions"));
        // Another type of input, and an input type of an application.
        let other = request(Input::Value(json!({"texts": ["one"], "input_type": "csv"})));
        assert!(other.shape.is_none());
    }

    #[test]
    fn nova_embeddings_are_read() {
        let body = |content: Value| {
            let mut params = json!({"embeddingPurpose": "GENERIC_INDEX", "embeddingDimension": 2});
            params.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
            json!({"schemaVersion": "nova-multimodal-embed-v1", "taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params})
        };
        let read =
            request(Input::Value(body(json!({"text": {"truncationMode": "END", "value": "The sky"}}))));
        assert_eq!(
            read.shape.map(|shape| (shape.family, shape.api_type)),
            Some(("amazon.bedrock", "embeddings"))
        );
        assert_eq!(read.prompt.map(|prompt| prompt.text()).as_deref(), Some("The sky"));
        assert_eq!(Value::Object(read.parameters), body(json!({"text": {"truncationMode": "END"}})));
        let read =
            request(Input::Value(body(json!({"image": {"format": "png", "source": {"bytes": "iVBORAA"}}}))));
        let image = ContentBlock::from_image_url("data:image/png;base64,iVBORAA");
        assert_eq!(read.prompt, Some(Prompt::user(image)));
        assert_eq!(Value::Object(read.parameters), body(json!({"image": {"format": "png"}})));

        let reply = json!({"embeddings": [{"embeddingType": "TEXT", "embedding": [0.5, 1.0]}]});
        let read = response(Output::Value(reply));
        assert_eq!(read.shape.map(|shape| shape.family), Some("amazon.bedrock"));
        assert_eq!(read.prompt.map(|prompt| prompt.text()).as_deref(), Some("1 embedding of 2 dimensions"));
    }
}
