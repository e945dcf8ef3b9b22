//! The conditions by which requests are found, and their SQL.

use rusqlite::types::Value;

use super::sort::SortBy;
use crate::store::schema::block;

/// A condition that a request fulfills or not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    /// Every one of these conditions.
    All(Vec<Self>),
    /// At least one of these conditions.
    Any(Vec<Self>),
    Not(Box<Self>),
    Text(TextField, TextTest),
    Number(NumberField, Comparison, Number),
    /// The optional number is not known.
    Unknown(NumberField),
    /// One of the values of this kind that belong to the request.
    Member(Member, TextTest),
    /// A score, of this name or of any name.
    Score(Option<String>, Comparison, i64),
    /// Words in the texts of the request.
    Words(Words),
    /// The group that the request belongs to.
    Group(i64),
    /// The id of the template that the request was made from.
    PromptId(Comparison, i64),
}

/// Words that all occur in a text. Upper and lower case and accents make no difference. A word with a `*` at its end can
/// be the beginning of a longer one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Words {
    pub(crate) side: Side,
    /// The words as the user typed them, with any other characters between them.
    pub(crate) text: String,
}

/// The texts that [`Words`] are looked for in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Input,
    Output,
    Both,
}

/// A text of the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextField {
    Name,
    Model,
    Provider,
    Status,
    ErrorType,
    PromptName,
    OutputKind,
}

/// A number of the facts. Times and durations are in nanoseconds, prices in US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberField {
    Id,
    Start,
    End,
    Duration,
    FirstToken,
    InputTokens,
    OutputTokens,
    Tokens,
    Price,
    PromptVersion,
}

/// A list of texts that belongs to a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Member {
    Tag,
    MetadataKey,
    /// The metadata value of this key.
    Metadata(String),
    /// The name of a tool that the model called.
    Tool,
    /// The name of a template variable.
    VariableName,
    /// The template variable of this name.
    Variable(String),
    /// A key of the JSON object that the model returned.
    OutputKey,
    /// The value of this key of the JSON object that the model returned.
    Output(String),
}

/// A test of a text. Upper and lower case of ASCII letters make no difference, except in [`Is`](Self::Is).
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TextTest {
    /// The text is one of these.
    Is(Vec<String>),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    /// The text is not empty. Of a list: it has an entry.
    Exists,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Integer(i64),
    Real(f64),
}

impl Filter {
    /// Returns the condition that a text is exactly this one.
    pub(crate) fn is(field: TextField, text: impl Into<String>) -> Self {
        Self::Text(field, TextTest::Is(vec![text.into()]))
    }

    /// Returns `true` if the condition is on the words of texts.
    pub(crate) fn has_words(&self) -> bool {
        match self {
            Self::All(filters) | Self::Any(filters) => filters.iter().any(Self::has_words),
            Self::Not(filter) => filter.has_words(),
            Self::Words(_) => true,
            _ => false,
        }
    }

    pub(crate) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

impl Comparison {
    const fn sql(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(number) => Self::Integer(number),
            Number::Real(number) => Self::Real(number),
        }
    }
}

impl TextField {
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Model => "model",
            Self::Provider => "provider",
            Self::Status => "status",
            Self::ErrorType => "error_type",
            Self::PromptName => "prompt_name",
            Self::OutputKind => "output_kind",
        }
    }

    /// Returns the index that contains the texts of this field, each with its requests by time.
    pub(super) const fn index(self) -> Option<&'static str> {
        Some(match self {
            Self::Name => "facts_by_name",
            Self::Model => "facts_by_model",
            Self::Provider => "facts_by_provider",
            Self::Status => "facts_by_status",
            Self::ErrorType => "facts_by_error",
            Self::PromptName => "facts_by_prompt",
            Self::OutputKind => return None,
        })
    }
}

