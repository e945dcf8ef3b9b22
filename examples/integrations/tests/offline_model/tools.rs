//! Tests of tool calls with async-openai as the client.

use async_openai::types::chat::{
    ChatCompletionMessageToolCalls, ChatCompletionRequestAssistantMessageArgs,
    ChatCompletionRequestToolMessageArgs, ChatCompletionTool, ChatCompletionToolChoiceOption,
    ChatCompletionTools, CreateChatCompletionStreamResponse, FunctionObjectArgs, ToolChoiceOptions,
};

use super::*;

fn tool(name: &str, parameters: &Value) -> ChatCompletionTool {
    let function = FunctionObjectArgs::default().name(name).parameters(parameters.clone()).build().unwrap();
    ChatCompletionTool { function }
}

fn weather() -> ChatCompletionTool {
    tool(
        "get_weather",
        &json!({
            "type": "object",
            "properties": { "location": { "type": "string" }, "days": { "type": "integer" } },
            "required": ["location"],
        }),
    )
}

#[tokio::test]
async fn question_about_the_weather_calls_the_weather_tool() {
    let model = OfflineModel::start().unwrap();
    let mut request = request(&["What is the weather like in Paris, France?"]);
    request.tools = Some(weather().into());
    let reply = client(&model).chat().create(request).await.unwrap();
    let choice = &reply.choices[0];
    assert_eq!(choice.finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(choice.message.content, None);
    let [ChatCompletionMessageToolCalls::Function(call)] = choice.message.tool_calls.as_deref().unwrap()
    else {
        panic!("not one call of a function: {:?}", choice.message.tool_calls);
    };
    assert_eq!(call.function.name, "get_weather");
    assert_eq!(call.function.arguments, r#"{"location":"Paris, France"}"#);
}

#[tokio::test]
async fn streamed_tool_call_splits_its_arguments_into_deltas() {
    let model = OfflineModel::start().unwrap();
    let mut request = request(&["Please get weather in Rome"]);
    request.tools = Some(weather().into());
    request.stream = Some(true);
    let chunks: Vec<CreateChatCompletionStreamResponse> =
        all(client(&model).chat().create_stream(request).await.unwrap()).await;
    let pieces: Vec<_> = chunks
        .iter()
        .flat_map(|chunk| &chunk.choices)
        .flat_map(|choice| choice.delta.tool_calls.iter().flatten())
        .collect();
    let named: Vec<_> =
        pieces.iter().filter_map(|piece| piece.function.as_ref().unwrap().name.as_deref()).collect();
    assert_eq!(named, ["get_weather"]);
    assert_eq!(pieces.iter().filter(|piece| piece.id.is_some()).count(), 1);
    assert!(pieces.len() > 2);
    let arguments: String =
        pieces.iter().filter_map(|piece| piece.function.as_ref().unwrap().arguments.as_deref()).collect();
    assert_eq!(arguments, r#"{"location":"Rome"}"#);
}

#[tokio::test]
async fn two_mentioned_tools_are_called_unless_parallel_is_off() {
    let model = OfflineModel::start().unwrap();
    let mut request = request(&["Use find_toaster and then get_weather."]);
    request.tools =
        Some([weather(), tool("find_toaster", &json!({}))].map(ChatCompletionTools::Function).to_vec());
    let called = async |request| {
        let reply = client(&model).chat().create(request).await.unwrap();
        reply.choices[0].message.tool_calls.as_ref().unwrap().len()
    };
    assert_eq!(called(request.clone()).await, 2);
    request.parallel_tool_calls = Some(false);
    assert_eq!(called(request).await, 1);
}

#[tokio::test]
async fn tool_choice_forbids_or_requires_a_call() {
    let model = OfflineModel::start().unwrap();
    let calls = async |text, choice| {
        let mut request = request(&[text]);
        request.tools = Some(weather().into());
        request.tool_choice = Some(choice);
        let reply = client(&model).chat().create(request).await.unwrap();
        reply.choices[0].message.tool_calls.as_ref().map(Vec::len)
    };
    let mode = ChatCompletionToolChoiceOption::Mode;
    assert_eq!(calls("The weather in Rome?", mode(ToolChoiceOptions::None)).await, None);
    assert_eq!(calls("Hello", mode(ToolChoiceOptions::Auto)).await, None);
    assert_eq!(calls("Hello", mode(ToolChoiceOptions::Required)).await, Some(1));
    assert_eq!(calls("Hello", ChatCompletionToolChoiceOption::Function("get_weather".into())).await, Some(1));
}

#[tokio::test]
async fn tool_result_is_answered_with_text() {
    let model = OfflineModel::start().unwrap();
    let client = client(&model);
    let mut request = request(&["The weather in Rome?"]);
    request.tools = Some(weather().into());
    let calls =
        client.chat().create(request.clone()).await.unwrap().choices.remove(0).message.tool_calls.unwrap();
    let ChatCompletionMessageToolCalls::Function(call) = &calls[0] else { panic!("{calls:?}") };
    let result = ChatCompletionRequestToolMessageArgs::default()
        .tool_call_id(call.id.clone())
        .content("21 degrees")
        .build()
        .unwrap();
    let asked =
        ChatCompletionRequestAssistantMessageArgs::default().tool_calls(calls.clone()).build().unwrap();
    request.messages.extend([asked.into(), result.into()]);
    let reply = client.chat().create(request).await.unwrap();
    assert_eq!(
        reply.choices[0].message.content.as_deref(),
        Some("(offline model) The tools answered: 21 degrees")
    );
}
