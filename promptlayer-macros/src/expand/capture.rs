//! What goes in and what comes out.

use proc_macro2::TokenStream;
use quote::quote;

use crate::attr::{Args, Event, Format, InputArg};
use crate::expand::Names;
use crate::expand::parameters::{Parameter, Parameters};
use crate::expand::span;

/// Words of a name that say that its value is a secret, alone or as the last of several.
const SECRETS: &[&str] = &[
    "secret", "secrets", "token", "password", "passwd", "passphrase", "credential", "credentials", "bearer",
    "authorization",
];

/// Words that say so before the word `key`.
const KEYS: &[&str] = &["api", "access", "private", "secret", "signing", "encryption", "auth"];

/// Whether an argument's name says that its value is a secret: `password`, `api_key`, `*_secret`,
/// `*_token`, …. A count of tokens (`max_tokens`) is none.
fn is_secret(name: &str) -> bool {
    let name = name.trim_start_matches('_').to_lowercase();
    let words: Vec<&str> = name.split('_').collect();
    match words.as_slice() {
        ["apikey"] => true,
        [.., before, "key"] => KEYS.contains(before),
        [.., last] => SECRETS.contains(last),
        [] => false,
    }
}

/// Captures the input, and what else the attribute gives, before the body takes its arguments.
pub(crate) fn input(args: &Args, parameters: &Parameters, names: &Names) -> TokenStream {
    let Names { private, call, .. } = names;
    let captured = match &args.input {
        Some(InputArg { format, value }) => {
            let value = match format {
                Some(Format::Debug) => quote!(#private::capture::by_debug(&(#value))),
                Some(Format::Display) => quote!(#private::capture::by_display(&(#value))),
                None => quote!((&&&&#private::capture::Probe(&(#value))).__promptlayer_output()),
            };
            quote!(#private::Call::input(&mut #call, #private::Input::Value(#value));)
        }
        None => arguments(args, parameters, names),
    };
    let provider = args.provider.iter().map(|value| quote!(#private::Call::provider(&mut #call, &(#value));));
    let model = args.model.iter().map(|value| quote!(#private::Call::model(&mut #call, &(#value));));
    let prompt = args.prompt.iter().map(|value| quote!(#private::Call::prompt(&mut #call, &(#value));));
    let metadata = args.metadata.iter().map(|pair| {
        let (key, value) = (&pair.key, &pair.value);
        quote!(#private::Call::metadata(&mut #call, #key, &(#value));)
    });
    let of_parameters = args.parameters.iter().map(|pair| {
        let (key, value) = (&pair.key, &pair.value);
        quote! {
            #private::Call::parameter(
                &mut #call,
                #key,
                (&&&&#private::capture::Probe(&(#value))).__promptlayer_output(),
            );
        }
    });
    quote! {
        if #private::Call::is_recording(&#call) {
            #[allow(unused_imports)]
            use #private::capture::{
                ArgumentBySerialize as _, ArgumentByText as _, ArgumentByType as _,
                OutputByDebug as _, OutputByDisplay as _, OutputBySerialize as _, OutputByType as _,
            };
            #captured
            #(#provider)*
            #(#model)*
            #(#prompt)*
            #(#metadata)*
            #(#of_parameters)*
            #private::Call::ready(&mut #call);
        }
    }
}

/// Captures the arguments by name.
fn arguments(args: &Args, parameters: &Parameters, names: &Names) -> TokenStream {
    let Names { private, call, .. } = names;
    if args.skip_all {
        return quote!();
    }
    let kept: Vec<&Parameter> = parameters
        .list
        .iter()
        .filter(|parameter| !args.skip.iter().any(|skipped| *skipped == parameter.name))
        .collect();
    if kept.is_empty() {
        return quote!();
    }
    let count = kept.len();
    let captures = kept.iter().map(|Parameter { name, ident, cfg, .. }| {
        let value = if is_secret(name) {
            quote!(#private::capture::Captured::Redacted)
        } else {
            quote!((&&&#private::capture::Probe(&#ident)).__promptlayer_argument())
        };
        quote!(#(#cfg)* #private::Input::argument(&mut input, #name, #value);)
    });
    quote! {
        let mut input = #private::Input::arguments(#count);
        #(#captures)*
        #private::Call::input(&mut #call, input);
    }
}

/// Captures what was given and ends the call.
pub(crate) fn output(args: &Args, names: &Names) -> TokenStream {
    let Names { private, call, given } = names;
    let captured = match &args.output {
        Some(output) => quote! {{
            let selected = #private::capture::select(value, #output);
            (&&&&#private::capture::Probe(&selected)).__promptlayer_output()
        }},
        None => quote!((&&&&#private::capture::Probe(value)).__promptlayer_output()),
    };
    quote! {
        if #private::Call::is_recording(&#call) {
            #[allow(unused_imports)]
            use #private::capture::{
                ErrorByBoxed as _, ErrorByBoxedLocal as _, ErrorByChain as _, ErrorByDebug as _,
                ErrorByDisplay as _, ErrorByType as _, GivenByResult as _, GivenByValue as _,
                OutputByDebug as _, OutputByDisplay as _, OutputBySerialize as _, OutputByType as _,
            };
            match (&&#private::capture::Probe(&#given)).__promptlayer_given() {
                #private::capture::Given::Value(value) => {
                    let captured = #captured;
                    #private::Call::returned(#call, captured);
                }
                #private::capture::Given::Error(error) => {
                    let failure = (&&&&&&#private::capture::Probe(error)).__promptlayer_error();
                    #private::Call::failed(#call, failure);
                }
            }
        }
    }
}

/// The events of `err` and `ret`, inside the span, as `#[instrument]` emits them.
pub(crate) fn events(args: &Args, names: &Names) -> TokenStream {
    let Names { private, call, given } = names;
    let target = span::target(args);
    let event = |event: &Event, level: TokenStream, format: Format, field: TokenStream, value: TokenStream| {
        let level = event.level.as_ref().map_or(level, |level| span::level_tokens(level, names));
        let sigil = match event.format.unwrap_or(format) {
            Format::Display => quote!(%),
            Format::Debug => quote!(?),
        };
        quote!(#private::tracing::event!(target: #target, #level, #field = #sigil #value))
    };
    let err = args.err.as_ref().map(|err| {
        event(err, span::known("ERROR", names), Format::Display, quote!(error), quote!(error))
    });
    let ret = args.ret.as_ref().map(|ret| {
        event(ret, span::level(args, names), Format::Debug, quote!(return), quote!(value))
    });
    let emit = match (err, ret) {
        (None, None) => return quote!(),
        (None, Some(ret)) => quote! {
            let value = &#given;
            #ret;
        },
        (Some(err), ret) => quote! {
            match &#given {
                ::core::result::Result::Ok(value) => {
                    let _ = value;
                    #ret;
                }
                ::core::result::Result::Err(error) => #err,
            }
        },
    };
    quote! {
        {
            let _entered = #private::Call::span(&#call).enter();
            #emit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn a_name_that_says_secret_is_one_and_a_count_of_tokens_is_not() {
        for name in ["api_key", "apikey", "_password", "client_secret", "auth_token", "token", "OPENAI_API_KEY"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["max_tokens", "key", "keyboard", "prompt", "cache_key", "secretary", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }
}
