//! Carrying out what was planned for the helpdesk.
//!
//! Every write can be carried out twice without harm: updates set values, snapshots and customers are looked
//! for before they are made.

use std::{collections::BTreeMap, sync::Arc};

use deskbridge_core::{Chain, Effect, Failure, Outcome};
use deskbridge_journal::Handler;
use frappe::{Cause, Document, Filter, List, Name, Verdict};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value, json};

use crate::{
    customers::Customers,
    decide::enrich::{Snapshot, Write},
};

/// The DocType of snapshots.
const SNAPSHOT: &str = "HD Customer Data";

/// Handlers for all kinds of effects that the profile plans.
pub fn handlers(hub: &frappe::Client) -> BTreeMap<&'static str, Arc<dyn Handler>> {
    let writer = Arc::new(HelpdeskWriter {
        customers: Customers::new(hub.clone()),
        hub: hub.clone(),
    });
    Write::KINDS
        .into_iter()
        .map(|kind| (kind, Arc::clone(&writer) as Arc<dyn Handler>))
        .collect()
}

struct HelpdeskWriter {
    hub: frappe::Client,
    customers: Customers,
}

impl Handler for HelpdeskWriter {
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(async move {
            match serde_json::from_value::<Write>(effect.intent.payload.clone()) {
                Ok(write) => self.carry_out(write).await,
                Err(error) => Outcome::Refused(Failure::new(format!(
                    "the stored effect cannot be read: {error}"
                ))),
            }
        })
    }
}

