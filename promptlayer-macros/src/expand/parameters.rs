//! The parameters of the function: their names, and how they are bound inside the body.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::VisitMut;
use syn::{
    Attribute, Error, FnArg, Pat, PatIdent, ReceiverKind, Result, Signature, Token, Type, parse_quote,
};

use crate::attr::Args;
use crate::expand::hidden;
use crate::expand::taken::mentions;

/// One parameter other than `self`.
pub(crate) struct Parameter {
    /// The name under which the argument is logged.
    pub(crate) name: String,
    /// The identifier that holds the argument until the body rebinds it.
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The `#[cfg(…)]` attributes of the parameter. They are repeated everywhere the parameter is used.
    pub(crate) cfg: Vec<Attribute>,
    /// The lint attributes of the parameter. They apply to the user's pattern.
    lints: Vec<Attribute>,
    /// The pattern that the user wrote.
    pattern: Pat,
}

impl Parameter {
    /// Returns `#[allow(…)]` attributes for a parameter named `_name`: the expansion uses it, although the
    /// user does not.
    pub(crate) fn allow_underscore(&self) -> Option<TokenStream> {
        self.name
            .starts_with('_')
            .then(|| code!(#[allow(clippy::no_effect_underscore_binding, clippy::used_underscore_binding)]))
    }
}

/// The parameters of a function.
pub(crate) struct Parameters {
    pub(crate) list: Vec<Parameter>,
    /// The `self` token, if the body owns `self`.
    owned_self: Option<Token![self]>,
}

impl Parameters {
    /// Moves the patterns out of the signature.
    ///
    /// In the signature, each parameter becomes one identifier. The body binds the pattern.
    pub(crate) fn take(signature: &mut Signature) -> Result<Self> {
        if let Some(variadic) = &signature.variadic {
            return Err(Error::new_spanned(
                variadic,
                "`#[promptlayer]` cannot go on a variadic function: its arguments cannot be handed on; write a \
                 function around it",
            ));
        }
        let mut parameters = Self { list: Vec::new(), owned_self: None };
        for (position, argument) in signature.inputs.iter_mut().enumerate() {
            match argument {
                FnArg::Receiver(receiver) => {
                    if !matches!(receiver.kind, ReceiverKind::Reference(..)) {
                        parameters.owned_self = Some(receiver.self_token);
                    }
                }
                FnArg::Typed(typed) => {
                    let names = bindings(&typed.pat);
                    let only_name = match names.as_slice() {
                        [only] => Some(unraw(only)),
                        _ => None,
                    };
                    let (name, ident) = match &*typed.pat {
                        Pat::Ident(PatIdent { ident, subpat: None, .. }) if !may_be_constant(ident) => {
                            (unraw(ident), ident.clone())
                        }
                        _ => {
                            let name = only_name.unwrap_or_else(|| format!("argument{position}"));
                            (name, hidden(&format!("__promptlayer_argument{position}")))
                        }
                    };
                    let plain = Pat::Ident(PatIdent {
                        attrs: Vec::new(),
                        by_ref: None,
                        mutability: None,
                        ident: ident.clone(),
                        subpat: None,
                    });
                    let lints: Vec<Attribute> =
                        typed.attrs.iter().filter(|attribute| is_lint(attribute)).cloned().collect();
                    // Remove `expect` here. In the signature the identifier is always used, so the expected
                    // lint fires only in the body.
                    let others: Vec<Attribute> = std::mem::take(&mut typed.attrs)
                        .into_iter()
                        .filter(|attribute| !attribute.path().is_ident("expect"))
                        .collect();
                    let is_cfg = |attribute: &&Attribute| {
                        ["cfg", "cfg_attr"].iter().any(|cfg| attribute.path().is_ident(cfg))
                    };
                    let cfg = others.iter().filter(is_cfg).cloned().collect();
                    typed.attrs = others;
                    if lints.iter().any(|lint| lint.path().is_ident("expect")) {
                        typed.attrs.push(parse_quote!(#[allow(non_snake_case)]));
                    }
                    parameters.list.push(Parameter {
                        name,
                        ident,
                        ty: (*typed.ty).clone(),
                        cfg,
                        lints,
                        pattern: std::mem::replace(&mut *typed.pat, plain),
                    });
                }
            }
        }
        Ok(parameters)
    }

    /// Returns the parameter that the user calls `name`.
    pub(crate) fn named(&self, name: &Ident) -> Option<&Parameter> {
        let name = unraw(name);
        self.list.iter().find(|parameter| parameter.name == name)
    }

    /// Checks that every name in `skip` is a parameter.
    pub(crate) fn check_skipped(&self, skip: &[Ident]) -> Result<()> {
        for name in skip {
            if name != "self" && self.named(name).is_none() {
                return Err(Error::new(
                    name.span(),
                    format!("`skip` names `{name}`, which is no parameter of this function"),
                ));
            }
        }
        Ok(())
    }

    /// Returns `code` as a block in which the names that the patterns bind are references to parts of the
    /// arguments, if an expression of the attribute uses them. These expressions run before the body binds the
    /// patterns.
    pub(crate) fn with_patterns_borrowed(&self, args: &Args, code: TokenStream) -> TokenStream {
        let expressions: Vec<TokenStream> = args.expressions().map(ToTokens::to_token_stream).collect();
        let is_used = |name: &Ident| {
            let name = unraw(name);
            expressions.iter().any(|expression| mentions(expression, &name))
        };
        let bindings: Vec<TokenStream> = self
            .list
            .iter()
            .filter(|parameter| bindings(&parameter.pattern).iter().any(is_used))
            .filter_map(|Parameter { ident, cfg, pattern, .. }| {
                let borrowed = borrowed(pattern, ident)?;
                Some(code!(#(#cfg)* #[allow(unused_variables)] let #borrowed = &#ident;))
            })
            .collect();
        if bindings.is_empty() { code } else { code!({ #(#bindings)* #code }) }
    }

    /// Rebinds every parameter inside the body, in order, which keeps the drop order of a plain function: the
    /// last parameter first, and for each parameter the bindings of its pattern before the rest of its value.
    ///
    /// Parameters in `taken` are not rebound.
    pub(crate) fn rebound(&self, taken: &BTreeSet<String>) -> TokenStream {
        let bindings = self.list.iter().map(|parameter| {
            let Parameter { ident, cfg, lints, pattern, .. } = parameter;
            let allow = parameter.allow_underscore();
            match pattern {
                Pat::Ident(PatIdent { subpat: None, by_ref: None, ident: name, .. }) if name == ident => {
                    if taken.contains(&parameter.name) {
                        return code!();
                    }
                    code!(#(#cfg)* #allow #(#lints)* let #pattern = #ident;)
                }
                _ => {
                    let kept =
                        Ident::new("__promptlayer_kept", Span::mixed_site().located_at(pattern.span()));
                    let bind = quote_spanned!(pattern.span().resolved_at(Span::mixed_site())=>
                        let #pattern = #kept;
                    );
                    // The pattern of a parameter may contain `ref mut`, so the variable must be mutable.
                    code!(#(#cfg)* #[allow(unused_mut)] let mut #kept = #ident; #(#cfg)* #(#lints)* #bind)
                }
            }
        });
        // Using `self` as a whole makes the closure capture all of it, and not single fields.
        let whole = self.owned_self.filter(|_| !taken.contains("self")).map(|owned| code!(let _ = &#owned;));
        code!(#whole #(#bindings)*)
    }
}

/// Returns `true` if the name may be that of a constant or a unit struct, which bind nothing when used as a
/// pattern.
fn may_be_constant(ident: &Ident) -> bool {
    unraw(ident).starts_with(char::is_uppercase)
}

/// Returns `true` if the attribute sets the level of a lint.
fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|level| attribute.path().is_ident(level))
}

fn unraw(ident: &Ident) -> String {
    syn::ext::IdentExt::unraw(ident).to_string()
}

/// Returns the pattern for a reference to the argument: every name becomes a reference. Returns `None` if
/// the pattern is the argument's own name, which needs no binding.
fn borrowed(pattern: &Pat, argument: &Ident) -> Option<Pat> {
    struct Borrow;
    impl VisitMut for Borrow {
        fn visit_pat_mut(&mut self, pattern: &mut Pat) {
            // A `&` in the pattern cannot be kept below a reference.
            while let Pat::Reference(reference) = pattern {
                *pattern = (*reference.pat).clone();
            }
            if let Pat::Ident(name) = pattern {
                name.by_ref = None;
                name.mutability = None;
            }
            syn::visit_mut::visit_pat_mut(self, pattern);
        }
    }
    if matches!(pattern, Pat::Ident(PatIdent { ident, subpat: None, .. }) if ident == argument) {
        return None;
    }
    let mut pattern = pattern.clone();
    Borrow.visit_pat_mut(&mut pattern);
    Some(pattern)
}

/// Returns the names that a pattern binds.
fn bindings(pattern: &Pat) -> Vec<Ident> {
    #[derive(Default)]
    struct Bindings(Vec<Ident>);
    impl<'ast> syn::visit::Visit<'ast> for Bindings {
        fn visit_pat_ident(&mut self, binding: &'ast PatIdent) {
            self.0.push(binding.ident.clone());
            syn::visit::visit_pat_ident(self, binding);
        }
    }
    let mut bindings = Bindings::default();
    syn::visit::Visit::visit_pat(&mut bindings, pattern);
    bindings.0
}
