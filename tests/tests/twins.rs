//! A function with the attribute behaves like the function without it: the same values, drops, panics and
//! `Send` bounds, and futures of about the same size.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it finds what should not be")]

#[path = "twins/depth.rs"]
mod depth;
#[path = "twins/instrument.rs"]
mod instrument;
#[path = "twins/locations.rs"]
mod locations;
#[path = "twins/sizes.rs"]
mod sizes;

use std::sync::LazyLock;

use tests::rustc::Rustc;

static RUSTC: LazyLock<Rustc> =
    LazyLock::new(|| Rustc::of("twins", &["promptlayer_tracing", "tracing", "tracing_subscriber"]));

/// Runs the program that compares drops.
fn drops_alike(edition: &str) {
    RUSTC.run_program(edition, include_str!("twins/drops.rs")).unwrap_or_else(|said| panic!("{said}"));
}

#[test]
fn drops_values_and_panics_are_alike_in_edition_2018() {
    drops_alike("2018");
}

#[test]
fn drops_values_and_panics_are_alike_in_edition_2021() {
    drops_alike("2021");
}

#[test]
fn drops_values_and_panics_are_alike_in_edition_2024() {
    drops_alike("2024");
}
