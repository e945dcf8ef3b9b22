//! Ids for the calls of tools that came without: some interfaces match a result to its call by the
//! function's name and the order alone, and the blueprint by an id.

use std::collections::{HashMap, HashSet, VecDeque};

/// The calls of one conversation, until each has its result.
#[derive(Debug, Default)]
pub(super) struct CallIds {
    /// How many calls without an id there were of a function.
    unnamed: HashMap<String, usize>,
    /// The calls of a function, in order.
    of_function: HashMap<String, VecDeque<String>>,
    /// All calls, in order.
    all: VecDeque<String>,
    /// Those that have their result. They are taken from the queues only once they come to the front.
    answered: HashSet<String>,
}

impl CallIds {
    /// The id of a call: its own, else the function's name and how many such calls there were before.
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

    /// The id of the call that a result is of: the one that the result names, else that of the first
    /// call of the function that has no result yet. Where the function is not told, any call's. Where
    /// there is no such call, the function's name is all that tells.
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

/// The first call that has no result yet.
fn first(calls: &mut VecDeque<String>, answered: &HashSet<String>) -> Option<String> {
    while let Some(call) = calls.pop_front() {
        if !answered.contains(&call) {
            return Some(call);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::CallIds;

    #[test]
    fn a_call_without_an_id_is_named_by_its_function_and_its_place() {
        let mut ids = CallIds::default();
        let made = [(None, "add"), (Some(""), "add"), (None, "sub"), (Some("x"), "add"), (None, "add")]
            .map(|(id, function)| ids.call(id, function));
        assert_eq!(made, ["add-0", "add-1", "sub-0", "x", "add-2"]);
    }

    #[test]
    fn a_result_finds_its_call_by_id_then_by_function_then_by_order() {
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
