//! Names of arguments, and what each says of its value.

/// Arguments that are the user's message.
pub(super) const USER: &[&str] =
    &["prompt", "question", "query", "text", "input", "message", "user_message", "user_prompt"];
/// Arguments that are the system's message.
pub(super) const SYSTEM: &[&str] = &["system", "system_prompt", "instructions"];
/// Arguments that are what was said before, where they are messages.
pub(super) const HISTORY: &[&str] = &["history", "chat_history"];
/// Arguments that are the model's name.
pub(super) const MODEL: &[&str] = &["model", "model_id", "model_name"];
/// Arguments that are a provider's request.
pub(super) const REQUEST: &[&str] = &["request", "req", "body"];
/// Arguments that are parameters of the model.
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

/// Whether an argument of this name is part of what the model is told.
pub(super) fn is_said(name: &str) -> bool {
    name == "messages" || USER.contains(&name) || SYSTEM.contains(&name)
}

/// Whether a name tells what its value is.
pub(super) fn is_known(name: &str) -> bool {
    is_said(name) || MODEL.contains(&name)
}
