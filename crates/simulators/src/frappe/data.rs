//! What a site starts with: the DocTypes and stock documents of a fresh installation, and then the data
//! that a test, a file or the sample brings along.

mod dump;
mod standard;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::civil;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    cell::{self, Kind},
    checks, customise,
    document::{self, Document},
    helpdesk::contact,
    meta::{DocType, Naming},
    random::Random,
    scripts::Hooks,
    store::{Clash, Store},
    transaction::{Blobs, Transaction, User},
    users,
    versions::Versions,
};

pub(crate) use dump::dump;

/// Everything that a site holds, in the form of a file.
///
/// ```json
/// {
///   "users": [{"email": "an@helpdesk.example", "full_name": "An Trần", "roles": ["Agent"],
///              "api_key": "an-key", "api_secret": "an-secret", "password": "an-password"}],
///   "documents": [{"doctype": "HD Customer", "name": "Trà Núi Mây", "customer_name": "Trà Núi Mây"}],
///   "secrets": [{"doctype": "Helpdesk Integrations Settings", "name": "Helpdesk Integrations Settings",
///                "fieldname": "bitrix_webhook_url", "value": "https://portal.example/rest/1/abc/"}]
/// }
/// ```
///
/// Documents are taken as they would be stored: no rights are asked for and nothing is derived except what
/// is missing (names, times, a contact's primary address, a ticket's status category). DocTypes, custom
/// fields and property setters may stand anywhere; they are read first.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Users in short form; each gets a contact.
    #[serde(default)]
    pub users: Vec<Account>,
    /// Documents with their `doctype`; singles too.
    #[serde(default)]
    pub documents: Vec<Map<String, Value>>,
    /// What Password fields hold, and users' passwords (field `password`).
    #[serde(default)]
    pub secrets: Vec<Secret>,
}

/// A user in short form.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The address, which is the user's name too.
    pub email: String,
    /// First name, or the whole name.
    pub full_name: String,
    /// Roles, such as `Agent`.
    #[serde(default)]
    pub roles: Vec<String>,
    /// Whether the user may log in.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The public half of the key pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<String>,
    /// The secret half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_secret: Option<String>,
    /// The password for `/api/method/login`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Account({} {:?})", self.email, self.roles)
    }
}

fn yes() -> bool {
    true
}

/// A secret and where it lies.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// DocType of the document.
    pub doctype: String,
    /// Name of the document.
    pub name: String,
    /// Field of the document.
    pub fieldname: String,
    /// The secret itself, of a system that exists nowhere.
    pub value: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Secret({} {} {})",
            self.doctype, self.name, self.fieldname
        )
    }
}

/// Why data cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text is no data file.
    #[error("data file is not in the expected form")]
    Parse(#[source] serde_json::Error),
    /// A document without `doctype`.
    #[error("document {position} has no doctype")]
    NoDocType {
        /// Counts from 1.
        position: usize,
    },
    /// A document of a DocType that the site does not have.
    #[error("document {position} is of the DocType {doctype:?}, which the site does not have")]
    UnknownDocType {
        /// Counts from 1.
        position: usize,
        /// As written.
        doctype: String,
    },
    /// A field that the DocType does not have, which a site would drop in silence.
    #[error("{doctype} {name:?} has the field {field:?}, which the DocType does not have")]
    UnknownField {
        /// The document's DocType.
        doctype: String,
        /// The document's name.
        name: String,
        /// As written.
        field: String,
    },
    /// A date or a number that the database does not take.
    #[error("{doctype} {name:?}: {value:?} in {field:?} is nothing that the database takes")]
    Value {
        /// The document's DocType.
        doctype: String,
        /// The document's name.
        name: String,
        /// The field.
        field: String,
        /// As written.
        value: String,
    },
    /// Two documents with one name or one unique value.
    #[error("{doctype} {name:?} is there twice, or shares a unique value")]
    Clash {
        /// The document's DocType.
        doctype: String,
        /// The document's name.
        name: String,
    },
}

/// An error with its source, in one line.
pub(crate) fn explain(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl Data {
    /// Reads a data file.
    ///
    /// # Errors
    /// When the bytes are not JSON in the form above.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(Error::Parse)
    }
}

