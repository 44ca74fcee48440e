//! What there is in the helpdesk, read and never written.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use deskbridge_profile::live::SETTINGS_DOCTYPE;
use frappe::{Cause, Client, Document, Error, Filter, List, Meta, Name, Op};
use secrecy::ExposeSecret as _;

use super::{Helpdesk, trouble::explain};
use crate::helpdesk::{
    Fields, Key,
    plan::{Current, FieldThere},
    wanted::{EXTENDED, HUB_URL, OWN, SERVER_SCRIPTS, SHARED_SECRET, Wanted},
};

/// Stands for a secret that is there.
const SET: &str = "(set)";

impl Helpdesk {
    /// Everything that the plan needs to know.
    pub(super) async fn look(&self, wanted: &Wanted) -> anyhow::Result<Current> {
        self.greet().await?;
        let mut current = Current::default();
        for doctype in EXTENDED.into_iter().chain(OWN) {
            match self.client.meta(doctype).await {
                Ok(meta) => drop(
                    current
                        .doctypes
                        .insert(doctype.to_owned(), fields_there(&meta)),
                ),
                Err(Error {
                    cause: Cause::MissingDocType,
                    ..
                }) if OWN.contains(&doctype) => {}
                Err(Error {
                    cause: Cause::MissingDocType,
                    ..
                }) => bail!(
                    "{} has no DocType {doctype}; is Helpdesk installed there?",
                    self.site()
                ),
                Err(error) => return Err(explain(self.site(), &error)),
            }
        }
        let doctypes: Vec<&str> = EXTENDED.into_iter().chain(OWN).collect();
        let of_them = |field: &str| Filter::new(field, Op::In, doctypes.clone());
        self.gather(&mut current, "Custom Field", of_them("dt"))
            .await?;
        self.gather(&mut current, "Property Setter", of_them("doc_type"))
            .await?;
        for (key, _) in &wanted.scripts {
            if key.doctype != "Server Script" {
                let by_name = Filter::eq("name", key.name.as_str());
                self.gather(&mut current, &key.doctype, by_name).await?;
            }
        }
        if !wanted.methods.is_empty() {
            self.look_at_server_scripts(wanted, &mut current).await?;
        }
        if current.doctypes.contains_key(SETTINGS_DOCTYPE) {
            self.look_at_settings(&mut current).await?;
        }
        Ok(current)
    }

    /// Makes sure that this is a helpdesk that the program knows how to extend.
    async fn greet(&self) -> anyhow::Result<()> {
        let site = self.site();
        let versions = match self.client.versions().await {
            Ok(versions) => versions,
            Err(Error {
                cause: Cause::NoRight { .. },
                ..
            }) => bail!("{site} does not know the API key's user; is the key pair complete?"),
            Err(error) => return Err(explain(site, &error)),
        };
        let Some(helpdesk) = versions.text("helpdesk") else {
            bail!("{site} is a Frappe site without Helpdesk; install the app there first");
        };
        match self.client.meta("HD Form Script").await {
            Ok(_) => Ok(()),
            Err(Error {
                cause: Cause::MissingDocType,
                ..
            }) => bail!(
                "Helpdesk {helpdesk} on {site} is too old: it has no HD Form Script, by which the button comes onto \
                 a ticket; upgrade Helpdesk"
            ),
            Err(error) => Err(explain(site, &error)),
        }
    }

    /// Adds the documents that a filter finds.
    async fn gather(
        &self,
        current: &mut Current,
        doctype: &str,
        filter: Filter,
    ) -> anyhow::Result<()> {
        let found = self.list(doctype, filter).await;
        let found = found.map_err(|error| explain(self.site(), &error))?;
        for document in found {
            if let Some(name) = document.name() {
                let key = Key::new(doctype, name.into_string());
                current.documents.insert(key, document.fields().clone());
            }
        }
        Ok(())
    }

