//! Lists that are read page by page.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::{ApiFuture, Error};

/// A page of a list.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// The request for the page after this one, if there is one.
    pub(crate) next: Option<ApiFuture<Page<T>>>,
}

/// The items of a list that has pages. A page is requested when the items of the page before are used up.
///
/// It is a [`Stream`]. Without a crate for streams, use [`next`](Self::next) or [`all`](Self::all). With the feature
/// `blocking`, it is also an iterator for code that is not async: see `Wait` in the module `blocking`.
///
/// After an error, there are no more items.
///
/// ```no_run
/// use promptlayer_client::Client;
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let mut templates = Client::from_env()?.templates().list().pages();
/// while let Some(template) = templates.next().await {
///     println!("{}", template?.name);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a list is requested when this is read"]
pub struct Pages<T> {
    items: VecDeque<T>,
    /// The request for the next page.
    request: Option<ApiFuture<Page<T>>>,
}

impl<T> Pages<T> {
    /// Creates a list from the request for its first page.
    pub(crate) fn new(first: ApiFuture<Page<T>>) -> Self {
        Self { items: VecDeque::new(), request: Some(first) }
    }

    /// Returns the next item, or `None` after the last one.
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// Reads all remaining items.
    ///
    /// # Errors
    ///
    /// Returns the first error of a page.
    pub async fn all(mut self) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        while let Some(item) = self.next().await {
            items.push(item?);
        }
        Ok(items)
    }

    /// Returns the next item if its page has been read.
    #[cfg(feature = "blocking")]
    pub(crate) fn read_ahead(&mut self) -> Option<T> {
        self.items.pop_front()
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, Error>>> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Poll::Ready(Some(Ok(item)));
            }
            let Some(request) = &mut self.request else { return Poll::Ready(None) };
            let page = ready!(Pin::new(request).poll(cx));
            self.request = None;
            match page {
                Ok(page) => {
                    self.items = page.items.into();
                    self.request = page.next;
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl<T> Stream for Pages<T> {
    type Item = Result<T, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll(cx)
    }
}

impl<T> Unpin for Pages<T> {}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("read_ahead", &self.items.len()).finish_non_exhaustive()
    }
}
