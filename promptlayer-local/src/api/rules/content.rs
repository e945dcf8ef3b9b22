//! Rules for the content blocks of a message.

use super::{INTEGER, MAYBE_TEXT, Record, Rule, Tagged, may, needs};

/// The content of a message: a list of blocks.
pub(super) const CONTENT: Rule = Rule::List(&BLOCK);

const BLOCK: Rule = Rule::Tagged(&Tagged { tag: "type", kinds: BLOCKS, untagged: None });

const BLOCKS: &[(&str, &Record)] = &[
    ("text", TEXT),
    ("thinking", THINKING),
    ("code", CODE),
    ("image_url", IMAGE),
    ("media", MEDIA),
    ("media_variable", MEDIA_VARIABLE),
    ("output_media", OUTPUT_MEDIA),
    ("server_tool_use", SERVER_TOOL_USE),
    ("web_search_tool_result", WEB_SEARCH_RESULTS),
    ("code_execution_result", CODE_EXECUTION_RESULT),
    ("mcp_list_tools", MCP_LIST_TOOLS),
    ("mcp_call", MCP_CALL),
    ("mcp_approval_request", MCP_APPROVAL_REQUEST),
    ("mcp_approval_response", MCP_APPROVAL_RESPONSE),
    ("bash_code_execution_tool_result", CODE_TOOL_RESULT),
    ("text_editor_code_execution_tool_result", CODE_TOOL_RESULT),
    ("shell_call", SHELL_CALL),
    ("shell_call_output", SHELL_CALL_OUTPUT),
    ("apply_patch_call", APPLY_PATCH_CALL),
    ("apply_patch_call_output", APPLY_PATCH_CALL_OUTPUT),
];

const TEXT: &Record = &Record::of(&[
    needs("text", Rule::Text),
    may("id", MAYBE_TEXT),
    may("annotations", Rule::Nullable(&Rule::List(&ANNOTATION))),
    may("thought_signature", MAYBE_TEXT),
]);

const ANNOTATION: Rule = Rule::Tagged(&Tagged { tag: "type", kinds: ANNOTATIONS, untagged: None });

const ANNOTATIONS: &[(&str, &Record)] = &[
    (
        "url_citation",
        &Record::of(&[
            needs("title", Rule::Text),
            needs("url", Rule::Text),
            needs("start_index", INTEGER),
            needs("end_index", INTEGER),
            may("cited_text", MAYBE_TEXT),
            may("encrypted_index", MAYBE_TEXT),
        ]),
    ),
    (
        "file_citation",
        &Record::of(&[needs("index", INTEGER), needs("file_id", Rule::Text), needs("filename", Rule::Text)]),
    ),
    (
        "map_citation",
        &Record::of(&[
            needs("title", Rule::Text),
            needs("url", Rule::Text),
            may("place_id", MAYBE_TEXT),
            needs("start_index", INTEGER),
            needs("end_index", INTEGER),
            may("cited_text", MAYBE_TEXT),
        ]),
    ),
    (
        "container_file_citation",
        &Record::of(&[
            needs("container_id", Rule::Text),
            may("start_index", Rule::Nullable(&INTEGER)),
            may("end_index", Rule::Nullable(&INTEGER)),
            may("filename", MAYBE_TEXT),
            may("file_id", MAYBE_TEXT),
        ]),
    ),
];

const THINKING: &Record =
    &Record::of(&[needs("thinking", Rule::Text), may("signature", MAYBE_TEXT), may("id", MAYBE_TEXT)]);

const CODE: &Record =
    &Record::of(&[needs("code", Rule::Text), may("id", MAYBE_TEXT), may("container_id", MAYBE_TEXT)]);

const IMAGE: &Record = &Record::of(&[
    needs("image_url", Rule::Record(&Record::of(&[needs("url", Rule::Text), may("detail", MAYBE_TEXT)]))),
    may("image_variable", MAYBE_TEXT),
]);

