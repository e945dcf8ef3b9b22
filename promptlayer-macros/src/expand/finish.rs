//! Generates the code that captures the output of a call and ends the call.

use proc_macro2::TokenStream;
use syn::Type;
use syn::spanned::Spanned as _;

use crate::attr::{Args, Event, Format, Level};
use crate::expand::alias::Aliases;
use crate::expand::capture::standing_for;
use crate::expand::returns::Given;
use crate::expand::{Names, located, span, without_impl_trait};

/// Returns a block that takes the call and the value of the body, and evaluates to the value for the caller.
pub(crate) fn finish(args: &Args, of: Given<'_>, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let finish = match of {
        Given::Value => {
            let captured = captured(args, names);
            code! {
                if #private::Call::is_recording(&#call) {
                    #captured
                }
                #given
            }
        }
        Given::Never => code!(#given),
        Given::Stream(item) => {
            let chunk = chunk(names);
            let stream = stream_of(item, &code!(#given), names);
            code!(#private::Streamed::new(#call, #stream, #chunk))
        }
        Given::ResultOfStream(item) => {
            let chunk = chunk(names);
            let stream = stream_of(item, &code!(__promptlayer_stream), names);
            let failure = failure(names, &code!(&__promptlayer_error));
            code! {
                match #given {
                    ::core::result::Result::Ok(__promptlayer_stream) => {
                        ::core::result::Result::Ok(#private::Streamed::new(#call, #stream, #chunk))
                    }
                    ::core::result::Result::Err(__promptlayer_error) => {
                        if #private::Call::is_recording(&#call) {
                            #private::Call::failed(#call, #failure);
                        }
                        ::core::result::Result::Err(__promptlayer_error)
                    }
                }
            }
        }
        Given::NamedStream => {
            let chunk = chunk(names);
            let failure = failure(names, &code!(__promptlayer_error));
            code! {
                let #given = #private::Slot::new(#given);
                #[allow(unused_imports)]
                use #private::{HidesNoStream as _, HidesStream as _};
                (&&#given).__promptlayer_hidden_stream().trace(#call, #chunk, |__promptlayer_error| #failure)
            }
        }
        Given::HiddenStream => {
            let chunk = chunk(names);
            let failure = failure(names, &code!(__promptlayer_error));
            code!(#private::TraceStream::trace(#given, #call, #chunk, |__promptlayer_error| #failure))
        }
    };
    code!({ #finish })
}

/// Generates the code that captures the value or the error, and ends the call.
fn captured(args: &Args, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let selected = args
        .output
        .as_ref()
        .map(|output| code_at!(output.span() => #private::capture::select(__promptlayer_value, #output)));
    let of_selected = output(&code!(&__promptlayer_selected), names);
    let value = match &selected {
        Some(selected) => code! {
            match #selected {
                ::core::option::Option::Some(__promptlayer_selected) => #of_selected,
                ::core::option::Option::None => #private::capture::unselected(__promptlayer_value),
            }
        },
        None => output(&code!(__promptlayer_value), names),
    };
    let traits = traits(names);
    code! {
        #traits
        match (&&#private::capture::Probe(&#given)).__promptlayer_given() {
            #private::capture::Given::Value(__promptlayer_value, __promptlayer_type) => {
                let __promptlayer_captured = #value;
                #private::Call::returned_as(#call, __promptlayer_type, __promptlayer_captured);
            }
            #private::capture::Given::Error(__promptlayer_error, __promptlayer_type) => {
                let __promptlayer_failure = (&&&&&&&#private::capture::Probe(__promptlayer_error)).__promptlayer_error();
                #private::Call::failed_as(#call, __promptlayer_type, __promptlayer_failure);
            }
        }
    }
}

/// Generates the code that captures an output: a returned value or an item of a stream.
fn output(reference: &TokenStream, names: &Names) -> TokenStream {
    let private = &names.private;
    let other = code!((&&&&#private::capture::Probe(#reference)).__promptlayer_output());
    standing_for(&code!(__promptlayer_response), reference, &other, names)
}

/// Returns the stream with an annotation of its item type.
///
/// The closure that reads an item needs the type, and inside the closure the compiler cannot infer it from
/// `impl Stream`.
fn stream_of(item: &Type, stream: &TokenStream, names: &Names) -> TokenStream {
    let at = item.span();
    let (private, stream) = (names.private_at(at), located(stream, at));
    let item = without_impl_trait(item);
    code_at!(at => #private::stream_of::<#item, _>(#stream))
}

/// Returns a closure that captures one item of a stream.
fn chunk(names: &Names) -> TokenStream {
    let private = &names.private;
    let traits = traits(names);
    let value = output(&code!(__promptlayer_value), names);
    code! {
        |__promptlayer_item| {
            #traits
            match (&&#private::capture::Probe(__promptlayer_item)).__promptlayer_given() {
                #private::capture::Given::Value(__promptlayer_value, _) => #private::capture::Chunk::Value(#value),
                #private::capture::Given::Error(__promptlayer_error, _) => #private::capture::Chunk::Error(
                    (&&&&&&&#private::capture::Probe(__promptlayer_error)).__promptlayer_error(),
                ),
            }
        }
    }
}

/// Generates the code that captures an error, for a function that failed to return a stream.
fn failure(names: &Names, error: &TokenStream) -> TokenStream {
    let private = &names.private;
    let traits = traits(names);
    code! {{
        #traits
        (&&&&&&&#private::capture::Probe(#error)).__promptlayer_error()
    }}
}

/// Returns the imports of the traits that select how a value is captured.
fn traits(names: &Names) -> TokenStream {
    let private = &names.private;
    code! {
        #[allow(unused_imports)]
        use #private::capture::{
            ErrorByBox as _, ErrorByBoxed as _, ErrorByBoxedLocal as _, ErrorByChain as _, ErrorByDebug as _,
            ErrorByDisplay as _, ErrorByType as _, GivenByResult as _, GivenByValue as _,
            OutputByDebug as _, OutputByDisplay as _, OutputBySerialize as _, OutputByType as _,
            ResponseByExchange as _, ResponseByNothing as _,
        };
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