/// Builds the database of a site.
pub(crate) fn load(
    data: &Data,
    versions: Versions,
    zone: &str,
    now: civil::DateTime,
    random: &mut Random,
) -> Result<Store, Error> {
    let mut store = installed(versions)?;
    with_loader(&mut store, versions, now, random, |loader| {
        for document in standard::documents(zone) {
            loader.put(0, &document)?;
        }
        loader.put_data(data)
    })?;
    store.commit();
    Ok(store)
}

/// The DocTypes that every site has. They are the same for all sites of a release, so that they are put
/// together once in a process.
fn installed(versions: Versions) -> Result<Store, Error> {
    static INSTALLED: Mutex<Vec<(Versions, Store)>> = Mutex::new(Vec::new());
    let mut known = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, store)) = known.iter().find(|(of, _)| *of == versions) {
        return Ok(store.clone());
    }
    let mut store = Store::default();
    let released = civil::datetime(2026, 1, 1, 0, 0, 0, 0);
    let mut random = Random::seeded(0xd0c);
    with_loader(&mut store, versions, released, &mut random, |loader| {
        loader.install(versions)
    })?;
    store.commit();
    known.push((versions, store.clone()));
    Ok(store)
}

fn with_loader(
    store: &mut Store,
    versions: Versions,
    now: civil::DateTime,
    random: &mut Random,
    act: impl FnOnce(&mut Loader<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut blobs, hooks) = (Blobs::new(), Hooks::default());
    act(&mut Loader {
        transaction: Transaction {
            store,
            blobs: &mut blobs,
            random,
            hooks: &hooks,
            versions: &versions,
            runs_scripts: false,
            user: User {
                name: "Administrator".into(),
                roles: Vec::new(),
            },
            now,
            messages: Vec::new(),
            is_trusted: true,
        },
        redefined: BTreeSet::new(),
    })
}

struct Loader<'a> {
    transaction: Transaction<'a>,
    /// The DocTypes whose definition changed since they were last put together.
    redefined: BTreeSet<String>,
}

