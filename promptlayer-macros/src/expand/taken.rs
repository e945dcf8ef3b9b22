//! Finds the parameters that the attribute's own expressions may take by value.
//!
//! `#[instrument(parent = span, skip(span))]` compiles with `span` by value if the body does not use it. The
//! expansion rebinds every parameter inside the body to keep the drop order, which would be a second use.
//! Therefore a parameter that an expression may move, and that the body does not mention, is not rebound.
//!
//! A variable in value position is either moved or `Copy`. A `Copy` type has no destructor, so not rebinding
//! it changes nothing. Whether a method consumes its receiver is guessed from its name, because signatures
//! are not known here.

use std::collections::BTreeSet;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ExprMethodCall, UnOp};

use crate::attr::Args;

/// Methods that consume their receiver, in addition to those named `into…`.
const CONSUMING: &[&str] = &[
    "and_then",
    "chain",
    "cloned",
    "collect",
    "copied",
    "enumerate",
    "err",
    "expect",
    "filter",
    "filter_map",
    "flat_map",
    "flatten",
    "map",
    "map_err",
    "ok",
    "or",
    "or_else",
    "rev",
    "skip",
    "take_while",
    "unwrap",
    "unwrap_or",
    "unwrap_or_default",
    "unwrap_or_else",
    "zip",
];

/// Returns the names of the variables that the attribute's expressions may move and that the body does not
/// mention.
pub(crate) fn taken(args: &Args, body: &TokenStream) -> BTreeSet<String> {
    let mut moves = Moves::default();
    for value in args.parent.iter().chain(&args.follows_from) {
        moves.visit_expr(value);
    }
    // The expansion, or the macro of `tracing`, uses these values by reference.
    let fields = args.fields.iter().filter_map(|field| field.value.as_ref());
    let input = args.input.iter().map(|input| &input.value);
    let pairs = args.metadata.iter().chain(&args.parameters).map(|pair| &pair.value);
    let by_reference = fields.chain(input).chain(pairs);
    for value in by_reference.chain(&args.provider).chain(&args.model).chain(&args.prompt) {
        moves.place(value);
    }
    let mut names = moves.0;
    names.retain(|name| !mentions(body, name));
    names
}

/// Collects the variables in value position.
#[derive(Default)]
struct Moves(BTreeSet<String>);

impl Moves {
    /// Visits an expression that is used as a place and not as a value.
    fn place(&mut self, expr: &Expr) {
        match expr {
            Expr::Path(_) => {}
            Expr::Field(field) => self.place(&field.base),
            Expr::Paren(inner) => self.place(&inner.expr),
            Expr::Group(inner) => self.place(&inner.expr),
            other => self.visit_expr(other),
        }
    }

