//! Opening the span and the call.

use proc_macro2::{Span, TokenStream};
use syn::{LitStr, Signature, Type};

use crate::attr::{Args, Field, FieldMode, FieldName, Level, Tag};
use crate::expand::alias::Aliases;
use crate::expand::parameters::Parameters;
use crate::expand::{Names, located};

/// When a call begins.
#[derive(Clone, Copy)]
pub(crate) enum Start {
    Now,
    /// Of a function that only makes the future.
    AtFirstPoll,
}

/// An expression of type `Call`.
pub(crate) fn begin(
    args: &Args,
    signature: &Signature,
    parameters: &Parameters,
    names: &Names,
    start: Start,
) -> TokenStream {
    let private = &names.private;
    let start = match start {
        Start::Now => code!(begin),
        Start::AtFirstPoll => code!(prepare),
    };
    let function =
        LitStr::new(&syn::ext::IdentExt::unraw(&signature.ident).to_string(), signature.ident.span());
    let name = args.name.as_ref().map_or_else(|| code!(#function), |name| code!(#name));
    let level = level(args, names);
    let span = if args.fields.is_empty() && args.parent.is_none() {
        span_of_ours(args, &name, &level, names)
    } else {
        span_with_own_fields(args, &name, &level, parameters, names)
    };
    let follows_from = args.follows_from.iter().map(|causes| {
        code! {
            for __promptlayer_cause in #causes {
                __promptlayer_span.follows_from(__promptlayer_cause);
            }
        }
    });
    let site = site(args, &function, names);
    code! {
        // Asked here, a level that nobody wants costs a comparison and no more.
        if #private::tracing::level_enabled!(#level)
            || #private::tracing::if_log_enabled!(#level, { true } else { false })
        {
            let __promptlayer_span = #span;
            #(#follows_from)*
            #private::Call::#start(__promptlayer_span, #site)
        } else {
            #private::Call::nothing()
        }
    }
}

/// A span without fields of the user's. They all are empty when it is opened, and a list is enough.
fn span_of_ours(args: &Args, name: &TokenStream, level: &TokenStream, names: &Names) -> TokenStream {
    let private = &names.private;
    let target = target(args);
    let fields = std::iter::once(MARK).chain(gen_ai_fields(args));
    code! {
        #private::span!(target: #target, #level, #name, [#(#fields),*])
    }
}

/// A span with the user's fields, and ours behind them. A field of the user's of the same name is a second one, and
/// ours is left alone.
fn span_with_own_fields(
    args: &Args,
    name: &TokenStream,
    level: &TokenStream,
    parameters: &Parameters,
    names: &Names,
) -> TokenStream {
    let private = &names.private;
    let mut aliases = Aliases::default();
    let target = aliases.target(args);
    let name = match &args.name {
        Some(name) => aliases.text("NAME", name),
        None => code!(#name),
    };
    let level = aliases.level(args.level.as_ref(), level.clone(), names);
    let parent = args.parent.iter();
    let fields: Vec<_> =
        args.fields.iter().map(|field| field_tokens(field, parameters, &mut aliases, names)).collect();
    let ours = gen_ai_fields(args).filter(|_| args.fields.len() <= MAX_OWN_FIELDS);
    aliases.around(&code! {
        #private::tracing::span!(
            target: #target,
            #(parent: #parent,)*
            #level,
            #name,
            promptlayer.call = #private::tracing::field::Empty,
            #(#fields,)*
            #(#ours = #private::tracing::field::Empty,)*
        )
    })
}

/// The field by which the layer knows the span for the attribute's.
const MARK: &str = "promptlayer.call";

/// The fields in which a call says, when it ends, what it did with a model, by OpenTelemetry's names. What was
/// renamed goes by both. What is sent to `PromptLayer` has more of them.
const MODEL_FIELDS: &[&str] = &[
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.system",
    "gen_ai.request.model",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.response.finish_reasons",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.prompt_tokens",
    "gen_ai.usage.completion_tokens",
    "error.type",
];
/// The same of a function that is no model's call.
const FUNCTION_FIELDS: &[&str] = &["gen_ai.operation.name"];
/// The most fields of a user's own beside which these are declared: `tracing`'s macro takes one step a field, and the
/// compiler lets a macro take 128.
const MAX_OWN_FIELDS: usize = 64;

/// The fields for what the call says of itself, empty until it ends.
fn gen_ai_fields(args: &Args) -> impl Iterator<Item = &'static str> {
    let (fields, own) = match args.kind.as_ref().map(ToString::to_string).as_deref() {
        None | Some("Llm" | "Embedding") => (MODEL_FIELDS, None),
        Some("Tool") => (FUNCTION_FIELDS, Some("gen_ai.tool.name")),
        Some("Agent") => (FUNCTION_FIELDS, Some("gen_ai.agent.name")),
        Some("Chain") => (FUNCTION_FIELDS, Some("gen_ai.workflow.name")),
        Some(_) => (FUNCTION_FIELDS, None),
    };
    fields.iter().copied().chain(own)
}

