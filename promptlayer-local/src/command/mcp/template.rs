//! `render_template`: the messages of a template with its variables filled in.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rmcp::model::JsonObject;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::show::messages;
use super::text::{named, quoted};
use super::tool::{Answer, Database, Definition, Refusal, parameters, read_arguments};
use crate::api;
use crate::store::StoredVersion;
use crate::template_variables::Variables;

/// The maximum length of a rendered template, in bytes.
const LONGEST: usize = 100_000;

/// The maximum number of template names in an error.
const MOST_NAMES: usize = 20;

pub(super) const TOOL: Definition = Definition {
    name: "render_template",
    title: "Render a prompt template",
    description: "Renders a stored prompt template as PromptLayer's clients do, and returns its messages, its model and \
        its version. A variable that is used and not given is listed in missing_variables and rendered as nothing; a placeholder stays as it is. \
        unused_variables were given and are not used: look for a misspelled name. Messages in invalid_messages (numbered \
        from 1, before rendering) have a text that is not a valid template, which stays as it is. Nothing is sent to a \
        model.",
    parameters: || {
        parameters([
            ("template", json!({ "type": "string", "description": "The name or the id of the template." })),
            (
                "version",
                json!({
                    "type": "integer", "minimum": 1,
                    "description": "The number of the version. The latest by default. Give a version or a label, not both.",
                }),
            ),
            (
                "label",
                json!({ "type": "string", "description": "A release label, such as prod, in place of the version." }),
            ),
            (
                "variables",
                json!({
                    "type": "object", "default": {},
                    "description": "The values of the variables by their names. Values are any JSON. A placeholder needs a \
                        list of messages, each with role and content.",
                }),
            ),
        ])
    },
    required: &["template"],
    run,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    template: Value,
    #[serde(default, deserialize_with = "crate::integer::optional")]
    version: Option<i64>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
}

fn run(database: &Database, arguments: JsonObject) -> Result<Answer, Refusal> {
    let Arguments { template, version, label, variables } = read_arguments(arguments)?;
    let template = match template {
        Value::String(name) => name,
        Value::Number(id) => id.to_string(),
        _ => return Err(Refusal("template must be the name or the id of a template".to_owned())),
    };
    if version.is_some() && label.is_some() {
        return Err(Refusal("Give a version or a label, not both".to_owned()));
    }
    let mut found = database.read(|store| {
        if store.find_template(&template)?.is_none() {
            return Err(no_such_template(&template, store.templates()?.into_iter().map(|one| one.name)));
        }
        Ok(api::find_template(store, &template, version, label.as_deref(), LONGEST)?)
    })?;
    let variables = variables.unwrap_or_default();
    let needed = Variables::of(&found.prompt);
    let given: BTreeSet<String> =
        variables.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone()).collect();
    let report = Report {
        missing: needed.used.difference(&given).cloned().collect(),
        unused: given
            .difference(&needed.used)
            .filter(|name| !needed.listed.contains(*name))
            .cloned()
            .collect(),
        invalid: needed.invalid,
    };
    api::render_template(&mut found.prompt, &variables, LONGEST)?;
    Ok(report.answer(&found))
}

fn no_such_template(name: &str, names: impl Iterator<Item = String>) -> Refusal {
    let mut names: Vec<String> = names.map(|name| named(&name)).collect();
    let more = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    let mut message = format!("There is no template {}. ", named(name));
    let _ = match (names.is_empty(), more) {
        (true, _) => write!(message, "No template is stored: publish one to this server first."),
        (false, 0) => write!(message, "The templates are {}.", names.join(", ")),
        (false, more) => write!(message, "Some of the templates are {} ({more} more).", names.join(", ")),
    };
    Refusal(message)
}

/// What does not fit between a template and the variables that were given.
struct Report {
    missing: Vec<String>,
    unused: Vec<String>,
    invalid: BTreeSet<usize>,
}

impl Report {
    fn answer(self, version: &StoredVersion) -> Answer {
        let list = |names: &[String]| names.iter().map(|name| named(name)).collect::<Vec<_>>().join(", ");
        // Writing to a string cannot fail.
        let mut text = format!("template {}, version {}\n", named(&version.prompt_name), version.number);
        if !self.missing.is_empty() {
            let _ = writeln!(
                text,
                "Missing variables (rendered as nothing; a placeholder stays as it is): {}",
                list(&self.missing)
            );
        }
        if !self.unused.is_empty() {
            let _ = writeln!(text, "Variables that the template does not use: {}", list(&self.unused));
        }
        if !self.invalid.is_empty() {
            let numbers: Vec<String> = self.invalid.iter().map(usize::to_string).collect();
            let _ = writeln!(
                text,
                "Messages with a text that is not a valid template, which stays as it is: {}",
                numbers.join(", ")
            );
        }
        for (role, said) in messages("completion", &version.prompt) {
            let _ = write!(text, "\n{}:\n{}", named(&role), quoted(&said));
        }
        let model = version.metadata.as_ref().and_then(|metadata| metadata.get("model")).cloned();
        let structured = json!({
            "template": version.prompt_name,
            "template_id": version.template_id,
            "version": version.number,
            "model": model,
            "missing_variables": self.missing,
            "unused_variables": self.unused,
            "invalid_messages": self.invalid,
            "prompt_template": version.prompt,
        });
        Answer { text, structured }
    }
}
