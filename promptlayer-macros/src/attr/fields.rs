//! Parses the argument `fields(…)`, with the grammar of `#[instrument]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, LitStr, Result, Token, braced, token};

/// How a field's value is recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldMode {
    /// Recorded as a `tracing::Value`.
    Value,
    /// Recorded with `Display` (`%`).
    Display,
    /// Recorded with `Debug` (`?`).
    Debug,
}

/// The name of a field.
pub(crate) enum FieldName {
    /// Identifiers separated by dots, such as `a.b`.
    Dotted(Punctuated<Ident, Token![.]>),
    /// A string literal, such as `"quoted.name"`.
    Quoted(LitStr),
    /// A constant in braces, such as `{ CONST }`.
    Constant(Expr),
}

/// One field of the span.
pub(crate) struct Field {
    pub(crate) name: FieldName,
    pub(crate) mode: FieldMode,
    pub(crate) value: Option<Expr>,
}

impl Field {
    /// Returns the name as an identifier, if it is a single identifier.
    pub(crate) fn ident(&self) -> Option<&Ident> {
        match &self.name {
            FieldName::Dotted(parts) if parts.len() == 1 => parts.first(),
            _ => None,
        }
    }
}

fn mode(input: ParseStream<'_>) -> Result<Option<FieldMode>> {
    if input.peek(Token![%]) {
        input.parse::<Token![%]>()?;
        Ok(Some(FieldMode::Display))
    } else if input.peek(Token![?]) {
        input.parse::<Token![?]>()?;
        Ok(Some(FieldMode::Debug))
    } else {
        Ok(None)
    }
}

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let before = mode(input)?;
        let name = if input.peek(token::Brace) {
            let content;
            braced!(content in input);
            FieldName::Constant(content.parse()?)
        } else if input.peek(LitStr) {
            FieldName::Quoted(input.parse()?)
        } else if !input.peek(Ident::peek_any) {
            return Err(input.error("expected a field's name: write `fields(name = …)`"));
        } else {
            FieldName::Dotted(Punctuated::parse_separated_nonempty_with(input, Ident::parse_any)?)
        };
        let (after, value) = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            (mode(input)?, Some(input.parse()?))
        } else {
            (None, None)
        };
        Ok(Self { name, mode: after.or(before).unwrap_or(FieldMode::Value), value })
    }
}

impl ToTokens for FieldName {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Dotted(parts) => parts.to_tokens(tokens),
            Self::Quoted(name) => name.to_tokens(tokens),
            Self::Constant(name) => tokens.extend(quote!({ #name })),
        }
    }
}

impl ToTokens for FieldMode {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Value => {}
            Self::Display => tokens.extend(quote!(%)),
            Self::Debug => tokens.extend(quote!(?)),
        }
    }
}
