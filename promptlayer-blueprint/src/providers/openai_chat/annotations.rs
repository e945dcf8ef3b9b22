//! Attaches citations to the text that they belong to.

use serde_json::Value;

use super::content;
use crate::blueprint::{Annotation, ContentBlock, Message, WebAnnotation};
use crate::providers::citations;
use crate::providers::json::{Fields, Object};

/// Maximum number of digits in a citation mark. A longer number is not a citation.
const LONGEST_NUMBER: usize = 4;

/// Attaches citations to the last text block: blocks before it are thoughts. Citations that the blueprint has no
/// type for, or for which there is no text block, are appended as readable text.
pub(super) fn attach(blocks: &mut Vec<ContentBlock>, citations: &[Value]) {
    let mut text = blocks.iter_mut().rev().find_map(|block| match block {
        ContentBlock::Text(text) => Some(text),
        _ => None,
    });
    let mut others = Vec::new();
    for item in citations.iter().filter(|item| !item.is_null()) {
        match (&mut text, citations::read(item)) {
            (Some(text), Some(annotation)) => text.annotations.push(annotation),
            _ => others.push(content::kept(item)),
        }
    }
    blocks.extend(others);
}

/// Adds citations for the marks in the texts of a response: `[2]` refers to Perplexity's second search result.
pub(super) fn cite(messages: &mut [Message], reply: &Object) {
    let sources = reply.list("search_results");
    for block in messages.iter_mut().filter_map(Message::content_mut).flatten() {
        if let ContentBlock::Text(text) = block
            && text.annotations.is_empty()
            && !sources.is_empty()
        {
            text.annotations = marks(&text.text, sources);
        }
    }
}

/// Returns the marks in a text that refer to a source. Positions are counted in characters, like OpenAI's.
fn marks(text: &str, sources: &[Value]) -> Vec<Annotation> {
    let mark = |(at, (byte, char)): (usize, (usize, char))| {
        let number = (char == '[').then(|| text.get(byte + 1..).and_then(number)).flatten()?;
        let source = sources.get(number.parse::<usize>().ok()?.checked_sub(1)?)?;
        Some(Annotation::Web(WebAnnotation {
            title: source.owned("title").unwrap_or_default(),
            url: source.owned("url")?,
            start_index: i64::try_from(at).ok()?,
            // Includes the brackets.
            end_index: i64::try_from(at + number.len() + 2).ok()?,
            ..WebAnnotation::default()
        }))
    };
    text.char_indices().enumerate().filter_map(mark).collect()
}

/// Returns the number at the start of a text, if a closing bracket follows.
fn number(text: &str) -> Option<&str> {
    let length = text.bytes().take(LONGEST_NUMBER + 1).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(length)?;
    (rest.starts_with(']') && !number.is_empty()).then_some(number)
}
