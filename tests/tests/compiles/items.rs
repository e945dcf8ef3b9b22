//! Functions of every kind, with every qualifier that can precede their names.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "unsafe_functions",
        "2018",
        r"
        #[attr] pub unsafe fn read(pointer: *const u8) -> u8 { unsafe { *pointer } }
        #[attr] pub async unsafe fn read_later(pointer: *const u8) -> u8 { unsafe { *pointer } }
        pub struct Service;
        impl Service { #[attr] pub unsafe fn read<'a>(&self, pointer: *const u8) -> &'a u8 { unsafe { &*pointer } } }
        ",
    ),
    ok(
        "the_body_of_an_unsafe_function_is_unsafe",
        "2018",
        r"
        #![allow(unsafe_op_in_unsafe_fn)]
        #[attr] pub unsafe fn read(pointer: *const u8) -> u8 { *pointer }
        #[attr] pub async unsafe fn read_later(pointer: *const u8) -> u8 { *pointer }
        ",
    ),
    ok(
        "foreign_calling_conventions",
        "2018",
        r#"
        #[attr] pub extern "C" fn plain(x: u8) -> u8 { x }
        #[attr] pub unsafe extern "C" fn pointer(x: *const u8) -> u8 { unsafe { *x } }
        #[attr] pub extern "C-unwind" fn unwinding(x: u8) { if x > 1 { panic!("no model") } }
        "#,
    ),
    ok(
        "exported_functions",
        "2018",
        r#"
        #[attr] #[unsafe(no_mangle)] pub extern "C" fn exported_before(x: u8) -> u8 { x }
        #[unsafe(no_mangle)] #[attr] pub extern "C" fn exported_after(x: u8) -> u8 { x }
        #[attr] #[unsafe(export_name = "exported")] pub extern "C" fn renamed(x: u8) -> u8 { x }
        "#,
    ),
    ok(
        "other_attributes_before_and_after",
        "2018",
        r#"
        /// Documented.
        #[inline] #[attr] #[must_use] #[cold] pub fn before(x: u8) -> u8 { x }
        #[attr] #[inline(always)] #[doc = "Documented."] #[doc(hidden)] pub fn after(x: u8) -> u8 { x }
        #[attr] #[track_caller] pub fn caller(x: u8) -> &'static std::panic::Location<'static> { let _ = x; std::panic::Location::caller() }
        #[attr] #[deprecated = "old"] pub fn old(x: u8) -> u8 { x }
        #[attr] #[allow(unused_variables)] pub fn allowed(x: u8) {}
        #[attr] #[expect(unused_variables)] pub fn expected(x: u8) {}
        #[attr] #[expect(unused_variables)] pub async fn expected_later(x: u8) {}
        #[attr] #[cfg(all())] pub fn there(x: u8) -> u8 { x }
        #[attr] #[cfg(any())] pub fn gone(x: Missing) -> u8 { x }
        #[cfg(any())] #[attr] pub fn gone_before(x: Missing) -> u8 { x }
        #[attr] #[cfg_attr(all(), inline)] pub fn conditional(x: u8) -> u8 { x }
        #[must_use] #[attr] pub async fn used_later(x: u8) -> u8 { x }
        "#,
    ),
    ok(
        "track_caller_functions",
        "2018",
        r"
        #[attr] #[track_caller] pub fn result(x: u8) -> Result<u8, String> { if x > 3 { return Err(x.to_string()); } let y: u8 = x.to_string().parse().map_err(|_| String::new())?; Ok(y) }
        #[attr(err, ret)] #[track_caller] pub fn events(text: String) -> Result<String, String> { Ok(text) }
        #[attr] #[track_caller] pub fn borrowed<'a>(text: &'a mut String, _entered: u8) -> &'a mut String { text.push('x'); text }
        #[attr] #[track_caller] pub fn fails(x: u8) -> ! { std::panic::panic_any(x) }
        #[attr] #[track_caller] pub fn never(x: u8) -> u8 { std::panic::panic_any(x) }
        #[attr] #[track_caller] pub fn early(x: u8) -> u8 { return x; }
        #[attr] #[track_caller] pub fn hidden(x: u8) -> impl Iterator<Item = u8> { if x > 3 { return 0..3; } 0..x }
        #[attr] #[track_caller] pub fn closure(x: usize) -> impl Fn(&str) -> usize { move |text| text.len() + x }
        #[attr] #[track_caller] pub fn nothing((a, ref b): (u8, String), _: u8) { drop(vec![b.len() + usize::from(a)]); }
        pub struct Service(String);
        impl Service { #[attr] #[track_caller] pub fn owned(mut self) -> String { self.0.push('x'); self.0 } }
        ",
    ),
    ok(
        "inner_attributes",
        "2018",
        r"
        #[attr] pub fn inner(x: u8) -> u8 { #![allow(unused_variables)] let y = 1; x }
        #[attr] pub async fn inner_later(x: u8) { #![allow(unused_variables)] #![doc(hidden)] let y = 1; }
        ",
    ),
    ok(
        "visibilities",
        "2018",
        r"
        #![allow(dead_code)]
        pub mod inner {
            #[attr] pub(crate) fn of_crate() -> u8 { 1 }
            #[attr] pub(super) fn of_parent() -> u8 { 1 }
            #[attr] pub(in super::super) fn of_path() -> u8 { of_crate() }
            #[attr] fn own() -> u8 { of_parent() + of_path() }
        }
        ",
    ),
    ok(
        "functions_inside_of_others",
        "2018",
        r"
        #[attr] pub fn outer(x: u8) -> u8 {
            #[attr] fn inner(x: u8) -> u8 { x + 1 }
            #[attr] async fn later(x: u8) -> u8 { inner(x) }
            struct Local(u8);
            impl Local { #[attr] fn get(&self) -> u8 { self.0 } }
            const BLOCK: fn(u8) -> u8 = { #[attr] fn in_constant(x: u8) -> u8 { x } in_constant };
            drop(later(x));
            let closure = |x| { #[attr] fn in_closure(x: u8) -> u8 { x } in_closure(x) };
            closure(inner(x)) + Local(x).get() + BLOCK(x)
        }
        pub static POINTER: fn(u8) -> u8 = outer;
        ",
    ),
    ok(
        "tests_and_mains",
        "2018",
        r"
        #[attr] #[test] fn checked() -> Result<(), String> { Ok(()) }
        #[attr] pub fn main() -> Result<(), Box<dyn std::error::Error>> { let _: u8 = stringify!(1).parse()?; Ok(()) }
        #[attr] pub fn coded() -> std::process::ExitCode { std::process::ExitCode::SUCCESS }
        ",
    ),
    ok(
        "functions_used_as_values",
        "2018",
        r"
        #[attr] pub fn double(x: u8) -> u8 { x * 2 }
        #[attr] pub fn borrowed(text: &str) -> &str { text }
        #[attr] pub async fn later(text: &str) -> usize { text.len() }
        pub fn values(list: &[u8]) -> Vec<u8> { list.iter().copied().map(double).collect() }
        pub const POINTER: for<'a> fn(&'a str) -> &'a str = borrowed;
        pub async fn higher<F>(f: F) -> usize where F: AsyncFn(&str) -> usize { f(stringify!(a)).await }
        pub async fn all() -> usize { higher(later).await }
        ",
    ),
    ok(
        "constants_in_signatures",
        "2018",
        r"
        pub const SIZE: usize = 3;
        #[attr] pub fn array(list: [u8; SIZE + 1]) -> [u8; SIZE * 2] { [list[0]; SIZE * 2] }
        #[attr] pub async fn array_later(list: [u8; u32::BITS as usize / 8]) -> [u8; 4] { list }
        ",
    ),
    err(
        "an_unsafe_function_called_without_unsafe",
        "2018",
        &["E0133"],
        r"
        #[attr] pub unsafe fn read(pointer: *const u8) -> u8 { unsafe { *pointer } }
        #[attr] pub fn wrong() -> u8 {
            read(std::ptr::null())
        }
        ",
    ),
    err(
        "an_unsafe_operation_in_a_safe_function",
        "2018",
        &["E0133"],
        r"
        #[attr] pub fn read(pointer: *const u8) -> u8 {
            *pointer
        }
        ",
    ),
    err(
        "a_body_that_does_not_parse",
        "2018",
        &[""],
        r"
        #[attr] pub fn broken(text: &str) -> usize {
            let _length = text.;
            1
        }
        ",
    ),
];
