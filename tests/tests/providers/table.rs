//! Checks `docs/providers.md` cell by cell: each ✓ has a test case, each – has none, and every case passes.
//!
//! The exchanges are small and handwritten. All of them contain the same conversation: a question about the
//! weather, an image, and two tool calls. So one check covers a whole column.

#[path = "table/anthropic.rs"]
mod anthropic;
#[path = "table/google.rs"]
mod google;
#[path = "table/openai.rs"]
mod openai;
#[path = "table/openai_chat.rs"]
mod openai_chat;
#[path = "table/others.rs"]
mod others;

use std::collections::{BTreeMap, BTreeSet};

use promptlayer_tracing::blueprint::{ContentBlock, LogRequest, Message, Prompt, Tool};
use serde_json::{Value, json};
use tests::fixtures::{Given, replay};

use crate::said::{self, Arguments, Said, joined};

const SYSTEM: &str = "Answer in one word.";
const QUESTION: &str = "How is the weather?";
const ANSWER: &str = "Sunny, I think.";
const THOUGHT: &str = "There is no cloud in it.";
const TOOL: &str = "weather";
const RESULT: &str = "18 degrees";
/// The id of the tool call in the request, if the wire format has ids. The id of the call in the response is
/// `call_2`.
const CALL: &str = "call_1";
const IMAGE_URL: &str = "https://images.test/sky.png";
const IMAGE_DATA: &str = "iVBORw0KGgo=";
const INPUT_TOKENS: u64 = 11;
const OUTPUT_TOKENS: u64 = 7;

/// The table in the documentation.
const DOCUMENT: &str = include_str!("../../../docs/providers.md");

/// A column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Request,
    Reply,
    Stream,
    Tools,
    Thinking,
    Images,
    Usage,
}

impl Column {
    const ALL: [(&str, Self); 7] = [
        ("request", Self::Request),
        ("reply", Self::Reply),
        ("stream", Self::Stream),
        ("tools", Self::Tools),
        ("thinking", Self::Thinking),
        ("images", Self::Images),
        ("usage", Self::Usage),
    ];
}

/// The location of an image.
#[derive(Debug, Clone, Copy)]
enum Image {
    /// In the request, with this URL.
    Shown(&'static str),
    /// In the response.
    Made,
}

/// A provider: one conversation with it and the expected content of the log.
#[derive(Debug, Clone)]
struct Row {
    /// The name in the table.
    name: &'static str,
    provider: &'static str,
    api_type: Option<&'static str>,
    /// The model as a separate argument, for wire formats that have it in the URL.
    argument: Option<&'static str>,
    model: &'static str,
    request: Value,
    /// The content of the request, in order.
    asked: Vec<Said>,
    /// A parameter of the request.
    parameter: Option<(&'static str, Value)>,
    reply: Value,
    /// The text of the response, without thinking and tool calls.
    answer: &'static str,
    finish: Option<&'static str>,
    /// Empty if the wire format does not stream.
    events: Vec<Value>,
    tools: bool,
    thinking: bool,
    image: Option<Image>,
    usage: Option<(Option<u64>, Option<u64>)>,
}

impl Row {
    /// Creates a row without tools, thinking and images.
    fn of(name: &'static str, provider: &'static str, api_type: &'static str, model: &'static str) -> Self {
        Self {
            name,
            provider,
            api_type: Some(api_type),
            argument: None,
            model,
            request: Value::Null,
            asked: vec![Said::text("system", SYSTEM), Said::text("user", QUESTION)],
            parameter: Some(("temperature", json!(0.5))),
            reply: Value::Null,
            answer: ANSWER,
            finish: Some("stop"),
            events: Vec::new(),
            tools: false,
            thinking: false,
            image: None,
            usage: Some((Some(INPUT_TOKENS), Some(OUTPUT_TOKENS))),
        }
    }