    async fn list(&self, doctype: &str, filter: Filter) -> Result<Vec<Document>, Error> {
        let all = List::new().fields(["*"]).filter(filter).limit(0);
        self.client.list(doctype, &all).await
    }

    /// Whether there are Server Scripts by our names. Only who may look at them can be told.
    pub(super) async fn has_server_scripts(&self) -> bool {
        let ours = Filter::new("name", Op::Like, format!("{SERVER_SCRIPTS}%"));
        let found = self.list("Server Script", ours).await;
        found.is_ok_and(|found| !found.is_empty())
    }

    /// The scripts by our names, and those of others that answer to our methods.
    async fn look_at_server_scripts(
        &self,
        wanted: &Wanted,
        current: &mut Current,
    ) -> anyhow::Result<()> {
        let api = Filter::eq("script_type", "API");
        let found = self.list("Server Script", api).await;
        let found = found.map_err(|error| explain(self.site(), &error))?;
        for document in found {
            let Some(name) = document.name() else {
                continue;
            };
            let key = Key::new("Server Script", name.into_string());
            let is_ours = wanted.scripts.iter().any(|(wanted, _)| *wanted == key);
            let method = document.text("api_method").unwrap_or_default();
            let is_rival = wanted.methods.contains(&method) && !document.check("disabled");
            if is_rival && !is_ours {
                current.rivals.push((key.clone(), method.to_owned()));
            }
            if is_rival || is_ours {
                current.documents.insert(key, document.fields().clone());
            }
        }
        Ok(())
    }

    /// Of the settings no more than what Server Scripts need, and no secret.
    async fn look_at_settings(&self, current: &mut Current) -> anyhow::Result<()> {
        let name = Name::new(SETTINGS_DOCTYPE);
        let document = self.client.get(SETTINGS_DOCTYPE, &name).await;
        let document = document.map_err(|error| explain(self.site(), &error))?;
        let mut kept = Fields::new();
        if let Some(url) = document.get(HUB_URL) {
            kept.insert(HUB_URL.to_owned(), url.clone());
        }
        if document.trimmed(SHARED_SECRET).is_some() {
            kept.insert(SHARED_SECRET.to_owned(), SET.into());
            current.has_secret = self.holds_our_secret(&name).await?;
        }
        let key = Key::new(SETTINGS_DOCTYPE, SETTINGS_DOCTYPE);
        current.documents.insert(key, kept);
        Ok(())
    }

    /// Whether the settings hold this very shared secret.
    pub(super) async fn holds_our_secret(&self, name: &Name) -> anyhow::Result<bool> {
        let Some(ours) = &self.shared_secret else {
            return Ok(false);
        };
        let theirs = self
            .client
            .get_password(SETTINGS_DOCTYPE, name, SHARED_SECRET)
            .await;
        match theirs {
            Ok(theirs) => Ok(theirs.expose_secret() == ours.expose()),
            Err(Error {
                cause: Cause::Missing { .. },
                ..
            }) => Ok(false),
            Err(error) => Err(explain(self.site(), &error)),
        }
    }

    /// A document as it is now, with the fields that are null; `None` when there is none.
    pub(super) async fn read(&self, key: &Key) -> anyhow::Result<Option<Fields>> {
        read(&self.client, key)
            .await
            .map_err(|error| explain(self.site(), &error))
            .with_context(|| format!("looking at {key}"))
    }
}

async fn read(client: &Client, key: &Key) -> Result<Option<Fields>, Error> {
    match client.get(&key.doctype, &Name::new(&*key.name)).await {
        Ok(document) => Ok(Some(document.fields().clone())),
        // A DocType that is missing has no documents.
        Err(Error {
            cause: Cause::Missing { .. } | Cause::MissingDocType,
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn fields_there(meta: &Meta) -> BTreeMap<String, FieldThere> {
    let fields = meta.fields.iter().map(|field| {
        let there = FieldThere {
            fieldtype: field.fieldtype.clone(),
            label: field.label.clone().unwrap_or_default(),
        };
        (field.name.clone(), there)
    });
    fields.collect()
}
