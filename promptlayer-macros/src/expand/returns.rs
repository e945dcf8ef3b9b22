//! What a function gives back, as far as its signature tells.

use syn::{GenericArgument, PathArguments, ReturnType, Type, TypeParamBound};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// A value that is there.
    Value,
    /// `!`
    Never,
    /// `impl Stream`, whose type may change.
    Stream,
    /// `Result<impl Stream, E>`
    ResultOfStream,
    /// A type that hides a stream and stays itself: boxed, an alias, or a `Result` of one.
    HiddenStream,
}

/// What a function that is not `async` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Returns {
    /// The value itself.
    Now(Given),
    /// `impl Future` of it.
    Future(Given),
    /// `Pin<Box<dyn Future>>` of it.
    BoxedFuture(Given),
}

/// Reads a signature's output; `is_stream` is the attribute's `stream`.
pub(crate) fn returns(output: &ReturnType, is_stream: bool) -> Returns {
    let ReturnType::Type(_, ty) = output else {
        return Returns::Now(given_or_stream(Given::Value, is_stream));
    };
    match future_of(ty) {
        Some((boxed, output)) => {
            let given = given_or_stream(output.map_or(Given::Value, given), is_stream);
            if boxed { Returns::BoxedFuture(given) } else { Returns::Future(given) }
        }
        None => Returns::Now(given_or_stream(given(ty), is_stream)),
    }
}

fn given_or_stream(given: Given, is_stream: bool) -> Given {
    if is_stream && given == Given::Value { Given::HiddenStream } else { given }
}

fn given(ty: &Type) -> Given {
    if matches!(bare(ty), Type::Never(_)) {
        return Given::Never;
    }
    match stream_of(ty) {
        Some(true) => return Given::HiddenStream,
        Some(false) => return Given::Stream,
        None => {}
    }
    match last_segment(ty).filter(|segment| segment.ident == "Result").and_then(first_type) {
        Some(ok) => match stream_of(ok) {
            Some(true) => Given::HiddenStream,
            Some(false) => Given::ResultOfStream,
            None => Given::Value,
        },
        None => Given::Value,
    }
}

/// Whether a type is a stream, and if so whether it is boxed.
fn stream_of(ty: &Type) -> Option<bool> {
    if let Type::ImplTrait(implements) = bare(ty) {
        return bound(&implements.bounds, "Stream").map(|_| false);
    }
    let segment = last_segment(ty)?;
    match segment.ident.to_string().as_str() {
        "BoxStream" | "LocalBoxStream" => Some(true),
        "Pin" => pinned_box(segment).and_then(|bounds| bound(bounds, "Stream")).map(|_| true),
        _ => None,
    }
}

/// Whether a type is a future: if it is boxed, and what it gives, where the type says so.
fn future_of(ty: &Type) -> Option<(bool, Option<&Type>)> {
    if let Type::ImplTrait(implements) = bare(ty) {
        return bound(&implements.bounds, "Future").map(|segment| (false, output_of(segment)));
    }
    let segment = last_segment(ty)?;
    match segment.ident.to_string().as_str() {
        "BoxFuture" | "LocalBoxFuture" => Some((true, first_type(segment))),
        "Pin" => {
            let future = pinned_box(segment).and_then(|bounds| bound(bounds, "Future"))?;
            Some((true, output_of(future)))
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

/// The type of `Future<Output = …>`.
fn output_of(future: &syn::PathSegment) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = &future.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(output) if output.ident == "Output" => Some(&output.ty),
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
    use syn::parse_quote;

    use super::*;

    #[test]
    fn a_signature_tells_futures_and_streams() {
        let cases: Vec<(ReturnType, Returns)> = vec![
            (parse_quote!(), Returns::Now(Given::Value)),
            (parse_quote!(-> !), Returns::Now(Given::Never)),
            (parse_quote!(-> Result<String, E>), Returns::Now(Given::Value)),
            (parse_quote!(-> impl Iterator<Item = u8>), Returns::Now(Given::Value)),
            (parse_quote!(-> impl Future<Output = u8> + Send + '_), Returns::Future(Given::Value)),
            (
                parse_quote!(-> ::std::pin::Pin<Box<dyn ::core::future::Future<Output = u8> + Send + 'a>>),
                Returns::BoxedFuture(Given::Value),
            ),
            (parse_quote!(-> BoxFuture<'static, u8>), Returns::BoxedFuture(Given::Value)),
            (parse_quote!(-> impl Stream<Item = u8>), Returns::Now(Given::Stream)),
            (parse_quote!(-> Result<impl Stream<Item = u8>, E>), Returns::Now(Given::ResultOfStream)),
            (parse_quote!(-> io::Result<BoxStream<'static, u8>>), Returns::Now(Given::HiddenStream)),
            (parse_quote!(-> Pin<Box<dyn Stream<Item = u8>>>), Returns::Now(Given::HiddenStream)),
            (
                parse_quote!(-> BoxFuture<'a, Result<BoxStream<'a, u8>, E>>),
                Returns::BoxedFuture(Given::HiddenStream),
            ),
            (parse_quote!(-> impl Future<Output = impl Stream<Item = u8>>), Returns::Future(Given::Stream)),
            (parse_quote!(-> Pin<&mut T>), Returns::Now(Given::Value)),
        ];
        for (output, expected) in cases {
            assert_eq!(returns(&output, false), expected, "{}", quote::quote!(#output));
        }
    }

    #[test]
    fn an_alias_is_a_stream_where_the_attribute_says_so() {
        assert_eq!(returns(&parse_quote!(-> Chunks), true), Returns::Now(Given::HiddenStream));
        assert_eq!(
            returns(&parse_quote!(-> BoxFuture<'_, Chunks>), true),
            Returns::BoxedFuture(Given::HiddenStream)
        );
    }
}