impl NumberField {
    const fn expression(self) -> &'static str {
        match self {
            Self::Id => "f.request_id",
            Self::Start => "f.start_ns",
            Self::End => "(f.start_ns + f.duration_ns)",
            Self::Duration => "f.duration_ns",
            Self::FirstToken => "f.first_token_ns",
            Self::InputTokens => "f.input_tokens",
            Self::OutputTokens => "f.output_tokens",
            Self::Tokens => "f.tokens",
            Self::Price => "f.price",
            Self::PromptVersion => "f.prompt_version",
        }
    }

    /// Returns the order of the index that contains the numbers of this field.
    const fn order(self) -> Option<SortBy> {
        Some(match self {
            Self::Start => SortBy::Start,
            Self::Duration => SortBy::Duration,
            Self::InputTokens => SortBy::InputTokens,
            Self::OutputTokens => SortBy::OutputTokens,
            Self::Tokens => SortBy::Tokens,
            Self::Price => SortBy::Price,
            Self::Id | Self::End | Self::FirstToken | Self::PromptVersion => return None,
        })
    }
}

/// A part of a statement, with the values of its parameters.
#[derive(Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
}

impl Sql {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(super) fn value(&mut self, value: impl Into<Value>) -> &mut Self {
        self.text.push('?');
        self.values.push(value.into());
        self
    }

    pub(super) fn append(&mut self, other: Self) -> &mut Self {
        self.text.push_str(&other.text);
        self.values.extend(other.values);
        self
    }

    /// Appends conditions, joined by this word. No conditions are true for `AND`, false for `OR`.
    pub(super) fn join<'f>(
        &mut self,
        filters: impl IntoIterator<Item = &'f Filter>,
        word: &str,
    ) -> &mut Self {
        let mut filters = filters.into_iter().peekable();
        if filters.peek().is_none() {
            return self.push(if word == "AND" { "1" } else { "0" });
        }
        self.push("(");
        let mut is_first = true;
        for filter in filters {
            if !is_first {
                self.push(" ").push(word).push(" ");
            }
            is_first = false;
            filter.condition(self);
        }
        self.push(")")
    }

    pub(super) fn test(&mut self, column: &str, test: &TextTest) -> &mut Self {
        let pattern = |sql: &mut Self, pattern: String| {
            if pattern.len() > LONGEST_PATTERN {
                sql.push("0");
                return;
            }
            sql.push(column).push(" LIKE ").value(pattern).push(" ESCAPE '\\'");
        };
        match test {
            TextTest::Is(texts) => {
                self.push(column).push(" IN (");
                for (index, text) in texts.iter().enumerate() {
                    self.push(if index == 0 { "" } else { ", " }).value(text.clone());
                }
                self.push(")");
            }
            TextTest::Contains(part) => pattern(self, format!("%{}%", escaped(part))),
            TextTest::StartsWith(part) => pattern(self, format!("{}%", escaped(part))),
            TextTest::EndsWith(part) => pattern(self, format!("%{}", escaped(part))),
            TextTest::Exists => {
                self.push(column).push(" <> ''");
            }
        }
        self
    }
}

/// The maximum length of a pattern in bytes. SQLite refuses patterns of more than 50,000 bytes. A longer text is found
/// in nothing.
const LONGEST_PATTERN: usize = 40_000;

/// The maximum number of words that are looked for. Further words are ignored.
const MOST_WORDS: usize = 64;

/// Escapes the characters that have a meaning in a pattern of `LIKE`.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// The block of a request `f`. The indexes of numbers have a part for each block.
pub(super) const BLOCK: &str = concat!("f.", block!());

/// All blocks, for a `FROM` clause.
const BLOCKS: &str = concat!(
    "(WITH RECURSIVE blocks (block, last) AS (
         SELECT (SELECT ",
    block!(),
    " FROM request_facts ORDER BY request_id LIMIT 1),
             (SELECT ",
    block!(),
    " FROM request_facts ORDER BY request_id DESC LIMIT 1)
         UNION ALL SELECT block + 1, last FROM blocks WHERE block < last
     ) SELECT block FROM blocks) AS blocks"
);

