//! The grammar of the attribute's arguments.

use super::{Snippet, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "names_and_targets",
        "2018",
        r#"
        pub const NAME: &str = "name"; pub const TARGET: &str = "target"; pub mod other { pub const TARGET: &str = "other"; }
        #[attr("bare")] pub fn bare() {}
        #[attr(name = "name", target = "target")] pub fn texts() {}
        #[attr(name = NAME, target = TARGET)] pub fn constants() {}
        #[attr(name = concat!("a", "b"), target = other::TARGET)] pub async fn expressions() {}
        #[attr(target = TARGET, err, ret)] pub fn with_events() -> Result<u8, u8> { Ok(1) }
        pub struct Service;
        impl Service { pub const NAME: &'static str = "service"; #[attr(name = Service::NAME, target = Service::NAME)] pub fn own(&self) {} }
        "#,
    ),
    ok(
        "levels",
        "2018",
        r#"
        use tracing::Level;
        pub const LEVEL: Level = Level::DEBUG;
        #[attr(level = "trace")] pub fn lower() {}
        #[attr(level = "ERROR")] pub fn upper() {}
        #[attr(level = 1)] pub fn number() {}
        #[attr(level = 5)] pub fn highest() {}
        #[attr(level = Level::WARN)] pub fn path() {}
        #[attr(level = ::tracing::Level::INFO)] pub async fn long_path() {}
        #[attr(level = LEVEL, ret)] pub async fn constant() {}
        "#,
    ),
    ok(
        "parents_and_causes",
        "2018",
        r"
        use tracing::{Id, Span};
        #[attr(parent = None)] pub fn root() {}
        #[attr(parent = None::<Id>)] pub async fn root_later() {}
        #[attr(parent = span)] pub fn of_argument(span: &Span) -> bool { span.is_none() }
        #[attr(parent = span.id())] pub fn of_id(span: Span) -> bool { span.is_none() }
        #[attr(parent = &span)] pub async fn of_owned(span: Span) -> bool { span.is_none() }
        #[attr(follows_from = causes)] pub fn follows(causes: &[Id]) -> usize { causes.len() }
        #[attr(follows_from = causes.iter().filter_map(Span::id))] pub async fn follows_spans(causes: Vec<Span>) -> usize { causes.len() }
        #[attr(parent = parent, follows_from = [parent.id()])] pub fn both(parent: &Span) -> bool { parent.is_none() }
        ",
    ),
    ok(
        "skips",
        "2018",
        r"
        pub struct Opaque;
        #[attr(skip(client))] pub fn one(client: Opaque, text: &str) -> usize { drop(client); text.len() }
        #[attr(skip(client, text,))] pub async fn two(client: Opaque, text: &str) -> usize { drop(client); text.len() }
        #[attr(skip_all)] pub fn all(client: Opaque, (a, _): (u8, u8)) -> u8 { drop(client); a }
        #[attr(skip(a))] pub fn part((a, _): (u8, u8)) -> u8 { a }
        impl Opaque { #[attr(skip(self, text))] pub fn own(&self, text: &str) -> usize { text.len() } }
        #[attr(skip())] pub fn none(text: &str) -> usize { text.len() }
        ",
    ),
    ok(
        "fields",
        "2018",
        r#"
        use std::fmt;
        pub const NAME: &str = "constant.name";
        #[derive(Debug)] pub struct Shown { id: u8 }
        impl fmt::Display for Shown { fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{}", self.id) } }
        #[attr(fields(a.b = %x, ?y, "quoted.name" = 1, { NAME } = 2, z))] pub fn every(x: &Shown, y: Shown, z: u8) -> u8 { x.id + y.id + z }
        #[attr(fields(a.b.c = ?x, d = x.id, e = "text", f = 1.5, g = true, h))] pub async fn values(x: &Shown) -> u8 { x.id }
        #[attr(fields(%x, shown = %x, id = x.id, empty = tracing::field::Empty))] pub fn sigils(x: &Shown) -> u8 { x.id }
        #[attr(fields(x.id, r#type = 1, otel.name = "n", later))] pub fn dotted(x: &Shown) -> u8 { x.id }
        #[attr(fields(text, owned, number, maybe, list))] pub fn bare(text: &str, owned: String, number: u64, maybe: Option<u8>, list: &[u8]) -> u64 { drop((owned, maybe)); number + (text.len() + list.len()) as u64 }
        #[attr(skip_all, fields(x, y = y + 1))] pub fn skipped(x: u8, y: u8) -> u8 { x + y }
        #[attr(fields())] pub fn none() {}
        impl Shown { #[attr(skip(self), fields(id = self.id, me = ?self, shown = %self))] pub fn own(&self) -> u8 { self.id } }
        "#,
    ),
    ok(
        "events",
        "2018",
        r#"
        use std::future::Future;
        #[attr(err)] pub fn error(x: u8) -> Result<u8, String> { if x > 3 { return Err(String::new()); } Ok(x) }
        #[attr(ret)] pub fn value(x: u8) -> u8 { x }
        #[attr(err, ret)] pub async fn both(x: u8) -> Result<u8, String> { Ok(x) }
        #[attr(err(Debug), ret(Display))] pub fn formats(x: u8) -> Result<u8, Vec<u8>> { Ok(x) }
        #[attr(err(Debug, level = "warn"), ret(level = tracing::Level::DEBUG))] pub fn levels(x: u8) -> Result<u8, Vec<u8>> { Ok(x) }
        #[attr(err(level = 2, Display), ret(level = "trace", Debug,))] pub async fn levels_later(x: u8) -> Result<u8, String> { Ok(x) }
        #[attr(err)] pub fn boxed() -> Result<(), Box<dyn std::error::Error>> { Ok(()) }
        #[attr(err(), ret())] pub fn empty() -> Result<(), String> { Ok(()) }
        #[attr(err)] pub fn hidden() -> Result<impl Iterator<Item = u8>, String> { Ok(0..3) }
        #[attr(err, ret)] pub fn boxed_future() -> std::pin::Pin<Box<dyn Future<Output = Result<u8, String>> + Send>> { Box::pin(async { Ok(1) }) }
        #[attr(ret)] pub fn borrowed(text: &mut String) -> &mut String { text }
        #[attr(ret)] pub fn unit() {}
        "#,
    ),
    ok(
        "events_of_aliases_and_generics",
        "2018",
        r"
        use std::fmt::{Debug, Display};
        pub type Answer<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
        #[attr(err, ret)] pub fn alias() -> Answer<u8> { Ok(1) }
        #[attr(err, ret)] pub async fn alias_later() -> Answer<Vec<u8>> { Ok(Vec::new()) }
        #[attr(err, ret)] pub fn generic<T: Debug, E: Display>(x: Result<T, E>) -> Result<T, E> { x }
        #[attr(err)] pub fn io() -> std::io::Result<()> { Ok(()) }
        #[attr(err)] pub fn format(f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(stringify!(a)) }
        ",
    ),
    ok(
        "tags",
        "2018",
        r#"
        pub const TEAM: &str = "team";
        pub mod teams { pub const OTHER: &str = "other"; }
        #[allow(unused_macros)] macro_rules! tag { () => { "macro" }; }
        #[attr(tags = [])] pub fn none() {}
        #[attr(tags = ["a", "b",])] pub fn literals() {}
        #[attr(tags = ["a", TEAM, teams::OTHER, concat!("x", "y"), tag!(), r"raw", stringify!(b)])] pub async fn all() {}
        pub trait Tagged { const TAG: &'static str; #[attr(tags = [Self::TAG, "fixed"])] fn ask(&self) {} }
        #[attr(tags = [T::TAG])] pub fn generic<T: Tagged>(value: T) -> T { value }
        pub struct Service<const N: usize>;
        impl<const N: usize> Service<N> { const TAG: &'static str = if N == 0 { "none" } else { "some" }; #[attr(tags = [Self::TAG])] pub async fn ask(&self) -> &str { Self::TAG } }
        "#,
    ),
    ok(
        "kinds_providers_and_models",
        "2018",
        r#"
        #[attr(kind = "llm", provider = "openai", model = "gpt-4o")] pub fn texts() {}
        #[attr(kind = "tool")] pub fn tool() {}
        #[attr(kind = "agent")] pub async fn agent() {}
        #[attr(kind = "chain")] pub fn chain() {}
        #[attr(kind = "retriever")] pub fn retriever() {}
        #[attr(kind = "embedding")] pub fn embedding() {}
        #[attr(provider = format_args!("{}-{}", a, 1), model = a)] pub fn expressions(a: &str) -> usize { a.len() }
        #[attr(model = if a > 1 { "large" } else { "small" })] pub fn branches(a: u8) -> u8 { a }
        #[attr(model = match a.as_deref() { Some("") | None => "none", Some(name) => name })] pub async fn matched(a: Option<String>) -> bool { a.is_some() }
        "#,
    ),
    ok(
        "inputs_and_outputs",
        "2018",
        r#"
        #[derive(Debug)] pub struct Shown(u8);
        #[attr(input = text)] pub fn plain(text: &str) -> usize { text.len() }
        #[attr(input = ?x)] pub fn debugged(x: Shown) -> u8 { x.0 }
        #[attr(input = %text.len())] pub async fn displayed(text: &str) -> usize { text.len() }
        #[attr(input = (a, b.len()))] pub fn tuple(a: u8, b: &str) -> usize { b.len() + usize::from(a) }
        #[attr(input = format!("{} {}", a, a))] pub fn temporary(a: u8) -> u8 { a }
        #[attr(input = { let b = a + 1; b * 2 })] pub fn block(a: u8) -> u8 { a }
        #[attr(input = || a)] pub fn closure(a: u8) -> u8 { a }
        #[attr(output = Vec::len)] pub fn path(a: u8) -> Vec<u8> { vec![a] }
        #[attr(output = |x: &Shown| x.0)] pub async fn selected(a: u8) -> Shown { Shown(a) }
        #[attr(output = |x| &x.0)] pub fn borrowed(a: u8) -> Result<Shown, u8> { Ok(Shown(a)) }
        #[attr(output = |_| "fixed")] pub fn fixed<T>(a: T) -> T { a }
        #[attr(output = Shown::number)] pub fn method(a: u8) -> Shown { Shown(a) }
        impl Shown { pub fn number(&self) -> u8 { self.0 } }
        "#,
    ),
    ok(
        "metadata_and_parameters",
        "2018",
        r#"
        #[attr(metadata(a = 1, "quoted key" = "text", b.c = x, type = x.len(), r#fn = 'c'))] pub fn keys(x: &str) -> usize { x.len() }
        #[attr(parameters(temperature = 0.5, stop = ["a", "b"], max_tokens = Some(1), nothing = ()))] pub async fn values() {}
        #[attr(metadata(), parameters())] pub fn empty() {}
        #[attr(metadata(a = x, b = &x, c = x.clone() + "y", d = format_args!("{}", x)))] pub fn borrowed(x: String) -> String { x }
        "#,
    ),
    ok(
        "prompts",
        "2018",
        r#"
        use promptlayer_tracing::{PromptLink, ToPromptLink};
        pub const NAME: &str = "greeting";
        #[attr(prompt = "greeting")] pub fn name() {}
        #[attr(prompt = NAME)] pub fn constant() {}
        #[attr(prompt = ("greeting", 1))] pub async fn version() {}
        #[attr(prompt = (name, version))] pub fn arguments(name: &str, version: u32) -> usize { name.len() + version as usize }
        #[attr(prompt = String::from(name))] pub fn owned(name: &str) -> usize { name.len() }
        #[attr(prompt = PromptLink::new(name).version(3))] pub fn link(name: &str) -> usize { name.len() }
        #[attr(prompt = link)] pub async fn generic<L: ToPromptLink>(link: L) -> L { link }
        #[attr(prompt = link)] pub fn object(link: &dyn ToPromptLink) -> PromptLink { link.to_prompt_link() }
        pub struct Own; impl ToPromptLink for Own { fn to_prompt_link(&self) -> PromptLink { PromptLink::new("own") } }
        #[attr(prompt = own)] pub fn own(own: Own) -> Own { own }
        "#,
    ),
    ok(
        "hooks_of_one_function",
        "2018",
        r"
        use promptlayer_tracing::LoggedRequest;
        pub fn hook(request: &LoggedRequest) { let _ = request.id(); }
        pub mod other { pub use super::hook as renamed; }
        #[attr(on_request_id = hook)] pub fn path() {}
        #[attr(on_request_id = other::renamed)] pub async fn long_path() {}
        #[attr(on_request_id = |request: &LoggedRequest| { let _ = request.id(); })] pub fn closure() {}
        pub struct Service; impl Service { pub fn hook(_: &LoggedRequest) {} #[attr(on_request_id = Self::hook)] pub fn method(&self) {} }
        ",
    ),
    ok(
        "everything_at_once",
        "2018",
        r#"
        pub const TEAM: &str = "team";
        pub mod telemetry { pub use ::promptlayer_tracing as layer; }
        pub fn hook(_: &telemetry::layer::LoggedRequest) {}
        #[attr(
            crate = telemetry::layer, name = "every", target = "t", level = "debug", parent = None::<tracing::Id>, follows_from = [tracing::Id::from_u64(1)],
            skip(c), fields(a = 1, b = %a), err, ret, tags = ["x", TEAM], kind = "llm", provider = "p", model = a, parameters(p = b),
            metadata(m = b), prompt = ("p", 1), output = |x: &u8| *x, on_request_id = hook,
        )]
        pub async fn every<T>(a: &str, b: u8, c: T) -> Result<u8, String> { drop((a, c)); Ok(b) }
        #[attr(crate = ::promptlayer_tracing)] pub fn absolute() {}
        #[attr(crate = self::telemetry::layer)] pub fn relative() {}
        #[attr()] pub fn empty() {}
        "#,
    ),
    ok(
        "as_many_fields_as_a_span_may_have",
        "2018",
        r"
        #[attr(fields(
            f01 = 1, f02 = 1, f03 = 1, f04 = 1, f05 = 1, f06 = 1, f07 = 1, f08 = 1, f09 = 1, f10 = 1, f11 = 1, f12 = 1, f13 = 1, f14 = 1, f15 = 1, f16 = 1,
            f17 = 1, f18 = 1, f19 = 1, f20 = 1, f21 = 1, f22 = 1, f23 = 1, f24 = 1, f25 = 1, f26 = 1, f27 = 1, f28 = 1, f29 = 1, f30 = 1, f31 = 1
        ))]
        pub fn many() {}
        ",
    ),
];
