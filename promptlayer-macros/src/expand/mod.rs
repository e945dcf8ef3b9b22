//! What comes out: the function with its signature, and around its body a call.
//!
//! ```text
//! async fn ask(question: &str) -> Result<String, E> {
//!     let mut call = Call::begin(span!(…), &CallSite { … });
//!     if call.is_recording() { … capture the arguments … }
//!     let (given, call) = body(call, async move {
//!         let question = question;      // the parameters, in order: they drop as they would have
//!         { …the user's own tokens… }
//!     }).await;
//!     if call.is_recording() { … capture what was given … }
//!     given
//! }
//! ```
//!
//! A synchronous body is a closure instead, so that `return` and `?` come back. The user's braces
//! stand in tail position: the type that is wanted of them is that of the function, and since the
//! braces around them are of this crate's edition, their temporaries die before the parameters.

mod capture;
mod parameters;
mod span;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::VisitMut;
use syn::{Path, Result, ReturnType, Type, parse_quote};

use self::parameters::Parameters;
use crate::attr::Args;
use crate::function::Function;

/// The names that the expansion uses; the user's code cannot see them.
pub(crate) struct Names {
    /// `promptlayer_tracing::__private`
    pub(crate) private: TokenStream,
    /// The `Call`.
    pub(crate) call: Ident,
    /// What the body gave.
    pub(crate) given: Ident,
}

/// An identifier that user code cannot name.
pub(crate) fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The whole expansion.
pub(crate) fn expand(args: Args, function: Function) -> Result<TokenStream> {
    let Function { attributes, visibility, defaultness, mut signature, inner_attributes, body } = function;
    let krate: Path = args.krate.clone().unwrap_or_else(|| parse_quote!(::promptlayer_tracing));
    let names = Names {
        private: quote!(#krate::__private),
        call: hidden("__call"),
        given: hidden("__given"),
    };
    let Names { private, call, given } = &names;

    let parameters = Parameters::take(&mut signature)?;
    parameters.check_skipped(&args.skip)?;
    let begin = span::begin(&args, &signature, &parameters, &names);
    let input = capture::input(&args, &parameters, &names);
    let rebound = parameters.rebound();
    let run = if signature.asyncness.is_some() {
        let hint = type_hint(&signature.output, signature.ident.span());
        quote! {
            let (#given, #call) = #private::body(#call, async move {
                #hint
                #rebound
                #body
            }).await;
        }
    } else {
        let returns = closure_return(&signature.output);
        quote! {
            let #given = #private::Call::run(&mut #call, move || #returns {
                #rebound
                #body
            });
        }
    };
    let finish = if is_never(&signature.output) {
        // Nothing comes back: the call ends as a panic or is dropped.
        quote!()
    } else {
        let events = capture::events(&args, &names);
        let output = capture::output(&args, &names);
        quote!(#events #output)
    };
    Ok(quote! {
        #(#attributes)*
        #visibility #defaultness #signature {
            #(#inner_attributes)*
            let mut #call = #begin;
            #input
            #run
            #finish
            #given
        }
    })
}

/// The arrow of the closure that holds a synchronous body.
fn closure_return(output: &ReturnType) -> TokenStream {
    match output {
        ReturnType::Default => quote!(-> ()),
        ReturnType::Type(arrow, ty) => {
            let ty = without_impl_trait(ty);
            quote!(#arrow #ty)
        }
    }
}

/// Tells the compiler the type of an `async` block, which has no arrow, before it reads the body.
fn type_hint(output: &ReturnType, name: Span) -> TokenStream {
    let (ty, span) = match output {
        ReturnType::Default => (parse_quote!(()), name),
        ReturnType::Type(_, ty) if is_never(output) => {
            let _ = ty;
            return quote!();
        }
        ReturnType::Type(_, ty) => (without_impl_trait(ty), ty.span()),
    };
    let hint = hidden("__hint");
    quote_spanned! {span=>
        #[allow(
            unknown_lints,
            unreachable_code,
            clippy::diverging_sub_expression,
            clippy::empty_loop,
            clippy::let_unit_value,
            clippy::let_with_type_underscore,
            clippy::needless_return,
            clippy::unreachable
        )]
        if false {
            let #hint: #ty = loop {};
            return #hint;
        }
    }
}

fn is_never(output: &ReturnType) -> bool {
    matches!(output, ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)))
}

/// `impl Trait` cannot be written there: the compiler infers what stands behind it.
fn without_impl_trait(ty: &Type) -> Type {
    struct Infer;
    impl VisitMut for Infer {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if matches!(ty, Type::ImplTrait(_)) {
                *ty = parse_quote!(_);
            } else {
                syn::visit_mut::visit_type_mut(self, ty);
            }
        }
    }
    let mut ty = ty.clone();
    Infer.visit_type_mut(&mut ty);
    ty
}
