//! `/chat/completions`.

use serde_json::Value;

use super::{Expected, count, items, number, role, text, texts};
use crate::said::{Arguments, Said};

pub(super) fn request(request: &Value) -> Vec<Said> {
    items(&request["messages"]).flat_map(|message| said(role(&message["role"]), message)).collect()
}

fn said(role: &'static str, message: &Value) -> Vec<Said> {
    if message["role"] == "tool" {
        let text = texts(&message["content"]).concat();
        return vec![Said::Result { id: super::text(&message["tool_call_id"]), text }];
    }
    // Thinking precedes the content. `DeepSeek` and llama.cpp use another field name for it than `OpenRouter`.
    let thinking = text(&message["reasoning_content"]).or_else(|| text(&message["reasoning"]));
    let mut all: Vec<Said> = thinking.into_iter().map(Said::Thinking).collect();
    all.extend(texts(&message["content"]).into_iter().map(|text| Said::text(role, text)));
    all.extend(text(&message["refusal"]).map(|refusal| Said::text(role, refusal)));
    all.extend(items(&message["tool_calls"]).map(|call| Said::Call {
        id: text(&call["id"]),
        name: text(&call["function"]["name"]).unwrap(),
        arguments: Arguments::of(call["function"]["arguments"].as_str().unwrap()),
    }));
    all
}

pub(super) fn reply(reply: &Value) -> Expected {
    let (usage, choices) = (&reply["usage"], &reply["choices"]);
    let (prompt, completion) = (&usage["prompt_tokens_details"], &usage["completion_tokens_details"]);
    Expected {
        // The role is always `assistant` here: the provider's SDK repeats the role of every event in its sum.
        said: items(choices).flat_map(|choice| said("assistant", &choice["message"])).collect(),
        input: number(&usage["prompt_tokens"]),
        output: number(&usage["completion_tokens"]),
        cached: count(&prompt["cached_tokens"]),
        cache_creation: count(&prompt["cache_write_tokens"]),
        reasoning: count(&completion["reasoning_tokens"]),
        word: text(&choices[0]["finish_reason"]),
        refused: items(choices).any(|choice| choice["message"]["refusal"].is_string()),
        // The cost is a number at `OpenRouter`, and an object with a total at Perplexity. Venice reports it
        // next to the usage.
        price: [&usage["cost"], &usage["cost"]["total_cost"], &reply["cost"]["usd"]]
            .into_iter()
            .find_map(Value::as_f64),
    }
}
