//! Snippets: references to completion templates inside the texts of other templates.
//!
//! A reference is `@@@name@@@` for the latest version, `@@@name@version_number:3@@@` or `@@@name@label:prod@@@`. It is
//! replaced by the text of that template, which can contain references too. A reference that cannot be resolved stays
//! as it is: its template or version does not exist, is a chat, or contains itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::Json;
use serde::Serialize;
use serde_json::{Value, json};

use super::error::ApiError;
use super::problem::Place;
use super::query::{given, positive, template_id};
use crate::app::App;
use crate::store::{Reader, StoredVersion, VersionChoice};

/// The text before and after a reference.
const MARK: &str = "@@@";

/// The maximum depth of snippets inside snippets. Deeper references stay as they are.
const DEPTH: usize = 32;

/// The maximum number of different references in a template and its snippets. Further ones stay as they are: each needs
/// a query of the database.
const REFERENCES: usize = 1000;

/// A snippet that a template uses, as the API returns it.
#[derive(Debug, Serialize)]
pub(crate) struct Snippet {
    prompt_name: String,
    version: i64,
    label: Option<String>,
}

/// Replaces the references in all texts of a prompt. Returns the snippets in the order of their first use.
///
/// # Errors
///
/// Returns [`ApiError::RenderedTooLarge`] if the texts of all snippets have more than `limit` bytes in total.
pub(crate) fn resolve(
    store: &Reader<'_>,
    prompt: &mut Value,
    limit: usize,
) -> Result<Vec<Snippet>, ApiError> {
    let mut resolver =
        Resolver { store, texts: HashMap::new(), used: Vec::new(), depth: 0, limit, room: limit };
    each_text(prompt, |text| {
        if let Some(resolved) = resolver.resolve(text)? {
            *text = resolved;
        }
        Ok::<_, ApiError>(())
    })?;
    Ok(resolver.used)
}

/// Returns the snippets of a prompt without changing it.
pub(super) fn used(store: &Reader<'_>, prompt: &Value, limit: usize) -> Result<Vec<Snippet>, ApiError> {
    resolve(store, &mut prompt.clone(), limit)
}

struct Resolver<'s> {
    store: &'s Reader<'s>,
    /// The resolved text of each reference. `None` if it cannot be resolved, and while it is being resolved: it then
    /// contains itself.
    texts: HashMap<String, Option<String>>,
    used: Vec<Snippet>,
    depth: usize,
    limit: usize,
    /// The number of bytes that are left of the limit.
    room: usize,
}

impl Resolver<'_> {
    /// Returns the text with its references replaced, or `None` if it has none.
    fn resolve(&mut self, text: &str) -> Result<Option<String>, ApiError> {
        let (mut resolved, mut rest) = (String::new(), text);
        let mut has_changed = false;
        while let Some((before, reference, after)) = next_reference(rest) {
            resolved.push_str(before);
            if let Some(snippet) = self.text_of(reference)? {
                self.room = self
                    .room
                    .checked_sub(snippet.len())
                    .ok_or(ApiError::RenderedTooLarge { limit: self.limit })?;
                resolved.push_str(&snippet);
                has_changed = true;
                rest = after;
            } else {
                // The mark after the reference can begin the next one.
                resolved.push_str(MARK);
                resolved.push_str(reference);
                rest = rest.get(before.len() + MARK.len() + reference.len()..).unwrap_or_default();
            }
        }
        resolved.push_str(rest);
        Ok(has_changed.then_some(resolved))
    }

    /// Returns the resolved text of a reference.
    fn text_of(&mut self, reference: &str) -> Result<Option<String>, ApiError> {
        if let Some(text) = self.texts.get(reference) {
            return Ok(text.clone());
        }
        if self.depth >= DEPTH || self.texts.len() >= REFERENCES {
            return Ok(None);
        }
        self.texts.insert(reference.to_owned(), None);
        let (name, choice) = parts(reference);
        let Some(text) = version(self.store, name, choice)?.filter(|version| is_snippet(&version.prompt))
        else {
            return Ok(None);
        };
        let label = match choice {
            VersionChoice::Label(label) => Some(label.to_owned()),
            _ => None,
        };
        self.used.push(Snippet { prompt_name: name.to_owned(), version: text.number, label });
        let text = own_text(&text.prompt);
        self.depth += 1;
        let resolved = self.resolve(&text)?;
        self.depth -= 1;
        let text = resolved.unwrap_or(text);
        self.texts.insert(reference.to_owned(), Some(text.clone()));
        Ok(Some(text))
    }
}

/// Returns `true` if a template can be used as a snippet.
pub(super) fn is_snippet(prompt: &Value) -> bool {
    prompt["type"] == "completion"
}

/// Returns the text of a completion.
fn own_text(prompt: &Value) -> String {
    let blocks = prompt["content"].as_array().into_iter().flatten();
    blocks.filter_map(|block| block["text"].as_str()).collect()
}

fn version(
    store: &Reader<'_>,
    name: &str,
    choice: VersionChoice<'_>,
) -> rusqlite::Result<Option<StoredVersion>> {
    let template = store.template_named(name)?;
    Ok(template.map(|template| store.version(template, choice)).transpose()?.flatten())
}

/// Splits a text at its first reference: the text before it, the reference without its marks, and the text after it.
fn next_reference(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once(MARK)?;
    let (reference, after) = rest.split_once(MARK)?;
    Some((before, reference, after))
}

