//! The names of the types in a call: they contain the crate of the client, which is evidence of the provider.

use std::any::type_name;

/// The names of the types of a call's arguments, and of what it returned.
///
/// The names come from [`type_name`], which costs nothing at run time. They include the crate and the generic
/// parameters: `&async_openai::client::Client<async_openai::config::AzureConfig>`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TypeNames {
    /// The name of a tuple of references to the arguments: first those that were captured, in the order of
    /// [`Input::Arguments`](crate::span::input_output::Input), then those that were skipped. Empty if the
    /// function has no arguments.
    pub(crate) arguments: &'static str,
    /// The name of the type that the function returned, such as `Result<T, E>`, or that the future gave. For a
    /// stream, the type of its items. Empty if the call did not return.
    pub(crate) returned: &'static str,
}

impl TypeNames {
    /// Returns the names of the types of the arguments, in order and without references.
    #[cfg_attr(not(feature = "export"), allow(dead_code, reason = "its reader is the conversion"))]
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &'static str> + use<> {
        let inner = self.arguments.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        Parts(inner.unwrap_or_default()).map(without_references)
    }
}

/// Returns the name of the value's type.
pub fn name_of<T: ?Sized>(_: &T) -> &'static str {
    type_name::<T>()
}

/// Returns the name of a type without leading references.
pub(super) fn without_references(name: &str) -> &str {
    let mut name = name;
    while let Some(behind) = name.strip_prefix('&') {
        name = behind.strip_prefix("mut ").unwrap_or(behind);
    }
    name
}

/// Returns the paths in the name of a type: its own and those of its parameters.
#[cfg(feature = "export")]
pub(crate) fn paths(type_name: &str) -> impl Iterator<Item = &str> {
    type_name
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')))
        .filter(|path| !path.is_empty())
}

/// Returns the last segment of a path.
#[cfg(feature = "export")]
pub(crate) fn last_name(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

/// Iterates over the parts of a list of types, which commas separate.
struct Parts(&'static str);

impl Iterator for Parts {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        let (mut depth, mut before) = (0_i32, ' ');
        let mut end = self.0.len();
        for (at, character) in self.0.char_indices() {
            match character {
                '<' | '(' | '[' => depth += 1,
                // Not the arrow in `Fn(u8) -> u8`.
                '>' if before == '-' => {}
                '>' | ')' | ']' => depth -= 1,
                ',' if depth == 0 => {
                    end = at;
                    break;
                }
                _ => {}
            }
            before = character;
        }
        let part = self.0.get(..end).unwrap_or_default().trim();
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        (!part.is_empty()).then_some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(arguments: &'static str) -> Vec<&'static str> {
        TypeNames { arguments, returned: "" }.arguments().collect()
    }

    #[test]
    fn types_of_arguments_are_parted() {
        let (list, mut pair) = (vec![(1_u8, "a")], (1_u8, [2_u16; 3]));
        let run: &dyn Fn(u8, u8) -> Vec<(u8, u8)> = &|_, _| Vec::new();
        assert_eq!(
            arguments(name_of(&(&list, &"text", &mut pair, &run))),
            [
                "alloc::vec::Vec<(u8, &str)>",
                "str",
                "(u8, [u16; 3])",
                "dyn core::ops::function::Fn(u8, u8) -> alloc::vec::Vec<(u8, u8)>",
            ]
        );
        assert_eq!(arguments(name_of(&(&1_u8,))), ["u8"]);
        assert_eq!(arguments(name_of(&(&(),))), ["()"]);
    }

    #[test]
    fn call_without_arguments_has_no_types() {
        for none in ["", "()", "u8", ")("] {
            assert!(arguments(none).is_empty(), "{none}");
        }
    }
}