impl Filter {
    /// Returns how long it takes to check the condition on one request, compared with other conditions.
    pub(super) fn effort(&self) -> u8 {
        match self {
            Self::All(filters) | Self::Any(filters) => {
                filters.iter().map(Self::effort).max().unwrap_or_default()
            }
            Self::Not(filter) => filter.effort(),
            Self::Text(..) | Self::Number(..) | Self::Unknown(_) => 0,
            Self::Member(Member::Tag | Member::MetadataKey | Member::Metadata(_), _)
            | Self::Score(..)
            | Self::Group(_)
            | Self::PromptId(..) => 1,
            Self::Member(..) => 2,
            Self::Words(_) => 3,
        }
    }

    /// Appends the condition on a row `f` of `request_facts`.
    fn condition(&self, sql: &mut Sql) {
        match self {
            Self::All(filters) => {
                sql.join(filters, "AND");
            }
            Self::Any(filters) => {
                sql.join(filters, "OR");
            }
            Self::Not(filter) => {
                // A comparison with a value that is not known is NULL, which counts as false.
                sql.push("NOT coalesce(");
                filter.condition(sql);
                sql.push(", 0)");
            }
            Self::Text(field, test) => {
                sql.push("coalesce(").test(&format!("f.{}", field.column()), test).push(", 0)");
            }
            Self::Number(field, comparison, number) => {
                sql.push(field.expression()).push(" ").push(comparison.sql()).push(" ").value(*number);
            }
            Self::Unknown(field) => {
                sql.push(field.expression()).push(" IS NULL");
            }
            Self::Member(member, test) => {
                sql.push("EXISTS (").append(member.select("1", test, true)).push(")");
            }
            Self::Score(..) | Self::Group(_) | Self::PromptId(..) => {
                sql.push("EXISTS (").append(self.rows("1", true)).push(")");
            }
            Self::Words(words) => {
                sql.push("EXISTS (").append(words.select("1", true)).push(")");
            }
        }
    }

    /// Returns a query for the ids of all requests that fulfill the condition, if an index finds them.
    pub(super) fn driver(&self) -> Option<Sql> {
        let mut sql = Sql::new("SELECT f.request_id AS id FROM request_facts AS f ");
        match self {
            Self::Text(field, test @ TextTest::Is(_)) => {
                sql.push("INDEXED BY ").push(field.index()?).push(" WHERE ");
                sql.test(&format!("f.{}", field.column()), test);
            }
            Self::Member(Member::Tag | Member::Metadata(_), TextTest::Is(_)) => {
                let Self::Member(member, test) = self else { return None };
                sql = member.select("DISTINCT m.request_id AS id", test, false);
            }
            Self::Score(..) | Self::Group(_) => sql = self.rows("DISTINCT m.request_id AS id", false),
            Self::Words(words) => sql = words.driver(),
            _ => return None,
        }
        Some(sql)
    }

    /// Returns a query for the ids of all requests that fulfill these conditions on one number, if an index finds them.
    pub(super) fn numbers_driver<'f>(
        field: NumberField,
        filters: impl IntoIterator<Item = &'f Self>,
    ) -> Option<Sql> {
        let mut sql = Sql::new("SELECT f.request_id AS id FROM ");
        match field.order() {
            Some(by) if by.is_in_blocks() => {
                sql.push(BLOCKS).push(" CROSS JOIN request_facts AS f INDEXED BY ").push(by.index());
                sql.push(" WHERE ").push(BLOCK).push(" = blocks.block AND ");
            }
            Some(by) => {
                sql.push("request_facts AS f INDEXED BY ").push(by.index()).push(" WHERE ");
            }
            None if field == NumberField::Id => {
                sql.push("request_facts AS f WHERE ");
            }
            None => return None,
        }
        sql.join(filters, "AND");
        Some(sql)
    }

    /// Returns a query for the rows of another table that make a request fulfill the condition.
    fn rows(&self, columns: &str, of_one_request: bool) -> Sql {
        let mut sql = Sql::new("SELECT ");
        sql.push(columns);
        match self {
            Self::Score(name, comparison, score) => {
                sql.push(" FROM scores AS m WHERE m.score ").push(comparison.sql()).push(" ").value(*score);
                if let Some(name) = name {
                    sql.push(" AND m.name = ").value(name.clone());
                }
            }
            Self::Group(group) => {
                sql.push(" FROM group_members AS m WHERE m.group_id = ").value(*group);
            }
            Self::PromptId(comparison, id) => {
                sql.push(" FROM requests AS m WHERE m.prompt_id ")
                    .push(comparison.sql())
                    .push(" ")
                    .value(*id);
                if of_one_request {
                    sql.push(" AND m.id = f.request_id");
                }
                return sql;
            }
            _ => {}
        }
        if of_one_request {
            sql.push(" AND m.request_id = f.request_id");
        }
        sql
    }
}

