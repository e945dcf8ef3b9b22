//! Providers of `/chat/completions`, each with its own markers.

use serde_json::{Value, json};

use super::{
    ANSWER, CALL, IMAGE_URL, INPUT_TOKENS, Image, OUTPUT_TOKENS, QUESTION, RESULT, Row, SYSTEM, THOUGHT,
    TOOL, schema,
};

pub(super) fn rows() -> Vec<Row> {
    vec![
        chat("OpenAI chat", "openai", "gpt-4.1-mini").with_tools().with_image(),
        azure(),
        groq(),
        deepseek(),
        mistral(),
        xai(),
        openrouter(),
        together(),
        perplexity(),
        llama_cpp(),
        vllm(),
    ]
}

/// Returns a row with a text question and a text answer.
fn chat(name: &'static str, provider: &'static str, model: &'static str) -> Row {
    let chunk = |choice: Value| {
        json!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": [choice] })
    };
    let usage = json!({ "prompt_tokens": INPUT_TOKENS, "completion_tokens": OUTPUT_TOKENS,
        "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS });
    let (start, end) = ANSWER.split_at(6);
    let mut last = chunk(json!({ "index": 0, "delta": {}, "finish_reason": "stop" }));
    last["usage"] = usage.clone();
    Row {
        request: json!({
            "model": model,
            "messages": [
                { "role": "system", "content": SYSTEM },
                { "role": "user", "content": QUESTION },
            ],
            "temperature": 0.5,
        }),
        reply: json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{ "index": 0, "message": { "role": "assistant", "content": ANSWER }, "finish_reason": "stop" }],
            "usage": usage,
        }),
        events: vec![
            chunk(
                json!({ "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null }),
            ),
            chunk(json!({ "index": 0, "delta": { "content": start }, "finish_reason": null })),
            chunk(json!({ "index": 0, "delta": { "content": end }, "finish_reason": null })),
            last,
            json!("[DONE]"),
        ],
        ..Row::of(name, provider, "chat-completions", model)
    }
}

impl Row {
    fn message(&mut self) -> &mut Value {
        &mut self.reply["choices"][0]["message"]
    }

    /// Inserts an event after the first one. The inserted event is the first with content.
    fn said_first(&mut self, delta: &Value) {
        let mut event = self.events[0].clone();
        event["choices"][0]["delta"] = delta.clone();
        self.events.insert(1, event);
    }

    /// Adds a tool call and its result before the question, and a tool call to the response.
    fn with_tools(mut self) -> Self {
        let arguments = |city: &str| json!({ "city": city }).to_string();
        self.request["tools"] = json!([{ "type": "function",
            "function": { "name": TOOL, "description": "Looks out", "parameters": schema() } }]);
        let messages = self.request["messages"].as_array_mut().unwrap();
        messages.push(
            json!({ "role": "assistant", "content": null, "tool_calls": [{ "id": CALL, "type": "function",
            "function": { "name": TOOL, "arguments": arguments("Paris") } }] }),
        );
        messages.push(json!({ "role": "tool", "tool_call_id": CALL, "content": RESULT }));

        let call = json!({ "id": "call_2", "type": "function", "function": { "name": TOOL, "arguments": arguments("Lyon") } });
        self.message()["tool_calls"] = json!([call]);
        let end =
            self.events.iter().position(|event| event["choices"][0]["finish_reason"] == "stop").unwrap();
        let (mut first, mut second) = (self.events[0].clone(), self.events[0].clone());
        first["choices"][0]["delta"] = json!({ "tool_calls": [{ "index": 0, "id": "call_2", "type": "function",
            "function": { "name": TOOL, "arguments": "{\"city\"" } }] });
        second["choices"][0]["delta"] =
            json!({ "tool_calls": [{ "index": 0, "function": { "arguments": ":\"Lyon\"}" } }] });
        self.events.splice(end..end, [first, second]);
        for choice in [&mut self.reply].into_iter().chain(&mut self.events) {
            if choice["choices"][0]["finish_reason"] == "stop" {
                choice["choices"][0]["finish_reason"] = json!("tool_calls");
            }
        }
        self.finish = Some("tool_calls");
        self.tools = true;
        self
    }

    /// Adds an image to the question.
    fn with_image(mut self) -> Self {
        self.request["messages"][1]["content"] = json!([
            { "type": "text", "text": QUESTION },
            { "type": "image_url", "image_url": { "url": IMAGE_URL } },
        ]);
        self.image = Some(Image::Shown(IMAGE_URL));
        self
    }

    /// Adds a thought before the answer, in a field with this name.
    fn with_thinking(mut self, field: &str) -> Self {
        self.message()[field] = json!(THOUGHT);
        self.said_first(&json!({ field: THOUGHT }));
        self.thinking = true;
        self
    }

    /// Adds a marker to the response and to every event.
    fn marked(mut self, mark: impl Fn(&mut Value)) -> Self {
        mark(&mut self.reply);
        self.events.iter_mut().filter(|event| event.is_object()).for_each(mark);
        self
    }

    /// Adds a marker to the response and to the event with the usage.
    fn marked_at_the_end(mut self, mark: impl Fn(&mut Value)) -> Self {
        mark(&mut self.reply);
        self.events.iter_mut().filter(|event| event["usage"].is_object()).for_each(mark);
        self
    }
}

/// Azure adds the results of its content filters for the prompt and for each choice.
fn azure() -> Row {
    let safe = json!({ "hate": { "filtered": false, "severity": "safe" } });
    let row = chat("Azure OpenAI", "openai.azure", "gpt-4o").with_tools().with_image();
    let mut row = row.marked(|reply| reply["choices"][0]["content_filter_results"] = safe.clone());
    let filtered = json!([{ "prompt_index": 0, "content_filter_results": safe }]);
    row.reply["prompt_filter_results"] = filtered.clone();
    row.events.insert(
        0,
        json!({ "id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": filtered }),
    );
    row
}

/// Groq adds an object of its own. In a stream it is in the first and the last event.
fn groq() -> Row {
    let mut row = chat("Groq", "groq", "qwen/qwen3-32b").with_tools().with_image().with_thinking("reasoning");
    row.reply["x_groq"] = json!({ "id": "req_1" });
    row.events[0]["x_groq"] = json!({ "id": "req_1" });
    row
}

/// `DeepSeek` counts cache hits and misses.
fn deepseek() -> Row {
    chat("DeepSeek", "deepseek", "deepseek-reasoner")
        .with_tools()
        .with_thinking("reasoning_content")
        .marked_at_the_end(|reply| {
            reply["usage"]["prompt_cache_hit_tokens"] = json!(0);
            reply["usage"]["prompt_cache_miss_tokens"] = json!(INPUT_TOKENS);
        })
}

/// Mistral sends thinking as parts of the content. Only the names of its models identify it.
fn mistral() -> Row {
    let mut row = chat("Mistral", "mistral", "magistral-medium-latest").with_tools().with_image();
    row.request["messages"][1]["content"][1] = json!({ "type": "image_url", "image_url": IMAGE_URL });
    let thought = json!({ "type": "thinking", "thinking": [{ "type": "text", "text": THOUGHT }] });
    row.message()["content"] = json!([thought, { "type": "text", "text": ANSWER }]);
    row.said_first(&json!({ "content": [thought] }));
    row.thinking = true;
    row
}

/// xAI counts the sources of its search.
fn xai() -> Row {
    chat("xAI", "xai", "grok-3-mini")
        .with_tools()
        .with_image()
        .with_thinking("reasoning_content")
        .marked_at_the_end(|reply| reply["usage"]["num_sources_used"] = json!(0))
}

/// `OpenRouter` names the upstream provider and its native finish reason.
fn openrouter() -> Row {
    chat("OpenRouter", "openrouter", "openai/gpt-4o")
        .with_tools()
        .with_image()
        .with_thinking("reasoning")
        .marked(|reply| {
            reply["provider"] = json!("OpenAI");
            reply["choices"][0]["native_finish_reason"] = reply["choices"][0]["finish_reason"].clone();
        })
}

/// Together repeats the prompt, adds a seed to each choice, and sends the text of each event twice.
fn together() -> Row {
    let mut row = chat("Together", "together", "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8")
        .with_tools()
        .with_image()
        .with_thinking("reasoning")
        .marked(|reply| reply["choices"][0]["seed"] = json!(1));
    row.reply["prompt"] = json!([]);
    for choice in row.events.iter_mut().filter_map(|event| event.pointer_mut("/choices/0")) {
        choice["text"] = choice["delta"].get("content").cloned().unwrap_or_else(|| json!(""));
        choice["delta"]["token_id"] = json!(17);
    }
    row
}

/// Perplexity lists its search results.
fn perplexity() -> Row {
    chat("Perplexity", "perplexity", "sonar").with_image().marked(|reply| {
        reply["citations"] = json!(["https://weather.test/paris"]);
        reply["search_results"] = json!([{ "title": "Paris", "url": "https://weather.test/paris" }]);
    })
}

/// llama.cpp reports its build and its timings.
fn llama_cpp() -> Row {
    let timings = json!({ "cache_n": 0, "prompt_n": 11, "prompt_ms": 5.5, "prompt_per_token_ms": 0.5,
        "prompt_per_second": 2000.0, "predicted_n": 7, "predicted_ms": 35.0, "predicted_per_token_ms": 5.0,
        "predicted_per_second": 200.0 });
    chat("llama.cpp", "llamacpp", "Qwen3-1.7B-Q4_K_M")
        .with_tools()
        .with_image()
        .with_thinking("reasoning_content")
        .marked(|reply| reply["system_fingerprint"] = json!("b10499-6d05498"))
        .marked_at_the_end(|reply| reply["timings"] = timings.clone())
}

/// vLLM sends fields that were not requested. `PromptLayer` has no provider name for it.
fn vllm() -> Row {
    let mut row =
        chat("vLLM", "custom", "Qwen/Qwen3-8B").with_tools().with_image().with_thinking("reasoning_content");
    row.reply["prompt_logprobs"] = Value::Null;
    row.reply["kv_transfer_params"] = Value::Null;
    row.reply["choices"][0]["stop_reason"] = Value::Null;
    row
}
