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
                None => {
                    let input = code!(__promptlayer_captured_input);
                    let other = code!((&&&&&#private::capture::Probe(#input)).__promptlayer_output());
                    let captured = standing_for(&code!(__promptlayer_request), &input, &other, names);
                    code!(match #reference { #input => #captured })
                }
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
                (&&&&&#private::capture::Probe(#value)).__promptlayer_output(),
            );
        }
    });
    let types = (!parameters.list.is_empty()).then(|| {
        let types = &names.types;
        code!(#private::Call::argument_types(&mut #call, #types);)
    });
    code! {
        if #private::Call::is_recording(&#call) {
            #[allow(unused_imports)]
            use #private::asked::*;
            #captured
            #types
            #(#provider)*
            #(#model)*
            #(#prompt)*
            #(#metadata)*
            #(#of_parameters)*
            #private::Call::ready(&mut #call);
        }
    }
}

/// Generates the code that captures what a value stands for, or else the value itself with `other`.
pub(crate) fn standing_for(
    method: &TokenStream,
    reference: &TokenStream,
    other: &TokenStream,
    names: &Names,
) -> TokenStream {
    let private = &names.private;
    code! {
        match (&&#private::capture::Probe(#reference)).#method() {
            ::core::option::Option::Some(__promptlayer_captured) => __promptlayer_captured,
            ::core::option::Option::None => #other,
        }
    }
}

/// Generates the code that names the types of all arguments: first those that are captured, in the same order, then
/// those that are skipped. It runs before the span is opened, which may take skipped arguments.
pub(crate) fn types(args: &Args, parameters: &Parameters, names: &Names) -> TokenStream {
    let Names { private, types, .. } = names;
    if parameters.list.is_empty() {
        return code!();
    }
    let (skipped, kept): (Vec<&Parameter>, Vec<&Parameter>) =
        parameters.list.iter().partition(|parameter| is_skipped(args, parameter));
    let references = kept.iter().chain(&skipped).map(|Parameter { ident, cfg, .. }| code!(#(#cfg)* &#ident,));
    code! {
        #[allow(clippy::no_effect_underscore_binding, clippy::used_underscore_binding)]
        let #types = #private::capture::name_of(&(#(#references)*));
    }
}

fn is_skipped(args: &Args, parameter: &Parameter) -> bool {
    args.skip_all || args.skip.iter().any(|skipped| *skipped == parameter.name)
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
    let kept: Vec<&Parameter> =
        parameters.list.iter().filter(|parameter| !is_skipped(args, parameter)).collect();
    if kept.is_empty() {
        return code!();
    }
    let count = kept.len();
    let captures = kept.iter().map(|parameter| {
        let Parameter { name, ident, cfg, .. } = parameter;
        let allow = parameter.allow_underscore();
        let other = code!((&&&&#private::capture::Probe(&#ident)).__promptlayer_argument());
        let captured = standing_for(&code!(__promptlayer_request), &code!(&#ident), &other, names);
        let value = code! {
            if const { #private::is_secret(#name) } {
                #private::capture::Captured::Redacted
            } else {
                #captured
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
