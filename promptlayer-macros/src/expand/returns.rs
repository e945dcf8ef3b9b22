//! What a function gives back, as far as its signature tells.

use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

/// What a value is.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    /// A value that is there.
    Value,
    /// `!`
    Never,
    /// `impl Stream`, whose type may change, and the type of its items.
    Stream(Option<&'a Type>),
    /// `Result<impl Stream, E>`, and the type of the items.
    ResultOfStream(Option<&'a Type>),
    /// A type that hides a stream and stays itself: boxed, an alias, or a `Result` of one.
    HiddenStream,
}

/// What a function that is not `async` returns.
#[derive(Clone, Copy)]
pub(crate) enum Returns<'a> {
    /// The value itself.
    Now(Given<'a>),
    /// `impl Future` of it, and its type.
    Future(Given<'a>, Option<&'a Type>),
    /// `Pin<Box<dyn Future>>` of it.
    BoxedFuture(Given<'a>),
}

/// Reads a signature's output; `is_stream` is the attribute's `stream`.
pub(crate) fn returns(output: &ReturnType, is_stream: bool) -> Returns<'_> {
    let ReturnType::Type(_, ty) = output else {
        return Returns::Now(given_or_stream(Given::Value, is_stream));
    };
    match future_of(ty) {
        Some((boxed, output)) => {
            let given = given_or_stream(output.map_or(Given::Value, given), is_stream);
            if boxed { Returns::BoxedFuture(given) } else { Returns::Future(given, output) }
        }
        None => Returns::Now(given_or_stream(given(ty), is_stream)),
    }
}

fn given_or_stream(given: Given<'_>, is_stream: bool) -> Given<'_> {
    if is_stream && matches!(given, Given::Value) { Given::HiddenStream } else { given }
}

fn given(ty: &Type) -> Given<'_> {
    if matches!(bare(ty), Type::Never(_)) {
        return Given::Never;
    }
    match stream_of(ty) {
        Some(Stream::Boxed) => return Given::HiddenStream,
        Some(Stream::Opaque(item)) => return Given::Stream(item),
        None => {}
    }
    match last_segment(ty).filter(|segment| segment.ident == "Result").and_then(first_type) {
        Some(ok) => match stream_of(ok) {
            Some(Stream::Boxed) => Given::HiddenStream,
            Some(Stream::Opaque(item)) => Given::ResultOfStream(item),
            None => Given::Value,
        },
        None => Given::Value,
    }
}

/// A type that is a stream.
enum Stream<'a> {
    Boxed,
    /// `impl Stream`, and the type of its items.
    Opaque(Option<&'a Type>),
}

fn stream_of(ty: &Type) -> Option<Stream<'_>> {
    if let Type::ImplTrait(implements) = bare(ty) {
        let stream = bound(&implements.bounds, "Stream")?;
        return Some(Stream::Opaque(associated(stream, "Item")));
    }
    let segment = last_segment(ty)?;
    match segment.ident.to_string().as_str() {
        "BoxStream" | "LocalBoxStream" => Some(Stream::Boxed),
        "Pin" => pinned_box(segment).and_then(|bounds| bound(bounds, "Stream")).map(|_| Stream::Boxed),
        _ => None,
    }
}

/// Whether a type is a future: if it is boxed, and what it gives, where the type says so.
fn future_of(ty: &Type) -> Option<(bool, Option<&Type>)> {
    if let Type::ImplTrait(implements) = bare(ty) {
        return bound(&implements.bounds, "Future").map(|segment| (false, associated(segment, "Output")));
    }
    let segment = last_segment(ty)?;
    match segment.ident.to_string().as_str() {
        "BoxFuture" | "LocalBoxFuture" => Some((true, first_type(segment))),
        "Pin" => {
            let future = pinned_box(segment).and_then(|bounds| bound(bounds, "Future"))?;
            Some((true, associated(future, "Output")))
        }
        _ => None,
    }
}

type Bounds = syn::punctuated::Punctuated<TypeParamBound, syn::Token![+]>;

/// The bounds of `Pin<Box<dyn …>>`.
fn pinned_box(pin: &syn::PathSegment) -> Option<&Bounds> {
    let inner = first_type(pin)?;
    let boxed = last_segment(inner).filter(|segment| segment.ident == "Box")?;
    match bare(first_type(boxed)?) {
        Type::TraitObject(object) => Some(&object.bounds),
        _ => None,
    }
}

/// The bound by the trait of this name.
fn bound<'a>(bounds: &'a Bounds, name: &str) -> Option<&'a syn::PathSegment> {
    bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().filter(|segment| segment.ident == name),
        _ => None,
    })
}

/// The type of `Trait<Name = …>`.
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

/// The type without parentheses and the groups that macros leave.
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
            Given::Stream(item) => format!("stream of {}", ty(item)),
            Given::ResultOfStream(item) => format!("result of stream of {}", ty(item)),
            Given::HiddenStream => "hidden stream".to_owned(),
        };
        match returns(output, is_stream) {
            Returns::Now(of) => given(of),
            Returns::Future(of, output) => format!("future of {}: {}", ty(output), given(of)),
            Returns::BoxedFuture(of) => format!("boxed future: {}", given(of)),
        }
    }

    #[test]
    fn a_signature_tells_futures_and_streams() {
        let cases: Vec<(ReturnType, &str)> = vec![
            (parse_quote!(), "value"),
            (parse_quote!(-> !), "never"),
            (parse_quote!(-> Result<String, E>), "value"),
            (parse_quote!(-> impl Iterator<Item = u8>), "value"),
            (parse_quote!(-> Pin<&mut T>), "value"),
            (parse_quote!(-> impl Future<Output = u8> + Send + '_), "future of u8: value"),
            (
                parse_quote!(-> ::std::pin::Pin<Box<dyn ::core::future::Future<Output = u8> + Send + 'a>>),
                "boxed future: value",
            ),
            (parse_quote!(-> BoxFuture<'static, u8>), "boxed future: value"),
            (parse_quote!(-> impl Stream<Item = u8>), "stream of u8"),
            (parse_quote!(-> impl Stream), "stream of ?"),
            (parse_quote!(-> Result<impl Stream<Item = u8>, E>), "result of stream of u8"),
            (parse_quote!(-> io::Result<BoxStream<'static, u8>>), "hidden stream"),
            (parse_quote!(-> Pin<Box<dyn Stream<Item = u8>>>), "hidden stream"),
            (parse_quote!(-> BoxFuture<'a, Result<BoxStream<'a, u8>, E>>), "boxed future: hidden stream"),
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
    fn an_alias_is_a_stream_where_the_attribute_says_so() {
        assert_eq!(shown(&parse_quote!(-> Chunks), true), "hidden stream");
        assert_eq!(shown(&parse_quote!(-> BoxFuture<'_, Chunks>), true), "boxed future: hidden stream");
    }
}
