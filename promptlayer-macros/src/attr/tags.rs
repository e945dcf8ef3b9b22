//! Parses and checks the argument `tags = […]`.

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Expr, ExprLit, Lit, Result, Token, bracketed, token};

/// The maximum length of a tag in characters. The limit is PromptLayer's.
const MAX_CHARACTERS: usize = 512;

/// One tag of the argument.
pub(crate) struct Tag {
    pub(crate) value: Expr,
    /// `true` for a string literal, which is checked while parsing. Other tags are checked in a `const`
    /// block.
    pub(crate) is_literal: bool,
}

impl Tag {
    pub(crate) fn span(&self) -> Span {
        self.value.span()
    }

    /// Returns `true` if the tag is a path that cannot contain a generic parameter: a single name, or a path
    /// that begins with a module.
    pub(crate) fn is_plain_constant(&self) -> bool {
        let Expr::Path(path) = &self.value else { return false };
        let segments = &path.path.segments;
        let plain = segments.iter().all(|segment| segment.arguments.is_none());
        let of_module = segments.first().is_some_and(|first| {
            let first = first.ident.to_string();
            first != "Self" && first.starts_with(char::is_lowercase)
        });
        path.qself.is_none() && plain && (segments.len() == 1 || of_module)
    }
}

/// Parses and checks a list such as `["a", CONST]`.
pub(super) fn parse(input: ParseStream<'_>) -> Result<Vec<Tag>> {
    if !input.peek(token::Bracket) {
        return Err(input.error("expected a list of tags, such as `tags = [\"chat\"]`"));
    }
    let content;
    bracketed!(content in input);
    let mut literals: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    for value in Punctuated::<Expr, Token![,]>::parse_terminated(&content)? {
        let is_literal = match &value {
            Expr::Lit(ExprLit { lit: Lit::Str(tag), .. }) => {
                let text = tag.value();
                check(&text).map_err(|wrong| Error::new(tag.span(), wrong))?;
                if literals.contains(&text) {
                    return Err(Error::new(tag.span(), format!("the tag `{text}` is given twice")));
                }
                literals.push(text);
                true
            }
            Expr::Lit(other) => {
                return Err(Error::new(other.span(), "a tag is a string: write it in double quotes"));
            }
            _ => false,
        };
        tags.push(Tag { value, is_literal });
    }
    Ok(tags)
}

fn check(tag: &str) -> std::result::Result<(), String> {
    let characters = tag.chars().count();
    if tag.trim().is_empty() {
        Err("a tag is not empty: name what the request is for, such as \"chat\"".to_owned())
    } else if characters > MAX_CHARACTERS {
        Err(format!(
            "a tag has at most {MAX_CHARACTERS} characters and this one has {characters}: shorten it"
        ))
    } else {
        Ok(())
    }
}
