//! OpenAI's image generation and image edits.

use promptlayer_blueprint::providers::{self, Input};
use promptlayer_blueprint::{ContentBlock, LogRequest, OutputMediaContent, OutputMediaType};
use serde_json::{Value, json};

use super::openai_stream::log_of_stream;
use super::{arguments, assistant, lines, log_of, log_of_input, log_of_output, said};

fn request() -> Value {
    json!({"model": "gpt-image-1", "prompt": "a toaster", "n": 2, "size": "1024x1024", "user": null})
}

/// Returns the generated images.
fn images(log: &LogRequest) -> Vec<&OutputMediaContent> {
    let made = assistant(&log.output, 0).content.iter();
    made.map(|block| match block {
        ContentBlock::OutputMedia(image) => image,
        other => panic!("no image: {other:?}"),
    })
    .collect()
}

#[test]
fn images_with_content_become_output_media() {
    let reply = json!({
        "created": 1, "output_format": "webp", "size": "1024x1024", "quality": "high", "background": null,
        "data": [{"b64_json": "UklG"}, {"b64_json": "AAAA", "revised_prompt": "a shiny toaster"}],
        "usage": {"input_tokens": 5, "output_tokens": 4000, "total_tokens": 4005,
            "input_tokens_details": {"text_tokens": 5, "image_tokens": 3}},
    });
    let log = log_of(&request(), &reply);
    assert_eq!(said(&log.input), lines([("user", "a toaster")]));
    assert_eq!(Value::Object(log.parameters.clone()), json!({"n": 2, "size": "1024x1024"}));
    assert_eq!((log.api_type.as_deref(), log.provider.as_str()), (Some("images"), "openai"));
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(4000)));
    assert_eq!(log.metadata["input_image_tokens"], "3");
    let images = images(&log);
    assert_eq!(images[0].url, "data:image/webp;base64,UklG");
    assert_eq!(images[0].mime_type.as_deref(), Some("image/webp"));
    assert_eq!(images[0].media_type, OutputMediaType::Image);
    assert_eq!(
        images[1].provider_metadata.clone().map(Value::Object),
        Some(json!({"size": "1024x1024", "quality": "high", "revised_prompt": "a shiny toaster"}))
    );
}

#[test]
fn images_with_url_keep_it() {
    let log = log_of_output(
        &json!({"created": 1, "data": [{"url": "https://example.org/a.png", "revised_prompt": null}]}),
    );
    assert_eq!(images(&log)[0].url, "https://example.org/a.png");
    assert_eq!(images(&log)[0].provider_metadata, None);
    let pages = json!({"created": 1, "data": [{"url": "https://example.org", "title": "a page"}]});
    let pages = log_of_output(&pages);
    assert_eq!(pages.api_type, None);
    assert!(pages.output.text().contains("a page"));
}

#[test]
fn images_to_edit_are_in_the_user_message() {
    let edit = |field: &str, image: Value| {
        let mut request = request();
        request[field] = image;
        providers::request(Input::Value(request))
    };
    let url = "https://example.org/a.png";
    for (field, image) in [
        ("image", json!(url)),
        ("images", json!([{ "image_url": url }])),
        ("image", json!([{"image_url": {"url": url}}])),
    ] {
        let request = edit(field, image.clone());
        let expected = [ContentBlock::from_text("a toaster"), ContentBlock::from_image_url(url)];
        assert_eq!(request.prompt.unwrap().messages()[0].content(), expected, "{image}");
        assert!(!request.parameters.contains_key(field));
    }
    let file = edit("images", json!([{"file_id": "file-1"}]));
    assert_eq!(file.parameters["images"], json!([{"file_id": "file-1"}]));
    let bytes = edit("image", json!({"bytes": [137, 80, 78, 71], "filename": "a.png"}));
    assert!(!bytes.parameters.contains_key("image"), "{:?}", bytes.parameters);
}

#[test]
fn prompt_without_image_fields_is_a_completion() {
    let api = |request: Value| log_of_input(arguments([("request", request)])).api_type;
    assert_eq!(
        api(json!({"model": "gpt-3.5-turbo-instruct", "prompt": "one"})).as_deref(),
        Some("completions")
    );
    for request in [
        json!({"model": "dall-e-3", "prompt": "one"}),
        json!({"prompt": "one", "response_format": "b64_json"}),
        json!({"model": "flux", "prompt": "one", "size": "512x512"}),
    ] {
        assert_eq!(api(request.clone()).as_deref(), Some("images"), "{request}");
    }
}

#[test]
fn streamed_image_is_the_final_or_last_partial_one() {
    let partial = |data: &str| json!({"type": "image_generation.partial_image", "b64_json": data, "output_format": "jpeg"});
    let whole = json!({
        "type": "image_generation.completed", "b64_json": "CCCC", "created_at": 7, "output_format": "jpeg",
        "usage": {"input_tokens": 5, "output_tokens": 40},
    });
    let log = log_of_stream(&request(), &[partial("AAAA"), partial("BBBB"), whole]);
    assert_eq!(images(&log).len(), 1);
    assert_eq!(images(&log)[0].url, "data:image/jpeg;base64,CCCC");
    assert_eq!((log.input_tokens, log.output_tokens), (Some(5), Some(40)));
    let mut cut = partial("BBBB");
    cut["created_at"] = json!(7);
    let log = log_of_stream(&request(), &[partial("AAAA"), cut]);
    assert_eq!(images(&log)[0].url, "data:image/jpeg;base64,BBBB");
}

#[test]
fn edit_request_with_image_urls_is_detected() {
    let images = json!([{"image_url": "https://example.org/a.png"}]);
    let log = log_of_input(arguments([(
        "request",
        json!({"model": "gpt-image-1", "prompt": "make it blue", "images": images}),
    )]));
    assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("openai", Some("images")));
    let content = log.input.messages()[0].content();
    assert_eq!(content[1], ContentBlock::from_image_url("https://example.org/a.png"));
    let ollama = json!({"model": "llava", "prompt": "what is this?", "images": ["iVBOR"]});
    assert_eq!(log_of_input(arguments([("request", ollama)])).provider, "ollama", "its images are texts");
}

#[test]
fn image_without_date_is_detected_and_priced() {
    for image in [
        json!({"b64_json": "AAAA", "mime_type": "image/png"}),
        json!({"url": "https://example.org/a.png", "mime_type": "image/png"}),
    ] {
        let log = log_of_output(&json!({"data": [image], "usage": {"cost_in_usd_ticks": 700_000_000}}));
        assert_eq!((log.provider.as_str(), log.api_type.as_deref()), ("xai", Some("images")));
        assert_eq!((images(&log).len(), log.price), (1, Some(0.07)), "{image}");
    }
    let pages = log_of_output(&json!({"data": [{"url": "https://example.org"}]}));
    assert_eq!(pages.api_type, None);
}
