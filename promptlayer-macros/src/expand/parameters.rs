//! The function's parameters: what they are called, and how they come into the body.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, FnArg, Pat, PatIdent, ReceiverKind, Result, Signature, Token, Type, parse_quote,
};

use crate::expand::hidden;

/// One parameter that is not `self`.
pub(crate) struct Parameter {
    /// What it is logged as.
    pub(crate) name: String,
    /// The identifier that holds it until the body takes it.
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// `#[cfg(…)]` on it, which everything that names it must repeat.
    pub(crate) cfg: Vec<Attribute>,
    /// Lints set on it, which the user means for the pattern.
    lints: Vec<Attribute>,
    /// The user's pattern.
    pattern: Pat,
}

impl Parameter {
    /// The user does not use `_name`, and so the expansion must be allowed to.
    pub(crate) fn allow_underscore(&self) -> Option<TokenStream> {
        self.name
            .starts_with('_')
            .then(|| code!(#[allow(clippy::no_effect_underscore_binding, clippy::used_underscore_binding)]))
    }
}

/// All of them.
pub(crate) struct Parameters {
    pub(crate) list: Vec<Parameter>,
    /// The user's `self`, if the body owns it.
    owned_self: Option<Token![self]>,
}

impl Parameters {
    /// Takes the patterns out of the signature: there each parameter becomes one identifier, and the
    /// body binds the pattern.
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
                    // Outside the identifier is always used: what is expected happens inside.
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

    /// The parameter that the user calls `name`.
    pub(crate) fn named(&self, name: &Ident) -> Option<&Parameter> {
        let name = unraw(name);
        self.list.iter().find(|parameter| parameter.name == name)
    }

    /// `skip` names parameters that are there.
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

    /// Binds every parameter anew inside the body, in order, so that they drop as a function's do:
    /// the last first, and of each what its pattern bound before what it left.
    ///
    /// Those that are `taken` stay where they are.
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
                    // A parameter may be borrowed as mutable by its own pattern.
                    code!(#(#cfg)* #[allow(unused_mut)] let mut #kept = #ident; #(#cfg)* #(#lints)* #bind)
                }
            }
        });
        // A mention of the whole keeps an owned `self` from being taken field by field.
        let whole = self.owned_self.filter(|_| !taken.contains("self")).map(|owned| code!(let _ = &#owned;));
        code!(#whole #(#bindings)*)
    }
}

/// A name in capitals may be that of a constant or a unit struct, which as a pattern binds nothing.
fn may_be_constant(ident: &Ident) -> bool {
    unraw(ident).starts_with(char::is_uppercase)
}

/// Whether an attribute sets the level of a lint.
fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|level| attribute.path().is_ident(level))
}

fn unraw(ident: &Ident) -> String {
    syn::ext::IdentExt::unraw(ident).to_string()
}

/// The names that a pattern binds.
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
