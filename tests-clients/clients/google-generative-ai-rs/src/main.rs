//! The cases of `google-generative-ai-rs`. Its types have neither tools' calls nor embeddings.

use std::process::ExitCode;

use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use google_generative_ai_rs::v1::api::{Client, PostResult};
use google_generative_ai_rs::v1::errors::GoogleAPIError;
use google_generative_ai_rs::v1::gemini::request::{
    Request, SystemInstructionContent, SystemInstructionPart,
};
use google_generative_ai_rs::v1::gemini::{Content, Model, Part, ResponseType, Role};
use harness::wire::gemini;
use harness::{Api, Case, KEY, Outcome, QUESTION, SYSTEM};
use promptlayer_tracing::promptlayer;
use serde_json::Value;

const MODEL: &str = "gemini-2.5-flash";
const TIMEOUT_IN_SECONDS: u64 = 30;

fn client() -> harness::Client {
    let generate = Api::new("generateContent", gemini::generate_content_in_array(MODEL))
        .needs("`model = …`, because only the client has the model, and a function that returns the stream in the response")
        .case(Case::Reply, reply)
        .case(Case::Stream, stream)
        .case(Case::Error, reply);
    harness::Client::new(env!("CARGO_PKG_NAME"), "google-generative-ai-rs").api(generate)
}

#[promptlayer(model = MODEL)]
async fn generate(client: &Client, request: &Request) -> Result<PostResult, GoogleAPIError> {
    client.post(TIMEOUT_IN_SECONDS, request).await
}

#[promptlayer(model = MODEL)]
async fn generate_stream(
    client: &Client,
    request: &Request,
) -> Result<impl Stream<Item = Result<Value, String>> + use<>, GoogleAPIError> {
    let response = client.post(TIMEOUT_IN_SECONDS, request).await?;
    let chunks = response.streamed().and_then(|streamed| streamed.response_stream);
    Ok(stream::iter(chunks).flatten().map_err(|error| error.to_string()))
}

fn connect(url: &str, response_type: ResponseType) -> Client {
    let model = Model::Custom(MODEL.to_owned());
    let mut client = Client::new_from_model_response_type(model, KEY.to_owned(), response_type);
    client.url = client.url.replace("https://generativelanguage.googleapis.com", url);
    client
}

fn request() -> Request {
    let part =
        Part { text: Some(QUESTION.to_owned()), inline_data: None, file_data: None, video_metadata: None };
    let mut request =
        Request::new(vec![Content { role: Role::User, parts: vec![part] }], vec![], vec![], None);
    request.set_system_instruction(SystemInstructionContent {
        parts: vec![SystemInstructionPart { text: Some(SYSTEM.to_owned()) }],
    });
    request
}

async fn reply(url: String) -> Outcome {
    let response = generate(&connect(&url, ResponseType::GenerateContent), &request()).await?;
    let response = response.rest().ok_or("no response")?;
    Ok(response.candidates[0].content.parts[0].text.clone().ok_or("no text")?)
}

async fn stream(url: String) -> Outcome {
    let client = connect(&url, ResponseType::StreamGenerateContent);
    let chunks: Vec<_> = generate_stream(&client, &request()).await?.try_collect().await?;
    let text =
        |chunk: &Value| Some(chunk["candidates"][0]["content"]["parts"][0]["text"].as_str()?.to_owned());
    Ok(chunks.iter().filter_map(text).collect())
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