/// Splits a reference into the name and the version.
fn parts(reference: &str) -> (&str, VersionChoice<'_>) {
    let reference = reference.trim();
    if let Some((name, number)) = reference.rsplit_once("@version_number:")
        && let Ok(number) = number.trim().parse()
    {
        return (name.trim(), VersionChoice::Number(number));
    }
    match reference.rsplit_once("@label:") {
        Some((name, label)) => (name.trim(), VersionChoice::Label(label.trim())),
        None => (reference, VersionChoice::Latest),
    }
}

/// Calls `change` for every text block of a prompt.
fn each_text<E>(prompt: &mut Value, mut change: impl FnMut(&mut String) -> Result<(), E>) -> Result<(), E> {
    let holders = match prompt.get_mut("messages").and_then(Value::as_array_mut) {
        Some(messages) => messages.iter_mut().collect(),
        None => vec![prompt],
    };
    let contents = holders.into_iter().filter_map(|holder| holder.get_mut("content")?.as_array_mut());
    for block in contents.flatten().filter(|block| block["type"] == "text") {
        if let Some(Value::String(text)) = block.get_mut("text") {
            change(text)?;
        }
    }
    Ok(())
}

/// Handles `GET /prompt-templates/{identifier}/snippet-usage`: returns the templates and labels that use a snippet.
pub(super) async fn usage(
    app: &App,
    identifier: String,
    query: &[(String, String)],
) -> Result<Json<Value>, ApiError> {
    let place = Place::QUERY;
    let place = place.field("prompt_version_number");
    let wanted = given(query, "prompt_version_number").map(|number| positive(number, &place)).transpose()?;
    app.store()
        .read(move |store| {
            let snippet = template_id(store, &identifier)?;
            let name = store.template_name(snippet)?.unwrap_or(identifier);
            let mut users: BTreeMap<i64, (String, BTreeSet<i64>)> = BTreeMap::new();
            let mut versions = BTreeSet::new();
            // The number of the version that a reference means, by reference.
            let mut numbers: HashMap<String, Option<i64>> = HashMap::new();
            store.each_version_with(MARK, |mut user| {
                let mut is_user = false;
                each_text(&mut user.prompt, |text| {
                    let mut rest = text.as_str();
                    while let Some((before, reference, after)) = next_reference(rest) {
                        let (named, choice) = parts(reference);
                        let number = match numbers.get(reference) {
                            Some(number) => *number,
                            None if named == name => {
                                let found = version(store, named, choice)?;
                                let found = found.filter(|found| is_snippet(&found.prompt));
                                let number = found.map(|found| found.number);
                                numbers.insert(reference.to_owned(), number);
                                number
                            }
                            None => None,
                        };
                        is_user |= number.is_some_and(|number| wanted.is_none_or(|wanted| wanted == number));
                        rest = match number {
                            Some(_) => after,
                            None => rest.get(before.len() + MARK.len() + reference.len()..).unwrap_or_default(),
                        };
                    }
                    Ok::<_, rusqlite::Error>(())
                })?;
                if is_user {
                    versions.insert(user.version_id);
                    let (_, numbers) =
                        users.entry(user.template_id).or_insert_with(|| (user.prompt_name, BTreeSet::new()));
                    numbers.insert(user.number);
                }
                Ok(())
            })?;
            let mut labels = Vec::new();
            for (template, (prompt_name, _)) in &users {
                let using = store.labels(*template)?.into_iter();
                labels.extend(using.filter(|label| versions.contains(&label.version_id)).map(|label| {
                    json!({ "prompt_registry_id": template, "prompt_name": prompt_name, "label_name": label.name })
                }));
            }
            let usage: Vec<Value> = users
                .into_iter()
                .map(|(template, (prompt_name, numbers))| {
                    json!({
                        "prompt_registry_id": template, "prompt_name": prompt_name, "version_numbers": numbers,
                    })
                })
                .collect();
            Ok(Json(json!({
                "success": true,
                "message": "Snippet usage retrieved successfully",
                "snippet_name": name,
                "total_prompts_using_snippet": usage.len(),
                "snippet_usage": usage,
                "total_labels_using_snippet": labels.len(),
                "label_usage": labels,
            })))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::{next_reference, parts};
    use crate::store::VersionChoice;

    #[test]
    fn reference_names_a_template_and_its_version() {
        for (reference, name, number, label) in [
            ("intro", "intro", None, None),
            (" a/b c ", "a/b c", None, None),
            ("intro@version_number:3", "intro", Some(3), None),
            ("me@home@label:prod", "me@home", None, Some("prod")),
            ("intro@version_number:x", "intro@version_number:x", None, None),
        ] {
            let (found, choice) = parts(reference);
            assert_eq!(found, name);
            let choice = match choice {
                VersionChoice::Number(number) => (Some(number), None),
                VersionChoice::Label(label) => (None, Some(label)),
                VersionChoice::Latest => (None, None),
            };
            assert_eq!(choice, (number, label), "{reference}");
        }
    }

    #[test]
    fn text_is_split_at_its_first_reference() {
        assert_eq!(next_reference("a@@@b@@@c@@@d@@@"), Some(("a", "b", "c@@@d@@@")));
        assert_eq!(next_reference("a@@@b"), None);
    }
}
