//! Kinds of `self`.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "every_kind_of_self",
        "2018",
        r"
        use std::pin::Pin;
        use std::rc::Rc;
        use std::sync::Arc;
        #[derive(Clone)] pub struct Service { name: String, count: u8 }
        impl Service {
            #[attr] pub fn owned(self) -> String { self.name }
            #[attr] pub fn owned_mut(mut self) -> Self { self.count += 1; self.name.push('x'); self }
            #[attr] pub fn shared(&self) -> usize { self.name.len() }
            #[attr] pub fn unique(&mut self) -> usize { self.count += 1; self.name.len() }
            #[attr] pub fn with_lifetime<'a>(&'a self, _other: &str) -> &'a str { &self.name }
            #[attr] pub fn boxed(self: Box<Self>) -> String { self.name }
            #[attr] pub fn boxed_mut(mut self: Box<Self>) -> Box<Self> { self.count += 1; self }
            #[attr] pub fn boxed_parts(self: Box<Self>) -> (String, u8) { let Service { name, count } = *self; (name, count) }
            #[attr] pub fn arc(self: Arc<Self>) -> Arc<Self> { self }
            #[attr] pub fn rc(self: Rc<Self>) -> usize { self.name.len() }
            #[attr] pub fn arc_shared(self: &Arc<Self>) -> Arc<Self> { Arc::clone(self) }
            #[attr] pub fn arc_mut(mut self: Arc<Self>) -> Arc<Self> { Arc::make_mut(&mut self).count += 1; self }
            #[attr] pub fn pinned(self: Pin<&mut Self>) -> u8 { self.get_mut().count += 1; 1 }
            #[attr] pub fn pinned_mut(mut self: Pin<&mut Self>) -> u8 { self.as_mut().get_mut().count += 1; self.count }
            #[attr] pub fn pinned_box(self: Pin<Box<Self>>) -> u8 { self.count }
            #[attr] pub fn typed(self: Self) -> String { self.name }
            #[attr] pub fn typed_shared(self: &Self) -> &str { &self.name }
            #[attr] pub fn typed_mut(self: &mut Self) -> &mut String { &mut self.name }
        }
        ",
    ),
    ok(
        "every_kind_of_self_later",
        "2018",
        r"
        use std::pin::Pin;
        use std::sync::Arc;
        async fn pause() {}
        #[derive(Clone)] pub struct Service { name: String, count: u8 }
        impl Service {
            #[attr] pub async fn owned(self) -> String { pause().await; self.name }
            #[attr] pub async fn owned_mut(mut self) -> Self { self.count += 1; pause().await; self.name.push('x'); self }
            #[attr] pub async fn shared(&self) -> usize { pause().await; self.name.len() }
            #[attr] pub async fn unique(&mut self) -> usize { self.count += 1; pause().await; self.name.len() }
            #[attr] pub async fn with_lifetime<'a>(&'a self, _other: &str) -> &'a str { pause().await; &self.name }
            #[attr] pub async fn boxed(self: Box<Self>) -> String { pause().await; self.name }
            #[attr] pub async fn boxed_mut(mut self: Box<Self>) -> Box<Self> { pause().await; self.count += 1; self }
            #[attr] pub async fn arc(self: Arc<Self>) -> Arc<Self> { pause().await; self }
            #[attr] pub async fn arc_shared(self: &Arc<Self>) -> Arc<Self> { pause().await; Arc::clone(self) }
            #[attr] pub async fn pinned(self: Pin<&mut Self>) -> u8 { pause().await; self.get_mut().count += 1; 1 }
            #[attr] pub async fn pinned_mut(mut self: Pin<&mut Self>) -> u8 { self.as_mut().get_mut().count += 1; pause().await; self.count }
            #[attr] pub async fn typed(self: Self) -> String { pause().await; self.name }
            #[attr] pub async fn typed_shared(self: &Self) -> &str { pause().await; &self.name }
            #[attr] pub async fn typed_mut(self: &mut Self) -> &mut String { pause().await; &mut self.name }
        }
        ",
    ),
    ok(
        "a_self_taken_apart",
        "2018",
        r"
        pub struct Service { name: String, list: Vec<u8> }
        impl Service {
            #[attr] pub fn parts(self) -> (String, Vec<u8>) { (self.name, self.list) }
            #[attr] pub fn matched(self) -> String { match self { Self { name, .. } => name } }
            #[attr] pub fn closed(self) -> String { let take = move || self.name; take() }
            #[attr] pub async fn parts_later(self) -> (String, Vec<u8>) { let name = self.name; std::future::ready(()).await; (name, self.list) }
            #[attr] pub fn unused(self) {}
            #[attr] pub fn unused_shared(&self) {}
            #[attr] pub fn unused_mut(&mut self) {}
            #[attr] pub async fn unused_later(self: Box<Self>) {}
        }
        ",
    ),
    ok(
        "a_copied_self",
        "2018",
        r"
        #[derive(Clone, Copy, PartialEq)] pub enum Choice { A, B }
        impl Choice {
            #[attr] pub fn other(self) -> Self { match self { Self::A => Self::B, Self::B => Self::A } }
            #[attr] pub async fn other_later(self) -> Self { if self == Self::A { Self::B } else { self } }
            #[attr] pub fn changed(mut self) -> bool { self = Self::A; self == Self::A }
        }
        ",
    ),
    ok(
        "methods_of_generic_types",
        "2018",
        r"
        pub struct Client<'c, T, const N: usize> { inner: &'c T, list: [u8; N] }
        impl<'c, T, const N: usize> Client<'c, T, N> {
            pub const COUNT: usize = N;
            #[attr] pub fn new(inner: &'c T, list: [u8; N]) -> Self { Self { inner, list } }
            #[attr] pub fn inner(&self) -> &'c T { self.inner }
            #[attr] pub fn list(self) -> [u8; N] { self.list }
            #[attr] pub async fn count(&self) -> usize { Self::COUNT }
            #[attr] pub async fn map<U>(self, f: impl FnOnce(&T) -> U) -> U { f(self.inner) }
        }
        impl<T: Clone> Client<'_, T, 0> {
            #[attr] pub fn cloned(&self) -> T { self.inner.clone() }
        }
        ",
    ),
    ok(
        "self_in_the_attribute",
        "2018",
        r"
        pub struct Service { model: String }
        impl Service {
            pub const TAG: &'static str = stringify!(service);
            #[attr(tags = [Self::TAG], model = self.model, metadata(length = self.model.len(), name = self.name()), input = text)]
            pub fn ask(&self, text: &str) -> usize { text.len() + Self::TAG.len() }
            #[attr(model = self.model, skip(self), fields(model = %self.model, length = self.model.len()))]
            pub async fn ask_later(&mut self, text: &str) -> usize { self.model.push('x'); text.len() }
            #[attr(model = self.model)]
            pub fn owned(self) -> String { self.model }
            pub fn name(&self) -> &str { &self.model }
        }
        ",
    ),
    err(
        "a_self_that_was_moved",
        "2018",
        &["E0382"],
        r"
        pub struct Service { name: String }
        impl Service {
            #[attr] pub fn twice(self) -> usize {
                let name = self.name;
                drop(self.name);
                name.len()
            }
        }
        ",
    ),
    err(
        "a_self_that_is_not_mutable",
        "2018",
        &["E0594"],
        r"
        pub struct Service { count: u8 }
        impl Service {
            #[attr] pub fn count(&self) -> u8 {
                self.count += 1;
                self.count
            }
        }
        ",
    ),
    err(
        "an_owned_self_that_is_not_mutable",
        "2018",
        &["E0594"],
        r"
        pub struct Service { count: u8 }
        impl Service {
            #[attr] pub async fn count(self) -> u8 {
                self.count += 1;
                self.count
            }
        }
        ",
    ),
    err(
        "a_self_where_there_is_none",
        "2018",
        &["E0424"],
        r"
        pub struct Service { count: u8 }
        impl Service {
            #[attr] pub fn count() -> u8 {
                self.count
            }
        }
        ",
    ),
];
