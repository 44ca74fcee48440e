//! A lead or deal of CareSoft in the CRM.

mod changes;

use bitrix24::{Call, Error, Id, Order, Row};
use deskbridge_identity::{Email, Phone, phone::is_same_number};
use serde_json::{Value, json};

use super::{Place, Stop};
use crate::decide::write::{CaseKind, Fields, Person, SaveCase, SourceKey};
use changes::{changes, is_of};

/// What the hub calls itself in `ORIGINATOR_ID`; the source key is in `ORIGIN_ID`.
pub const ORIGINATOR_ID: &str = "deskbridge-caresoft";

/// The most values that may be looked for at once.
const VALUES_MAX: usize = 20;

/// The methods for one kind of record.
struct Methods {
    /// Its kind in the CRM's words.
    object: &'static str,
    add: &'static str,
    update: &'static str,
    list: &'static str,
    get: &'static str,
}

/// Deals, in the newer methods.
const DEAL: u32 = 2;
const PIPELINE: &str = "CATEGORY_ID";
const STAGE: &str = "STAGE_ID";

/// The older methods: their fields have the names that plans use, and they are as sure as the newer ones but for one
/// thing, see [`move_to_pipeline`].
fn methods(kind: CaseKind) -> Methods {
    match kind {
        CaseKind::Lead => Methods {
            object: "lead",
            add: "crm.lead.add",
            update: "crm.lead.update",
            list: "crm.lead.list",
            get: "crm.lead.get",
        },
        CaseKind::Deal => Methods {
            object: "deal",
            add: "crm.deal.add",
            update: "crm.deal.update",
            list: "crm.deal.list",
            get: "crm.deal.get",
        },
    }
}

/// What became of a record that was written before.
enum Standing {
    Found(Id, Row),
    /// It was written, and somebody deleted it.
    Deleted,
    NeverWritten,
}

impl Place {
    pub(super) async fn save_case(
        &self,
        write: &SaveCase,
        look_first: bool,
    ) -> Result<Value, Stop> {
        let Some(crm) = &self.crm else {
            return Err(Stop::not_sent(format!(
                "the CareSoft connection `{}` has no CRM in the configuration",
                write.key.connection()
            )));
        };
        let methods = methods(write.kind);
        let subject = format!("the {} of {}", methods.object, write.key);
        let (id, how) = match self.standing(crm, &methods, &write.key).await? {
            // What people took out of the CRM stays out.
            Standing::Deleted => return Err(Stop::NotWanted("deleted in the CRM")),
            Standing::Found(id, row) => {
                let mut changed = changes(&row, &write.changed);
                if row.id("CONTACT_ID").is_none()
                    && let Some(contact) = self.crm_contact(crm, write).await?
                {
                    changed.insert("CONTACT_ID".to_owned(), contact.get().into());
                }
                let how = match changed.is_empty() {
                    true => "unchanged",
                    false => {
                        update(crm, &methods, id, changed).await?;
                        "updated"
                    }
                };
                (id, how)
            }
            Standing::NeverWritten => {
                let waited_since = self.unsure.wait(&subject, look_first)?;
                let added = self.add_case(crm, &methods, write).await;
                match &added {
                    Err(Stop::Unknown(_)) => self.unsure.note(&subject, None),
                    // It did not run: nothing more has to be waited for.
                    Err(_) if waited_since.is_some() => self.unsure.note(&subject, waited_since),
                    Ok(_) | Err(_) => {}
                }
                (added?, "made")
            }
        };
        self.unsure.forget(&subject);
        self.links
            .record_crm(&write.key, methods.object, id)
            .await?;
        Ok(json!({ "id": id, "how": how }))
    }

    /// Looks for the record, always: whoever tried before may have made it.
    async fn standing(
        &self,
        crm: &bitrix24::Client,
        methods: &Methods,
        key: &SourceKey,
    ) -> Result<Standing, Stop> {
        let id = match of_origin(crm, methods, key).await? {
            Some(id) => Some(id),
            // Somebody may have changed where it came from.
            None => self.links.crm_id(key, methods.object).await?,
        };
        let Some(id) = id else {
            return Ok(Standing::NeverWritten);
        };
        match crm.call(Call::read(methods.get).param("id", id)).await {
            Ok(answer) => Ok(Standing::Found(id, answer.row()?)),
            Err(Error::NotFound { .. }) => Ok(Standing::Deleted),
            Err(error) => Err(error.into()),
        }
    }

    async fn add_case(
        &self,
        crm: &bitrix24::Client,
        methods: &Methods,
        write: &SaveCase,
    ) -> Result<Id, Stop> {
        let mut fields = write.all.clone();
        fields.insert("ORIGINATOR_ID".to_owned(), ORIGINATOR_ID.into());
        fields.insert("ORIGIN_ID".to_owned(), write.key.as_str().into());
        if !fields.contains_key("CONTACT_ID")
            && let Some(contact) = self.crm_contact(crm, write).await?
        {
            fields.insert("CONTACT_ID".to_owned(), contact.get().into());
        }
        if write.was_lead && write.kind == CaseKind::Deal {
            let lead = of_origin(crm, &self::methods(CaseKind::Lead), &write.key).await?;
            if let Some(lead) = lead {
                fields.insert("LEAD_ID".to_owned(), lead.get().into());
            }
        }
        let call = Call::write(methods.add)
            .param("fields", Value::Object(fields))
            .param("params", quietly());
        let added = crm.call(call).await?;
        let id = added.scalar().and_then(|id| id.parse().ok());
        // It ran, and the next look finds it.
        id.ok_or_else(|| {
            let why = format!("{}: the answer has no id", methods.add);
            Stop::Unknown(deskbridge_core::Failure::new(why))
        })
    }

