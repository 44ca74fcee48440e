//! Whitelisted methods by GET or POST, and those of `frappe.client`.

pub(crate) mod frappe_client;

use std::fmt;

use reqwest::Method as HttpMethod;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    Client, Error, Outcome,
    client::{under, without_body},
    error::Unsendable,
    operation::{Operation, Verb},
    query::{Query, segment},
};

/// A call of a whitelisted method or of an API Server Script, in the making.
///
/// ```no_run
/// # async fn example(client: frappe::Client) -> Result<(), frappe::Error> {
/// let pong: String = client.method("frappe.ping").get().await?;
/// let added: serde_json::Value = client
///     .method("frappe.desk.form.utils.add_comment")
///     .with("reference_doctype", "HD Ticket")
///     .with("reference_name", "0001")
///     .with("content", "Called back")
///     .post()
///     .await
///     .into_result()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a call that is neither got nor posted is not made"]
pub struct Method<'a> {
    client: &'a Client,
    name: String,
    arguments: Map<String, Value>,
}

impl fmt::Debug for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Prepares to call a method by its dotted path, or a Server Script by its name.
    pub fn method(&self, name: impl Into<String>) -> Method<'_> {
        Method {
            client: self,
            name: name.into(),
            arguments: Map::new(),
        }
    }
}

impl Method<'_> {
    /// Adds an argument; null counts as not given.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !value.is_null() {
            self.arguments.insert(key.to_owned(), value);
        }
        self
    }

    /// Calls by GET: Frappe rolls back whatever the method writes. A method that answers nothing answers null.
    ///
    /// # Errors
    /// What any request may fail with. A method that does not exist is a
    /// [`Validation`](crate::Cause::Validation) failure (417), not a missing document.
    pub async fn get<T: DeserializeOwned>(self) -> Result<T, Error> {
        let operation = Operation::new(Verb::Ask, &self.name);
        self.get_as(&operation).await
    }

    /// Calls by POST: what the method writes is kept, unless it fails. Arguments go as JSON.
    pub async fn post<T: DeserializeOwned>(self) -> Outcome<T> {
        let operation = Operation::new(Verb::Run, &self.name);
        self.post_as(&operation).await.into()
    }

    pub(crate) async fn get_as<T: DeserializeOwned>(
        self,
        operation: &Operation,
    ) -> Result<T, Error> {
        let mut query = Query::new();
        for (key, value) in &self.arguments {
            query.push(key, value);
        }
        let request = method_path(&self.name)
            .and_then(|path| query.on(&path))
            .map(|path| without_body(HttpMethod::GET, path));
        let body = self.client.send(operation, request).await?;
        under(operation, body, "message")
    }

    pub(crate) async fn post_as<T: DeserializeOwned>(
        self,
        operation: &Operation,
    ) -> Result<T, Error> {
        under(operation, self.post_for_body(operation).await?, "message")
    }

    pub(crate) async fn post_for_body(
        self,
        operation: &Operation,
    ) -> Result<Map<String, Value>, Error> {
        let request = method_path(&self.name).and_then(|path| {
            self.client
                .with_json(HttpMethod::POST, path, &self.arguments)
        });
        self.client.send(operation, request).await
    }
}

fn method_path(name: &str) -> Result<String, Unsendable> {
    Ok(format!("/api/method/{}", segment(name)?))
}
