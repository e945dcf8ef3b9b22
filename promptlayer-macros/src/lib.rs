//! The attribute macro [`macro@promptlayer`], which wraps a function that calls a language model in a
//! `tracing` span.
//!
//! Use it through the crate `promptlayer-tracing`, which re-exports it and contains the items that the
//! expanded code calls.

mod attr;
mod expand;
mod function;

use proc_macro::TokenStream;

use crate::attr::Args;
use crate::function::Function;

/// Traces a function that calls a language model.
///
/// The function runs in a `tracing` span. If the layer of `promptlayer-tracing` is installed, the call
/// becomes a request log of PromptLayer in its trace: the arguments are the input, and the return value (or
/// the error) is the output. If no layer is installed, nothing is serialized and the function runs as if the
/// attribute were not there.
///
/// ```
/// use promptlayer_tracing::promptlayer;
///
/// #[promptlayer(tags = ["chat"])]
/// async fn ask(question: &str) -> Result<String, std::io::Error> {
///     Ok(format!("You asked: {question}"))
/// }
/// ```
///
/// # What is logged
///
/// Arguments are captured with `Serialize`, or as text if they implement `AsRef<str>`. For an argument that
/// implements neither (a client, a handle, a closure) only the type name is logged, because its `Debug`
/// output may contain secrets. `self` and the arguments listed in `skip` are left out. An argument with the
/// name of a secret (`api_key`, `password`, `*_secret`, `*_token`, …) is logged as `[redacted]`.
///
/// The return value is captured with the first of these that its type implements: `Serialize`, `Display`,
/// `Debug`. Fields with the name of a secret are removed from `Debug` output. If the type implements none of
/// them, its name is logged. For a `Result`, `Ok` is the output, and `Err` is the error together with its
/// chain of sources. The attribute never adds a bound to the function.
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `tags = ["a", CONST]` | tags of the request: literals and constants, checked at compile time | none |
/// | `kind = "llm"` | `llm`, `embedding`, `tool`, `agent`, `chain` or `retriever`; `llm` and `embedding` make a request log, the others a span of the trace | the innermost annotated call makes the request log, the calls around it make spans |
/// | `provider = …`, `model = …` | replaces the detected value; any `Display` expression over the arguments and the names of their patterns | detected |
/// | `parameters(k = …)` | adds parameters, and replaces detected ones of the same name | none |
/// | `input = …` | the value to log instead of the arguments; `?x` uses `Debug`, `%x` uses `Display` | the arguments |
/// | `output = …` | a path or closure that takes a reference to the value and returns what to log instead | the value |
/// | `metadata(k = …)` | `Display` values, converted to strings | none |
/// | `prompt = …` | links the request to a template of the registry: a name, `(name, version)`, or a rendered template | none |
/// | `skip(a, b)`, `skip_all` | arguments that are not logged | none |
/// | `stream` | requires that the value is a stream that can be logged, and is an error otherwise | streams are found by their type |
/// | `on_request_id = path` | a hook for the requests of this function, in addition to the hooks of the layer | none |
/// | `crate = path` | the path of `promptlayer-tracing`, if it is re-exported | `::promptlayer_tracing` |
///
/// These arguments mean the same as in `#[tracing::instrument]`: `name`, `target`, `level`, `parent`,
/// `follows_from`, `fields`, `err` and `ret`. Arguments of the function are not recorded as fields of the
/// span. To record the argument `x` as a field too, write `fields(x)`.
///
/// The expressions can use the arguments by name. They are evaluated before the body. An expression that
/// takes an argument by value, such as `parent = x` for `x: impl Into<Option<Id>>`, needs `skip(x)` and a
/// body that does not use `x`.
///
/// The events of `err` and `ret` are emitted before the span is exited.
///
/// # Futures and streams
///
/// A call lasts until its function has finished:
///
/// - An `async fn`, and a function that returns a future, has finished when its future is ready. A future that
///   is never polled makes no call.
/// - A function that returns a stream has finished when the stream ends. The items of the stream are the
///   output. Text items are joined to one text, and the time to the first item is recorded. At most 4 MiB of
///   items are kept per stream. Items beyond this limit are only counted.
///
/// Futures and streams are found by their type, which may be written as an alias or as `Self::Future`. The type
/// that the function returns never changes, so there are two kinds that can be logged:
///
/// - `impl Future` and `impl Stream`, with no other traits than `FusedFuture`, `FusedStream`, `Send`, `Sync` and
///   `Unpin`.
/// - Trait objects in a box, with the same traits: `Pin<Box<dyn Stream>>`, `Box<dyn Stream>`, `Pin<Box<dyn Future>>`
///   and `Box<dyn Future>`.
///
/// A stream may be in an `Option`, a `Result` or a tuple of two or three values. Of a tuple, only the items of
/// its first stream are logged.
///
/// A future or a stream of any other type, such as `Ready` or a struct that implements `Stream`, passes through.
/// Its call is logged as a warning, and the compiler warns with the lint `deprecated` at the return type. Box
/// the value, annotate the function that creates it, select something to log with `output`, or write
/// `#[allow(deprecated)]`. Values of three more kinds are logged as a warning with the name of their type: types
/// that contain a boxed stream or future, axum's `Sse`, and the ends of channels.
///
/// A boxed stream whose type mentions type parameters or several lifetimes, such as an alias `Items<T>`, is
/// logged only if the function declares that they live as long as the box (`T: 'static`). With the argument
/// `stream`, the compiler reports what is missing.
///
/// If the function panics, the call is logged as an error with the panic message. If a future or a stream is
/// dropped before its end, the call is logged as a warning with the output received so far.
///
/// A `#[track_caller]` function that is not `async` keeps its caller location. A value that it returns early,
/// with `return` or `?`, cannot be captured: the call is logged as a warning that says so. If the function
/// returns an `impl Trait` without `Serialize`, `Display`, `Debug` or `Error` (a closure, an iterator), no
/// output is logged, unless `output`, `ret` or `err` inspects the value.
///
/// # Deep nesting
///
/// To prove that a future is `Send`, the compiler visits every future inside it, up to its recursion limit of
/// 128. Twenty annotated `async fn`s that await each other stay below this limit (compared with about forty
/// functions without the attribute, and about ten with `#[tracing::instrument]`). A deeper nest that must be
/// `Send`, for example because it is passed to `tokio::spawn`, fails with
/// `error[E0275]: overflow evaluating the requirement`. There are two solutions:
///
/// - Add `#![recursion_limit = "256"]` to the root of the crate that needs the proof. This doubles the
///   possible depth.
/// - Let one function of the nest return `Pin<Box<dyn Future<Output = …> + Send>>`. The search of the
///   compiler ends there.
///
/// # Tags
///
/// A tag must not be empty and has at most 512 characters. The tags of a function must be distinct.
///
/// ```
/// use promptlayer_tracing::promptlayer;
///
/// const TEAM: &str = "billing";
///
/// #[promptlayer(
///     kind = "llm",
///     tags = ["summary", TEAM],
///     provider = "openai",
///     model = "gpt-4o-mini",
///     metadata(customer = customer),
///     input = text,
///     output = |summary: &(String, usize)| summary.0.clone(),
/// )]
/// fn summarize(customer: u64, text: &str) -> (String, usize) {
///     (text.chars().take(20).collect(), customer as usize)
/// }
/// ```
#[proc_macro_attribute]
pub fn promptlayer(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let original = proc_macro2::TokenStream::from(item.clone());
    let args = match syn::parse::<Args>(arguments) {
        Ok(args) => args,
        Err(error) => {
            // Emit the original function too. Otherwise every use of it would be a second error.
            let error = error.into_compile_error();
            return quote::quote!(#error #original).into();
        }
    };
    match syn::parse::<Function>(item).and_then(|function| expand::expand(&args, function)) {
        Ok(tokens) => tokens.into(),
        Err(error) => {
            let error = error.into_compile_error();
            quote::quote!(#error #original).into()
        }
    }
}