impl Loader<'_> {
    /// Creates the DocTypes that every site has.
    fn install(&mut self, versions: Versions) -> Result<(), Error> {
        let definitions = standard::doctypes(versions).map_err(Error::Parse)?;
        for definition in &definitions {
            let doctype = DocType::parse(definition.clone(), None);
            self.transaction.store.put_doctype(doctype);
        }
        for definition in &definitions {
            self.put(0, definition)?;
        }
        self.redefine();
        Ok(())
    }

    fn redefine(&mut self) {
        for doctype in std::mem::take(&mut self.redefined) {
            customise::rebuild_in(self.transaction.store, &doctype);
        }
    }

    fn put_data(&mut self, data: &Data) -> Result<(), Error> {
        let is_definition = |document: &Map<String, Value>| {
            matches!(
                doctype_of(document),
                "DocType" | "Custom Field" | "Property Setter"
            )
        };
        let documents = || (1..).zip(&data.documents);
        for (position, document) in documents().filter(|(_, document)| is_definition(document)) {
            self.put(position, document)?;
        }
        self.redefine();
        for account in &data.users {
            self.put_account(account)?;
        }
        for (position, document) in documents().filter(|(_, document)| !is_definition(document)) {
            self.put(position, document)?;
        }
        for secret in &data.secrets {
            let path = (
                secret.doctype.as_str().into(),
                secret.name.as_str().into(),
                secret.fieldname.as_str().into(),
            );
            self.transaction.store.put_secret(path, Some(&secret.value));
        }
        Ok(())
    }

    fn put_account(&mut self, account: &Account) -> Result<(), Error> {
        let roles: Vec<Value> = account
            .roles
            .iter()
            .map(|role| json!({"role": role}))
            .collect();
        let user_type = match account.roles.is_empty() {
            true => "Website User",
            false => "System User",
        };
        let user = json!({
            "doctype": "User",
            "name": account.email,
            "email": account.email,
            "first_name": account.full_name,
            "full_name": account.full_name,
            "username": account.full_name.to_lowercase().replace(' ', "_"),
            "enabled": i64::from(account.enabled),
            "api_key": account.api_key,
            "api_secret": account.api_secret.as_ref().map(|_| "***************"),
            "user_type": user_type,
            "time_zone": self.transaction.setting("System Settings", "time_zone"),
            "send_welcome_email": 0,
            "roles": roles,
            "social_logins": [{"provider": "frappe", "userid": self.transaction.random.hex(39)}],
        });
        let contact = json!({
            "doctype": "Contact",
            "first_name": account.full_name,
            "user": account.email,
            "email_ids": [{"email_id": account.email, "is_primary": 1}],
        });
        for document in [user, contact] {
            if let Value::Object(document) = document {
                self.put(0, &document)?;
            }
        }
        let user = account.email.as_str();
        let key_path = ("User".into(), user.into(), "api_secret".into());
        for (path, secret) in [
            (key_path, &account.api_secret),
            (users::password_path(user), &account.password),
        ] {
            if let Some(secret) = secret {
                self.transaction.store.put_secret(path, Some(secret));
            }
        }
        Ok(())
    }

    /// Stores a document as it is; one of the same name is replaced.
    fn put(&mut self, position: usize, sent: &Map<String, Value>) -> Result<(), Error> {
        let doctype = doctype_of(sent);
        if doctype.is_empty() {
            return Err(Error::NoDocType { position });
        }
        let Some(meta) = self.transaction.store.doctype(doctype).cloned() else {
            return Err(Error::UnknownDocType {
                position,
                doctype: doctype.to_owned(),
            });
        };
        let mut document = Document::new(&meta);
        document.name = sent.get("name").map(cell::text).unwrap_or_default();
        refuse_unknown(&meta, &document.name, sent)?;
        document.update(sent, self.transaction.store);
        for (key, value) in sent.iter().filter(|(key, _)| key.starts_with('_')) {
            document.set(key, value.clone());
        }
        keep_row_names(&mut document, sent);
        self.count_names(&mut document);
        self.derive(&mut document);
        let fresh = document.values.clone();
        checks::set_defaults(&mut document, &self.transaction);
        document::stamp(&mut document, "Administrator", &self.transaction.now_text());
        for kept in ["owner", "creation", "modified", "modified_by"] {
            if let Some(value) = fresh.get(kept) {
                document.set(kept, value.clone());
            }
        }
        if !fresh.contains_key("modified") {
            document.set("modified", document.get("creation").clone());
        }
        // A single that was only ever saved was never created (observed).
        if meta.is_single && !fresh.contains_key("creation") {
            document.set("creation", Value::Null);
        }
        for counter in ["docstatus", "idx"] {
            if document.get(counter).is_null() {
                document.set(counter, 0);
            }
        }
        if doctype == "DocType" && position == 0 {
            forget_defaults(&mut document);
        }
        if document.name.is_empty() {
            document.name = self.name_of(&document);
        }
        self.transaction.adopt_rows(&mut document);
        self.store(&document)?;
        let redefined = match doctype {
            "DocType" => document.name.clone(),
            "Custom Field" => document.text("dt"),
            "Property Setter" => document.text("doc_type"),
            _ => return Ok(()),
        };
        self.redefined.insert(redefined);
        Ok(())
    }

    /// Where documents are counted, `0001` is 1, in names and in links.
    fn count_names(&self, document: &mut Document) {
        let counted = |name: &str| name.parse::<u64>().ok().map(|number| number.to_string());
        if document.meta.has_integer_names() {
            document.name = counted(&document.name).unwrap_or_default();
        }
        let meta = Arc::clone(&document.meta);
        for field in &meta.fields {
            let target = match field.kind {
                Kind::Link => field.options.to_string(),
                Kind::DynamicLink => document.text(&field.options),
                _ => continue,
            };
            let target = self.transaction.store.doctype(&target);
            if target.is_some_and(|target| target.has_integer_names()) {
                let name = counted(&document.text(&field.name));
                document.set(&field.name, name.map_or(Value::Null, Value::from));
            }
        }
    }

    /// Fills in what a stored document of this kind always has.
    fn derive(&mut self, document: &mut Document) {
        match &*document.meta.name {
            // Two primary rows stay what they are: this is how things are stored, not how they are checked.
            "Contact" if !document.has("email_id") => {
                drop(contact::validate(&mut self.transaction, document));
                self.transaction.messages.clear();
            }
            "HD Ticket" => {
                if !document.has("status") {
                    document.set("status", "Open");
                }
                if !document.has("status_category") {
                    let status = document.text("status");
                    let category = self
                        .transaction
                        .value("HD Ticket Status", &status, "category");
                    document.set("status_category", category);
                }
                if !document.has("priority") {
                    document.set("priority", "Medium");
                }
                if !document.has("key") {
                    document.set("key", self.transaction.random.uuid());
                }
            }
            _ => {}
        }
    }

    fn name_of(&mut self, document: &Document) -> String {
        match &document.meta.naming {
            Naming::Field(field) => document.text(field),
            Naming::Format(format) => super::life::filled(format, document),
            _ if document.meta.is_single => document.meta.name.to_string(),
            Naming::Controller if &*document.meta.name == "Contact" => {
                contact::new_name(&mut self.transaction, document)
            }
            Naming::Controller if &*document.meta.name == "Custom Field" => {
                customise::field_name(document)
            }
            Naming::Controller if &*document.meta.name == "Property Setter" => {
                customise::setter_name(document)
            }
            Naming::Controller if &*document.meta.name == "User" => document.text("email"),
            Naming::Series(digits) => {
                let number = self.transaction.store.next_in_series("");
                let digits = *digits;
                format!("{number:0digits$}")
            }
            Naming::Autoincrement => {
                let number = self.transaction.store.next_in_series(&document.meta.name);
                number.to_string()
            }
            _ => self.transaction.random.name(),
        }
    }

    fn store(&mut self, document: &Document) -> Result<(), Error> {
        let doctype = document.meta.name.clone();
        let row = document.row().map_err(|refused| Error::Value {
            doctype: doctype.to_string(),
            name: document.name.clone(),
            field: refused.column,
            value: refused.value,
        })?;
        if document.meta.is_single {
            self.transaction.store.put_single(&doctype, row);
            return Ok(());
        }
        let series = match document.meta.naming {
            Naming::Series(_) => Some(""),
            Naming::Autoincrement => Some(&*doctype),
            _ => None,
        };
        if let (Some(series), Ok(number)) = (series, document.name.parse()) {
            self.transaction.store.raise_series(series, number);
        }
        match self.transaction.store.replace(&doctype, row) {
            Ok(()) => Ok(()),
            Err(Clash::Name | Clash::Field(_)) => Err(Error::Clash {
                doctype: doctype.to_string(),
                name: document.name.clone(),
            }),
        }
    }
}

