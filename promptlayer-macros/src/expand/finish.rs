//! What comes out: the value is captured, and the call ends.

use proc_macro2::TokenStream;
use syn::Type;
use syn::spanned::Spanned as _;

use crate::attr::{Args, Event, Format};
use crate::expand::returns::Given;
use crate::expand::{Names, located, span, without_impl_trait};

/// A block that takes the call and what the body gave, and gives it on.
pub(crate) fn finish(args: &Args, of: Given<'_>, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let events = events(args, names);
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
            let stream = stream_of(item, &code!(__stream), names);
            let failure = failure(names, &code!(&__error));
            code! {
                match #given {
                    ::core::result::Result::Ok(__stream) => {
                        ::core::result::Result::Ok(#private::Streamed::new(#call, #stream, #chunk))
                    }
                    ::core::result::Result::Err(__error) => {
                        if #private::Call::is_recording(&#call) {
                            #private::Call::failed(#call, #failure);
                        }
                        ::core::result::Result::Err(__error)
                    }
                }
            }
        }
        Given::NamedStream => {
            let chunk = chunk(names);
            let failure = failure(names, &code!(__error));
            code! {
                let #given = #private::Slot::new(#given);
                #[allow(unused_imports)]
                use #private::{HidesNoStream as _, HidesStream as _};
                (&&#given).__promptlayer_hidden_stream().trace(#call, #chunk, |__error| #failure)
            }
        }
        Given::HiddenStream => {
            let chunk = chunk(names);
            let failure = failure(names, &code!(__error));
            code!(#private::TraceStream::trace(#given, #call, #chunk, |__error| #failure))
        }
    };
    code!({ #events #finish })
}

/// Captures the value or the error, and ends the call.
fn captured(args: &Args, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let selected = args
        .output
        .as_ref()
        .map(|output| code_at!(output.span() => #private::capture::select(__value, #output)));
    let value = match &selected {
        Some(selected) => code! {
            match #selected {
                ::core::option::Option::Some(__selected) => {
                    (&&&&#private::capture::Probe(&__selected)).__promptlayer_output()
                }
                ::core::option::Option::None => #private::capture::unselected(__value),
            }
        },
        None => code!((&&&&#private::capture::Probe(__value)).__promptlayer_output()),
    };
    let traits = traits(names);
    code! {
        #traits
        match (&&#private::capture::Probe(&#given)).__promptlayer_given() {
            #private::capture::Given::Value(__value) => {
                let __captured = #value;
                #private::Call::returned(#call, __captured);
            }
            #private::capture::Given::Error(__error) => {
                let __failure = (&&&&&&&#private::capture::Probe(__error)).__promptlayer_error();
                #private::Call::failed(#call, __failure);
            }
        }
    }
}

/// The stream, and the type of its items told: inside the closure it must be known, and `impl Stream`
/// tells it only outside.
fn stream_of(item: &Type, stream: &TokenStream, names: &Names) -> TokenStream {
    let at = item.span();
    let (private, stream) = (names.private_at(at), located(stream, at));
    let item = without_impl_trait(item);
    code_at!(at => #private::stream_of::<#item, _>(#stream))
}

/// A closure from an item of a stream to what it says.
fn chunk(names: &Names) -> TokenStream {
    let private = &names.private;
    let traits = traits(names);
    code! {
        |__item| {
            #traits
            match (&&#private::capture::Probe(__item)).__promptlayer_given() {
                #private::capture::Given::Value(__value) => #private::capture::Chunk::Value(
                    (&&&&#private::capture::Probe(__value)).__promptlayer_output(),
                ),
                #private::capture::Given::Error(__error) => #private::capture::Chunk::Error(
                    (&&&&&&&#private::capture::Probe(__error)).__promptlayer_error(),
                ),
            }
        }
    }
}

/// What an error says, where there is no stream.
fn failure(names: &Names, error: &TokenStream) -> TokenStream {
    let private = &names.private;
    let traits = traits(names);
    code! {{
        #traits
        (&&&&&&&#private::capture::Probe(#error)).__promptlayer_error()
    }}
}

/// The traits whose methods pick what a type can do.
fn traits(names: &Names) -> TokenStream {
    let private = &names.private;
    code! {
        #[allow(unused_imports)]
        use #private::capture::{
            ErrorByBox as _, ErrorByBoxed as _, ErrorByBoxedLocal as _, ErrorByChain as _, ErrorByDebug as _,
            ErrorByDisplay as _, ErrorByType as _, GivenByResult as _, GivenByValue as _,
            OutputByDebug as _, OutputByDisplay as _, OutputBySerialize as _, OutputByType as _,
        };
    }
}

/// The events of `err` and `ret`, inside the span, as `#[instrument]` emits them.
fn events(args: &Args, names: &Names) -> TokenStream {
    let Names { private, call, given, .. } = names;
    let emit = match (&args.err, &args.ret) {
        (None, None) => return code!(),
        (None, Some(ret)) => {
            let event = ret_event(args, ret, names);
            code!(let __value = &#given; #event;)
        }
        (Some(err), ret) => {
            let level = span::known("ERROR", names);
            let failed = event(args, err, &level, Format::Display, [code!(error), code!(__error)], names);
            let returned = ret.as_ref().map(|ret| ret_event(args, ret, names));
            let result = {
                let function = located(&code!(#private::capture::as_result), err.span);
                code_at!(err.span => #function(&#given))
            };
            code! {
                match #result {
                    ::core::result::Result::Ok(__value) => {
                        let _ = __value;
                        #returned;
                    }
                    ::core::result::Result::Err(__error) => #failed,
                }
            }
        }
    };
    code! {
        {
            let __entered = #private::Call::span(&#call).enter();
            #emit
        }
    }
}

fn ret_event(args: &Args, ret: &Event, names: &Names) -> TokenStream {
    event(args, ret, &span::level(args, names), Format::Debug, [code!(return), code!(__value)], names)
}

/// One event, of a level and a format where the user names none, with a field and its value.
fn event(
    args: &Args,
    event: &Event,
    level: &TokenStream,
    format: Format,
    [field, value]: [TokenStream; 2],
    names: &Names,
) -> TokenStream {
    let private = &names.private;
    let target = span::target(args);
    let own_level = event.level.as_ref().map(|level| span::level_tokens(level, names));
    let level = own_level.as_ref().unwrap_or(level);
    let (sigil, by) = match event.format.unwrap_or(format) {
        Format::Display => (code!(%), code!(displayed)),
        Format::Debug => (code!(?), code!(debugged)),
    };
    let value = span::shown(&by, event.span, &value, names);
    code!(#private::tracing::event!(target: #target, #level, #field = #sigil #value))
}
