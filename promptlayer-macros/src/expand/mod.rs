//! Generates the traced function: the signature of the user, and a body that runs inside a call.
//!
//! ```text
//! async fn ask(question: &str) -> Result<String, E> {
//!     {
//!         let mut call = Call::begin(span!(…), &CallSite { … });
//!         if call.is_recording() { … capture the arguments … }
//!         body(
//!             call,
//!             async move {
//!                 let question = question;  // rebinds the parameters in order, which keeps their drop order
//!                 { …the user's own tokens… }
//!             },
//!             |call, given| { … capture the value, and end the call … given },
//!         )
//!     }.await
//! }
//! ```
//!
//! A synchronous body becomes a closure, so that `return` and `?` end the closure and not the function. The
//! user's braces are in tail position. Therefore the compiler expects the return type of the function from
//! them. The braces around them have the edition of this crate, so the temporaries of the body are dropped
//! before the parameters.
//!
//! If a function is not `async` and returns a future, the call begins when the future is first polled. If a
//! function returns a stream, the call lasts until the stream ends.

/// Creates tokens with the hygiene of this crate: the user's code cannot see the names that they bind, and
/// they cannot see the names of the user's code.
macro_rules! code {
    ($($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}

/// Creates the same tokens as `code!`, but located at a token of the user, where the compiler then reports
/// errors.
macro_rules! code_at {
    ($span:expr => $($tokens:tt)*) => {
        ::quote::quote_spanned!(::proc_macro2::Span::mixed_site().located_at($span)=> $($tokens)*)
    };
}

mod alias;
mod capture;
mod finish;
mod outlives;
mod parameters;
mod returns;
mod span;
mod taken;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned as _;
use syn::visit_mut::VisitMut;
use syn::{Error, Path, Result, ReturnType, Signature, Type, parse_quote};

use self::parameters::Parameters;
use self::returns::{Asked, Given, Returns, Unseen};
use self::span::Start;
use crate::attr::Args;
use crate::function::Function;

/// The names that the expansion uses. They are hidden from the user's code.
pub(crate) struct Names {
    /// The path `promptlayer_tracing::__private`.
    pub(crate) private: TokenStream,
    /// The variable that holds the `Call`.
    pub(crate) call: Ident,
    /// The variable that holds the value of the body.
    pub(crate) given: Ident,
    /// The variable that holds the names of the arguments' types.
    pub(crate) types: Ident,
    /// `true` if the user gave the path of the library with `crate = …`.
    is_told: bool,
}

impl Names {
    /// Returns `private`, located at `span` for compiler errors. A path that the user wrote keeps its own
    /// location.
    pub(crate) fn private_at(&self, span: Span) -> TokenStream {
        if self.is_told { self.private.clone() } else { located(&self.private, span) }
    }
}

/// Returns an identifier that the user's code cannot refer to.
pub(crate) fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// Expands an annotated function.
pub(crate) fn expand(args: &Args, function: Function) -> Result<TokenStream> {
    let Function { attributes, visibility, defaultness, mut signature, inner_attributes, body } = function;
    let krate: Path = args.krate.clone().unwrap_or_else(|| parse_quote!(::promptlayer_tracing));
    let names = Names {
        private: code!(#krate::__private),
        call: hidden("__promptlayer_call"),
        given: hidden("__promptlayer_given"),
        types: hidden("__promptlayer_types"),
        is_told: args.krate.is_some(),
    };
    let call = &names.call;

    let parameters = Parameters::take(&mut signature)?;
    parameters.check_skipped(&args.skip)?;
    if let Some(output) = &args.output
        && returns::gives_stream(&signature)
    {
        return Err(Error::new(
            output.span(),
            "`output` picks from a value, and this function gives a stream, which is logged item by item: remove it",
        ));
    }
    let tracks_caller = attributes.iter().any(|attribute| attribute.path().is_ident("track_caller"));
    let start = if signature.asyncness.is_none() && may_return_future(args, &signature, tracks_caller) {
        Start::AtFirstPoll
    } else {
        Start::Now
    };
    let begin = span::begin(args, &signature, &parameters, &names, start);
    let begin = parameters.with_patterns_borrowed(args, begin);
    let types = capture::types(args, &parameters, &names);
    let input = parameters.with_patterns_borrowed(args, capture::input(args, &parameters, &names));
    let rebound = parameters.rebound(&taken::taken(args, &body.stream()));
    let run = {
        let body = with_an_item(&body);
        code!(#rebound #body)
    };
    let run = if signature.asyncness.is_some() {
        asynchronous(args, &signature, &run, &names)
    } else {
        synchronous(args, &signature, &run, &names, tracks_caller)
    };
    let content = code! {
        #types
        let mut #call = #begin;
        #input
        #run
    };
    let content = if signature.asyncness.is_some() {
        // Only the future is kept across the await. Everything else is dropped at the end of the block.
        code!({ #content }.await)
    } else {
        content
    };
    let mut block = Group::new(Delimiter::Brace, code!(#(#inner_attributes)* #content));
    // Give the block the location of the user's body. Otherwise the compiler takes the function for one that
    // another crate generated, and does not apply lints to it.
    block.set_span(body.span());
    Ok(code! {
        #(#attributes)*
        #visibility #defaultness #signature #block
    })
}

/// Returns `true` if the call of a function that is not `async` begins with a future that it returns.
fn may_return_future(args: &Args, signature: &Signature, tracks_caller: bool) -> bool {
    match returns::returns(signature) {
        Returns::Future(..) | Returns::BoxedFuture(_) | Returns::Asked { is_named: true, .. } => true,
        // The events look at the value inside the span, and a caller's location is that of the body. Both are
        // impossible for a value that may also be a future.
        Returns::Asked { .. } => !tracks_caller && args.err.is_none() && args.ret.is_none(),
        Returns::Now(_) | Returns::Unseen(_) => false,
    }
}

/// Returns the user's braces with an item added before their content.
///
/// Without the item, the compiler reports braces around a single expression as unnecessary.
fn with_an_item(body: &Group) -> Group {
    let mut content = code!(
        const _: () = ();
    );
    content.extend(body.stream());
    let mut braces = Group::new(Delimiter::Brace, content);
    braces.set_span(body.span());
    braces
}

/// Returns the same tokens with the location `span`, where the compiler then reports errors.
pub(crate) fn located(tokens: &TokenStream, span: Span) -> TokenStream {
    tokens
        .clone()
        .into_iter()
        .map(|mut token| {
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}

/// Generates the body of an `async fn`.
fn asynchronous(args: &Args, signature: &Signature, body: &TokenStream, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let hint = type_hint(&signature.output, signature.ident.span());
    let of = match returns::returns(signature) {
        Returns::Now(given) | Returns::Asked { given, is_named: false } => given,
        // The output of an `async fn` may be a future or a closure, whose type is asked like any other.
        Returns::Future(..) | Returns::BoxedFuture(_) | Returns::Asked { .. } | Returns::Unseen(_) => {
            Given::Value(Asked::Type)
        }
    };
    let finish = finish::finish(args, of, span_of(&signature.output, &signature.ident), names);
    let future = hidden("__promptlayer_future");
    let end = end(names, given, &finish);
    let wrapped = match finish::look(args, names) {
        Some(look) => code!(#private::body_seen(#call, #future, #look, #end)),
        None => code!(#private::body(#call, #future, #end)),
    };
    code! {
        #[allow(clippy::async_yields_async)]
        let #future = async move {
            #hint
            #body
        };
        #wrapped
    }
}

/// Generates the body of a function that is not `async`.
fn synchronous(
    args: &Args,
    signature: &Signature,
    body: &TokenStream,
    names: &Names,
    tracks_caller: bool,
) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let arrow = closure_return(&signature.output);
    let at = span_of(&signature.output, &signature.ident);
    let returns = returns::returns(signature);
    let is_future = may_return_future(args, signature, tracks_caller);
    let look = finish::look(args, names);
    let run = {
        let private = names.private_at(at);
        match &look {
            // For a future, `err` and `ret` look at its output, not at the future itself.
            Some(look) if !is_future && !matches!(returns, Returns::Now(Given::Never)) => {
                code_at!(at => #private::Call::run_seen(&mut #call, move || #arrow { #body }, #look))
            }
            _ => code_at!(at => #private::Call::run(&mut #call, move || #arrow { #body })),
        }
    };
    let end = |of| {
        let finish = finish::finish(args, of, at, names);
        end(names, located(&code!(#given), at), &finish)
    };
    let looks = args.output.is_some() || look.is_some();
    match returns {
        Returns::Unseen(unseen) if !looks => in_tail(unseen, body, at, names),
        Returns::Unseen(_) => {
            let finish = finish::finish(args, Given::Value(Asked::Type), at, names);
            code!(let #given = #run; #finish)
        }
        // The body never returns, so the call can only end with a panic.
        Returns::Now(Given::Never) if tracks_caller => in_tail(Unseen::Value, body, at, names),
        Returns::Now(Given::Never) => run,
        Returns::Now(of @ Given::Value(_)) | Returns::Asked { given: of, is_named: false }
            if tracks_caller =>
        {
            inline(args, of, signature, body, names)
        }
        Returns::Asked { given: of, .. } if is_future => {
            let end = end(of);
            let then = match look {
                Some(look) => code_at!(at => then_seen(#call, #given, #look, #end)),
                None => code_at!(at => then(#call, #given, #end)),
            };
            let local = located(&code!(#given), at);
            code_at! {at =>
                let #local = #run;
                #[allow(unused_imports)]
                use #private::asked::*;
                #private::start_of(&#local).__promptlayer_start_of().#then
            }
        }
        Returns::Now(of) | Returns::Asked { given: of, .. } => {
            let finish = finish::finish(args, of, at, names);
            let given = located(&code!(#given), at);
            code_at!(at => let #given = #run; #finish)
        }
        Returns::Future(of, output) => {
            let end = end(of);
            // The closure needs the output type, and inside it the compiler cannot infer the type from
            // `impl Future`.
            let future = match output.map(without_impl_trait) {
                Some(output) => code!(#private::future_of::<#output, _>(#run)),
                None => run,
            };
            let wrapped = match look {
                Some(look) => code!(#private::future_seen(#call, #given, #look, #end)),
                None => code!(#private::future(#call, #given, #end)),
            };
            code! {
                let #given = #future;
                #wrapped
            }
        }
        Returns::BoxedFuture(of) => {
            let end = end(of);
            let wrapped = match look {
                Some(look) => {
                    let boxed = located(&code!(#private::boxed_future_seen), at);
                    code!(#boxed(#call, #given, #look, #end))
                }
                None => {
                    let boxed = located(&code!(#private::boxed_future), at);
                    code!(#boxed(#call, #given, #end))
                }
            };
            code! {
                let #given = #run;
                #wrapped
            }
        }
    }
}

/// Generates the closure that ends the call of a future with its output.
///
/// Clippy reports the error of a `Result` that a closure returns as too large, although it does not report the
/// `async fn`.
fn end(names: &Names, given: impl ToTokens, finish: &TokenStream) -> TokenStream {
    let call = &names.call;
    code!(#[allow(clippy::result_large_err)] |#call, #given| #finish)
}

/// Generates a body that is not wrapped in a closure, so that `Location::caller()` returns the caller of the
/// function.
///
/// Inside a closure, the location would be that of the closure call. The disadvantage is that the value of an
/// early `return` is not captured.
fn inline(
    args: &Args,
    of: Given<'_>,
    signature: &Signature,
    body: &TokenStream,
    names: &Names,
) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let inlined = hidden("__promptlayer_inlined");
    let ty = match &signature.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => without_impl_trait(ty),
    };
    let finish = finish::finish(args, of, span_of(&signature.output, &signature.ident), names);
    let body = match finish::events(args, names) {
        Some(events) => code! {
            #[allow(unreachable_code)]
            let #given: #ty = { #body };
            #[allow(unreachable_code)]
            {
                let #given = &#given;
                #events
            }
            #given
        },
        None => body.clone(),
    };
    code! {
        let #inlined = #private::Call::inline(#call);
        let #given: #ty = {
            let __promptlayer_entered = #private::InlineCall::span(&#inlined).clone().entered();
            #body
        };
        #[allow(unreachable_code)]
        {
            let #call = #private::InlineCall::into_call(#inlined);
            #finish
        }
    }
}

/// Generates a body in tail position, where the compiler can infer the signature's `impl Trait` from it.
///
/// The value is returned without being captured.
fn in_tail(unseen: Unseen, body: &TokenStream, at: Span, names: &Names) -> TokenStream {
    let Names { private, call, .. } = names;
    let inlined = hidden("__promptlayer_inlined");
    let in_tail = match unseen {
        Unseen::Value => code_at!(at => in_tail),
        Unseen::Stream => code_at!(at => in_tail_of_stream),
        Unseen::Future => code_at!(at => in_tail_of_future),
    };
    code! {
        let #inlined = #private::Call::#in_tail(#call);
        let __promptlayer_entered = #private::InlineCall::span(&#inlined).clone().entered();
        #body
    }
}

/// Returns the location of the return type, or else of the function's name.
fn span_of(output: &ReturnType, name: &Ident) -> Span {
    match output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => name.span(),
    }
}

/// Returns the return type of the closure that holds a synchronous body.
fn closure_return(output: &ReturnType) -> TokenStream {
    match output {
        ReturnType::Default => code!(-> ()),
        ReturnType::Type(arrow, ty) => {
            let ty = without_impl_trait(ty);
            code!(#arrow #ty)
        }
    }
}

/// Generates code from which the compiler infers the type of an `async` block before it reads the body. An
/// `async` block has no return type annotation.
fn type_hint(output: &ReturnType, name: Span) -> TokenStream {
    let (ty, span) = match output {
        ReturnType::Default => (parse_quote!(()), name),
        ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)) => return code!(),
        ReturnType::Type(_, ty) => (without_impl_trait(ty), ty.span()),
    };
    let hint = hidden("__promptlayer_hint");
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

/// Replaces every `impl Trait` in a type with `_`, because `impl Trait` is not allowed in these positions.
pub(crate) fn without_impl_trait(ty: &Type) -> Type {
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

#[cfg(test)]
mod tests;
