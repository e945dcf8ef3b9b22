use std::future::{Future, ready};

use promptlayer_tracing::promptlayer;

#[promptlayer]
pub fn ask() -> impl Future<Output = u8> + Clone {
    ready(1)
}