const MEDIA: &Record = &Record::of(&[needs(
    "media",
    Rule::Record(&Record::of(&[
        may("title", Rule::Text),
        may("type", MAYBE_TEXT),
        may("url", MAYBE_TEXT),
        may("format", Rule::Word(&["base64", "url", "neither"])),
    ])),
)]);

const MEDIA_VARIABLE: &Record = &Record::of(&[needs("name", Rule::Text)]);

const OUTPUT_MEDIA: &Record = &Record::of(&[
    may("id", MAYBE_TEXT),
    needs("url", Rule::Text),
    may("mime_type", Rule::Text),
    may("media_type", Rule::Word(&["image", "video", "audio"])),
    may("provider_metadata", Rule::Nullable(&Rule::Object)),
]);

const SERVER_TOOL_USE: &Record =
    &Record::of(&[needs("id", Rule::Text), needs("name", Rule::Text), may("input", Rule::Object)]);

const WEB_SEARCH_RESULTS: &Record = &Record::of(&[
    needs("tool_use_id", Rule::Text),
    may(
        "content",
        Rule::List(&Rule::Record(&Record::of(&[
            may("type", Rule::Word(&["web_search_result"])),
            may("url", Rule::Text),
            may("title", Rule::Text),
            may("encrypted_content", Rule::Text),
            may("page_age", MAYBE_TEXT),
        ]))),
    ),
]);

const CODE_EXECUTION_RESULT: &Record =
    &Record::of(&[needs("output", Rule::Text), may("outcome", Rule::Text)]);

const MCP_ERROR: Rule = Rule::Nullable(&Rule::Either(&[Rule::Text, Rule::Object]));

const MCP_LIST_TOOLS: &Record = &Record::of(&[
    may("id", MAYBE_TEXT),
    may("server_label", Rule::Text),
    may("tools", Rule::List(&Rule::Object)),
    may("error", MCP_ERROR),
]);

const MCP_CALL: &Record = &Record::of(&[
    may("id", MAYBE_TEXT),
    may("name", Rule::Text),
    may("server_label", Rule::Text),
    may("arguments", Rule::Text),
    may("output", MAYBE_TEXT),
    may("error", MCP_ERROR),
    may("approval_request_id", MAYBE_TEXT),
]);

const MCP_APPROVAL_REQUEST: &Record = &Record::of(&[
    may("id", MAYBE_TEXT),
    may("name", Rule::Text),
    may("arguments", Rule::Text),
    may("server_label", Rule::Text),
]);

const MCP_APPROVAL_RESPONSE: &Record =
    &Record::of(&[needs("approval_request_id", Rule::Text), needs("approve", Rule::Boolean)]);

const CODE_TOOL_RESULT: &Record =
    &Record::of(&[needs("tool_use_id", Rule::Text), may("content", Rule::Object)]);

const SHELL_CALL: &Record = &Record::of(&[
    may("id", MAYBE_TEXT),
    may("call_id", MAYBE_TEXT),
    may("action", Rule::Object),
    may("status", MAYBE_TEXT),
]);

const SHELL_CALL_OUTPUT: &Record = &Record::of(&[
    may("id", MAYBE_TEXT),
    may("call_id", MAYBE_TEXT),
    may("output", Rule::List(&Rule::Object)),
    may("status", MAYBE_TEXT),
]);

const APPLY_PATCH_CALL: &Record = &Record::of(&[
    may("id", MAYBE_TEXT),
    may("call_id", MAYBE_TEXT),
    may("operation", Rule::Object),
    may("status", MAYBE_TEXT),
]);

const APPLY_PATCH_CALL_OUTPUT: &Record = &Record::of(&[
    may("id", MAYBE_TEXT),
    may("call_id", MAYBE_TEXT),
    may("output", MAYBE_TEXT),
    may("status", MAYBE_TEXT),
]);