impl HelpdeskWriter {
    async fn carry_out(&self, write: Write) -> Outcome<Value> {
        match write {
            Write::UpdateDocument {
                doctype,
                name,
                fields,
            } => {
                let fields = Document::from(fields);
                done(
                    self.hub.update(&doctype, &Name::from(name), &fields).await,
                    |_| json!({}),
                )
            }
            Write::SaveSnapshot(snapshot) => self.save_snapshot(&snapshot).await,
            Write::EnsureCustomer {
                orgid,
                bitrix_company_id,
                fields,
            } => {
                self.ensure_customer(&orgid, bitrix_company_id.as_deref(), fields)
                    .await
            }
        }
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Outcome<Value> {
        let same = List::new()
            .fields(["name"])
            .filter(Filter::eq("hd_customer", &*snapshot.hd_customer))
            .filter(Filter::eq("source", "bitrix"))
            .filter(Filter::eq("entity_type", &*snapshot.entity_type))
            .filter(Filter::eq("external_id", &*snapshot.external_id))
            .limit(1);
        let found = match self.hub.list(SNAPSHOT, &same).await {
            Ok(found) => found,
            Err(error) => return before_writing(&error),
        };
        let fields = snapshot_fields(snapshot);
        match found.first().and_then(Document::name) {
            Some(name) => done(self.hub.update(SNAPSHOT, &name, &fields).await, |_| {
                json!({})
            }),
            None => match self.hub.insert(SNAPSHOT, &fields).await {
                // Its name says what it is a copy of: another customer had this record, and it has moved.
                frappe::Outcome::Refused(frappe::Error {
                    cause: Cause::Duplicate { .. },
                    ..
                }) => {
                    let name = format!("BTRX-{}-{}", snapshot.entity_type, snapshot.external_id);
                    done(
                        self.hub.update(SNAPSHOT, &Name::from(name), &fields).await,
                        |_| json!({}),
                    )
                }
                outcome => done(outcome, |_| json!({})),
            },
        }
    }

    /// Looks for the customer first, always: whoever asked before may have made it.
    async fn ensure_customer(
        &self,
        orgid: &str,
        bitrix_company_id: Option<&str>,
        fields: Map<String, Value>,
    ) -> Outcome<Value> {
        match self.find_customer(orgid, bitrix_company_id).await {
            Ok(Some(name)) => return Outcome::Done(json!({ "name": name, "created": false })),
            Ok(None) => {}
            Err(error) => return before_writing(&error),
        }
        let fields = Document::from(fields);
        match self.hub.insert("HD Customer", &fields).await {
            frappe::Outcome::Refused(frappe::Error {
                cause: Cause::Duplicate { .. },
                ..
            }) => self.adopt(orgid, &fields).await,
            outcome => done(
                outcome,
                |customer| json!({ "name": customer.to_text("name"), "created": true }),
            ),
        }
    }

    async fn find_customer(
        &self,
        orgid: &str,
        bitrix_company_id: Option<&str>,
    ) -> Result<Option<String>, frappe::Error> {
        if let Some(name) = self.customers.of_orgid(orgid).await? {
            return Ok(Some(name));
        }
        match bitrix_company_id {
            Some(id) => self.customers.of_bitrix_company(id).await,
            None => Ok(None),
        }
    }

    /// Takes over the customer that has the name already. The name ends in the id, so it is the same shop,
    /// entered by hand.
    async fn adopt(&self, orgid: &str, fields: &Document) -> Outcome<Value> {
        let name = Name::from(fields.to_text("customer_name").unwrap_or_default());
        let standing = match self.hub.get("HD Customer", &name).await {
            Ok(standing) => standing,
            Err(error) => return before_writing(&error),
        };
        let other = standing
            .to_text("custom_haravan_orgid")
            .filter(|id| id != "0" && !id.is_empty());
        if other.as_deref().is_some_and(|other| other != orgid) {
            return Outcome::Refused(Failure::new(format!(
                "HD Customer {name} exists and has another org id"
            )));
        }
        let mut missing = Document::new();
        for (field, value) in fields.fields() {
            let stands = standing
                .to_text(field)
                .is_some_and(|text| !text.is_empty() && text != "0");
            if field != "customer_name" && !stands {
                missing.set(field, value.clone());
            }
        }
        let Some(name) = standing.name() else {
            return Outcome::Refused(Failure::new(format!(
                "HD Customer {name} came without a name"
            )));
        };
        let update = self.hub.update("HD Customer", &name, &missing).await;
        done(update, |_| json!({ "name": name, "created": false }))
    }
}

fn snapshot_fields(snapshot: &Snapshot) -> Document {
    Document::new()
        .with("hd_customer", &*snapshot.hd_customer)
        .with("contact", snapshot.contact.clone())
        .with("source", "bitrix")
        .with("entity_type", &*snapshot.entity_type)
        .with("external_id", &*snapshot.external_id)
        .with("external_url", snapshot.external_url.clone())
        .with("match_key", &*snapshot.match_key.0)
        .with("confidence", snapshot.confidence.0)
        .with("last_synced_at", &*snapshot.last_synced_at)
        .with("summary_json", &*snapshot.summary_json)
}

/// What became of a write, in the journal's words.
fn done<T>(outcome: frappe::Outcome<T>, result: impl FnOnce(T) -> Value) -> Outcome<Value> {
    match outcome {
        frappe::Outcome::Done(value) => Outcome::Done(result(value)),
        frappe::Outcome::Refused(error) => refused(&error),
        frappe::Outcome::NotSent(error) => Outcome::NotSent(failure(&error)),
        frappe::Outcome::Unknown(error) => Outcome::Unknown(failure(&error)),
    }
}

/// A question that failed before anything was written.
fn before_writing(error: &frappe::Error) -> Outcome<Value> {
    match error.verdict() {
        Verdict::Never => refused(error),
        Verdict::RetryAfter(_) | Verdict::LookFirst => Outcome::NotSent(failure(error)),
    }
}

/// A wrong key is mended by an administrator and not by giving the write up.
fn refused(error: &frappe::Error) -> Outcome<Value> {
    match error.cause {
        Cause::WrongKey => Outcome::NotSent(failure(error)),
        _ => Outcome::Refused(failure(error)),
    }
}

fn failure(error: &frappe::Error) -> Failure {
    let retry_after = match error.verdict() {
        Verdict::RetryAfter(after) => after,
        Verdict::Never | Verdict::LookFirst => None,
    };
    Failure::new(Chain(error).to_string()).after(retry_after)
}
