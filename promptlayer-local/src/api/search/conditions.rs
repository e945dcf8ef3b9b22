//! Reads the filters of a search: groups of conditions on the fields of a request log.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::problem::Place;
use super::super::rules::described;
use crate::integer;
use crate::store::{Comparison, Filter, Member, Number, NumberField, Side, TextField, TextTest, Words};
use crate::timestamp::Timestamp;

/// The maximum number of groups inside each other, and of conditions in total.
const DEEPEST: usize = 20;
const MOST_CONDITIONS: usize = 200;

/// The maximum number of values of one condition.
const MOST_VALUES: usize = 100;

/// A field that requests can be filtered by, and how its values are compared.
#[derive(Clone, Copy)]
enum Field {
    Text(TextField),
    Number(NumberField, Unit),
    PromptId,
    Words(Side),
    /// The kind of the output.
    Kind(&'static str),
    /// A list of texts.
    List(fn() -> Member),
    /// An object, of which `nested_key` names a field.
    Nested(fn(String) -> Member),
}

/// The unit of a number in a filter.
#[derive(Clone, Copy)]
enum Unit {
    Integer,
    Dollars,
    Milliseconds,
    Time,
}

const FIELDS: &[(&str, Field)] = &[
    ("pl_id", Field::Number(NumberField::Id, Unit::Integer)),
    ("prompt_id", Field::PromptId),
    ("engine", Field::Text(TextField::Model)),
    ("provider_type", Field::Text(TextField::Provider)),
    ("input_text", Field::Words(Side::Input)),
    ("output_text", Field::Words(Side::Output)),
    ("prompt_version_number", Field::Number(NumberField::PromptVersion, Unit::Integer)),
    ("input_tokens", Field::Number(NumberField::InputTokens, Unit::Integer)),
    ("output_tokens", Field::Number(NumberField::OutputTokens, Unit::Integer)),
    ("cost", Field::Number(NumberField::Price, Unit::Dollars)),
    ("latency_ms", Field::Number(NumberField::Duration, Unit::Milliseconds)),
    ("request_start_time", Field::Number(NumberField::Start, Unit::Time)),
    ("request_end_time", Field::Number(NumberField::End, Unit::Time)),
    ("status", Field::Text(TextField::Status)),
    ("is_json", Field::Kind("json")),
    ("is_tool_call", Field::Kind("tool_call")),
    ("is_plain_text", Field::Kind("text")),
    ("tags", Field::List(|| Member::Tag)),
    ("metadata_keys", Field::List(|| Member::MetadataKey)),
    ("metadata", Field::Nested(Member::Metadata)),
    ("tool_names", Field::List(|| Member::Tool)),
    ("output", Field::Nested(Member::Output)),
    ("output_keys", Field::List(|| Member::OutputKey)),
    ("input_variables", Field::Nested(Member::Variable)),
    ("input_variable_keys", Field::List(|| Member::VariableName)),
];

/// The fields for which PromptLayer's service classifies the content of requests.
const CLASSIFIED: [&str; 2] = ["user_intent", "agent_intent"];

/// Reads a group of conditions.
pub(super) fn group(value: &Value, place: &Place<'_>) -> Result<Filter, ApiError> {
    let mut left = MOST_CONDITIONS;
    read_group(value, place, DEEPEST, &mut left)
}

fn read_group(value: &Value, place: &Place<'_>, depth: usize, left: &mut usize) -> Result<Filter, ApiError> {
    if depth == 0 {
        return Err(ApiError::BadRequest(format!(
            "The filter has more than {DEEPEST} groups inside each other"
        )));
    }
    let wrong = |place: &Place<'_>, kind, expected: &str, found: Option<&Value>| {
        let found = found.map_or_else(|| "nothing".to_owned(), described);
        ApiError::invalid(place, kind, format!("this should be {expected}, found {found}"))
    };
    let Some(object) = value.as_object() else {
        return Err(wrong(place, "dict_type", "a group of filters", Some(value)));
    };
    let filters = place.field("filters");
    let Some(list) = object.get("filters").and_then(Value::as_array) else {
        return Err(wrong(&filters, "list_type", "a list of filters", object.get("filters")));
    };
    let mut read = Vec::with_capacity(list.len().min(MOST_CONDITIONS));
    for (index, item) in list.iter().enumerate() {
        let place = filters.item(index);
        if *left == 0 {
            return Err(ApiError::BadRequest(format!(
                "The filter has more than {MOST_CONDITIONS} conditions"
            )));
        }
        *left -= 1;
        read.push(match item.get("filters") {
            Some(_) => read_group(item, &place, depth - 1, left)?,
            None => condition(item, &place)?,
        });
    }
    match object.get("logic") {
        None => Ok(Filter::All(read)),
        Some(Value::String(word)) if word == "AND" => Ok(Filter::All(read)),
        Some(Value::String(word)) if word == "OR" => Ok(Filter::Any(read)),
        Some(other) => Err(wrong(&place.field("logic"), "enum", "AND or OR", Some(other))),
    }
}

