//! The parser for the annotated item: a function whose body is kept as the tokens that the user wrote.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Result, Signature, Token, Visibility};

/// The error message if the attribute is used on an item that is not a function with a body.
const EXPECTED: &str = "`#[promptlayer]` goes on a function or a method with a body; to trace every \
                        method of an `impl` or a trait, write it on each";

/// A function whose body is not parsed.
///
/// Syntax errors in the body are reported by the compiler, and completion inside it is left to the editor.
pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    /// The `default` keyword of specialization.
    pub(crate) defaultness: Option<Token![default]>,
    pub(crate) signature: Signature,
    /// The inner attributes (`#![…]`) at the start of the body.
    pub(crate) inner_attributes: Vec<Attribute>,
    /// The rest of the body, in the user's own braces.
    pub(crate) body: Group,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility: Visibility = input.parse()?;
        let defaultness: Option<Token![default]> = input.parse()?;
        let start = input.span();
        let signature: Signature = input
            .parse()
            .map_err(|error| if input.peek(Token![fn]) { error } else { Error::new(start, EXPECTED) })?;
        if let Some(constness) = signature.constness {
            return Err(Error::new(
                constness.span,
                "`#[promptlayer]` cannot go on a `const fn`: a span is opened when the function runs, \
                 and a `const fn` may run in the compiler; remove `const`",
            ));
        }
        if let Some(semicolon) = input.parse::<Option<Token![;]>>()? {
            return Err(Error::new(
                semicolon.span,
                "this function has no body to trace: write `#[promptlayer]` on the method of each `impl`, or \
                 on a function around a foreign one",
            ));
        }
        let body = input.parse().ok().and_then(braces);
        let Some(body) = body else { return Err(Error::new(signature.fn_token.span, EXPECTED)) };
        let head = |content: ParseStream<'_>| -> Result<(Vec<Attribute>, TokenStream)> {
            Ok((content.call(Attribute::parse_inner)?, content.parse()?))
        };
        let (inner_attributes, rest) = syn::parse::Parser::parse2(head, body.stream())?;
        let mut user_body = Group::new(Delimiter::Brace, rest);
        user_body.set_span(body.span());
        Ok(Self { attributes, visibility, defaultness, signature, inner_attributes, body: user_body })
    }
}

/// Returns the brace group of a body.
///
/// A macro wraps its `$body:block` in a group without delimiters, which is removed here.
fn braces(tree: TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = tree else { return None };
    match group.delimiter() {
        Delimiter::Brace => Some(group),
        Delimiter::None => group.stream().into_iter().next().and_then(braces),
        _ => None,
    }
}