/// The span's target.
pub(crate) fn target(args: &Args) -> TokenStream {
    match &args.target {
        Some(target) => code!(#target),
        None => code!(::core::module_path!()),
    }
}

/// The span's level.
pub(crate) fn level(args: &Args, names: &Names) -> TokenStream {
    args.level.as_ref().map_or_else(|| known("INFO", names), |level| level_tokens(level, names))
}

/// A level as an expression.
pub(crate) fn level_tokens(level: &Level, names: &Names) -> TokenStream {
    match level {
        Level::Known(name) => known(name, names),
        Level::Path(path) => code!(#path),
    }
}

/// One of `tracing`'s levels.
pub(crate) fn known(name: &str, names: &Names) -> TokenStream {
    let private = &names.private;
    let name = syn::Ident::new(name, Span::call_site());
    code!(#private::tracing::Level::#name)
}

/// What is known of the function when it is compiled, as a `&'static`.
fn site(args: &Args, function: &LitStr, names: &Names) -> TokenStream {
    let private = &names.private;
    let kind = match &args.kind {
        Some(kind) => code!(::core::option::Option::Some(#private::Kind::#kind)),
        None => code!(::core::option::Option::None),
    };
    // The compiler shows an error at the tag.
    let checked = |tag: &Tag| {
        let (value, function) = (&tag.value, located(&code!(#private::tags::checked), tag.span()));
        code_at!(tag.span() => #function(#value))
    };
    let tags = args.tags.iter().map(|tag| {
        let value = &tag.value;
        if tag.is_literal { code!(#value) } else { checked(tag) }
    });
    // A constant that is surely none of a generic type is checked without being compiled, too.
    let early = args.tags.iter().filter(|tag| tag.is_plain_constant()).map(|tag| {
        let value = checked(tag);
        code_at!(tag.span() => const _: &str = #value;)
    });
    // Literals were compared with each other when they were parsed.
    let distinct = args.tags.iter().enumerate().filter(|(_, tag)| !tag.is_literal).map(|(position, tag)| {
        let value = &tag.value;
        let others = args.tags.iter().enumerate().filter(|(other, tag)| *other < position || tag.is_literal);
        let others = others.map(|(_, tag)| &tag.value);
        let function = located(&code!(#private::tags::check_distinct), tag.span());
        code_at!(tag.span() => #function(#value, &[#(#others),*]);)
    });
    let hook = match &args.on_request_id {
        Some(hook) => code!(#private::hook!(#hook)),
        None => code!(::core::option::Option::None),
    };
    code! {
        {
            #(#early)*
            const {
                #(#distinct)*
                &#private::CallSite {
                    kind: #kind,
                    tags: &[#(#tags),*],
                    function: #function,
                    on_request_id: #hook,
                }
            }
        }
    }
}

/// One field as `tracing::span!` takes it. A bare name is the argument of that name, or else empty.
fn field_tokens(field: &Field, parameters: &Parameters, aliases: &mut Aliases, names: &Names) -> TokenStream {
    let private = &names.private;
    let Field { name, mode, value } = field;
    let name = match name {
        FieldName::Constant(constant) => {
            let alias = aliases.field(constant);
            code!({ #alias })
        }
        name => code!(#name),
    };
    if let Some(value) = value {
        return code!(#name = #mode #value);
    }
    match field.ident().and_then(|ident| parameters.named(ident)) {
        Some(parameter) => {
            let argument = &parameter.ident;
            match mode {
                FieldMode::Value if is_value(&parameter.ty) => code!(#name = #argument),
                FieldMode::Value | FieldMode::Debug => {
                    let value = shown(&code!(debugged), argument.span(), &code!(#argument), names);
                    code!(#name = ?#value)
                }
                FieldMode::Display => {
                    let value = shown(&code!(displayed), argument.span(), &code!(#argument), names);
                    code!(#name = %#value)
                }
            }
        }
        None if *mode == FieldMode::Value => code!(#name = #private::tracing::field::Empty),
        None => code!(#mode #name),
    }
}

/// A value by what it displays or debugs, with one error at the right place where it cannot.
pub(crate) fn shown(by: &TokenStream, span: Span, value: &TokenStream, names: &Names) -> TokenStream {
    let private = &names.private;
    let function = located(&code!(#private::capture::#by), span);
    code_at!(span => #function(&#value))
}

/// Whether `tracing` records the type as a value of its own; any other goes by its `Debug`.
fn is_value(ty: &Type) -> bool {
    const VALUES: &[&str] = &[
        "bool", "str", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "u128", "i128", "f32", "f64",
        "usize", "isize", "String",
    ];
    match ty {
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|last| VALUES.iter().any(|value| last.ident == value))
        }
        Type::Reference(reference) => is_value(&reference.elem),
        Type::Paren(inner) => is_value(&inner.elem),
        Type::Group(inner) => is_value(&inner.elem),
        _ => false,
    }
}
