//! Calls that nearly everybody makes, with their answers read.

use std::collections::BTreeMap;

use crate::{Call, Client, Error, Id, Moment, Row, error::Class, row::Token};

/// What a portal says about one of its methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodState {
    /// The portal has it.
    pub exists: bool,
    /// This webhook may call it.
    pub is_available: bool,
}

impl Client {
    /// The portal's clock (`server.time`). Needs no scope: the cheapest way to see whether a webhook works.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn server_time(&self) -> Result<Moment, Error> {
        let answer = self.call(Call::read("server.time")).await?;
        let time = answer.scalar().and_then(|text| Moment::parse(&text));
        time.ok_or_else(|| answer.disbelieved(Class::NoResult, "the result is no time"))
    }

    /// The scopes that were ticked for the webhook (`scope`).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn scope(&self) -> Result<Vec<String>, Error> {
        let answer = self.call(Call::read("scope")).await?;
        match Token::of(answer.result()) {
            Token::List(scopes) => Ok(scopes
                .into_iter()
                .filter_map(|scope| Token::of(scope).text())
                .map(std::borrow::Cow::into_owned)
                .collect()),
            _ => Err(answer.disbelieved(Class::NoResult, "the result is no list of scopes")),
        }
    }

    /// Whether the portal has a method and lets this webhook call it (`method.get`).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn method_get(&self, name: &str) -> Result<MethodState, Error> {
        let answer = self
            .call(Call::read("method.get").param("name", name))
            .await?;
        let row = answer.row()?;
        match (row.flag("isExisting"), row.flag("isAvailable")) {
            (Some(exists), Some(is_available)) => Ok(MethodState {
                exists,
                is_available,
            }),
            _ => Err(answer.disbelieved(Class::NoResult, "the result does not say")),
        }
    }

    /// A user (`user.get`); `None` when the portal has none of that id, or does not show it to webhooks, as
    /// it does not show bots. Inactive users are shown: look at `ACTIVE`. `EMAIL` needs the scope
    /// `user_basic`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn user_get(&self, id: Id) -> Result<Option<Row>, Error> {
        let rows = self
            .call(Call::read("user.get").param("ID", id))
            .await?
            .rows()?;
        // A portal that did not understand the condition would answer with everybody.
        Ok(rows.into_iter().find(|row| row.id("ID") == Some(id)))
    }

    /// The fields of companies by their names (`crm.company.fields`).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn company_fields(&self) -> Result<BTreeMap<String, Row>, Error> {
        self.call(Call::read("crm.company.fields")).await?.entries()
    }

    /// The custom fields of companies (`crm.company.userfield.list`), with their labels in a language by the
    /// portal's code for it: `en`, `ru`, `vn`. Without a language the portal sends no labels.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn company_userfields(&self, language: &str) -> Result<Vec<Row>, Error> {
        let call = Call::read("crm.company.userfield.list").filter("LANG", language);
        self.call(call).await?.rows()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::{
        Options,
        testing::{Memory, client},
    };

    fn portal(answer: impl Fn(&str, &Value) -> Value + Send + Sync + 'static) -> Client {
        let answer = move |method: &str, params: &Value| json!({"result": answer(method, params)});
        client(
            &Arc::new(Memory::new(1, Box::new(answer))),
            Options::default(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn capabilities_are_read() {
        let client = portal(|method, params| match method {
            "server.time" => json!("2024-03-01T10:00:00+03:00"),
            "scope" => json!(["crm", "user_basic"]),
            "method.get" => json!({"isExisting": true, "isAvailable": params["name"] == "a.get"}),
            _ => json!(null),
        });
        let time = client.server_time().await.unwrap();
        assert_eq!(time.to_string(), "2024-03-01T10:00:00+03");
        assert_eq!(client.scope().await.unwrap(), ["crm", "user_basic"]);
        assert!(client.method_get("a.get").await.unwrap().is_available);
        let other = client.method_get("b.get").await.unwrap();
        assert!(other.exists && !other.is_available);
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_is_the_one_who_was_asked_for_or_nobody() {
        let everybody = json!([{"ID": "1"}, {"ID": "7", "ACTIVE": true}]);
        let client = portal(move |_, params| match params["ID"].as_u64() {
            Some(9) => json!([]),
            _ => everybody.clone(),
        });
        let id = |n| Id::new(n).unwrap();
        let user = client.user_get(id(7)).await.unwrap().unwrap();
        assert_eq!(user.flag("ACTIVE"), Some(true));
        assert_eq!(client.user_get(id(8)).await.unwrap(), None);
        assert_eq!(client.user_get(id(9)).await.unwrap(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn fields_are_read_with_their_labels() {
        let client = portal(|method, params| match method {
            "crm.company.fields" => json!({"TITLE": {"type": "string"}}),
            _ => json!([{"FIELD_NAME": "UF_X", "LANG": params["filter"]["LANG"]}]),
        });
        assert_eq!(client.company_fields().await.unwrap().len(), 1);
        let fields = client.company_userfields("vn").await.unwrap();
        assert_eq!(fields[0].text("LANG").as_deref(), Some("vn"));
    }

    #[tokio::test(start_paused = true)]
    async fn answers_of_another_shape_are_errors() {
        let client = portal(|_, _| json!({"a": {"b": 1}}));
        assert!(client.server_time().await.is_err());
        assert!(client.scope().await.is_err());
        assert!(client.method_get("x").await.is_err());
        assert!(client.user_get(Id::new(1).unwrap()).await.is_err());
    }
}