    /// The one contact of the CRM that has a phone number or an e-mail address of the person.
    async fn crm_contact(
        &self,
        crm: &bitrix24::Client,
        write: &SaveCase,
    ) -> Result<Option<Id>, Stop> {
        let Some(person) = &write.requester else {
            return Ok(None);
        };
        for (kind, values) in self.values(person) {
            if values.is_empty() {
                continue;
            }
            let call = Call::read("crm.duplicate.findbycomm")
                .param("type", kind)
                .param("values", values.clone())
                .param("entity_type", "CONTACT");
            let ids: Vec<Id> = match crm.call(call).await?.row() {
                Ok(row) => {
                    let ids = row.list("CONTACT");
                    ids.iter().filter_map(|id| id.parse().ok()).collect()
                }
                // Nobody: an empty list stands where the map would be.
                Err(_no_map) => Vec::new(),
            };
            if let [only] = ids.as_slice()
                && self.has_one_of(crm, *only, kind, &values).await?
            {
                return Ok(Some(*only));
            }
        }
        Ok(None)
    }

    fn values(&self, person: &Person) -> [(&'static str, Vec<String>); 2] {
        let phones = person.phones.iter();
        let phones = phones.filter_map(|phone| Phone::parse(phone, self.country));
        let phones = phones.map(|phone| phone.e164().to_owned());
        let emails = person.emails.iter().filter_map(|email| Email::parse(email));
        let emails = emails.map(|email| email.as_str().to_owned());
        [
            ("PHONE", phones.take(VALUES_MAX).collect()),
            ("EMAIL", emails.take(VALUES_MAX).collect()),
        ]
    }

    /// Whether a contact is what was looked for: what is found is not believed unseen.
    async fn has_one_of(
        &self,
        crm: &bitrix24::Client,
        contact: Id,
        kind: &str,
        values: &[String],
    ) -> Result<bool, Stop> {
        let call = Call::read("crm.contact.get").param("id", contact);
        let row = crm.call(call).await?.row()?;
        let is_one = |value: &str| match kind {
            "PHONE" => values
                .iter()
                .any(|wanted| is_same_number(wanted, value, self.country)),
            _ => Email::parse(value).is_some_and(|email| {
                let mut values = values.iter();
                values.any(|wanted| wanted == email.as_str())
            }),
        };
        let rows = row.multifields(kind);
        Ok(row.id("ID") == Some(contact) && rows.iter().any(|row| is_one(&row.value)))
    }
}

/// The record that was written for a key: the oldest, where somebody copied it.
async fn of_origin(
    crm: &bitrix24::Client,
    methods: &Methods,
    key: &SourceKey,
) -> Result<Option<Id>, Stop> {
    let call = Call::read(methods.list)
        .filter("=ORIGINATOR_ID", ORIGINATOR_ID)
        .filter("=ORIGIN_ID", key.as_str())
        .select(["ID", "ORIGINATOR_ID", "ORIGIN_ID"])
        .order("ID", Order::Ascending)
        .without_count();
    let rows = crm.call(call).await?.rows()?;
    let ours = rows.iter().find(|row| is_of(row, ORIGINATOR_ID, key));
    if ours.is_none() && !rows.is_empty() {
        return Err(Stop::refused(format!(
            "{}: the portal answered with other records than those that were asked for, so it cannot be seen whether \
             {key} is there",
            methods.list
        )));
    }
    Ok(ours.and_then(|row| row.id("ID")))
}

async fn update(
    crm: &bitrix24::Client,
    methods: &Methods,
    id: Id,
    mut fields: Fields,
) -> Result<(), Stop> {
    if let Some(pipeline) = fields.remove(PIPELINE) {
        move_to_pipeline(crm, id, pipeline, fields.remove(STAGE)).await?;
    }
    if fields.is_empty() {
        return Ok(());
    }
    let call = Call::write(methods.update)
        .param("id", id)
        .param("fields", Value::Object(fields))
        .param("params", quietly());
    written(crm.call(call).await)
}

/// Moves a deal to a stage of another pipeline: the older methods ignore the pipeline of a deal that is there.
async fn move_to_pipeline(
    crm: &bitrix24::Client,
    id: Id,
    pipeline: Value,
    stage: Option<Value>,
) -> Result<(), Stop> {
    let mut fields = Fields::new();
    fields.insert("categoryId".to_owned(), pipeline);
    if let Some(stage) = stage {
        fields.insert("stageId".to_owned(), stage);
    }
    let call = Call::write("crm.item.update")
        .param("entityTypeId", DEAL)
        .param("id", id)
        .param("fields", Value::Object(fields));
    written(crm.call(call).await)
}

fn written<T>(answer: Result<T, Error>) -> Result<(), Stop> {
    match answer {
        Ok(_answer) => Ok(()),
        // It went while it was looked at.
        Err(error @ Error::NotFound { .. }) => Err(Stop::not_sent(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Nobody's feed tells of it.
fn quietly() -> Value {
    json!({ "REGISTER_SONET_EVENT": "N" })
}
