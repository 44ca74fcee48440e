//! Asking Frappe who a caller is and what they may do.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    Client, Document, Error, Name,
    error::{Cause, Unsendable},
    operation::{Operation, Verb},
};

/// What a user may do with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Right {
    /// Read it.
    Read,
    /// Change it.
    Write,
    /// Make one like it.
    Create,
    /// Remove it.
    Delete,
}

impl Right {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Delete => "delete",
        }
    }
}

/// Whether a user may do something, in all the ways that Frappe answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Yes.
    Allowed,
    /// No.
    Denied,
    /// There is no such document. Frappe says so whatever the user's rights, so whoever passes this on tells
    /// strangers which documents exist.
    Missing,
    /// Nobody is logged in: Guest, or a session that has ended. A site with `block_endpoints` says the same to
    /// portal users.
    NotLoggedIn {
        /// The caller sent a session that is no longer valid: they should log in again.
        session_expired: bool,
    },
    /// The key or token is not valid.
    WrongKey,
}

/// The user on whose behalf requests are made, as Helpdesk describes them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "Helpdesk's own flags, independent of each other"
)]
pub struct User {
    /// The user's name, an e-mail address except for `Administrator`.
    pub user_id: String,
    /// Works on tickets. Someone who is no agent may read the tickets they raised themselves, and still must not
    /// see what agents see.
    pub is_agent: bool,
    /// Administers the site: System Manager.
    pub is_admin: bool,
    /// Manages agents.
    pub is_manager: bool,
    /// May use the desk.
    pub has_desk_access: bool,
    /// First and last name.
    pub full_name: Option<String>,
    /// The teams that the user is a member of.
    pub teams: Vec<String>,
    /// The user's zone, such as `Asia/Ho_Chi_Minh`.
    pub time_zone: Option<String>,
    /// The user's language, such as `vi`.
    pub language: Option<String>,
}

impl Client {
    /// Asks who the user is, which only Helpdesk knows.
    ///
    /// # Errors
    /// [`NoRight`](Cause::NoRight) for Guest, [`SessionExpired`](Cause::SessionExpired),
    /// [`WrongKey`](Cause::WrongKey), and what any request may fail with. The key of a disabled user is still good
    /// (observed on 15.50); whoever trusts keys reads `enabled` of the User.
    pub async fn who_am_i(&self) -> Result<User, Error> {
        let operation = Operation::new(Verb::Ask, "helpdesk.api.auth.get_user");
        let user: Document = self.method(&operation.target).get_as(&operation).await?;
        let user_id = user
            .trimmed("user_id")
            .ok_or_else(|| Error::new(&operation, Cause::Shape("a user without `user_id`")))?;
        let trimmed = |field| user.trimmed(field).map(str::to_owned);
        Ok(User {
            user_id: user_id.to_owned(),
            is_agent: user.check("is_agent"),
            is_admin: user.check("is_admin"),
            is_manager: user.check("is_manager"),
            has_desk_access: user.check("has_desk_access"),
            full_name: trimmed("user_name"),
            teams: team_names(user.get("user_teams")),
            time_zone: trimmed("time_zone"),
            language: trimmed("language"),
        })
    }

    /// The user's name: an e-mail address, or `Administrator`.
    ///
    /// # Errors
    /// As [`who_am_i`](Self::who_am_i).
    pub async fn logged_user(&self) -> Result<String, Error> {
        self.method("frappe.auth.get_logged_user").get().await
    }

    /// The roles of a user: of the user themself, or, for those who may, of another.
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn roles(&self, user_id: &str) -> Result<Vec<String>, Error> {
        self.method("frappe.core.doctype.user.user.get_roles")
            .with("uid", user_id)
            .get()
            .await
    }

    /// Asks whether the user has a right to a document.
    ///
    /// Asked by GET; for a caller whose own request was
    /// [unsafe](crate::Caller::unsafe_request), by POST with the CSRF token that they sent, which fails with
    /// [`Csrf`](Cause::Csrf) when it is not theirs.
    ///
    /// # Errors
    /// What any request may fail with, as far as it is no answer.
    pub async fn may(&self, doctype: &str, name: &Name, right: Right) -> Result<Permission, Error> {
        let operation = Operation::on(Verb::Ask, "frappe.client.has_permission", name);
        if doctype.is_empty() || name.as_str().is_empty() {
            // Without a name Frappe would answer for the DocType as a whole.
            let why = Cause::Unsendable(Unsendable::EmptyName);
            return Err(Error::new(&operation, why));
        }
        self.has_permission(&operation, doctype, name.as_str(), right)
            .await
    }

    /// Asks whether the user has a right to a DocType as a whole: to create documents of it, for example.
    ///
    /// An empty document name asks for the DocType (read in the source, not observed). A child table's DocType is
    /// always allowed: ask for its parent.
    ///
    /// # Errors
    /// As [`may`](Self::may).
    pub async fn may_with_doctype(&self, doctype: &str, right: Right) -> Result<Permission, Error> {
        let operation = Operation::new(Verb::Ask, "frappe.client.has_permission");
        if doctype.is_empty() {
            let why = Cause::Unsendable(Unsendable::EmptyName);
            return Err(Error::new(&operation, why));
        }
        self.has_permission(&operation, doctype, "", right).await
    }

    async fn has_permission(
        &self,
        operation: &Operation,
        doctype: &str,
        name: &str,
        right: Right,
    ) -> Result<Permission, Error> {
        #[derive(Deserialize)]
        struct Answer {
            has_permission: Value,
        }

        let call = self
            .method(&operation.target)
            .with("doctype", doctype)
            .with("docname", name)
            .with("perm_type", right.as_str());
        let answered: Result<Answer, Error> = match self.credential.needs_csrf_check() {
            true => call.post_as(operation).await,
            false => call.get_as(operation).await,
        };
        match answered {
            Ok(answer) if crate::document::is_set(&answer.has_permission) => {
                Ok(Permission::Allowed)
            }
            Ok(_) => Ok(Permission::Denied),
            Err(error) => match error.cause {
                Cause::Missing { .. } => Ok(Permission::Missing),
                Cause::NoRight { .. } => Ok(Permission::NotLoggedIn {
                    session_expired: false,
                }),
                Cause::SessionExpired => Ok(Permission::NotLoggedIn {
                    session_expired: true,
                }),
                Cause::WrongKey => Ok(Permission::WrongKey),
                _ => Err(error),
            },
        }
    }
}

/// Teams come as names or as rows with one, depending on the version.
fn team_names(teams: Option<&Value>) -> Vec<String> {
    let name_of = |team: &Value| {
        let name = match team {
            Value::Object(row) => row.get("team_name").or_else(|| row.get("name"))?,
            other => other,
        };
        name.as_str().map(str::to_owned)
    };
    let teams = teams.and_then(Value::as_array);
    teams.into_iter().flatten().filter_map(name_of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn teams_are_names_in_either_form() {
        let cases = [
            (json!(["Billing", "Product"]), vec!["Billing", "Product"]),
            (
                json!([{"team_name": "Billing"}, {"name": "Product"}, {}, 7]),
                vec!["Billing", "Product"],
            ),
            (json!([]), vec![]),
            (json!(null), vec![]),
        ];
        for (teams, names) in cases {
            assert_eq!(team_names(Some(&teams)), names);
        }
        assert!(team_names(None).is_empty());
    }
}
