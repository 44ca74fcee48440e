//! Which record of CareSoft is which elsewhere, as the store remembers it.

use deskbridge_core::{Clock, Link, RemoteRecord};
use deskbridge_store::{Answer, Store};
use jiff::SignedDuration;
use serde_json::Value;

use super::{Stop, Target};
use crate::decide::write::{Fields, SourceKey};

/// How long it is remembered what a hook wanted of a record. One that nothing was written of for longer gets it once more.
const HOOKED_FOR: SignedDuration = SignedDuration::from_hours(24 * 400);

/// Remembers and recalls links of one CareSoft connection's records.
pub(super) struct Links {
    store: Store,
    clock: Clock,
    helpdesk: String,
    crm: Option<String>,
}

impl Links {
    pub(super) fn new(store: &Store, clock: &Clock, target: &Target) -> Self {
        Self {
            store: store.clone(),
            clock: clock.clone(),
            helpdesk: target.helpdesk.connection.clone(),
            crm: target.crm.as_ref().map(|crm| crm.connection.clone()),
        }
    }

    /// Remembers which document of the helpdesk a record is.
    pub(super) async fn record_document(
        &self,
        key: &SourceKey,
        doctype: &str,
        name: &frappe::Name,
    ) -> Result<(), Stop> {
        let other = RemoteRecord {
            connection: self.helpdesk.clone(),
            object: doctype.to_owned(),
            id: name.as_str().to_owned(),
        };
        self.record(key, other).await
    }

    /// The newest document of a type that a record was written as.
    pub(super) async fn document(
        &self,
        key: &SourceKey,
        doctype: &str,
    ) -> Result<Option<frappe::Name>, Stop> {
        let linked = self.store.linked_records(record_of(key)).await?;
        let is_one =
            |record: &&RemoteRecord| record.connection == self.helpdesk && record.object == doctype;
        let newest = linked.iter().rev().find(is_one);
        Ok(newest.map(|record| frappe::Name::from(record.id.as_str())))
    }

    /// Remembers which record of the CRM a case is.
    pub(super) async fn record_crm(
        &self,
        key: &SourceKey,
        object: &str,
        id: bitrix24::Id,
    ) -> Result<(), Stop> {
        let other = RemoteRecord {
            connection: self.crm.clone().unwrap_or_default(),
            object: object.to_owned(),
            id: id.to_string(),
        };
        self.record(key, other).await
    }

    async fn record(&self, key: &SourceKey, other: RemoteRecord) -> Result<(), Stop> {
        let link = Link {
            one: record_of(key),
            other,
        };
        let now = self.clock.now();
        Ok(self.store.record_links(vec![link], now).await?)
    }

    /// The id of the newest record of the CRM that a case was written as.
    pub(super) async fn crm_id(
        &self,
        key: &SourceKey,
        object: &str,
    ) -> Result<Option<bitrix24::Id>, Stop> {
        let linked = self.store.linked_records(record_of(key)).await?;
        let of_crm = |record: &&RemoteRecord| {
            Some(&record.connection) == self.crm.as_ref() && record.object == object
        };
        let newest = linked.iter().rev().find(of_crm);
        Ok(newest.and_then(|record| record.id.parse().ok()))
    }

    /// Those fields of a record's document that were as a hook wanted them when it was written last.
    pub(super) async fn hooked_fields(&self, key: &SourceKey) -> Result<Fields, Stop> {
        let kept = self
            .store
            .remembered_answer(self.hooked_key(key), self.clock.now());
        let kept = kept.await?;
        Ok(kept
            .and_then(|kept| serde_json::from_slice(&kept.body).ok())
            .unwrap_or_default())
    }

    /// Remembers them.
    pub(super) async fn record_hooked_fields(
        &self,
        key: &SourceKey,
        fields: &Fields,
    ) -> Result<(), Stop> {
        let now = self.clock.now();
        let keep_until = now.saturating_add(HOOKED_FOR).unwrap_or(now);
        let kept = Answer {
            body: serde_json::to_vec(fields).unwrap_or_default(),
            fetched_at: now,
            fresh_until: keep_until,
            keep_until,
        };
        Ok(self
            .store
            .remember_answer(self.hooked_key(key), kept)
            .await?)
    }

    fn hooked_key(&self, key: &SourceKey) -> String {
        format!("hooks/fields/{}/{}", self.helpdesk, key.as_str())
    }

    /// What is known of a record; null where nothing is.
    pub(super) async fn facts(&self, key: &SourceKey) -> Result<Value, Stop> {
        let mut known = self.all_facts(std::slice::from_ref(key)).await?;
        Ok(known.pop().unwrap_or_default())
    }

    /// What is known of each of some records, in their order.
    pub(super) async fn all_facts(&self, keys: &[SourceKey]) -> Result<Vec<Value>, Stop> {
        let known = self.store.known(keys.iter().map(record_of).collect());
        let known = known.await?.into_iter();
        Ok(known.map(|known| known.facts).collect())
    }

    /// The keys of the CareSoft records that a user or organisation is linked with.
    pub(super) async fn referring(&self, key: &SourceKey) -> Result<Vec<RemoteRecord>, Stop> {
        let mut linked = self.store.linked_records(record_of(key)).await?;
        linked.retain(|record| record.connection == key.connection());
        Ok(linked)
    }
}

/// The record that a key names.
pub(super) fn record_of(key: &SourceKey) -> RemoteRecord {
    let mut parts = key.as_str().splitn(3, ':');
    let mut part = || parts.next().unwrap_or_default().to_owned();
    RemoteRecord {
        connection: part(),
        object: part(),
        id: part(),
    }
}

/// The key of a record.
pub(super) fn key_of(record: &RemoteRecord) -> SourceKey {
    SourceKey::new(&record.connection, &record.object, &record.id)
}