    /// Returns the cells that this row covers.
    fn columns(&self) -> BTreeSet<Column> {
        let has = |column: Column, has: bool| has.then_some(column);
        [
            Some(Column::Request),
            Some(Column::Reply),
            has(Column::Stream, !self.events.is_empty()),
            has(Column::Tools, self.tools),
            has(Column::Thinking, self.thinking),
            has(Column::Images, self.image.is_some()),
            has(Column::Usage, self.usage.is_some()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn log(&self, given: Given) -> LogRequest {
        replay(self.argument, &self.request, given)
    }

    fn check(&self, column: Column) {
        let log = self.log(Given::Whole(self.reply.clone()));
        match column {
            Column::Request => self.check_request(&log),
            Column::Reply => self.check_reply(&log),
            Column::Stream => self.check_stream(&log),
            Column::Tools => self.check_tools(&log),
            Column::Thinking => self.check_thinking(&log),
            Column::Images => self.check_image(&log),
            Column::Usage => {
                assert_eq!(Some((log.input_tokens, log.output_tokens)), self.usage, "{}", self.name);
            }
        }
    }

    fn check_request(&self, log: &LogRequest) {
        assert_eq!(log.api_type.as_deref(), self.api_type, "{}", self.name);
        assert_eq!((&*log.provider, &*log.model), (self.provider, self.model), "{}", self.name);
        let mut said = said::of_prompt(&log.input);
        if self.tools {
            // The tools column checks the call and its result.
            said.retain(|said| matches!(said, Said::Text { .. }));
        }
        self.assert_said(&self.asked, &said);
        if let Some((name, value)) = &self.parameter {
            assert_eq!(log.parameters.get(*name), Some(value), "{}: {:?}", self.name, log.parameters);
        }
    }

    fn check_reply(&self, log: &LogRequest) {
        let text: String = match &log.output {
            Prompt::Completion(_) => log.output.text(),
            output => output.messages().iter().map(Message::text).collect(),
        };
        assert_eq!(text, self.answer, "{}", self.name);
        assert_eq!(log.metadata.get("finish_reason").map(String::as_str), self.finish, "{}", self.name);
    }

    fn check_stream(&self, whole: &LogRequest) {
        let sum = self.log(Given::Events(self.events.clone()));
        let mut wrong = Vec::new();
        crate::streams::same_log(&mut wrong, whole, &sum);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", self.name);
    }

    fn check_tools(&self, log: &LogRequest) {
        let Prompt::Chat(input) = &log.input else { panic!("{}: no chat: {log:?}", self.name) };
        let [Tool::Function(tool)] = input.tools.as_slice() else {
            panic!("{}: not one function: {:?}", self.name, input.tools)
        };
        assert_eq!((&*tool.function.name, &*tool.function.description), (TOOL, "Looks out"), "{}", self.name);
        assert_eq!(tool.function.parameters.clone().map(Value::Object), Some(schema()), "{}", self.name);

        let (asked, answered) = (said::of_prompt(&log.input), said::of_prompt(&log.output));
        let call = |city: &str| (TOOL, json!({ "city": city }));
        let (id, name, arguments) = the_call(self.name, &asked);
        assert_eq!((name, arguments), call("Paris"), "{}", self.name);
        let results: Vec<_> = asked
            .iter()
            .filter_map(|said| match said {
                Said::Result { id, text } => Some((id.as_deref(), text.as_str())),
                _ => None,
            })
            .collect();
        let [(answered_id, text)] = results.as_slice() else { panic!("{}: {asked:?}", self.name) };
        assert!(text.contains(RESULT), "{}: {text}", self.name);
        assert_eq!(*answered_id, Some(id), "{}: the result answers the call", self.name);
        let (_, name, arguments) = the_call(self.name, &answered);
        assert_eq!((name, arguments), call("Lyon"), "{}", self.name);
    }

    fn check_thinking(&self, log: &LogRequest) {
        let said = said::of_prompt(&log.output);
        let thought: Vec<&str> = said
            .iter()
            .filter_map(|said| if let Said::Thinking(text) = said { Some(text.as_str()) } else { None })
            .collect();
        assert_eq!(thought, [THOUGHT], "{}: {said:?}", self.name);
    }

    fn check_image(&self, log: &LogRequest) {
        let (prompt, expected) = match self.image {
            Some(Image::Shown(address)) => (&log.input, address),
            Some(Image::Made) => (&log.output, IMAGE_DATA),
            None => panic!("{} shows no image", self.name),
        };
        let blocks: Vec<&ContentBlock> = prompt.messages().iter().flat_map(Message::content).collect();
        let address = |block: &&ContentBlock| match block {
            ContentBlock::ImageUrl(image) => Some(image.image_url.url.clone()),
            ContentBlock::OutputMedia(media) => Some(media.url.clone()),
            _ => None,
        };
        let addresses: Vec<String> = blocks.iter().filter_map(address).collect();
        let [address] = addresses.as_slice() else { panic!("{}: not one image: {blocks:?}", self.name) };
        assert!(address.ends_with(expected), "{}: {address}", self.name);
        assert!(
            address.starts_with("https://") || address.starts_with("data:image/png;base64,"),
            "{}: {address}",
            self.name
        );
    }

    fn assert_said(&self, expected: &[Said], given: &[Said]) {
        let given = joined(given.to_vec());
        if let Some(difference) = said::difference(expected, &given) {
            panic!("{}: {difference}", self.name);
        }
    }
}

/// Returns the only call in the content. Panics if there is not exactly one.
fn the_call<'a>(row: &str, said: &'a [Said]) -> (&'a str, &'a str, Value) {
    let calls: Vec<_> = said
        .iter()
        .filter_map(|said| match said {
            Said::Call { id: Some(id), name, arguments: Arguments::Json(json) } => {
                Some((id.as_str(), name.as_str(), json.clone()))
            }
            _ => None,
        })
        .collect();
    match calls.as_slice() {
        [call] => call.clone(),
        _ => panic!("{row}: not one call: {said:?}"),
    }
}

/// Returns the schema of the tool's arguments.
fn schema() -> Value {
    json!({ "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] })
}

fn rows() -> Vec<Row> {
    [openai_chat::rows(), openai::rows(), anthropic::rows(), google::rows(), others::rows()].concat()
}

/// Returns the cells with a ✓ in the documentation, by row. All other cells contain –.
fn documented() -> BTreeMap<String, BTreeSet<Column>> {
    let mut lines = DOCUMENT.lines().filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'));
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let head = cells(lines.next().expect("the document has a table"));
    let expected: Vec<&str> = ["provider"].into_iter().chain(Column::ALL.map(|(name, _)| name)).collect();
    assert_eq!(head, expected, "the columns of the table");
    let rows = lines.skip(1).map(cells).take_while(|row| row.len() == head.len());
    rows.map(|row| {
        let columns =
            row[1..].iter().zip(Column::ALL).filter_map(|(cell, (name, column))| match cell.as_str() {
                "✓" => Some(column),
                "–" => None,
                other => panic!("the cell {name} of {} is {other:?}, and not ✓ or –", row[0]),
            });
        (row[0].clone(), columns.collect())
    })
    .collect()
}

#[test]
fn documented_cells_and_test_cases_correspond() {
    let rows = rows();
    let cases: BTreeMap<String, BTreeSet<Column>> =
        rows.iter().map(|row| (row.name.to_owned(), row.columns())).collect();
    assert_eq!(cases.len(), rows.len(), "no row is there twice");
    assert_eq!(documented(), cases);
}

/// Checks a column in all rows that cover it.
fn each_row(column: Column) {
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.columns().contains(&column)).collect();
    let failed: Vec<&str> = rows
        .iter()
        .filter(|row| std::panic::catch_unwind(|| row.check(column)).is_err())
        .map(|row| row.name)
        .collect();
    assert!(failed.is_empty(), "{column:?} of {failed:?}");
}

#[test]
fn requests_are_read() {
    each_row(Column::Request);
}

#[test]
fn responses_are_read() {
    each_row(Column::Reply);
}

#[test]
fn streams_match_complete_responses() {
    each_row(Column::Stream);
}

#[test]
fn tools_tool_calls_and_results_are_read() {
    each_row(Column::Tools);
}

#[test]
fn thinking_is_separated_from_the_answer() {
    each_row(Column::Thinking);
}

#[test]
fn images_are_logged() {
    each_row(Column::Images);
}

#[test]
fn usage_is_counted() {
    each_row(Column::Usage);
}

#[test]
fn each_row_follows_the_api_documents() {
    let contract = tests::Contract::load();
    for row in rows() {
        for given in [Given::Whole(row.reply.clone()), Given::Events(row.events.clone())] {
            let log = serde_json::to_value(row.log(given)).unwrap();
            let violations = contract.check_request("POST", "/log-request", &log);
            assert!(violations.is_empty(), "{}: {violations:#?}", row.name);
        }
    }
}
