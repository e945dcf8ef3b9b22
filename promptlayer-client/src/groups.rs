//! Groups of requests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::blueprint::ParseIdError;
use crate::call::Call;
use crate::{ApiFuture, Client};

/// The id that PromptLayer assigned to a group.
///
/// ```
/// use promptlayer_client::GroupId;
///
/// assert_eq!(GroupId::new(7).to_string(), "7");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GroupId(u64);

impl GroupId {
    /// Creates an id from its number.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Returns the id as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for GroupId {
    fn from(id: u64) -> Self {
        Self(id)
    }
}

impl From<GroupId> for u64 {
    fn from(id: GroupId) -> Self {
        id.0
    }
}

impl FromStr for GroupId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        text.parse().map(Self).map_err(|_| ParseIdError::new("group id", text, "a whole number"))
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The API for groups, which collect the requests of one conversation or one task. See [`Client::groups`].
///
/// ```no_run
/// use promptlayer_client::{Client, RequestId};
///
/// # async fn example() -> Result<(), promptlayer_client::Error> {
/// let client = Client::from_env()?;
/// let group = client.groups().create().await?;
/// client.track().group(RequestId::new(1001), group).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Groups {
    client: Client,
}

impl Groups {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Creates a new, empty group.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`](crate::Error) if the request fails.
    pub fn create(&self) -> ApiFuture<GroupId> {
        // This is the only endpoint that reads the API key from the body.
        #[derive(Serialize)]
        struct Body<'a> {
            api_key: &'a str,
        }
        #[derive(Deserialize)]
        struct Created {
            id: GroupId,
        }
        let client = self.client.clone();
        ApiFuture::new(async move {
            let body = Body { api_key: client.http().api_key() };
            let call = Call::post("/create-group").json(&body)?;
            client.read(call).await.map(|Created { id }| id)
        })
    }
}
