//! Classifies the return type of a function by its signature.
//!
//! An `impl Trait` is classified by its bounds. Every other type is asked when the expansion is compiled,
//! because its name may be an alias.

use syn::{GenericArgument, Generics, PathArguments, ReturnType, Signature, Type, TypeParamBound};

use crate::expand::outlives::outlives_its_box;

/// The kind of a value.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    /// A value whose type is asked.
    Value(Asked),
    /// `!`, which has no value.
    Never,
    /// `impl Stream`, with its place in the type and the type of its items. The traced stream has another type.
    Stream(Position, &'a Type),
}

/// What the type of a value is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing: it is `()` or a reference.
    Nothing,
    /// Whether it is a stream or a future.
    Type,
    /// Whether one of its positions is a stream, because there is a tuple in it.
    Tuple,
    /// Only whether it is a stream or a future that must be left as it is, because the function would no longer
    /// compile if it was boxed again.
    Generic,
}

/// The place of a stream in a type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Whole,
    First,
    Second,
    Third,
}

impl Position {
    const OF_TUPLES: [Self; 3] = [Self::First, Self::Second, Self::Third];

    /// Returns the name of the library's type for the position.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Whole => "Whole",
            Self::First => "First",
            Self::Second => "Second",
            Self::Third => "Third",
        }
    }
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
    /// A type that is asked whether it is a boxed future. `is_named` is `true` for the name `BoxFuture`.
    Asked { given: Given<'a>, is_named: bool },
    /// An `impl Trait` that cannot be logged (a closure, an iterator). The compiler must infer its type from
    /// the body.
    Unseen(Unseen),
}

/// An `impl Trait` that cannot be logged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unseen {
    Value,
    /// A stream that implements more traits than a traced one.
    Stream,
    /// A future that implements more traits than a traced one.
    Future,
}

/// The traits that make an `impl Trait` loggable.
const SHOWN: &[&str] = &["Serialize", "Display", "Debug", "Error"];

/// The names of stream traits in `impl Trait`.
const STREAM: &[&str] = &["Stream", "FusedStream"];

/// The names of future traits in `impl Trait`.
const FUTURE: &[&str] = &["Future", "FusedFuture"];

/// The traits that a traced future or stream implements if the wrapped one does.
const KEPT: &[&str] = &["Send", "Sync", "Unpin"];

/// Classifies the return type.
pub(crate) fn returns(signature: &Signature) -> Returns<'_> {
    let ReturnType::Type(_, ty) = &signature.output else {
        return Returns::Now(Given::Value(Asked::Nothing));
    };
    let given = |ty| given(ty, &signature.generics);
    let of = |output: Option<_>| output.map_or(Given::Value(Asked::Type), given);
    match future_of(ty) {
        Some(Future::Opaque(output)) => return Returns::Future(of(output), output),
        Some(Future::Boxed(output)) => return Returns::BoxedFuture(of(output)),
        Some(Future::Named(output)) => return Returns::Asked { given: of(output), is_named: true },
        None => {}
    }
    match (given(ty), bare(ty)) {
        (Given::Value(_), Type::ImplTrait(implements)) if !is_shown(&implements.bounds) => {
            let has = |traits: &[&str], name| trait_of(&implements.bounds, traits, name).is_some();
            Returns::Unseen(match (has(STREAM, "Item"), has(FUTURE, "Output")) {
                (true, _) => Unseen::Stream,
                (_, true) => Unseen::Future,
                _ => Unseen::Value,
            })
        }
        (given @ Given::Value(asked), ty) if asked != Asked::Generic && may_be_future(ty) => {
            Returns::Asked { given, is_named: false }
        }
        (given, _) => Returns::Now(given),
    }
}

/// Returns `true` if the type may be that of a boxed future. A future in a `Result` or an `Option` is not traced.
fn may_be_future(ty: &Type) -> bool {
    matches!(ty, Type::Macro(_)) || last_segment(ty).is_some_and(|last| !is_wrapper(last))
}

/// Returns `true` if the return type is a stream, or a future or a `Result` of one.
pub(crate) fn gives_stream(signature: &Signature) -> bool {
    let ReturnType::Type(_, ty) = &signature.output else { return false };
    let of = match future_of(ty) {
        Some(Future::Opaque(output) | Future::Boxed(output)) => output,
        // Another type may have the name `BoxFuture`.
        Some(Future::Named(_)) => None,
        None => Some(&**ty),
    };
    of.is_some_and(|ty| opaque_stream(ty).is_some() || unwrapped(ty).is_some_and(is_boxed_stream))
}

