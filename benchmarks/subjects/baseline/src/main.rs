//! The floors and the limit: no attribute, `#[tracing::instrument]`, and one serialization of the content.

mod instrument;
mod none;
mod serialized;

use harness::Error;

fn main() -> Result<(), Error> {
    harness::subject::run(&[none::SUBJECT, instrument::SUBJECT, serialized::SUBJECT])
}
