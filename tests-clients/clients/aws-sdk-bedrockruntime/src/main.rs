//! The cases of `aws-sdk-bedrockruntime`.

mod converse;
mod intercepted;

use std::process::ExitCode;

use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::{Builder, Config, Region, Token};
use aws_sdk_bedrockruntime::error::SdkError;
use aws_sdk_bedrockruntime::operation::converse::{ConverseError, ConverseOutput};
use aws_sdk_bedrockruntime::operation::converse_stream::ConverseStreamError;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, ConverseStreamOutput, Message, SystemContentBlock, Tool,
    ToolConfiguration, ToolInputSchema, ToolSpecification,
};
use aws_smithy_types::Document;
use harness::{Client, KEY, QUESTION, SYSTEM, TOOL, TOOL_DESCRIPTION};

const MODEL: &str = "amazon.nova-lite-v1:0";

type Failed = SdkError<ConverseError>;
type StreamFailed = SdkError<ConverseStreamError>;

fn client() -> Client {
    Client::new(env!("CARGO_PKG_NAME"), "aws-sdk-bedrockruntime").api(converse::api()).api(intercepted::api())
}

/// Returns a configuration without retries, so that each case makes one request.
fn config(url: &str) -> Builder {
    Config::builder()
        .behavior_version_latest()
        .region(Region::new("us-east-1"))
        .endpoint_url(url)
        .bearer_token(Token::new(KEY, None))
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
}

fn message() -> Message {
    let text = ContentBlock::Text(QUESTION.to_owned());
    Message::builder().role(ConversationRole::User).content(text).build().expect("a complete message")
}

fn system() -> SystemContentBlock {
    SystemContentBlock::Text(SYSTEM.to_owned())
}

fn tools() -> ToolConfiguration {
    let object = |fields: &[(&str, Document)]| {
        Document::Object(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    };
    let text = |text: &str| Document::String(text.to_owned());
    let schema = object(&[
        ("type", text("object")),
        ("properties", object(&[("city", object(&[("type", text("string"))]))])),
        ("required", Document::Array(vec![text("city")])),
    ]);
    let tool = ToolSpecification::builder()
        .name(TOOL)
        .description(TOOL_DESCRIPTION)
        .input_schema(ToolInputSchema::Json(schema))
        .build()
        .expect("a complete tool");
    ToolConfiguration::builder().tools(Tool::ToolSpec(tool)).build().expect("a configuration with a tool")
}

/// Returns what a caller reads in a reply: the text, or the call of a tool.
fn read(reply: ConverseOutput) -> harness::Outcome {
    let message = reply.output.as_ref().and_then(|output| output.as_message().ok()).ok_or("no message")?;
    match message.content() {
        [ContentBlock::Text(text)] => Ok(text.clone()),
        [ContentBlock::ToolUse(call)] => {
            let city = call.input.as_object().and_then(|input| input.get("city")?.as_string());
            Ok(format!("{} {}", call.name, serde_json::json!({"city": city})))
        }
        other => Err(format!("{other:?}").into()),
    }
}

/// Returns the text of an event.
fn text_of(event: ConverseStreamOutput) -> Option<String> {
    let ConverseStreamOutput::ContentBlockDelta(event) = event else { return None };
    event.delta?.as_text().ok().cloned()
}

fn main() -> ExitCode {
    harness::main(&client())
}

#[test]
fn logs_are_as_declared() {
    harness::Report::of(&client()).unwrap_or_else(|wrong| panic!("{wrong}"));
}
