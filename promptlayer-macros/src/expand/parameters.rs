//! The function's parameters: what they are called, and how they come into the body.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Attribute, Error, FnArg, Pat, PatIdent, ReceiverKind, Result, Signature, Type};

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
    /// Whether the body owns `self`.
    owns_self: bool,
}

impl Parameters {
    /// Takes the patterns out of the signature: there each parameter becomes one identifier, and the
    /// body binds the pattern.
    pub(crate) fn take(signature: &mut Signature) -> Result<Self> {
        if let Some(variadic) = &signature.variadic {
            return Err(Error::new_spanned(variadic, "`#[promptlayer]` cannot go on a variadic function"));
        }
        let mut parameters = Self { list: Vec::new(), owns_self: false };
        for (position, argument) in signature.inputs.iter_mut().enumerate() {
            match argument {
                FnArg::Receiver(receiver) => {
                    parameters.owns_self = !matches!(receiver.kind, ReceiverKind::Reference(..));
                }
                FnArg::Typed(typed) => {
                    let (name, ident) = match &*typed.pat {
                        Pat::Ident(PatIdent { ident, subpat: None, .. }) => (unraw(ident), ident.clone()),
                        other => {
                            let name = only_binding(other).unwrap_or_else(|| format!("argument{position}"));
                            (name, hidden(&format!("__argument{position}")))
                        }
                    };
                    let plain = Pat::Ident(PatIdent {
                        attrs: Vec::new(),
                        by_ref: None,
                        mutability: None,
                        ident: ident.clone(),
                        subpat: None,
                    });
                    let (lints, others): (Vec<_>, Vec<_>) =
                        std::mem::take(&mut typed.attrs).into_iter().partition(is_lint);
                    let is_cfg = |attribute: &&Attribute| {
                        ["cfg", "cfg_attr"].iter().any(|cfg| attribute.path().is_ident(cfg))
                    };
                    let cfg = others.iter().filter(is_cfg).cloned().collect();
                    typed.attrs = others;
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
    pub(crate) fn rebound(&self) -> TokenStream {
        let bindings = self.list.iter().map(|parameter| {
            let Parameter { ident, cfg, lints, pattern, .. } = parameter;
            let allow = parameter.allow_underscore();
            match pattern {
                Pat::Ident(PatIdent { subpat: None, by_ref: None, .. }) => {
                    code!(#(#cfg)* #allow #(#lints)* let #pattern = #ident;)
                }
                _ => {
                    let kept = hidden("__kept");
                    code!(#(#cfg)* let #kept = #ident; #(#cfg)* #(#lints)* let #pattern = #kept;)
                }
            }
        });
        // The user's own `self`. A mention of the whole keeps an owned `self` from being taken field by field.
        let whole = self.owns_self.then(|| quote!(let _ = &self;));
        code!(#whole #(#bindings)*)
    }
}

/// Whether an attribute sets the level of a lint.
fn is_lint(attribute: &Attribute) -> bool {
    ["allow", "expect", "warn", "deny", "forbid"].iter().any(|level| attribute.path().is_ident(level))
}

fn unraw(ident: &Ident) -> String {
    syn::ext::IdentExt::unraw(ident).to_string()
}

/// The one name that a pattern binds, if it binds one.
fn only_binding(pattern: &Pat) -> Option<String> {
    #[derive(Default)]
    struct Bindings(Vec<String>);
    impl<'ast> syn::visit::Visit<'ast> for Bindings {
        fn visit_pat_ident(&mut self, binding: &'ast PatIdent) {
            self.0.push(unraw(&binding.ident));
            syn::visit::visit_pat_ident(self, binding);
        }
    }
    let mut bindings = Bindings::default();
    syn::visit::Visit::visit_pat(&mut bindings, pattern);
    match bindings.0.as_mut_slice() {
        [name] => Some(std::mem::take(name)),
        _ => None,
    }
}