fn is_shown(bounds: &Bounds) -> bool {
    SHOWN.iter().any(|name| has_bound(bounds, name))
}

fn has_bound(bounds: &Bounds, name: &str) -> bool {
    bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    })
}

fn given<'a>(ty: &'a Type, generics: &Generics) -> Given<'a> {
    match bare(ty) {
        Type::Never(_) => return Given::Never,
        Type::Reference(_) => return Given::Value(Asked::Nothing),
        Type::Tuple(tuple) if tuple.elems.is_empty() => return Given::Value(Asked::Nothing),
        _ => {}
    }
    if let Some((position, item)) = opaque_stream(ty) {
        return Given::Stream(position, item);
    }
    let inner = unwrapped(ty);
    Given::Value(match inner {
        Some(inner) if is_named_stream(inner) => Asked::Type,
        _ if !outlives_its_box(inner.unwrap_or(ty), generics) => Asked::Generic,
        Some(Type::Tuple(_)) => Asked::Tuple,
        _ => Asked::Type,
    })
}

/// Returns the place and the item type of an `impl Stream` that is the type itself, or in a `Result`, an
/// `Option` or a tuple.
fn opaque_stream(ty: &Type) -> Option<(Position, &Type)> {
    match bare(ty) {
        Type::ImplTrait(implements) => {
            let item = bound(&implements.bounds, STREAM, "Item")??;
            Some((Position::Whole, item))
        }
        Type::Tuple(tuple) if tuple.elems.len() <= Position::OF_TUPLES.len() => {
            let mut elements = tuple.elems.iter().zip(Position::OF_TUPLES);
            elements.find_map(|(element, at)| match opaque_stream(element)? {
                (Position::Whole, item) => Some((at, item)),
                _ => None,
            })
        }
        Type::Path(_) => opaque_stream(unwrapped(ty).filter(|inner| !std::ptr::eq(*inner, bare(ty)))?),
        _ => None,
    }
}

/// Returns the type inside of `Result`s and `Option`s. Returns `None` if an alias hides it.
fn unwrapped(ty: &Type) -> Option<&Type> {
    match last_segment(ty).filter(|last| is_wrapper(last)) {
        Some(wrapper) => unwrapped(first_type(wrapper)?),
        None => Some(bare(ty)),
    }
}

fn is_wrapper(segment: &syn::PathSegment) -> bool {
    segment.ident == "Result" || segment.ident == "Option"
}

/// Returns `true` for `BoxStream`, or a boxed stream that the signature spells out.
fn is_named_stream(ty: &Type) -> bool {
    let is_named = |last: &syn::PathSegment| last.ident == "BoxStream" || last.ident == "LocalBoxStream";
    last_segment(ty).is_some_and(is_named) || is_boxed_stream(ty)
}

