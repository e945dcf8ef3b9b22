//! Functions that borrow from their arguments and return borrowed values.

use super::{Snippet, err, ok};

pub(crate) const TABLE: &[Snippet] = &[
    ok(
        "a_borrow_of_the_only_argument",
        "2018",
        r"
        #[attr] pub fn first(text: &str) -> &str { text.split(' ').next().unwrap_or(text) }
        #[attr] pub async fn first_later(text: &str) -> &str { text.split(' ').next().unwrap_or(text) }
        ",
    ),
    ok(
        "a_borrow_of_one_of_two_arguments",
        "2018",
        r"
        #[attr] pub fn longest<'a>(text: &'a str, other: &str) -> &'a str {
            if other.is_empty() { text } else { &text[1..] }
        }
        #[attr] pub async fn longest_later<'a, 'b: 'a>(text: &'a str, other: &'b str) -> &'a str {
            if text.len() > other.len() { text } else { other }
        }
        ",
    ),
    ok(
        "a_mutable_borrow_of_a_mutable_argument",
        "2018",
        r"
        #[attr] pub fn last(list: &mut Vec<u8>) -> &mut u8 { list.push(1); list.last_mut().unwrap() }
        #[attr] pub async fn last_later(list: &mut Vec<u8>) -> &mut u8 { list.push(1); list.last_mut().unwrap() }
        #[attr] pub fn part(list: &mut [u8], at: usize) -> Option<(&mut [u8], &mut [u8])> {
            if at > list.len() { return None; }
            Some(list.split_at_mut(at))
        }
        ",
    ),
    ok(
        "a_reborrow_and_a_use_after_it",
        "2018",
        r"
        fn push(list: &mut Vec<u8>) { list.push(1); }
        #[attr] pub fn twice(list: &mut Vec<u8>) -> usize { push(list); push(&mut *list); list.len() }
        #[attr] pub async fn twice_later(list: &mut Vec<u8>) -> usize {
            let again = &mut *list; push(again);
            std::future::ready(()).await;
            push(list); list.len()
        }
        ",
    ),
    ok(
        "a_conditional_return_of_a_mutable_borrow",
        "2018",
        r"
        use std::collections::HashMap;
        #[attr] pub fn entry<'m>(map: &'m mut HashMap<String, u8>, key: &str) -> &'m mut u8 {
            if map.contains_key(key) { return map.get_mut(key).unwrap(); }
            map.entry(key.to_owned()).or_insert(0)
        }
        ",
    ),
    ok(
        "borrows_of_self",
        "2018",
        r"
        pub struct Service { name: String, log: Vec<String> }
        impl Service {
            #[attr] pub fn name(&self) -> &str { &self.name }
            #[attr] pub fn name_mut(&mut self) -> &mut String { &mut self.name }
            #[attr] pub async fn name_later(&self, _other: &str) -> &str { &self.name }
            #[attr] pub async fn log(&mut self, line: &str) -> &mut Vec<String> {
                std::future::ready(()).await;
                self.log.push(line.to_owned());
                &mut self.log
            }
            #[attr] pub fn both(&mut self) -> (&mut String, &mut Vec<String>) { (&mut self.name, &mut self.log) }
            #[attr] pub fn longest<'a>(&'a self, other: &'a str) -> &'a str {
                if other.len() > self.name.len() { other } else { &self.name }
            }
        }
        ",
    ),
    ok(
        "a_mutable_self_across_an_await",
        "2018",
        r"
        pub struct Service { asked: usize }
        impl Service {
            async fn step(&mut self) -> usize { self.asked += 1; self.asked }
            #[attr] pub async fn steps(&mut self, count: usize) -> Result<usize, std::fmt::Error> {
                for _ in 0..count { let _ = self.step().await; }
                let asked = &mut self.asked;
                *asked += std::future::ready(1).await;
                Ok(*asked)
            }
        }
        ",
    ),
    ok(
        "a_field_of_self_borrowed_while_another_is",
        "2018",
        r"
        pub struct Service { names: Vec<String>, count: usize }
        impl Service {
            #[attr] pub fn count(&mut self) -> usize {
                for name in &self.names { self.count += name.len(); }
                let add = &mut self.count;
                let mut grow = |by: usize| *add += by;
                grow(1); grow(2);
                self.count
            }
        }
        ",
    ),
    ok(
        "a_temporary_in_the_tail_expression",
        "2018",
        r"
        use std::cell::RefCell;
        use std::collections::HashMap;
        use std::sync::{Mutex, RwLock};
        #[attr] pub fn of_argument(shared: &RefCell<String>) -> String { shared.borrow().clone() }
        #[attr] pub fn locked(lock: &Mutex<HashMap<u8, String>>) -> String {
            match lock.lock().unwrap().get(&1) { Some(text) => text.clone(), None => String::new() }
        }
        #[attr] pub fn if_let(lock: &RwLock<Option<u8>>) -> u8 {
            if let Some(value) = *lock.read().unwrap() { value } else { 0 }
        }
        #[attr] pub async fn of_argument_later(shared: &RefCell<String>) -> String { shared.borrow().clone() }
        #[attr] pub async fn locked_later(lock: &Mutex<HashMap<u8, String>>) -> Option<String> {
            lock.lock().unwrap().get(&1).cloned()
        }
        ",
    ),
    ok(
        "a_temporary_in_the_tail_of_an_owned_argument",
        "2018",
        r"
        use std::cell::RefCell;
        use std::sync::{Arc, Mutex};
        #[attr] pub fn owned(shared: RefCell<String>) -> String { shared.borrow().clone() }
        #[attr] pub fn arc(lock: Arc<Mutex<Vec<u8>>>) -> usize { lock.lock().unwrap().len() }
        #[attr] pub fn matched(lock: Arc<Mutex<Option<u8>>>) -> u8 {
            match *lock.lock().unwrap() { Some(value) => value, None => 0 }
        }
        #[attr] pub fn if_let(lock: Mutex<Option<u8>>) -> u8 {
            if let Some(value) = *lock.lock().unwrap() { value } else { 0 }
        }
        #[attr] pub async fn owned_later(shared: RefCell<String>) -> usize { shared.borrow().len() }
        #[attr] pub async fn arc_later(lock: Arc<Mutex<Vec<u8>>>) -> Option<u8> {
            lock.lock().unwrap().iter().next().copied()
        }
        pub struct Service { lock: Mutex<Vec<u8>> }
        impl Service {
            #[attr] pub fn take(self) -> usize { self.lock.lock().unwrap().len() }
            #[attr] pub fn take_box(self: Box<Self>) -> usize { self.lock.lock().unwrap().len() }
            #[attr] pub async fn take_later(self) -> usize { self.lock.lock().unwrap().len() }
        }
        ",
    ),
    ok(
        "a_temporary_in_the_tail_of_a_local",
        "2024",
        r"
        use std::cell::RefCell;
        #[attr] pub fn local() -> usize { let cell = RefCell::new(String::new()); cell.borrow().len() }
        #[attr] pub async fn local_later() -> usize { let cell = RefCell::new(String::new()); cell.borrow().len() }
        ",
    ),
    ok(
        "a_static_borrow",
        "2018",
        r#"
        #[attr] pub fn text() -> &'static str { "text" }
        #[attr] pub fn constant(flag: bool) -> &'static [u8] { if flag { &[1, 2] } else { &[] } }
        #[attr] pub async fn text_later() -> &'static str { "text" }
        "#,
    ),
    ok(
        "a_guard_that_borrows",
        "2018",
        r"
        use std::cell::{Ref, RefCell, RefMut};
        use std::sync::{LockResult, Mutex, MutexGuard};
        #[attr] pub fn guard(cell: &RefCell<String>) -> Ref<'_, str> { Ref::map(cell.borrow(), |text| text.as_str()) }
        #[attr] pub fn guard_mut<'a>(cell: &'a RefCell<String>) -> RefMut<'a, String> { cell.borrow_mut() }
        #[attr] pub fn lock(mutex: &Mutex<u8>) -> LockResult<MutexGuard<'_, u8>> { mutex.lock() }
        ",
    ),
    ok(
        "an_iterator_that_borrows",
        "2018",
        r"
        #[attr] pub fn lines<'a>(text: &'a str) -> std::str::Lines<'a> { text.lines() }
        #[attr] pub fn words(text: &str) -> impl Iterator<Item = &str> + '_ { text.split(' ') }
        #[attr] pub fn numbers<'a>(list: &'a [u8]) -> Box<dyn Iterator<Item = u8> + 'a> { Box::new(list.iter().copied()) }
        ",
    ),
    err(
        "a_borrow_of_a_local",
        "2018",
        &["E0515"],
        r"
        #[attr] pub fn local(text: &str) -> &str {
            let owned = text.to_owned();
            &owned
        }
        ",
    ),
    err(
        "a_borrow_of_an_owned_argument",
        "2018",
        &["E0515"],
        r"
        #[attr] pub fn owned<'a>(text: String, _other: &'a str) -> &'a str {
            text.as_str()
        }
        ",
    ),
    err(
        "a_temporary_that_outlives_a_local",
        "2018",
        &["E0597"],
        r"
        #[attr] pub fn local() -> usize {
            let cell = std::cell::RefCell::new(String::new());
            if cell.borrow().is_empty() { return 0; }
            let kept;
            { let inner = String::new(); kept = &inner; }
            kept.len()
        }
        ",
    ),
    err(
        "two_mutable_borrows",
        "2018",
        &["E0499"],
        r"
        #[attr] pub fn twice(list: &mut Vec<u8>) -> usize {
            let first = &mut *list;
            let second = &mut *list;
            first.push(1);
            second.len()
        }
        ",
    ),
    err(
        "a_value_that_was_moved",
        "2018",
        &["E0382"],
        r"
        #[attr] pub fn moved(text: String) -> usize {
            drop(text);
            text.len()
        }
        ",
    ),
    err(
        "a_value_that_was_moved_before_an_await",
        "2018",
        &["E0382"],
        r"
        #[attr] pub async fn moved(text: String) -> usize {
            drop(text);
            std::future::ready(()).await;
            text.len()
        }
        ",
    ),
    err(
        "an_argument_that_is_not_mutable",
        "2018",
        &["E0596"],
        r"
        #[attr] pub fn fixed(list: Vec<u8>) -> usize {
            list.push(1);
            list.len()
        }
        ",
    ),
    err(
        "an_argument_assigned_twice",
        "2018",
        &["E0384"],
        r"
        #[attr] pub fn fixed(count: u8) -> u8 {
            if count > 3 { count = 4; }
            count
        }
        ",
    ),
    err(
        "a_field_moved_out_of_a_borrowed_self",
        "2018",
        &["E0507"],
        r"
        pub struct Service { name: String }
        impl Service {
            #[attr] pub fn name(&self) -> String {
                self.name
            }
        }
        ",
    ),
];