/// A condition as the client sent it.
struct Condition<'a> {
    name: &'a str,
    operator: &'a str,
    value: &'a Value,
}

fn condition(item: &Value, place: &Place<'_>) -> Result<Filter, ApiError> {
    let text = |name: &'static str| {
        item.get(name).and_then(Value::as_str).ok_or_else(|| {
            let found = item.get(name).map_or_else(|| "nothing".to_owned(), described);
            ApiError::invalid(
                &place.field(name),
                "string_type",
                format!("this should be a string, found {found}"),
            )
        })
    };
    let (name, operator) = (text("field")?, text("operator")?);
    let condition = Condition { name, operator, value: item.get("value").unwrap_or(&Value::Null) };
    if CLASSIFIED.contains(&name) {
        return Err(ApiError::BadRequest(format!(
            "This server does not classify requests, so it has no {name}"
        )));
    }
    let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) else {
        let message = format!("this should be a field of a request log, found {name:?}");
        return Err(ApiError::invalid(&place.field("field"), "enum", message));
    };
    match *field {
        Field::Text(field) => condition.text(&|test| Filter::Text(field, test)),
        Field::Number(field, unit) => condition.number(
            &|comparison, number| Some(Filter::Number(field, comparison, number)),
            unit,
            || Some(Filter::Unknown(field)),
        ),
        Field::PromptId => condition.number(
            &|comparison, number| match number {
                Number::Integer(id) => Some(Filter::PromptId(comparison, id)),
                Number::Real(_) => None,
            },
            Unit::Integer,
            || None,
        ),
        Field::Words(side) => condition.words(side),
        Field::Kind(word) => condition.boolean(Filter::is(TextField::OutputKind, word)),
        Field::List(member) => condition.membership(&|test| Filter::Member(member(), test)),
        Field::Nested(member) => {
            let key = text("nested_key")?;
            condition.text(&|test| Filter::Member(member(key.to_owned()), test))
        }
    }
}

