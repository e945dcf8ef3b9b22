//! The memory that a future takes from its caller.

use promptlayer_tracing::promptlayer;

/// Defines a chain of four functions that await each other, with or without an attribute.
macro_rules! chain {
    ($module:ident, $(#[$attribute:meta])?) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;

            $(#[$attribute])?
            pub(super) async fn first<const N: usize>(argument: [u8; N]) -> usize {
                second(argument).await + argument.len()
            }
            $(#[$attribute])?
            async fn second<const N: usize>(argument: [u8; N]) -> usize {
                third(argument).await + argument.len()
            }
            $(#[$attribute])?
            async fn third<const N: usize>(argument: [u8; N]) -> usize {
                fourth(argument).await + argument.len()
            }
            $(#[$attribute])?
            async fn fourth<const N: usize>(argument: [u8; N]) -> usize {
                std::future::ready(()).await;
                argument.len()
            }
        }
    };
}

chain!(plain,);
chain!(annotated, #[promptlayer]);
chain!(instrumented, #[tracing::instrument(skip_all)]);

/// Returns the sizes of the chain with an argument of `N` bytes: plain, annotated, instrumented.
fn sizes<const N: usize>() -> (usize, usize, usize) {
    (
        size_of_val(&plain::first([0; N])),
        size_of_val(&annotated::first([0; N])),
        size_of_val(&instrumented::first([0; N])),
    )
}

#[test]
fn chain_of_four_futures_is_at_most_a_quarter_larger() {
    let all = [
        (0, sizes::<0>()),
        (8, sizes::<8>()),
        (16, sizes::<16>()),
        (32, sizes::<32>()),
        (64, sizes::<64>()),
        (256, sizes::<256>()),
        (1024, sizes::<1024>()),
        (4096, sizes::<4096>()),
    ];
    for (argument, (plain, annotated, instrumented)) in all {
        println!("{argument} bytes: plain {plain}, annotated {annotated}, instrumented {instrumented}");
    }
    for (argument, (plain, annotated, _)) in all {
        // An empty chain is smaller than a pointer, and the box of an annotated future is a pointer.
        let most = (plain * 5 / 4).max(2 * size_of::<usize>());
        assert!(annotated <= most, "{argument} bytes: {annotated} against {plain}");
    }
}
