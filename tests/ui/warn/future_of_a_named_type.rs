use std::future::{Future, Ready, ready};

use promptlayer_tracing::promptlayer;

trait Service {
    type Future: Future<Output = u8>;

    fn call(&mut self) -> Self::Future;
}

struct Model;

impl Service for Model {
    type Future = Ready<u8>;

    #[promptlayer]
    fn call(&mut self) -> Self::Future {
        ready(1)
    }
}

pub fn run() {
    drop(Model.call());
}