impl Condition<'_> {
    fn unsupported(&self) -> ApiError {
        ApiError::BadRequest(format!(
            "The operator {} does not apply to the field {}",
            self.operator, self.name
        ))
    }

    fn wrong_value(&self, expected: &str) -> ApiError {
        ApiError::BadRequest(format!(
            "The operator {} of the field {} needs {expected}, found {}",
            self.operator,
            self.name,
            described(self.value)
        ))
    }

    fn one(&self) -> Result<String, ApiError> {
        as_text(self.value).ok_or_else(|| self.wrong_value("a string"))
    }

    fn many(&self) -> Result<Vec<String>, ApiError> {
        let items = self.list()?;
        items.iter().map(|item| as_text(item).ok_or_else(|| self.wrong_value("a list of strings"))).collect()
    }

    fn list(&self) -> Result<&[Value], ApiError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong_value("a list"))?;
        if items.len() > MOST_VALUES {
            return Err(ApiError::BadRequest(format!(
                "The filter of the field {} has {} values; give at most {MOST_VALUES}",
                self.name,
                items.len()
            )));
        }
        Ok(items)
    }

    fn text(&self, filter: &dyn Fn(TextTest) -> Filter) -> Result<Filter, ApiError> {
        Ok(match self.operator {
            "is" | "eq" | "key_equals" => filter(TextTest::Is(vec![self.one()?])),
            "is_not" | "neq" | "key_not_equals" => filter(TextTest::Is(vec![self.one()?])).not(),
            "in" => filter(TextTest::Is(self.many()?)),
            "not_in" => filter(TextTest::Is(self.many()?)).not(),
            "contains" | "key_contains" => filter(TextTest::Contains(self.one()?)),
            "not_contains" => filter(TextTest::Contains(self.one()?)).not(),
            "starts_with" => filter(TextTest::StartsWith(self.one()?)),
            "ends_with" => filter(TextTest::EndsWith(self.one()?)),
            "is_empty" | "is_null" => filter(TextTest::Exists).not(),
            "is_not_empty" | "is_not_null" => filter(TextTest::Exists),
            _ => return Err(self.unsupported()),
        })
    }

    /// A list contains a text if one of its entries is equal to it.
    fn membership(&self, filter: &dyn Fn(TextTest) -> Filter) -> Result<Filter, ApiError> {
        match self.operator {
            "contains" => Ok(filter(TextTest::Is(self.one_or_many()?))),
            "not_contains" => Ok(filter(TextTest::Is(self.one_or_many()?)).not()),
            _ => self.text(filter),
        }
    }

    fn one_or_many(&self) -> Result<Vec<String>, ApiError> {
        if self.value.is_array() { self.many() } else { Ok(vec![self.one()?]) }
    }

    fn number(
        &self,
        filter: &dyn Fn(Comparison, Number) -> Option<Filter>,
        unit: Unit,
        unknown: impl Fn() -> Option<Filter>,
    ) -> Result<Filter, ApiError> {
        let make = |comparison, value: &Value| {
            let number = unit.read(value).ok_or_else(|| self.wrong_value(unit.expected()))?;
            filter(comparison, number).ok_or_else(|| self.unsupported())
        };
        let any = || {
            self.list()?
                .iter()
                .map(|value| make(Comparison::Equal, value))
                .collect::<Result<_, ApiError>>()
                .map(Filter::Any)
        };
        match self.operator {
            "is" | "eq" => make(Comparison::Equal, self.value),
            "is_not" | "neq" => make(Comparison::Equal, self.value).map(Filter::not),
            "in" => any(),
            "not_in" => any().map(Filter::not),
            "gt" | "after" => make(Comparison::Greater, self.value),
            "gte" => make(Comparison::GreaterOrEqual, self.value),
            "lt" | "before" => make(Comparison::Less, self.value),
            "lte" => make(Comparison::LessOrEqual, self.value),
            "between" => match self.list()? {
                [least, most] => Ok(Filter::All(vec![
                    make(Comparison::GreaterOrEqual, least)?,
                    make(Comparison::LessOrEqual, most)?,
                ])),
                _ => Err(self.wrong_value("a list of two values")),
            },
            "is_null" | "is_empty" => unknown().ok_or_else(|| self.unsupported()),
            "is_not_null" | "is_not_empty" => unknown().map(Filter::not).ok_or_else(|| self.unsupported()),
            _ => Err(self.unsupported()),
        }
    }

    fn words(&self, side: Side) -> Result<Filter, ApiError> {
        let words = || Ok::<_, ApiError>(Filter::Words(Words { side, text: self.one()? }));
        match self.operator {
            "contains" => words(),
            "not_contains" => words().map(Filter::not),
            _ => Err(ApiError::BadRequest(format!(
                "This server compares the field {} by contains and not_contains only",
                self.name
            ))),
        }
    }

    fn boolean(&self, filter: Filter) -> Result<Filter, ApiError> {
        let is_true = match (self.operator, self.value) {
            ("is_true", _) | ("is" | "eq", Value::Bool(true)) | ("is_not" | "neq", Value::Bool(false)) => {
                true
            }
            ("is_false", _) | ("is" | "eq", Value::Bool(false)) | ("is_not" | "neq", Value::Bool(true)) => {
                false
            }
            ("is" | "eq" | "is_not" | "neq", _) => return Err(self.wrong_value("true or false")),
            _ => return Err(self.unsupported()),
        };
        Ok(if is_true { filter } else { filter.not() })
    }
}

impl Unit {
    const fn expected(self) -> &'static str {
        match self {
            Self::Integer => "an integer",
            Self::Dollars | Self::Milliseconds => "a number",
            Self::Time => "an RFC 3339 date-time",
        }
    }

    fn read(self, value: &Value) -> Option<Number> {
        match self {
            Self::Integer => integer::read(value).map(Number::Integer),
            Self::Dollars => value.as_f64().map(Number::Real),
            Self::Milliseconds => {
                let nanoseconds = value.as_f64()? * 1e6;
                #[expect(clippy::cast_possible_truncation, reason = "within the range checked")]
                (-9e18..9e18).contains(&nanoseconds).then_some(Number::Integer(nanoseconds as i64))
            }
            Self::Time => Timestamp::read(value).map(|time| Number::Integer(time.nanoseconds())),
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