impl Member {
    /// Returns the expression of a value, and a join of each request `f` with its values.
    pub(super) fn rows_of_each_request(&self) -> (&'static str, Sql) {
        let (column, key, source) = self.parts();
        let mut sql = Sql::new(match source {
            Source::Table("request_tags") => " JOIN request_tags AS m ON m.request_id = f.request_id",
            Source::Table(_) => " JOIN request_metadata AS m ON m.request_id = f.request_id",
            Source::Json(_) => " JOIN requests AS r ON r.id = f.request_id",
        });
        if let Source::Json(json) = source {
            sql.push(", ").push(json).push(" AS m");
        }
        if let Some(key) = key {
            sql.push(if matches!(source, Source::Json(_)) { " ON m.key = " } else { " AND m.key = " });
            sql.value(key.to_owned());
        }
        (column, sql)
    }

    /// Returns the expression of a value, the key that the row must have, and the source of the rows.
    fn parts(&self) -> (&'static str, Option<&str>, Source) {
        match self {
            Self::Tag => ("m.tag", None, Source::Table("request_tags")),
            Self::MetadataKey => ("m.key", None, Source::Table("request_metadata")),
            Self::Metadata(key) => ("m.value", Some(key), Source::Table("request_metadata")),
            Self::Tool => ("m.value ->> '$.function.name'", None, Source::Json(TOOL_CALLS)),
            Self::VariableName => ("m.key", None, Source::Json(VARIABLES)),
            Self::Variable(name) => (JSON_TEXT, Some(name), Source::Json(VARIABLES)),
            Self::OutputKey => ("m.key", None, Source::Json(OUTPUT)),
            Self::Output(key) => (JSON_TEXT, Some(key), Source::Json(OUTPUT)),
        }
    }

    fn select(&self, columns: &str, test: &TextTest, of_one_request: bool) -> Sql {
        let (column, key, source) = self.parts();
        let mut sql = Sql::new("SELECT ");
        sql.push(columns).push(" FROM ");
        match source {
            Source::Table(table) if of_one_request => {
                sql.push(table).push(" AS m WHERE m.request_id = f.request_id AND ");
            }
            Source::Table("request_metadata") => {
                sql.push(BLOCKS)
                    .push(" CROSS JOIN request_metadata AS m INDEXED BY metadata_by_value WHERE ");
                sql.push(concat!("m.", block!())).push(" = blocks.block AND ");
            }
            Source::Table(table) => {
                sql.push(table).push(" AS m WHERE ");
            }
            Source::Json(json) => {
                sql.push("requests AS r, ").push(json).push(" AS m WHERE r.id = f.request_id AND ");
            }
        }
        if let Some(key) = key {
            sql.push("m.key = ").value(key.to_owned()).push(" AND ");
        }
        if let (Self::Metadata(_), TextTest::Is(texts)) = (self, test) {
            // The index contains the beginning of a value.
            let beginnings = texts.iter().map(|text| text.chars().take(200).collect()).collect();
            sql.test("substr(m.value, 1, 200)", &TextTest::Is(beginnings)).push(" AND ");
        }
        sql.test(column, test);
        sql
    }
}