/// The DocTypes that come with the apps leave empty what new ones fill with their defaults (observed).
fn forget_defaults(doctype: &mut Document) {
    for field in doctype.tables.get_mut("fields").into_iter().flatten() {
        field.set("precision", Value::Null);
    }
    if !doctype.has("document_type") {
        doctype.set("document_type", Value::Null);
    }
}

/// Rows of a stored document have names.
fn keep_row_names(document: &mut Document, sent: &Map<String, Value>) {
    for (field, rows) in &mut document.tables {
        let sent = sent.get(field).and_then(Value::as_array);
        for (row, sent) in rows.iter_mut().zip(sent.into_iter().flatten()) {
            row.name = sent.get("name").map(cell::text).unwrap_or_default();
        }
    }
}

fn doctype_of(document: &Map<String, Value>) -> &str {
    document
        .get("doctype")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn refuse_unknown(meta: &DocType, name: &str, sent: &Map<String, Value>) -> Result<(), Error> {
    let known =
        |key: &str| key == "doctype" || meta.column(key).is_some() || meta.field(key).is_some();
    match sent.keys().find(|key| !known(key)) {
        None => Ok(()),
        Some(field) => Err(Error::UnknownField {
            doctype: meta.name.to_string(),
            name: name.to_owned(),
            field: field.clone(),
        }),
    }
}
