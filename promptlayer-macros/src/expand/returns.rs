//! Classifies the return type of a function by its signature.

use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

/// The kind of a value.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    /// A plain value.
    Value,
    /// `!`, which has no value.
    Never,
    /// `impl Stream`, with the type of its items. The stream may be wrapped in another type.
    Stream(&'a Type),
    /// `Result<impl Stream, E>`, with the type of the items.
    ResultOfStream(&'a Type),
    /// A stream whose type must not change: boxed, behind an alias, or a `Result` of either.
    HiddenStream,
    /// `BoxStream`, recognized by its name. Another type may have the same name.
    NamedStream,
}

/// The return type of a function that is not `async`.
#[derive(Clone, Copy)]
pub(crate) enum Returns<'a> {
    /// A value.
    Now(Given<'a>),
    /// `impl Future`, with its output and the type of the output.
    Future(Given<'a>, Option<&'a Type>),
    /// `Pin<Box<dyn Future>>`, with its output.
    BoxedFuture(Given<'a>),
    /// `BoxFuture`, recognized by its name, with its output. Another type may have the same name.
    HiddenFuture(Given<'a>),
    /// An `impl Trait` that cannot be logged (a closure, an iterator). The compiler must infer its type from
    /// the body.
    Unseen,
}

/// The traits that make an `impl Trait` loggable.
const SHOWN: &[&str] = &["Serialize", "Display", "Debug", "Error"];

/// The names of stream traits in `impl Trait`.
const STREAM: &[&str] = &["Stream", "FusedStream"];

/// The names of future traits in `impl Trait`.
const FUTURE: &[&str] = &["Future", "FusedFuture"];

/// The traits that a traced future or stream implements if the wrapped one does.
const KEPT: &[&str] = &["Send", "Sync", "Unpin"];

/// Classifies the return type. `is_stream` is `true` if the attribute has the argument `stream`.
pub(crate) fn returns(output: &ReturnType, is_stream: bool) -> Returns<'_> {
    let or_stream =
        |given| if is_stream && matches!(given, Given::Value) { Given::HiddenStream } else { given };
    let ReturnType::Type(_, ty) = output else { return Returns::Now(or_stream(Given::Value)) };
    let of = |output: Option<_>| or_stream(output.map_or(Given::Value, given));
    match future_of(ty) {
        Some(Future::Opaque(output)) => Returns::Future(of(output), output),
        Some(Future::Boxed(output)) => Returns::BoxedFuture(of(output)),
        Some(Future::Named(output)) => Returns::HiddenFuture(of(output)),
        None => match (given(ty), bare(ty)) {
            (Given::Value, Type::ImplTrait(implements)) if !is_shown(&implements.bounds) => Returns::Unseen,
            (given, _) => Returns::Now(or_stream(given)),
        },
    }
}

/// Returns `true` if the return type is a stream, or a future or a `Result` of one.
pub(crate) fn gives_stream(output: &ReturnType) -> bool {
    match returns(output, false) {
        Returns::Now(of) | Returns::Future(of, _) | Returns::BoxedFuture(of) => {
            matches!(of, Given::Stream(_) | Given::ResultOfStream(_) | Given::HiddenStream)
        }
        // Another type may have the name `BoxFuture`.
        Returns::HiddenFuture(_) | Returns::Unseen => false,
    }
}

fn is_shown(bounds: &Bounds) -> bool {
    bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            bound.path.segments.last().is_some_and(|last| SHOWN.iter().any(|shown| last.ident == shown))
        }
        _ => false,
    })
}

fn given(ty: &Type) -> Given<'_> {
    if matches!(bare(ty), Type::Never(_)) {
        return Given::Never;
    }
    match stream_of(ty) {
        Some(Stream::Boxed) => return Given::HiddenStream,
        Some(Stream::Named) => return Given::NamedStream,
        Some(Stream::Opaque(item)) => return Given::Stream(item),
        None => {}
    }
    match last_segment(ty).filter(|segment| segment.ident == "Result").and_then(first_type) {
        Some(ok) => match stream_of(ok) {
            Some(Stream::Boxed) => Given::HiddenStream,
            Some(Stream::Named) => Given::NamedStream,
            Some(Stream::Opaque(item)) => Given::ResultOfStream(item),
            None => Given::Value,
        },
        None => Given::Value,
    }
}

/// A return type that is a stream.
enum Stream<'a> {
    /// `Pin<Box<dyn Stream>>`
    Boxed,
    /// `BoxStream`
    Named,
    /// `impl Stream`, and the type of its items.
    Opaque(&'a Type),
}

fn stream_of(ty: &Type) -> Option<Stream<'_>> {
    if let Type::ImplTrait(implements) = bare(ty) {
        let item = bound(&implements.bounds, STREAM, "Item")??;
        return Some(Stream::Opaque(item));
    }
    let segment = last_segment(ty)?;
    match segment.ident.to_string().as_str() {
        "BoxStream" | "LocalBoxStream" => Some(Stream::Named),
        "Pin" => {
            let item = bound(pinned_box(segment)?, &["Stream"], "Item")?;
            item.map(|_| Stream::Boxed)
        }
        _ => None,
    }
}

