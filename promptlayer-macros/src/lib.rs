//! The attribute [`macro@promptlayer`], which wraps a function that calls a language model in a
//! `tracing` span. Use it through the crate `promptlayer-tracing`, which re-exports it and holds
//! what its code calls.

mod attr;
mod expand;
mod function;

use proc_macro::TokenStream;

use crate::attr::Args;
use crate::function::Function;

/// Traces a function that calls a language model.
///
/// The function runs in a `tracing` span. Where the layer of `promptlayer-tracing` is installed,
/// its arguments become the request's input, the value that it returns (or its error) the output,
/// and the call a request log of PromptLayer in its trace. Where no layer listens, nothing is
/// serialized and the function runs as if the attribute were not there.
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
/// Arguments are captured by `Serialize`, or as text where they are `AsRef<str>`. An argument that
/// is neither (a client, a handle, a closure) is named by its type alone, since its `Debug` may hold
/// secrets. `self` and what is in `skip` are left out. An argument whose name says that it is a
/// secret (`api_key`, `password`, `*_secret`, `*_token`, …) is logged as `[redacted]`.
///
/// The value returned is captured by `Serialize`, else `Display`, else `Debug` (without the fields whose
/// names say that they are secrets), else named by its type. Of a `Result`, `Ok` is the output, and `Err`
/// the error with its chain of sources. No bound is ever added to the function.
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `tags = ["a", CONST]` | the request's tags: literals and constants, checked when compiled | none |
/// | `kind = "llm"` | `llm`, `embedding`, `tool`, `agent`, `chain` or `retriever`; only the first two make a request log, the others a span of the trace | the innermost call logs, and those around it are spans |
/// | `provider = …`, `model = …` | instead of what is detected; any `Display` expression over the arguments | detected |
/// | `parameters(k = …)` | added to, and instead of, the parameters that are detected | none |
/// | `input = …` | what to log instead of the arguments; `?x` by `Debug`, `%x` by `Display` | the arguments |
/// | `output = …` | a path or closure from a reference to the value to what is logged instead of it | the value |
/// | `metadata(k = …)` | `Display` values, turned into strings | none |
/// | `prompt = …` | a template's name, `(name, version)`, or a rendered template: the link to the registry | none |
/// | `skip(a, b)`, `skip_all` | arguments that are not logged | none |
/// | `stream` | the value is a stream behind an alias | `impl Stream`, boxed streams and `Result`s of either are seen without it |
/// | `on_request_id = path` | a hook for the requests of this function, beside those of the layer | none |
/// | `crate = path` | where `promptlayer-tracing` is, if re-exported | `::promptlayer_tracing` |
///
/// and with the meaning that they have in `#[tracing::instrument]`: `name`, `target`, `level`,
/// `parent`, `follows_from`, `fields`, `err` and `ret`. Arguments are not recorded as fields of the
/// span: `fields(x)` makes the argument `x` one as well.
///
/// The expressions see the arguments by their names, before the body does. One that takes an argument by value, such
/// as `parent = x` of an `x: impl Into<Option<Id>>`, needs `skip(x)` and a body that does not use `x`.
///
/// The events of `err` and `ret` are emitted before the span is left.
///
/// # Futures and streams
///
/// A call lasts until its function is through. An `async fn`, and a function that returns
/// `impl Future`, `Pin<Box<dyn Future>>` or `BoxFuture`, is through when its future is ready; a future
/// that is never polled was never called. A function that gives `impl Stream`,
/// `Pin<Box<dyn Stream>>`, `BoxStream`, or a `Result` of one, is through when the stream ends: its items
/// are the output, text items joined to one text, and the time to the first of them is recorded. Of one stream at
/// most 4 MiB of items are kept; those beyond are counted.
///
/// A function that panics is logged as an error, with the panic's message. A future or a stream that
/// is dropped before its end is logged as a warning, with what had come until then.
///
/// A `#[track_caller]` function that is not `async` keeps its caller. What it returns early, with `return`
/// or `?`, passes by unseen: the call is logged as a warning that says so. Of an `impl Trait` that is
/// none of `Serialize`, `Display`, `Debug` and `Error` (a closure, an iterator) nothing is logged, unless
/// `output`, `ret` or `err` look at it.
///
/// # Deep nesting
///
/// To prove that a future is `Send`, the compiler looks into every future inside of it, down to its recursion limit
/// of 128. Twenty annotated `async fn`s that await each other stay below it (about forty that are not annotated, and
/// about ten with `#[tracing::instrument]`). A deeper nest that must be `Send`, because it is given to
/// `tokio::spawn` for example, fails with `error[E0275]: overflow evaluating the requirement`. Two things help:
///
/// - `#![recursion_limit = "256"]` at the head of the crate that needs the proof, which doubles the depth;
/// - one function of the nest that returns `Pin<Box<dyn Future<Output = …> + Send>>`: there the compiler's search ends.
///
/// # Tags
///
/// Tags are not empty, have at most 512 characters, and none is given twice.
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
            // With the function as it was, the attribute's error is the only one.
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