    /// Adds all identifiers of tokens that cannot be parsed further.
    fn all(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => drop(self.0.insert(unraw(&ident.to_string()).to_owned())),
                TokenTree::Group(group) => self.all(group.stream()),
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Moves {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        match expr {
            Expr::Path(path) => {
                if let Some(name) = path.path.get_ident() {
                    self.0.insert(unraw(&name.to_string()).to_owned());
                }
            }
            Expr::Reference(reference) => self.place(&reference.expr),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Deref(_)) => self.place(&unary.expr),
            Expr::Index(index) => {
                self.place(&index.expr);
                self.visit_expr(&index.index);
            }
            Expr::Binary(binary) if is_comparison(&binary.op) => {
                self.place(&binary.left);
                self.place(&binary.right);
            }
            Expr::MethodCall(call) => {
                if consumes(call) {
                    self.visit_expr(&call.receiver);
                } else {
                    self.place(&call.receiver);
                }
                call.args.iter().for_each(|argument| self.visit_expr(argument));
            }
            Expr::Closure(closure) if closure.capture.is_some() => {
                let body = &closure.body;
                self.all(quote::quote!(#body));
            }
            // Most other macros format their arguments, which takes references.
            Expr::Macro(invoked) if invoked.mac.path.is_ident("vec") => self.all(invoked.mac.tokens.clone()),
            other => visit::visit_expr(self, other),
        }
    }
}

fn is_comparison(op: &BinOp) -> bool {
    matches!(op, BinOp::Eq(_) | BinOp::Ne(_) | BinOp::Lt(_) | BinOp::Le(_) | BinOp::Gt(_) | BinOp::Ge(_))
}

fn consumes(call: &ExprMethodCall) -> bool {
    let method = call.method.to_string();
    method.starts_with("into") || CONSUMING.contains(&method.as_str())
}

/// Returns `true` if the tokens mention the variable `name`: as an identifier that is not a field, a method
/// or a part of a path, or inside a format string.
pub(crate) fn mentions(tokens: &TokenStream, name: &str) -> bool {
    let is_punct = |token: Option<&TokenTree>, wanted| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Group(group) => {
            // A group without delimiters comes from a macro variable, and may be a part of a larger path.
            group.delimiter() == Delimiter::None && group.to_string().contains(name)
                || mentions(&group.stream(), name)
        }
        TokenTree::Ident(ident) if unraw(&ident.to_string()) == name => {
            let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
            let is_member = is_punct(before(1), '.') && !is_punct(before(2), '.');
            let is_in_path = is_punct(before(1), ':') && is_punct(before(2), ':')
                || is_punct(tokens.get(at + 1), ':') && is_punct(tokens.get(at + 2), ':');
            !is_member && !is_in_path
        }
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            text.match_indices('{').any(|(brace, _)| {
                text.get(brace + 1..)
                    .and_then(|rest| rest.trim_start().strip_prefix(name))
                    .is_some_and(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
            }) || text.contains(&format!("{name}$"))
        }
        _ => false,
    })
}

fn unraw(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use syn::parse_str;

    use super::*;

    fn taken_by(args: &str, body: &str) -> String {
        let args: Args = parse_str(args).unwrap_or_else(|error| panic!("{args}: {error}"));
        let body = body.parse().unwrap_or_else(|error| panic!("{body}: {error}"));
        taken(&args, &body).into_iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn value_positions_take_and_references_do_not() {
        for (args, expected) in [
            ("parent = x", "x"),
            ("parent = (x)", "x"),
            ("parent = &x", ""),
            ("parent = x.span", "x"),
            ("parent = &x.span", ""),
            ("parent = x.id()", ""),
            ("parent = x.into_inner()", "x"),
            ("parent = x.map(|span| span.id())", "x"),
            ("parent = Some(x)", "Some x"),
            ("parent = self.span", "self"),
            ("parent = r#type", "type"),
            ("parent = if x == y { z } else { None }", "None z"),
            ("follows_from = x", "x"),
            ("follows_from = [x, y]", "x y"),
            ("follows_from = [&x]", ""),
            ("follows_from = x.iter().cloned()", ""),
            ("follows_from = x.into_iter().map(f)", "f x"),
            ("follows_from = vec![x]", "x"),
            ("follows_from = x[y]", "y"),
            ("follows_from = (move || x.iter())()", "iter x"),
            ("fields(a = x, b = ?x, c = %f(y))", "f y"),
            ("metadata(a = x, b = x.y, c = f(y))", "f y"),
            ("parameters(a = x), provider = x, model = x, prompt = x, input = x", ""),
            ("input = (x, y.clone())", "x"),
            ("model = format!(\"{x}\")", ""),
        ] {
            assert_eq!(taken_by(args, ""), expected, "{args}");
        }
    }

    #[test]
    fn variable_that_the_body_mentions_is_not_taken() {
        for (body, is_mentioned) in [
            ("", false),
            ("x", true),
            ("f(&[x])", true),
            ("0..x", true),
            ("..x", true),
            ("self.x", false),
            ("self.x()", false),
            ("x.y", true),
            ("x::y()", false),
            ("y::x()", false),
            ("r#x", true),
            ("xs", false),
            ("println!(\"{x}\")", true),
            ("println!(\"{x:?}\")", true),
            ("println!(\"{:x$}\", 1)", true),
            ("println!(\"{xs} x\")", false),
        ] {
            assert_eq!(taken_by("parent = x", body).is_empty(), is_mentioned, "{body}");
        }
    }
}
