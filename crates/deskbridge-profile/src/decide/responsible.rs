//! Who is responsible for a company.

use bitrix24::{Id, Row};
use serde::{Deserialize, Serialize};

use super::normalise;

/// What is known of the responsible user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The user works there.
    Active,
    /// The user is switched off.
    Inactive,
    /// The portal does not show such a user.
    NotFound,
    /// No webhook for users is configured.
    MissingConfig,
    /// The portal could not be asked.
    Error,
}

/// The responsible user.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Responsible {
    /// Bitrix24's user id.
    pub id: String,
    /// Whether the portal says in so many words that the user is active.
    pub active: bool,
    /// E-mail address.
    pub email: Option<String>,
    /// First and last name, else the address.
    pub name: Option<String>,
    /// `employee`, `extranet`, `email`; not every portal tells.
    pub user_type: Option<String>,
    /// See [`Status`].
    pub status: Status,
}

impl Responsible {
    /// A user of whom nothing but the id is known.
    pub fn unresolved(id: Id, status: Status) -> Self {
        Self {
            id: id.to_string(),
            active: false,
            email: None,
            name: None,
            user_type: None,
            status,
        }
    }

    /// The user among the rows that `user.get` answered with; a row of another user is not believed.
    pub fn among(rows: &[Row], id: Id) -> Self {
        let Some(row) = rows.iter().find(|row| row.id("ID") == Some(id)) else {
            return Self::unresolved(id, Status::NotFound);
        };
        let active = row.flag("ACTIVE") == Some(true);
        let email = normalise::text(row, "EMAIL");
        let names = ["NAME", "LAST_NAME"].map(|field| normalise::text(row, field));
        let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
        Self {
            id: id.to_string(),
            active,
            name: Some(name)
                .filter(|name| !name.is_empty())
                .or_else(|| email.clone()),
            email,
            user_type: normalise::text(row, "USER_TYPE"),
            status: if active {
                Status::Active
            } else {
                Status::Inactive
            },
        }
    }

    /// The address that goes into the ticket: only that of a user who is active and has one.
    pub fn assignable_email(&self) -> Option<&str> {
        self.email.as_deref().filter(|_| self.active)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(rows: &Value, expected: (Status, Option<&str>, Option<&str>)) {
        let read: Vec<Row> = serde_json::from_value(rows.clone()).unwrap();
        let found = Responsible::among(&read, Id::new(21).unwrap());
        let found = (
            found.status,
            found.name.as_deref(),
            found.assignable_email(),
        );
        assert_eq!(found, expected, "{rows}");
    }

    #[test]
    fn only_an_active_user_with_an_address_is_assignable() {
        let user = |active: Value, email: Value| json!([{"ID": "21", "ACTIVE": active, "NAME": "Thảo ", "LAST_NAME": "Lương", "EMAIL": email}]);
        let email = "thao@crm.example";
        for active in [
            json!(true),
            json!("true"),
            json!("1"),
            json!("Y"),
            json!("YES"),
            json!(1),
        ] {
            check(
                &user(active, json!(email)),
                (Status::Active, Some("Thảo Lương"), Some(email)),
            );
        }
        for active in [
            json!(false),
            json!("N"),
            json!("0"),
            json!(null),
            json!({}),
            json!("maybe"),
        ] {
            check(
                &user(active, json!(email)),
                (Status::Inactive, Some("Thảo Lương"), None),
            );
        }
        check(
            &user(json!(true), json!("")),
            (Status::Active, Some("Thảo Lương"), None),
        );
        check(&json!([]), (Status::NotFound, None, None));
        check(
            &json!([{"ID": "22", "ACTIVE": true, "EMAIL": email}]),
            (Status::NotFound, None, None),
        );
        let nameless = json!([{"ID": 21, "ACTIVE": true, "EMAIL": email}]);
        check(&nameless, (Status::Active, Some(email), Some(email)));
    }
}
