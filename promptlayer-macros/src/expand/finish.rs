//! Generates the code that captures the output of a call and ends the call.

use proc_macro2::{Ident, Span, TokenStream};
use syn::Expr;
use syn::spanned::Spanned as _;

use crate::attr::{Args, Event, Format, Level};
use crate::expand::alias::Aliases;
use crate::expand::capture::standing_for;
use crate::expand::returns::{Asked, Given};
use crate::expand::{Names, hidden, located, span, without_impl_trait};

/// Returns a block that takes the call and the value of the body, and evaluates to the value for the caller.
pub(crate) fn finish(args: &Args, of: Given<'_>, at: Span, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let finish = match of {
        Given::Value(_) if let Some(output) = &args.output => {
            let captured = selected(output, names);
            code! {
                if #private::Call::is_recording(&#call) {
                    #captured
                }
                #given
            }
        }
        Given::Value(asked) => asked_end(args, asked, at, names),
        Given::Never => code!(#given),
        Given::Stream(position, item) => {
            let at = item.span();
            let (chunk, failure) = (chunk(names), failure(names));
            let (private, given) = (names.private_at(at), located(&code!(#given), at));
            let (position, item) = (Ident::new(position.name(), at), without_impl_trait(item));
            let stream = code_at!(at => #private::stream_of::<#private::#position, #item, _, _, _>(#given));
            code_at!(at => #private::streamed::<#private::#position, _, _, _, _, _>(#call, #stream, #chunk, #failure))
        }
    };
    let traits = traits(names);
    code!({ #traits #finish })
}

/// Generates the code that asks the type of the value, and ends the call accordingly.
fn asked_end(args: &Args, asked: Asked, at: Span, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let chunk = chunk(names);
    let of = match asked {
        Asked::Nothing => code!(end_of_value),
        Asked::Type => code!(end_of),
        Asked::Tuple => code!(end_of_tuple),
        // With `stream`, the user asks for the box.
        Asked::Generic if args.stream => code!(end_of),
        Asked::Generic => code!(end_of_generic),
    };
    let end = hidden("__promptlayer_end");
    let required = args.stream.then(|| {
        let [required, given, end] =
            [code!(#private::required), code!(#given), code!(#end)].map(|tokens| located(&tokens, at));
        code_at!(at => #required(&#given, &#end);)
    });
    let ended = match asked {
        Asked::Generic if !args.stream => code!(end_generic),
        _ => located(&code!(end), at),
    };
    code! {
        let #end = #private::#of(&#given).__promptlayer_end_of();
        #required
        let __promptlayer_failure = #end.error().__promptlayer_failure();
        #end.#ended(#call, #given, #chunk, __promptlayer_failure)
    }
}

/// Generates the code that captures what the attribute's `output` selects, or the error, and ends the call.
fn selected(selection: &Expr, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let selected = code_at!(selection.span() => #private::capture::select(__promptlayer_value, #selection));
    let of_selected = output(&code!(&__promptlayer_selected), names);
    code! {
        match (&&#private::capture::Probe(&#given)).__promptlayer_given() {
            #private::capture::Given::Value(__promptlayer_value, __promptlayer_type) => {
                let __promptlayer_captured = match #selected {
                    ::core::option::Option::Some(__promptlayer_selected) => #of_selected,
                    ::core::option::Option::None => #private::capture::unselected(__promptlayer_value),
                };
                #private::Call::returned_chosen(#call, __promptlayer_type, __promptlayer_captured);
            }
            #private::capture::Given::Error(__promptlayer_error, __promptlayer_type) => {
                let __promptlayer_failure = #private::capture::of_error(__promptlayer_error).__promptlayer_failure()(__promptlayer_error);
                #private::Call::failed_as(#call, __promptlayer_type, __promptlayer_failure);
            }
        }
    }
}

/// Generates the code that captures an output: a returned value or an item of a stream.
fn output(reference: &TokenStream, names: &Names) -> TokenStream {
    let private = &names.private;
    let other = code!((&&&&&#private::capture::Probe(#reference)).__promptlayer_output());
    standing_for(&code!(__promptlayer_response), reference, &other, names)
}

/// Returns a closure that captures a value, or one item of a stream.
fn chunk(names: &Names) -> TokenStream {
    let private = &names.private;
    let value = output(&code!(__promptlayer_value), names);
    code! {
        |__promptlayer_item| {
            match (&&#private::capture::Probe(__promptlayer_item)).__promptlayer_given() {
                #private::capture::Given::Value(__promptlayer_value, _) => #private::capture::Chunk::Value(#value),
                #private::capture::Given::Error(__promptlayer_error, _) => #private::capture::Chunk::Error(
                    #private::capture::of_error(__promptlayer_error).__promptlayer_failure()(__promptlayer_error),
                ),
            }
        }
    }
}

/// Returns a closure that captures the error of a function that failed to return a stream.
fn failure(names: &Names) -> TokenStream {
    let private = &names.private;
    code! {
        |__promptlayer_error| {
            #private::capture::of_error(__promptlayer_error).__promptlayer_failure()(__promptlayer_error)
        }
    }
}

/// Returns the import of the traits that select how a value is captured.
fn traits(names: &Names) -> TokenStream {
    let private = &names.private;
    code! {
        #[allow(unused_imports)]
        use #private::asked::*;
    }
}

/// Generates the events of `err` and `ret`. Returns `None` if the attribute has neither.
///
/// The events read the value by reference. They are emitted before the span is exited, as with
/// `#[instrument]`.
pub(crate) fn events(args: &Args, names: &Names) -> Option<TokenStream> {
    let Names { private, given, .. } = names;
    Some(match (&args.err, &args.ret) {
        (None, None) => return None,
        (None, Some(ret)) => {
            let event = ret_event(args, ret, names);
            code! {
                let __promptlayer_value = #given;
                #event;
            }
        }
        (Some(err), ret) => {
            let level = span::known("ERROR", names);
            let shown = [code!(error), code!(__promptlayer_error)];
            let failed = event(args, err, (None, level), Format::Display, shown, names);
            let returned = ret.as_ref().map(|ret| ret_event(args, ret, names));
            let result = {
                let function = located(&code!(#private::capture::as_result), err.span);
                code_at!(err.span => #function(#given))
            };
            code! {
                match #result {
                    ::core::result::Result::Ok(__promptlayer_value) => {
                        let _ = __promptlayer_value;
                        #returned;
                    }
                    ::core::result::Result::Err(__promptlayer_error) => #failed,
                }
            }
        }
    })
}

/// Returns the events as a closure that takes a reference to the value of the body.
pub(crate) fn look(args: &Args, names: &Names) -> Option<TokenStream> {
    let given = &names.given;
    events(args, names).map(|events| code!(|#given| { #events }))
}

fn ret_event(args: &Args, ret: &Event, names: &Names) -> TokenStream {
    let level = (args.level.as_ref(), span::level(args, names));
    event(args, ret, level, Format::Debug, [code!(return), code!(__promptlayer_value)], names)
}

/// Generates one event with a field and its value.
///
/// `level` and `format` are used if the user gives none.
fn event(
    args: &Args,
    event: &Event,
    (level, default_level): (Option<&Level>, TokenStream),
    format: Format,
    [field, value]: [TokenStream; 2],
    names: &Names,
) -> TokenStream {
    let private = &names.private;
    let mut aliases = Aliases::default();
    let target = aliases.target(args);
    let level = aliases.level(event.level.as_ref().or(level), default_level, names);
    let (sigil, by) = match event.format.unwrap_or(format) {
        Format::Display => (code!(%), code!(displayed)),
        Format::Debug => (code!(?), code!(debugged)),
    };
    let value = span::shown(&by, event.span, &value, names);
    aliases.around(&code!(#private::tracing::event!(target: #target, #level, #field = #sigil #value)))
}
