//! What a portal holds, as a file or a test writes it down.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One record as the older methods answer it: `{"ID":"1","TITLE":"…"}`.
pub type Record = Map<String, Value>;

/// All that a portal holds. A record without an `ID` gets the next free one; all other values are kept
/// and answered exactly as they are written here, wrong types and odd empty values included.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Who may call.
    pub webhooks: Vec<Webhook>,
    /// Local applications, which may call once they are installed.
    pub applications: Vec<Application>,
    /// Employees.
    pub users: Vec<Record>,
    /// Companies.
    pub companies: Vec<Record>,
    /// Contacts; `COMPANY_ID` links one to its company.
    pub contacts: Vec<Record>,
    /// Leads.
    pub leads: Vec<Record>,
    /// Deals.
    pub deals: Vec<Record>,
    /// Activities.
    pub activities: Vec<Record>,
    /// Tasks, under the names that `tasks.task.add` takes.
    pub tasks: Vec<Record>,
    /// Calls as the statistics show them. What `finish` enters is here too.
    pub statistics: Vec<Record>,
    /// Comments in timelines.
    pub comments: Vec<Record>,
    /// Moves of leads from stage to stage. Leads without any get one for their creation.
    pub lead_history: Vec<Record>,
    /// Moves of deals from stage to stage. Deals without any get one for their creation.
    pub deal_history: Vec<Record>,
    /// Entries of directories, stages among them.
    pub statuses: Vec<Record>,
    /// Pipelines of deals, as `crm.category.list` answers them.
    pub categories: Vec<Record>,
    /// Currencies, as `crm.currency.list` answers them.
    pub currencies: Vec<Record>,
    /// User fields. A `UF_…` field that a record has and nobody declares is taken for text.
    #[serde(rename = "userfields")]
    pub user_fields: Vec<UserField>,
}

/// An inbound webhook: who calls, and what the call may use.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The user in whose name calls are made.
    pub user_id: u64,
    /// The secret part of the address.
    pub secret: String,
    /// Granted scopes: `crm`, `user`, `user_basic`, `user_brief`, `telephony`, `task`, `im`, `timeman`.
    pub scopes: Vec<String>,
    /// Switched off webhooks are answered like wrong secrets.
    #[serde(default = "yes")]
    pub active: bool,
    /// From when on it is answered like a wrong secret.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

fn yes() -> bool {
    true
}

impl Webhook {
    /// An active webhook that never expires.
    pub fn new<'a>(user_id: u64, secret: &str, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            user_id,
            secret: secret.to_owned(),
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            active: true,
            expires_at: None,
        }
    }

    /// The path of the webhook, with a slash at the end.
    pub fn path(&self) -> String {
        format!("/rest/{}/{}/", self.user_id, self.secret)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook")
            .field("user_id", &self.user_id)
            .field("scopes", &self.scopes)
            .field("active", &self.active)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A user field.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserField {
    /// Its number.
    pub id: u64,
    /// `CRM_COMPANY`, `CRM_CONTACT`, `CRM_LEAD` or `CRM_DEAL`.
    pub entity_id: String,
    /// `UF_CRM_…`
    pub field_name: String,
    /// `string`, `integer`, `double`, `boolean`, `date`, `datetime`, `enumeration`, …
    pub user_type_id: String,
    /// Whether it holds several values.
    pub multiple: bool,
    /// Whether people must fill it in.
    pub mandatory: bool,
    /// Its place among others.
    pub sort: u64,
    /// Labels by language code (`vn`, `en`).
    pub labels: BTreeMap<String, String>,
    /// Options of an enumeration.
    pub list: Vec<ListItem>,
}

/// A local application that uses only the interface: it calls with tokens, which it gets when it is installed.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its code.
    pub client_id: String,
    /// Its secret key, which only the authorization server is told.
    pub client_secret: String,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Who installs it; calls are made in this user's name.
    pub user_id: u64,
    /// What it finds in every event that is meant for it.
    pub application_token: String,
    /// How long an access token lives, in seconds.
    #[serde(default = "an_hour")]
    pub access_token_for_s: u32,
}

fn an_hour() -> u32 {
    3_600
}

impl Application {
    /// An application whose access tokens live for an hour.
    pub fn new<'a>(
        client_id: &str,
        client_secret: &str,
        scopes: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        Self {
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            scopes: scopes.into_iter().map(str::to_owned).collect(),
            user_id: 1,
            application_token: format!("apptoken-{client_id}"),
            access_token_for_s: an_hour(),
        }
    }
}

/// The secrets are not shown.
impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// An option of an enumeration.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListItem {
    /// Its number, which records hold.
    pub id: u64,
    /// Its label.
    pub value: String,
    /// Whether new records get it.
    pub def: bool,
    /// A code from outside.
    pub xml_id: String,
}

impl Data {
    /// Reads data from JSON text.
    ///
    /// # Errors
    /// When the text is not of that shape; the message names the place.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// With one more webhook.
    #[must_use]
    pub fn webhook(mut self, webhook: Webhook) -> Self {
        self.webhooks.push(webhook);
        self
    }

    /// With one more application.
    #[must_use]
    pub fn application(mut self, application: Application) -> Self {
        self.applications.push(application);
        self
    }

    /// With one more company.
    #[must_use]
    pub fn company(mut self, fields: Value) -> Self {
        self.companies.extend(record(fields));
        self
    }

    /// With one more contact.
    #[must_use]
    pub fn contact(mut self, fields: Value) -> Self {
        self.contacts.extend(record(fields));
        self
    }

    /// With one more lead.
    #[must_use]
    pub fn lead(mut self, fields: Value) -> Self {
        self.leads.extend(record(fields));
        self
    }

    /// With one more deal.
    #[must_use]
    pub fn deal(mut self, fields: Value) -> Self {
        self.deals.extend(record(fields));
        self
    }

    /// With one more user.
    #[must_use]
    pub fn user(mut self, fields: Value) -> Self {
        self.users.extend(record(fields));
        self
    }

    /// With one more user field.
    #[must_use]
    pub fn user_field(mut self, field: UserField) -> Self {
        self.user_fields.push(field);
        self
    }
}

fn record(fields: Value) -> Option<Record> {
    match fields {
        Value::Object(record) => Some(record),
        _ => None,
    }
}
