//! Tests of the names that the expansion introduces into the user's code.

use std::collections::BTreeSet;

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{ItemConst, ItemFn, ItemMacro, ItemStatic, Label, LifetimeParam, PatIdent, parse_str};

use super::*;

/// Collects the names that an expansion binds or declares. Names of the user begin with `user`.
#[derive(Default)]
struct Bound(BTreeSet<String>);

impl Bound {
    fn add(&mut self, ident: &Ident) {
        self.0.insert(ident.to_string());
    }
}

impl<'ast> Visit<'ast> for Bound {
    fn visit_pat_ident(&mut self, binding: &'ast PatIdent) {
        self.add(&binding.ident);
        visit::visit_pat_ident(self, binding);
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.add(&item.ident);
        visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.add(&item.ident);
        visit::visit_item_static(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.add(&item.sig.ident);
        visit::visit_item_fn(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        item.ident.iter().for_each(|ident| self.add(ident));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.ident);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.add(&item.ident);
    }

    fn visit_use_name(&mut self, name: &'ast syn::UseName) {
        self.add(&name.ident);
    }

    fn visit_use_rename(&mut self, rename: &'ast syn::UseRename) {
        self.add(&rename.rename);
    }

    fn visit_lifetime_param(&mut self, lifetime: &'ast LifetimeParam) {
        self.add(&lifetime.lifetime.ident);
    }

    fn visit_label(&mut self, label: &'ast Label) {
        self.add(&label.name.ident);
    }

    fn visit_type_param(&mut self, parameter: &'ast syn::TypeParam) {
        self.add(&parameter.ident);
    }
}

/// Expands a function and parses the result.
fn expanded(args: &str, function: &str) -> ItemFn {
    let args: Args = parse_str(args).unwrap_or_else(|error| panic!("{args}: {error}"));
    let function: Function = parse_str(function).unwrap_or_else(|error| panic!("{function}: {error}"));
    let tokens = expand(&args, function).unwrap_or_else(|error| panic!("{error}"));
    syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error}: {tokens}"))
}

fn bound_by(args: &str, function: &str) -> BTreeSet<String> {
    let expanded = expanded(args, function);
    let mut bound = Bound::default();
    bound.visit_item_fn(&expanded);
    bound.0
}

/// Counts the calls of `is_secret` inside and outside of `const` blocks.
#[derive(Default)]
struct Calls {
    compiled: usize,
    running: usize,
    is_const: bool,
}
impl<'ast> Visit<'ast> for Calls {
    fn visit_expr_const(&mut self, block: &'ast syn::ExprConst) {
        self.is_const = true;
        visit::visit_expr_const(self, block);
        self.is_const = false;
    }

    fn visit_ident(&mut self, ident: &'ast Ident) {
        if ident == "is_secret" {
            *(if self.is_const { &mut self.compiled } else { &mut self.running }) += 1;
        }
    }
}

/// Functions with every kind of return type except streams.
const FUNCTIONS: &[&str] = &[
    "fn user_plain(user_a: u8, (user_b, _): (u8, u8), USER: Unit) -> u8 { user_a }",
    "#[track_caller] fn user_tracked(user_a: u8) -> Result<u8, u8> { user_a }",
    "async fn user_later(self, mut user_a: u8) -> Result<u8, u8> { user_a }",
    "fn user_closure(user_a: u8) -> impl Fn() { || () }",
    "fn user_never(user_a: u8) -> ! { loop {} }",
    "fn user_opaque(user_a: u8) -> impl Future<Output = u8> { user_a }",
    "fn user_boxed(user_a: u8) -> Pin<Box<dyn Future<Output = u8>>> { user_a }",
    "fn user_hidden(user_a: u8) -> BoxFuture<'static, u8> { user_a }",
];

/// Functions that return streams. They do not accept the argument `output`.
const STREAMS: &[&str] = &[
    "fn user_stream(user_a: u8) -> impl Stream<Item = u8> { user_a }",
    "async fn user_stream(user_a: u8) -> Result<impl Stream<Item = u8>, u8> { user_a }",
    "fn user_stream(user_a: u8) -> Pin<Box<dyn Stream<Item = u8>>> { user_a }",
    "fn user_stream(user_a: u8) -> Result<BoxStream<'static, u8>, u8> { user_a }",
];

#[test]
fn every_name_of_the_expansion_is_reserved() {
    let arguments = [
        "",
        "err, ret",
        "ret",
        "skip(user_a), follows_from = user_causes, parent = user_parent",
        "name = user::NAME, target = user::TARGET, level = user::LEVEL, fields({ user::FIELD } = 1), err, ret(level = user::LEVEL)",
        "tags = [\"a\", user::TAG], kind = \"llm\", provider = user_a, model = user_a, parameters(a = 1), metadata(b = 2), \
         prompt = user_a, input = ?user_a, output = |user_value| user_value, on_request_id = user::hook",
    ];
    let mut names = BTreeSet::new();
    for arguments in arguments {
        let streams = if arguments.contains("output") { &[] } else { STREAMS };
        for function in FUNCTIONS.iter().chain(streams) {
            names.extend(bound_by(arguments, function));
        }
    }
    assert!(names.contains("__promptlayer_call") && names.contains("__PROMPTLAYER_TARGET"), "{names:?}");
    let is_reserved = |name: &str| {
        name == "_" || ["__promptlayer_", "__PROMPTLAYER_"].iter().any(|prefix| name.starts_with(prefix))
    };
    let is_users = |name: &str| name.to_lowercase().starts_with("user");
    let free: Vec<&String> = names.iter().filter(|name| !is_reserved(name) && !is_users(name)).collect();
    assert!(free.is_empty(), "names that a user may have given to something else: {free:?}");
}

#[test]
fn secret_names_are_checked_at_compile_time() {
    let expanded = expanded("", "fn user_plain(user_token: u8) {}");
    let mut calls = Calls::default();
    calls.visit_item_fn(&expanded);
    assert_eq!((calls.compiled, calls.running), (1, 0));
}
