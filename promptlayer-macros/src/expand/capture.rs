//! Generates the code that captures the input of a call.

use proc_macro2::TokenStream;
use syn::Expr;
use syn::spanned::Spanned as _;

use crate::attr::{Args, Format, InputArg};
use crate::expand::Names;
use crate::expand::parameters::{Parameter, Parameters};

/// Generates the code that captures the input and the other values of the attribute, before the body takes
/// the arguments.
pub(crate) fn input(args: &Args, parameters: &Parameters, names: &Names) -> TokenStream {
    let Names { private, call, .. } = names;
    let captured = match &args.input {
        Some(InputArg { format, value }) => {
            let reference = reference(value);
            let value = match format {
                Some(Format::Debug) => code_at!(value.span() => #private::capture::by_debug(#reference)),
                Some(Format::Display) => code_at!(value.span() => #private::capture::by_display(#reference)),
                None => code!((&&&&#private::capture::Probe(#reference)).__promptlayer_output()),
            };
            code!(#private::Call::input(&mut #call, #private::Input::Value(#value));)
        }
        None => arguments(args, parameters, names),
    };
    let provider = args.provider.iter().map(|value| {
        let value = reference(value);
        code!(#private::Call::provider(&mut #call, #value);)
    });
    let model = args.model.iter().map(|value| {
        let value = reference(value);
        code!(#private::Call::model(&mut #call, #value);)
    });
    let prompt = args.prompt.iter().map(|value| {
        let value = reference(value);
        code!(#private::Call::prompt(&mut #call, #value);)
    });
    let metadata = args.metadata.iter().map(|pair| {
        let (key, value) = (&pair.key, reference(&pair.value));
        code!(#private::Call::metadata(&mut #call, #key, #value);)
    });
    let of_parameters = args.parameters.iter().map(|pair| {
        let (key, value) = (&pair.key, reference(&pair.value));
        code! {
            #private::Call::parameter(
                &mut #call,
                #key,
                (&&&&#private::capture::Probe(#value)).__promptlayer_output(),
            );
        }
    });
    code! {
        if #private::Call::is_recording(&#call) {
            #[allow(unused_imports)]
            use #private::asked::*;
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

/// Returns a reference to the user's expression, with the location of the expression for compiler errors.
fn reference(value: &Expr) -> TokenStream {
    code_at!(value.span() => &(#value))
}

/// Generates the code that captures the arguments by name.
fn arguments(args: &Args, parameters: &Parameters, names: &Names) -> TokenStream {
    let Names { private, call, .. } = names;
    if args.skip_all {
        return code!();
    }
    let kept: Vec<&Parameter> = parameters
        .list
        .iter()
        .filter(|parameter| !args.skip.iter().any(|skipped| *skipped == parameter.name))
        .collect();
    if kept.is_empty() {
        return code!();
    }
    let count = kept.len();
    let captures = kept.iter().map(|parameter| {
        let Parameter { name, ident, cfg, .. } = parameter;
        let allow = parameter.allow_underscore();
        let value = code! {
            if const { #private::is_secret(#name) } {
                #private::capture::Captured::Redacted
            } else {
                (&&&#private::capture::Probe(&#ident)).__promptlayer_argument()
            }
        };
        code!(#(#cfg)* #allow { #private::Input::argument(&mut __promptlayer_input, #name, #value); })
    });
    code! {
        let mut __promptlayer_input = #private::Input::arguments(#count);
        #(#captures)*
        #private::Call::input(&mut #call, __promptlayer_input);
    }
}
