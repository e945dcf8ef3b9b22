//! Errors around an annotated function. Errors in the attribute's own expressions cannot occur without the
//! attribute, so they are in `ui/err`.

use super::{Snippet, err};

pub(crate) const TABLE: &[Snippet] = &[
    err(
        "a_call_with_too_few_arguments",
        "2018",
        &["E0061"],
        r"
        #[attr] pub fn two(a: u8, (b, _): (u8, u8)) -> u8 { a + b }
        pub fn wrong() -> u8 {
            two(1)
        }
        ",
    ),
    err(
        "a_call_with_an_argument_of_the_wrong_type",
        "2018",
        &["E0308"],
        r"
        #[attr] pub async fn length(text: &str) -> usize { text.len() }
        pub async fn wrong() -> usize {
            length(1).await
        }
        ",
    ),
    err(
        "a_function_defined_twice",
        "2018",
        &["E0428"],
        r"
        #[attr] pub fn twice() -> u8 { 1 }
        #[attr] pub fn twice() -> u8 { 1 }
        ",
    ),
    err(
        "a_private_function_called_from_outside",
        "2018",
        &["E0603"],
        r"
        pub mod inner { #[attr] fn private() -> u8 { 1 } pub fn own() -> u8 { private() } }
        pub fn wrong() -> u8 {
            inner::private()
        }
        ",
    ),
    err(
        "a_missing_lifetime",
        "2018",
        &["E0106"],
        r"
        #[attr]
        pub fn missing(a: &str, b: &str)
            -> &str
        {
            if a.is_empty() { a } else { b }
        }
        ",
    ),
    err(
        "an_unsized_argument",
        "2018",
        &["E0277"],
        r"
        #[attr]
        pub fn unsized_argument(
            text: str,
        ) -> u8 { 1 }
        ",
    ),
    err(
        "an_unsized_value",
        "2018",
        &["E0277"],
        r"
        #[attr]
        pub fn unsized_value(text: &str)
            -> str
        {
            text
        }
        ",
    ),
    err(
        "a_value_of_another_type_than_its_alias",
        "2018",
        &["E0308"],
        r"
        pub type Answer = Result<u8, String>;
        #[attr] pub async fn wrong(x: u16) -> Answer {
            Ok(x)
        }
        ",
    ),
    err(
        "a_match_that_forgets_a_case",
        "2018",
        &["E0004"],
        r"
        #[attr] pub fn forgets(x: Option<u8>) -> u8 {
            match x {
                Some(x) => x,
            }
        }
        ",
    ),
    err(
        "a_method_that_is_not_there",
        "2018",
        &["E0599"],
        r"
        #[attr] pub async fn missing(text: &str) -> usize {
            text.size()
        }
        ",
    ),
    err(
        "a_closure_that_borrows_what_it_should_own",
        "2018",
        &["E0373"],
        r"
        #[attr] pub fn thread(x: u8) -> u8 {
            std::thread::spawn(|| x).join().unwrap_or(1)
        }
        ",
    ),
    err(
        "a_thread_with_what_is_not_sent",
        "2018",
        &["E0277"],
        r"
        #[attr] pub fn thread(x: std::rc::Rc<u8>) -> u8 {
            std::thread::spawn(move || *x).join().unwrap_or(1)
        }
        ",
    ),
    err(
        "a_generic_parameter_that_is_not_used",
        "2018",
        &["E0282"],
        r"
        #[attr] pub fn unused<T>(text: &str) -> usize { text.len() }
        pub fn wrong() -> usize {
            unused(stringify!(a))
        }
        ",
    ),
    err(
        "an_associated_constant_of_self_in_a_free_function",
        "2018",
        &["E0433"],
        r"
        #[attr] pub fn free() -> u8 {
            Self::COUNT
        }
        ",
    ),
];
