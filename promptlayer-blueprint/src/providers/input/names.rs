//! Names of function arguments, and the meaning of each.

/// Arguments that contain the user message.
pub(super) const USER: &[&str] =
    &["prompt", "question", "query", "text", "input", "message", "user_message", "user_prompt"];
/// Arguments that contain the system message.
pub(super) const SYSTEM: &[&str] = &["system", "system_prompt", "instructions"];
/// Arguments that contain earlier messages.
pub(super) const HISTORY: &[&str] = &["history", "chat_history"];
/// Arguments that contain the model name.
pub(super) const MODEL: &[&str] = &["model", "model_id", "model_name"];
/// Arguments that contain a provider's request.
pub(super) const REQUEST: &[&str] = &["request", "req", "body"];
/// Arguments that are model parameters.
pub(super) const PARAMETERS: &[&str] = &[
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "frequency_penalty",
    "presence_penalty",
    "repeat_penalty",
    "stop",
    "seed",
    "n",
    "stream",
    "response_format",
    "reasoning_effort",
    "logprobs",
];

/// Returns `true` if an argument with this name is part of the prompt.
pub(super) fn is_said(name: &str) -> bool {
    name == "messages" || USER.contains(&name) || SYSTEM.contains(&name)
}

/// Returns `true` if the name of an argument determines its meaning.
pub(super) fn is_known(name: &str) -> bool {
    is_said(name) || MODEL.contains(&name)
}