/// A return type that is a future, with its output type if the signature contains it.
enum Future<'a> {
    /// `impl Future`
    Opaque(Option<&'a Type>),
    /// `Pin<Box<dyn Future>>`
    Boxed(Option<&'a Type>),
    /// `BoxFuture`
    Named(Option<&'a Type>),
}

fn future_of(ty: &Type) -> Option<Future<'_>> {
    if let Type::ImplTrait(implements) = bare(ty) {
        // An `impl Future` without `Output = …` is of no use to a caller, so this must be another trait named
        // `Future`.
        return bound(&implements.bounds, FUTURE, "Output")?.map(|output| Future::Opaque(Some(output)));
    }
    let segment = last_segment(ty)?;
    match segment.ident.to_string().as_str() {
        "BoxFuture" | "LocalBoxFuture" => Some(Future::Named(first_type(segment))),
        "Pin" => bound(pinned_box(segment)?, &["Future"], "Output").map(Future::Boxed),
        _ => None,
    }
}

type Bounds = syn::punctuated::Punctuated<TypeParamBound, syn::Token![+]>;

/// Returns the bounds of `Pin<Box<dyn …>>`.
fn pinned_box(pin: &syn::PathSegment) -> Option<&Bounds> {
    let inner = first_type(pin)?;
    let boxed = last_segment(inner).filter(|segment| segment.ident == "Box")?;
    match bare(first_type(boxed)?) {
        Type::TraitObject(object) => Some(&object.bounds),
        _ => None,
    }
}

/// Returns the associated type `name` of a bound by one of `traits`.
///
/// The outer option is `None` if there is no such bound, or if the bounds contain a trait that a wrapper type
/// would lose.
#[allow(clippy::option_option, reason = "there may be such a bound, and it may name the type")]
fn bound<'a>(bounds: &'a Bounds, traits: &[&str], name: &str) -> Option<Option<&'a Type>> {
    let mut found = None;
    for bound in bounds {
        if let TypeParamBound::Trait(bound) = bound {
            let last = bound.path.segments.last()?;
            if traits.iter().any(|name| last.ident == name) {
                found = Some(found.flatten().or_else(|| associated(last, name)));
            } else if !KEPT.iter().any(|kept| last.ident == kept) {
                return None;
            }
        }
    }
    found
}

/// Returns the type in `Trait<Name = …>`.
fn associated<'a>(of: &'a syn::PathSegment, name: &str) -> Option<&'a Type> {
    let PathArguments::AngleBracketed(arguments) = &of.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(associated) if associated.ident == name => Some(&associated.ty),
        _ => None,
    })
}

fn first_type(segment: &syn::PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match bare(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// Removes parentheses, and the groups without delimiters that macros add.
fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => bare(&inner.elem),
        Type::Group(inner) => bare(&inner.elem),
        ty => ty,
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;
    use syn::parse_quote;

    use super::*;

    fn shown(output: &ReturnType, is_stream: bool) -> String {
        let ty = |ty: Option<&Type>| ty.map_or("?".to_owned(), |ty| quote!(#ty).to_string());
        let given = |given: Given<'_>| match given {
            Given::Value => "value".to_owned(),
            Given::Never => "never".to_owned(),
            Given::Stream(item) => format!("stream of {}", ty(Some(item))),
            Given::ResultOfStream(item) => format!("result of stream of {}", ty(Some(item))),
            Given::HiddenStream => "hidden stream".to_owned(),
            Given::NamedStream => "named stream".to_owned(),
        };
        match returns(output, is_stream) {
            Returns::Now(of) => given(of),
            Returns::Future(of, output) => format!("future of {}: {}", ty(output), given(of)),
            Returns::BoxedFuture(of) => format!("boxed future: {}", given(of)),
            Returns::HiddenFuture(of) => format!("hidden future: {}", given(of)),
            Returns::Unseen => "unseen".to_owned(),
        }
    }

    #[test]
    fn futures_and_streams_are_recognized_in_signatures() {
        let cases: Vec<(ReturnType, &str)> = vec![
            (parse_quote!(), "value"),
            (parse_quote!(-> !), "never"),
            (parse_quote!(-> Result<String, E>), "value"),
            (parse_quote!(-> impl Iterator<Item = u8>), "unseen"),
            (parse_quote!(-> impl Fn(&str) -> u8), "unseen"),
            (parse_quote!(-> impl Iterator<Item = u8> + Debug), "value"),
            (parse_quote!(-> impl Future<Output = u8> + Clone), "unseen"),
            (parse_quote!(-> Pin<&mut T>), "value"),
            (parse_quote!(-> impl Future<Output = u8> + Send + '_), "future of u8: value"),
            (
                parse_quote!(-> ::std::pin::Pin<Box<dyn ::core::future::Future<Output = u8> + Send + 'a>>),
                "boxed future: value",
            ),
            (parse_quote!(-> BoxFuture<'static, u8>), "hidden future: value"),
            (parse_quote!(-> impl Stream<Item = u8>), "stream of u8"),
            (parse_quote!(-> impl Stream), "unseen"),
            (parse_quote!(-> impl Stream<Item = u8> + Named), "unseen"),
            (parse_quote!(-> Result<impl Stream<Item = u8>, E>), "result of stream of u8"),
            (parse_quote!(-> io::Result<BoxStream<'static, u8>>), "named stream"),
            (parse_quote!(-> Pin<Box<dyn Stream<Item = u8>>>), "hidden stream"),
            (parse_quote!(-> BoxFuture<'a, Result<BoxStream<'a, u8>, E>>), "hidden future: named stream"),
            (
                parse_quote!(-> impl Future<Output = impl Stream<Item = u8>>),
                "future of impl Stream < Item = u8 >: stream of u8",
            ),
        ];
        for (output, expected) in cases {
            assert_eq!(shown(&output, false), expected, "{}", quote!(#output));
        }
    }

    #[test]
    fn alias_is_a_stream_if_the_attribute_says_so() {
        assert_eq!(shown(&parse_quote!(-> Chunks), true), "hidden stream");
        assert_eq!(shown(&parse_quote!(-> BoxFuture<'_, Chunks>), true), "hidden future: hidden stream");
    }
}