/// The rows that contain the texts of a list.
#[derive(Clone, Copy)]
enum Source {
    Table(&'static str),
    /// A table-valued function of JSON in the request `r`.
    Json(&'static str),
}

/// A JSON value as text. SQLite has no truth values, so it reads them as numbers.
const JSON_TEXT: &str = "iif(m.type IN ('true', 'false'), m.type, CAST(m.value AS TEXT))";
const VARIABLES: &str = "json_each(r.prompt_variables)";
const TOOL_CALLS: &str = "json_each((SELECT json_group_array(json(call.value))
     FROM json_each(r.output, '$.messages') AS message, json_each(message.value, '$.tool_calls') AS call))";
/// The JSON text that a model returned. It is only valid JSON if the kind of the output says so.
const OUTPUT: &str = "json_each(CASE f.output_kind
     WHEN 'json' THEN r.output ->> '$.messages[0].content[0].text' ELSE '{}' END)";

impl Words {
    /// Returns a query for the ids of all requests with these words.
    pub(super) fn driver(&self) -> Sql {
        self.select("rowid AS id", false)
    }

    fn select(&self, columns: &str, of_one_request: bool) -> Sql {
        let mut sql = Sql::new("SELECT ");
        sql.push(columns).push(" FROM request_texts WHERE request_texts MATCH ").value(self.expression());
        if of_one_request {
            sql.push(" AND rowid = f.request_id");
        }
        sql
    }

    /// Returns the expression of the index's query language.
    fn expression(&self) -> String {
        let terms: Vec<String> = words(&self.text)
            .into_iter()
            .map(|(word, is_beginning)| format!("\"{word}\"{}", if is_beginning { "*" } else { "" }))
            .collect();
        if terms.is_empty() {
            // No word: nothing contains it. An empty phrase matches nothing.
            return "\"\"".to_owned();
        }
        let terms = terms.join(" AND ");
        match self.side {
            Side::Both => terms,
            Side::Input => format!("input : ({terms})"),
            Side::Output => format!("output : ({terms})"),
        }
    }
}

/// The minimum number of letters before a `*`. So many words begin with fewer letters that looking for them takes long, so
/// the `*` is ignored.
const SHORTEST_BEGINNING: usize = 3;

/// Splits a text into words as the tokenizer of the index does. Returns each with `true` if a `*` follows it.
fn words(text: &str) -> Vec<(String, bool)> {
    let mut spaced = String::with_capacity(text.len());
    super::super::preview::append(&mut spaced, text);
    spaced
        .split_inclusive(|character: char| !character.is_alphanumeric())
        .filter_map(|part| {
            let word = part.trim_end_matches(|character: char| !character.is_alphanumeric());
            let is_long = word.chars().count() >= SHORTEST_BEGINNING;
            (!word.is_empty()).then(|| (word.to_owned(), is_long && part.ends_with('*')))
        })
        .take(MOST_WORDS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Side, Words};

    #[test]
    fn words_become_an_expression_that_cannot_fail() {
        let expression = |side, text: &str| Words { side, text: text.to_owned() }.expression();
        assert_eq!(expression(Side::Both, "weather in Oslo"), "\"weather\" AND \"in\" AND \"Oslo\"");
        assert_eq!(expression(Side::Input, "Osl*"), "input : (\"Osl\"*)");
        assert_eq!(expression(Side::Both, "wea* * os* Oslo *"), "\"wea\"* AND \"os\" AND \"Oslo\"");
        assert_eq!(expression(Side::Output, "a\"b-c:*"), "output : (\"a\" AND \"b\" AND \"c\")");
        assert_eq!(expression(Side::Both, "東京"), "\"東\" AND \"京\"");
        assert_eq!(expression(Side::Both, "-- \"'"), "\"\"");
    }
}
