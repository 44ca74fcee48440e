//! A site as one user.

use std::{fmt, sync::Arc, time::Duration};

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    Credential, Error, Site,
    error::{Cause, Unsendable},
    operation::Operation,
    transport::{self, Body, Request},
};

/// A site as one user: every request carries exactly this user's credential.
///
/// Cheap to clone. Nothing is retried inside: an [`Error`] says whether a request may be sent again, and a write's
/// [`Outcome`](crate::Outcome) whether it was done.
#[derive(Clone)]
pub struct Client {
    pub(crate) site: Site,
    pub(crate) credential: Arc<Credential>,
    deadline: Duration,
}

impl Client {
    pub(crate) fn new(site: Site, credential: Credential) -> Self {
        Self {
            deadline: site.options().deadline,
            credential: Arc::new(credential),
            site,
        }
    }

    /// The same user with another deadline for each request.
    #[must_use]
    pub fn deadline(&self, deadline: Duration) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// The site.
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// Sends a request and gives the body of a success.
    pub(crate) async fn send(
        &self,
        operation: &Operation,
        request: Result<Request, Unsendable>,
    ) -> Result<Map<String, Value>, Error> {
        let answer = self.send_raw(operation, request).await?;
        answer
            .into_success(operation, &self.credential)
            .map_err(|cause| Error::new(operation, cause))
    }

    pub(crate) async fn send_raw(
        &self,
        operation: &Operation,
        request: Result<Request, Unsendable>,
    ) -> Result<crate::answer::Answer, Error> {
        let request = request.map_err(|why| Error::new(operation, Cause::Unsendable(why)))?;
        transport::send(
            &self.site,
            &self.credential,
            self.deadline,
            operation,
            request,
        )
        .await
    }

    /// A request with a JSON body.
    pub(crate) fn with_json(
        &self,
        method: Method,
        path: String,
        body: &impl serde::Serialize,
    ) -> Result<Request, Unsendable> {
        Ok(Request {
            method,
            path,
            body: Body::json(body, self.site.options().request_bytes_max)?,
        })
    }
}

/// A request without a body.
pub(crate) fn without_body(method: Method, path: String) -> Request {
    Request {
        method,
        path,
        body: Body::Nothing,
    }
}

/// What is under a key of a success; a missing key is null.
pub(crate) fn under<T: DeserializeOwned>(
    operation: &Operation,
    mut body: Map<String, Value>,
    key: &str,
) -> Result<T, Error> {
    let value = body.remove(key).unwrap_or_default();
    // What serde says would quote the value.
    T::deserialize(value).map_err(|_other_shape| {
        Error::new(operation, Cause::Shape("not the type that was asked for"))
    })
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("site", &self.site)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}
