//! Rules for the prompt blueprint: the input and output of a model, independent of the provider.

use super::content::CONTENT;
use super::{MAYBE_TEXT, Record, Rule, Tagged, may, needs};

/// A prompt: a chat or a completion.
pub(super) const PROMPT: Rule = Rule::Tagged(&Tagged {
    tag: "type",
    kinds: &[("chat", CHAT), ("completion", COMPLETION)],
    untagged: None,
});

const COMPLETION: &Record =
    &Record { fields: &[needs("content", CONTENT)], base: Some(TEMPLATE), check: None };

const CHAT: &Record = &Record::of(&[
    needs("messages", Rule::List(&MESSAGE)),
    may("functions", Rule::Nullable(&Rule::List(&FUNCTION))),
    may("tools", Rule::Nullable(&Rule::List(&TOOL))),
    may("function_call", Rule::Nullable(&Rule::Either(&[Rule::Text, NAMED]))),
    may("tool_choice", Rule::Nullable(&Rule::Either(&[Rule::Text, TOOL_CHOICE]))),
    may("input_variables", Rule::List(&Rule::Text)),
]);

/// The fields for variables that every text with variables can have.
const TEMPLATE: &Record = &Record::of(&[
    may("input_variables", Rule::List(&Rule::Text)),
    may("template_format", Rule::Word(&["f-string", "jinja2"])),
]);

const MESSAGE: Rule = Rule::Tagged(&Tagged { tag: "role", kinds: MESSAGES, untagged: None });

const MESSAGES: &[(&str, &Record)] = &[
    ("system", PLAIN),
    ("user", PLAIN),
    ("developer", PLAIN),
    ("assistant", ASSISTANT),
    (
        "function",
        &Record {
            fields: &[may("content", Rule::Nullable(&CONTENT)), needs("name", Rule::Text)],
            base: Some(TEMPLATE),
            check: None,
        },
    ),
    (
        "tool",
        &Record {
            fields: &[needs("content", CONTENT), needs("tool_call_id", Rule::Text), may("name", MAYBE_TEXT)],
            base: Some(TEMPLATE),
            check: None,
        },
    ),
    (
        "placeholder",
        &Record {
            fields: &[
                may("content", Rule::Nullable(&CONTENT)),
                may("raw_request_display_role", Rule::Text),
                needs("name", Rule::Text),
            ],
            base: Some(TEMPLATE),
            check: None,
        },
    ),
];

const PLAIN: &Record = &Record {
    fields: &[needs("content", CONTENT), may("name", MAYBE_TEXT)],
    base: Some(TEMPLATE),
    check: None,
};

const ASSISTANT: &Record = &Record {
    fields: &[
        may("content", Rule::Nullable(&CONTENT)),
        may("function_call", Rule::Nullable(&FUNCTION_CALL)),
        may("name", MAYBE_TEXT),
        may("tool_calls", Rule::Nullable(&Rule::List(&TOOL_CALL))),
    ],
    base: Some(TEMPLATE),
    check: None,
};

const FUNCTION_CALL: Rule =
    Rule::Record(&Record::of(&[needs("name", Rule::Text), needs("arguments", Rule::Text)]));

const TOOL_CALL: Rule = Rule::Record(&Record::of(&[
    may("tool_id", MAYBE_TEXT),
    needs("id", Rule::Text),
    may("type", Rule::Word(&["function"])),
    needs("function", FUNCTION_CALL),
]));

const NAMED: Rule = Rule::Record(&Record::of(&[needs("name", Rule::Text)]));

const TOOL_CHOICE: Rule =
    Rule::Record(&Record::of(&[may("type", Rule::Word(&["function"])), needs("function", NAMED)]));

const FUNCTION: Rule = Rule::Record(&Record::of(&[
    needs("name", Rule::Text),
    may("description", Rule::Text),
    may("strict", Rule::Boolean),
    may("parameters", Rule::Object),
]));

const TOOL: Rule = Rule::Tagged(&Tagged { tag: "type", kinds: TOOLS, untagged: Some(FUNCTION_TOOL) });

const TOOLS: &[(&str, &Record)] = &[
    ("function", FUNCTION_TOOL),
    ("web_search", BUILT_IN),
    ("file_search", BUILT_IN),
    ("code_interpreter", BUILT_IN),
    ("image_generation", BUILT_IN),
    ("google_maps", BUILT_IN),
    ("url_context", BUILT_IN),
    ("mcp", BUILT_IN),
    ("bash", BUILT_IN),
    ("shell", BUILT_IN),
    ("apply_patch", BUILT_IN),
    ("text_editor", BUILT_IN),
];

const FUNCTION_TOOL: &Record = &Record::of(&[needs("function", FUNCTION)]);

const BUILT_IN: &Record = &Record::of(&[
    needs("id", Rule::Text),
    needs("name", Rule::Text),
    needs("description", Rule::Text),
    needs("provider", Rule::Text),
    needs("config", Rule::Object),
]);