/// Returns `true` for `Pin<Box<dyn Stream>>`.
fn is_boxed_stream(ty: &Type) -> bool {
    let boxed = last_segment(ty).filter(|segment| segment.ident == "Pin").and_then(pinned_box);
    boxed.is_some_and(|bounds| matches!(bound(bounds, &["Stream"], "Item"), Some(Some(_))))
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

/// Returns the associated type `name` of the first bound by one of `traits`.
fn trait_of<'a>(bounds: &'a Bounds, traits: &[&str], name: &str) -> Option<&'a Type> {
    bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => {
            let last = bound.path.segments.last()?;
            associated(last, name).filter(|_| traits.iter().any(|name| last.ident == name))
        }
        _ => None,
    })
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

    fn signature(output: &ReturnType) -> Signature {
        parse_quote!(fn f<T, U: 'static>() #output)
    }

    fn shown(output: &ReturnType) -> String {
        let ty = |ty: Option<&Type>| ty.map_or("?".to_owned(), |ty| quote!(#ty).to_string());
        let given = |given: Given<'_>| match given {
            Given::Value(Asked::Nothing) => "value".to_owned(),
            Given::Value(Asked::Type) => "type".to_owned(),
            Given::Value(Asked::Tuple) => "tuple".to_owned(),
            Given::Value(Asked::Generic) => "generic".to_owned(),
            Given::Never => "never".to_owned(),
            Given::Stream(position, item) => format!("{} stream of {}", position.name(), ty(Some(item))),
        };
        match returns(&signature(output)) {
            Returns::Now(of) => given(of),
            Returns::Future(of, output) => format!("future of {}: {}", ty(output), given(of)),
            Returns::BoxedFuture(of) => format!("boxed future: {}", given(of)),
            Returns::Asked { given: of, is_named: true } => format!("named future: {}", given(of)),
            Returns::Asked { given: of, is_named: false } => format!("asked: {}", given(of)),
            Returns::Unseen(Unseen::Value) => "unseen".to_owned(),
            Returns::Unseen(Unseen::Stream) => "unseen stream".to_owned(),
            Returns::Unseen(Unseen::Future) => "unseen future".to_owned(),
        }
    }

    #[test]
    fn futures_and_streams_are_recognized_in_signatures() {
        let cases: Vec<(ReturnType, &str)> = vec![
            (parse_quote!(), "value"),
            (parse_quote!(-> !), "never"),
            (parse_quote!(-> ()), "value"),
            (parse_quote!(-> &str), "value"),
            (parse_quote!(-> [u8; 2]), "type"),
            (parse_quote!(-> Result<String, E>), "type"),
            (parse_quote!(-> Chunks), "asked: type"),
            (parse_quote!(-> Self::Future), "asked: type"),
            (parse_quote!(-> impl Iterator<Item = u8>), "unseen"),
            (parse_quote!(-> impl Fn(&str) -> u8), "unseen"),
            (parse_quote!(-> impl Iterator<Item = u8> + Debug), "type"),
            (parse_quote!(-> impl Future<Output = u8> + Clone), "unseen future"),
            (parse_quote!(-> Pin<&mut T>), "generic"),
            (parse_quote!(-> impl Future<Output = u8> + Send + '_), "future of u8: type"),
            (
                parse_quote!(-> ::std::pin::Pin<Box<dyn ::core::future::Future<Output = u8> + Send + 'a>>),
                "boxed future: type",
            ),
            (parse_quote!(-> BoxFuture<'static, u8>), "named future: type"),
            (parse_quote!(-> impl Stream<Item = u8>), "Whole stream of u8"),
            (parse_quote!(-> impl Stream), "unseen"),
            (parse_quote!(-> impl Stream<Item = u8> + Named), "unseen stream"),
            (parse_quote!(-> Result<impl Stream<Item = u8>, E>), "Whole stream of u8"),
            (parse_quote!(-> Option<impl Stream<Item = u8>>), "Whole stream of u8"),
            (parse_quote!(-> (Id, impl Stream<Item = u8>)), "Second stream of u8"),
            (parse_quote!(-> Result<(impl Stream<Item = u8>, Id, u8), E>), "First stream of u8"),
            (parse_quote!(-> (Id, Chunks)), "tuple"),
            (parse_quote!(-> io::Result<Option<(Id, Chunks)>>), "tuple"),
            (parse_quote!(-> Chunks<T>), "generic"),
            (parse_quote!(-> Chunks<U>), "asked: type"),
            (parse_quote!(-> io::Result<BoxStream<'static, T>>), "type"),
            (parse_quote!(-> Sse<impl Stream<Item = u8>>), "asked: type"),
            (parse_quote!(-> io::Result<BoxStream<'static, u8>>), "type"),
            (parse_quote!(-> Pin<Box<dyn Stream<Item = u8>>>), "asked: type"),
            (parse_quote!(-> BoxFuture<'a, Result<BoxStream<'a, u8>, E>>), "named future: type"),
            (
                parse_quote!(-> impl Future<Output = impl Stream<Item = u8>>),
                "future of impl Stream < Item = u8 >: Whole stream of u8",
            ),
        ];
        for (output, expected) in cases {
            assert_eq!(shown(&output), expected, "{}", quote!(#output));
        }
    }

    #[test]
    fn streams_in_the_signature_are_no_values_for_output() {
        for (output, expected) in [
            (parse_quote!(-> impl Stream<Item = u8>), true),
            (parse_quote!(-> Result<Pin<Box<dyn Stream<Item = u8>>>, E>), true),
            (parse_quote!(-> Pin<Box<dyn Future<Output = Pin<Box<dyn Stream<Item = u8>>>>>>), true),
            (parse_quote!(-> BoxStream<'static, u8>), false),
            (parse_quote!(-> Pin<Box<dyn Future<Output = u8>>>), false),
            (parse_quote!(-> String), false),
        ] {
            let output: ReturnType = output;
            assert_eq!(gives_stream(&signature(&output)), expected, "{}", quote!(#output));
        }
    }
}
