//! Warnings of the compiler appear with the attribute too.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "errors_that_clippy_finds_large",
        "2018",
        r#"
        use std::future::Future;
        use std::pin::Pin;
        #[derive(Debug)]
        pub struct Large(pub [u8; 256]);
        impl std::fmt::Display for Large {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("large") }
        }
        fn no() -> Large { Large([0; 256]) }
        #[attr] pub fn now(x: u8) -> Result<u8, Large> { if x == 0 { Err(no()) } else { Ok(x) } }
        #[attr] pub fn now_in_lines(x: u8)
            -> Result<u8, Large>
        {
            if x == 0 { Err(no()) } else { Ok(x) }
        }
        #[attr] #[track_caller] pub fn tracked(x: u8) -> Result<u8, Large> { if x == 0 { Err(no()) } else { Ok(x) } }
        #[attr] pub async fn later(x: u8) -> Result<u8, Large> { if x == 0 { Err(no()) } else { Ok(x) } }
        #[attr] pub async fn later_in_lines(x: u8)
            -> Result<u8, Large>
        {
            if x == 0 { Err(no()) } else { Ok(x) }
        }
        #[attr(output = |x| x, err)] pub async fn later_chosen(x: u8) -> Result<u8, Large> { if x == 0 { Err(no()) } else { Ok(x) } }
        #[attr(err, ret)] pub async fn later_seen(x: u8) -> Result<u8, Large> { if x == 0 { Err(no()) } else { Ok(x) } }
        #[attr] pub fn hidden(x: u8) -> impl Future<Output = Result<u8, Large>> {
            async move { if x == 0 { Err(no()) } else { Ok(x) } }
        }
        #[attr(err)] pub fn hidden_seen(x: u8) -> impl Future<Output = Result<u8, Large>> {
            async move { if x == 0 { Err(no()) } else { Ok(x) } }
        }
        #[attr] pub fn boxed(x: u8) -> Pin<Box<dyn Future<Output = Result<u8, Large>>>> {
            Box::pin(async move { if x == 0 { Err(no()) } else { Ok(x) } })
        }
        type Answer = Pin<Box<dyn Future<Output = Result<u8, Large>>>>;
        #[attr] pub fn aliased(x: u8) -> Answer {
            Box::pin(async move { if x == 0 { Err(no()) } else { Ok(x) } })
        }
        "#,
    ),
    err(
        "an_unused_argument",
        "2018",
        &["unused_variables"],
        "
        #[attr]
        pub fn unused(
            text: &str,
            count: u8,
        ) -> u8 { count }
    ",
    ),
    err(
        "an_unused_argument_later",
        "2018",
        &["unused_variables"],
        "
        #[attr]
        pub async fn unused(
            text: &str,
            count: u8,
        ) -> u8 { count }
    ",
    ),
    err(
        "an_argument_used_in_the_attribute_alone",
        "2018",
        &["unused_variables"],
        "
        #[attr(metadata(text = text))]
        pub fn unused(
            text: &str,
            count: u8,
        ) -> u8 { count }
    ",
    ),
    err(
        "an_unused_part_of_an_argument",
        "2018",
        &["unused_variables"],
        "
        #[attr]
        pub fn unused(
            (first, second): (u8, u8),
        ) -> u8 { first }
    ",
    ),
    err(
        "an_unused_field_of_an_argument",
        "2018",
        &["unused_variables"],
        "
        pub struct Point { pub x: u8, pub y: u8 }
        #[attr]
        pub async fn unused(
            Point { x, y }: Point,
        ) -> u8 { x }
    ",
    ),
    err(
        "an_unused_mut",
        "2018",
        &["unused_mut"],
        "
        #[attr]
        pub fn unused(
            mut text: String,
        ) -> usize { text.len() }
    ",
    ),
    err(
        "an_unused_mut_later",
        "2018",
        &["unused_mut"],
        "
        #[attr]
        pub async fn unused(
            mut text: String,
        ) -> usize { text.len() }
    ",
    ),
    err(
        "an_unused_mut_in_a_pattern",
        "2018",
        &["unused_mut"],
        "
        #[attr]
        pub fn unused(
            (mut text, count): (String, usize),
        ) -> usize { text.len() + count }
    ",
    ),
    err(
        "an_unused_mut_self",
        "2018",
        &["unused_mut"],
        "
        pub struct Service(u8);
        impl Service {
            #[attr]
            pub fn unused(mut self) -> u8 { self.0 }
        }
    ",
    ),
    err(
        "an_unused_mut_self_later",
        "2018",
        &["unused_mut"],
        "
        pub struct Service(u8);
        impl Service {
            #[attr]
            pub async fn unused(mut self) -> u8 { self.0 }
        }
    ",
    ),
    err(
        "an_assignment_never_read",
        "2018",
        &["unused_assignments"],
        "
        #[attr]
        pub fn unused(mut count: u8) -> u8 {
            let before = count;
            count = 3;
            before
        }
    ",
    ),
    err(
        "an_unused_local",
        "2018",
        &["unused_variables"],
        "
        #[attr] pub fn unused(text: &str) -> usize {
            let count = 1;
            text.len()
        }
    ",
    ),
    err(
        "dead_functions",
        "2018",
        &["dead_code"],
        "
        #[attr]
        fn dead(text: &str) -> usize { text.len() }
        #[attr]
        async fn dead_later(text: &str) -> usize { text.len() }
    ",
    ),
    err(
        "code_after_a_return",
        "2018",
        &["unreachable_code"],
        "
        #[attr] pub fn after(text: &str) -> usize {
            return text.len();
            1
        }
    ",
    ),
    err(
        "code_after_a_return_later",
        "2018",
        &["unreachable_code"],
        "
        #[attr] pub async fn after(text: &str) -> usize {
            return text.len();
            1
        }
    ",
    ),
    err(
        "code_after_a_panic",
        "2018",
        &["unreachable_code"],
        "
        #[attr] pub fn after() -> usize {
            std::panic::panic_any(1);
            1
        }
    ",
    ),
    err(
        "code_after_an_endless_loop",
        "2018",
        &["unreachable_code"],
        "
        #[attr] pub fn after() -> ! {
            loop {}
            std::process::exit(1)
        }
    ",
    ),
    err(
        "an_unused_result",
        "2018",
        &["unused_must_use"],
        "
        #[attr] pub fn unused(text: &str) -> usize {
            text.parse::<u8>();
            text.len()
        }
    ",
    ),
    err(
        "an_unused_value_of_a_traced_function",
        "2018",
        &["unused_must_use"],
        "
        #[must_use] #[attr] pub fn value() -> u8 { 1 }
        #[attr] #[must_use] pub fn other() -> u8 { 1 }
        #[attr] pub fn result() -> Result<u8, u8> { Ok(1) }
        pub fn unused() {
            value();
            other();
            result();
        }
    ",
    ),
    err(
        "a_traced_future_that_nobody_awaits",
        "2018",
        &["unused_must_use"],
        "
        #[attr] pub async fn later() {}
        use std::future::Future;
        #[attr] pub fn hidden() -> impl Future<Output = ()> { async {} }
        #[attr] pub fn boxed() -> std::pin::Pin<Box<dyn Future<Output = ()>>> { Box::pin(async {}) }
        pub fn unused() {
            later();
            hidden();
            boxed();
        }
    ",
    ),
    err(
        "a_future_that_nobody_awaits_inside",
        "2018",
        &["unused_must_use"],
        "
        async fn later() {}
        #[attr] pub async fn unused() {
            later();
        }
    ",
    ),
    err(
        "names_in_camel_case",
        "2018",
        &["non_snake_case"],
        "
        #[attr]
        pub fn camelCase(
            clientId: u8,
        ) -> u8 { clientId }
    ",
    ),
    err(
        "names_in_camel_case_in_patterns",
        "2018",
        &["non_snake_case"],
        "
        #[attr]
        pub async fn camel(
            (clientId, _): (u8, u8),
        ) -> u8 { clientId }
    ",
    ),
    err(
        "a_hidden_lifetime",
        "2018",
        &["elided_lifetimes_in_paths"],
        "
        #[attr]
        pub fn hidden(
            f: &mut std::fmt::Formatter,
        ) -> std::fmt::Result { f.write_str(stringify!(a)) }
    ",
    ),
    err(
        "a_hidden_lifetime_in_what_is_returned",
        "2018",
        &["elided_lifetimes_in_paths", "mismatched_lifetime_syntaxes"],
        "
        #[attr]
        pub fn hidden(text: &str)
            -> std::str::Chars
        { text.chars() }
        #[attr]
        pub async fn hidden_later(cell: &std::cell::RefCell<u8>)
            -> std::cell::Ref<u8>
        { cell.borrow() }
    ",
    ),
    err(
        "lifetimes_spelled_in_two_ways",
        "2018",
        &["mismatched_lifetime_syntaxes"],
        "
        #![allow(elided_lifetimes_in_paths)]
        #[attr]
        pub fn hidden(text: &str)
            -> std::str::Chars
        { text.chars() }
    ",
    ),
    err(
        "an_extern_without_its_convention",
        "2018",
        &["missing_abi"],
        "
        #[attr]
        pub extern fn implicit(x: u8) -> u8 { x }
    ",
    ),
    err(
        "a_deprecated_function",
        "2018",
        &["deprecated"],
        "
        #[deprecated] #[attr] pub fn old() {}
        #[attr] pub fn uses() {
            old();
        }
    ",
    ),
    err(
        "an_unused_lifetime",
        "2018",
        &["unused_lifetimes"],
        "
        #[attr]
        pub fn unused<
            'a,
        >(text: &str) -> usize { text.len() }
    ",
    ),
    err(
        "needless_parentheses",
        "2018",
        &["unused_parens"],
        "
        #[attr] pub fn needless(x: u8) -> u8 {
            if (x > 1) { return (x); }
            x
        }
    ",
    ),
    err(
        "an_unused_unsafe",
        "2018",
        &["unused_unsafe"],
        "
        #[attr] pub fn unused(x: u8) -> u8 {
            unsafe { x }
        }
    ",
    ),
    err(
        "unsafe_code_in_an_unsafe_function",
        "2024",
        &["E0133"],
        "
        #[attr] pub unsafe fn read(pointer: *const u8) -> u8 {
            *pointer
        }
    ",
    ),
    err(
        "an_unused_label",
        "2018",
        &["unused_labels"],
        "
        #[attr] pub fn unused(x: u8) -> u8 {
            'out: loop { if x > 1 { break; } }
            x
        }
    ",
    ),
    err(
        "an_async_function_of_a_public_trait",
        "2018",
        &["async_fn_in_trait"],
        "
        pub trait Model {
            #[attr]
            async fn ask(&self) -> u8 { 1 }
        }
    ",
    ),
    err(
        "an_expectation_that_is_not_met",
        "2018",
        &["unfulfilled_lint_expectations"],
        "
        #[attr]
        #[expect(unused_variables)]
        pub fn met(x: u8) -> u8 { x }
    ",
    ),
    err(
        "a_private_type_in_public",
        "2018",
        &["private_interfaces"],
        "
        struct Private;
        #[attr]
        pub fn private() -> Private { Private }
    ",
    ),
    err(
        "undocumented_functions",
        "2018",
        &["missing_docs"],
        "
        #![deny(missing_docs)]
        //! Documented.
        #[attr]
        pub fn undocumented() {}
    ",
    ),
    err(
        "unsafe_code_where_it_is_forbidden",
        "2018",
        &["unsafe_code"],
        "
        #![forbid(unsafe_code)]
        #[attr] pub fn read(pointer: *const u8) -> u8 {
            unsafe { *pointer }
        }
    ",
    ),
    err(
        "needless_qualifications",
        "2018",
        &["unused_qualifications"],
        "
        use std::fmt;
        #[attr]
        pub fn needless(
            f: &mut std::fmt::Formatter<'_>,
        ) -> fmt::Result { f.write_str(stringify!(a)) }
    ",
    ),
    err(
        "a_pointer_into_a_temporary",
        "2018",
        &["dangling_pointers_from_temporaries"],
        "
        #[attr] pub fn dangling(text: &str) -> *const u8 {
            let pointer = text.to_owned().as_ptr();
            pointer
        }
    ",
    ),
];
