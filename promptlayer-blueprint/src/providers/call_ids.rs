//! Generates ids for tool calls without an id. Some APIs match a result to its call only by function name
//! and order. The blueprint needs an id.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::blueprint::Message;

/// The tool calls of one conversation that have no result yet.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    /// Number of calls without an id, by function.
    unnamed: HashMap<String, usize>,
    /// Ids of the calls, by function, in order.
    of_function: HashMap<String, VecDeque<String>>,
    /// Ids of all calls, in order.
    all: VecDeque<String>,
    /// Ids of the calls that have a result. A call is removed from the queues only when it reaches the
    /// front.
    answered: HashSet<String>,
}

impl CallIds {
    /// Returns the id of a call. If the call has none, the id is the function's name with the number of
    /// earlier calls without an id.
    pub(super) fn call(&mut self, id: Option<&str>, function: &str) -> String {
        let id = match id.filter(|id| !id.is_empty()) {
            Some(id) => id.to_owned(),
            None => {
                let count = self.unnamed.entry(function.to_owned()).or_default();
                let id = format!("{function}-{count}");
                *count += 1;
                id
            }
        };
        self.of_function.entry(function.to_owned()).or_default().push_back(id.clone());
        self.all.push_back(id.clone());
        id
    }

    /// Returns the id of the call that a result belongs to. If the result has an id, returns it. Else
    /// returns the first call of the function without a result, or of any function if the result does not
    /// name one. Without such a call, returns the function's name.
    pub(super) fn result(&mut self, id: Option<&str>, function: Option<&str>) -> String {
        let function = function.filter(|function| !function.is_empty());
        let id = match (id.filter(|id| !id.is_empty()), function) {
            (Some(id), _) => Some(id.to_owned()),
            (None, Some(function)) => {
                self.of_function.get_mut(function).and_then(|calls| first(calls, &self.answered))
            }
            (None, None) => first(&mut self.all, &self.answered),
        };
        match id {
            Some(id) => {
                self.answered.insert(id.clone());
                id
            }
            None => function.unwrap_or_default().to_owned(),
        }
    }
}

/// Returns the first call without a result.
fn first(calls: &mut VecDeque<String>, answered: &HashSet<String>) -> Option<String> {
    while let Some(call) = calls.pop_front() {
        if !answered.contains(&call) {
            return Some(call);
        }
    }
    None
}

/// Returns `true` if the ids of all calls and results are the ones that are generated if they have none.
pub(super) fn are_made_up(messages: &[Message]) -> bool {
    let mut ids = CallIds::default();
    messages.iter().all(|message| match message {
        Message::Assistant(turn) => {
            turn.tool_calls.iter().all(|call| ids.call(None, &call.function.name) == call.id)
        }
        Message::Tool(result) => ids.result(None, result.name.as_deref()) == result.tool_call_id,
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::CallIds;

    #[test]
    fn call_without_id_gets_function_name_and_count() {
        let mut ids = CallIds::default();
        let made = [(None, "add"), (Some(""), "add"), (None, "sub"), (Some("x"), "add"), (None, "add")]
            .map(|(id, function)| ids.call(id, function));
        assert_eq!(made, ["add-0", "add-1", "sub-0", "x", "add-2"]);
    }

    #[test]
    fn result_finds_call_by_id_then_function_then_order() {
        let mut ids = CallIds::default();
        for (id, function) in [(Some("a"), "add"), (Some("b"), "add"), (None, "sub"), (Some("c"), "add")] {
            ids.call(id, function);
        }
        assert_eq!(ids.result(Some("b"), Some("add")), "b");
        assert_eq!(ids.result(None, Some("add")), "a");
        assert_eq!(ids.result(None, Some("add")), "c", "the second has its result");
        assert_eq!(ids.result(None, None), "sub-0", "the others have their results");
        assert_eq!(ids.result(None, Some("sub")), "sub", "none is left");
        assert_eq!(ids.result(None, None), "");
        assert_eq!(ids.result(Some("stray"), None), "stray");
    }
}
