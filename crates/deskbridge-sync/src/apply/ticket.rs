//! A ticket of CareSoft as an `HD Ticket`.

mod assignment;

use frappe::{Cause, Document, Filter, Name, SiteTime, text};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use super::{
    KEY_FIELD, Place, Stop,
    fields::{differing, fitted},
    helpdesk::name_of,
    links::{key_of, record_of},
    person::Requester,
};
use crate::decide::write::{Fields, SaveTicket, SourceKey};
use assignment::{assigned, steps};

pub(super) const TICKET: &str = "HD Ticket";

/// What is read of a ticket that stands, so that it can be decided what is missing.
pub(super) const STANDING: [&str; 5] = ["status", "contact", "customer", "raised_by", "_assign"];

/// Fields whose values are documents that somebody must have made.
const CHOICES: [(&str, &str); 4] = [
    ("status", "HD Ticket Status"),
    ("priority", "HD Ticket Priority"),
    ("ticket_type", "HD Ticket Type"),
    ("agent_group", "HD Team"),
];

/// What has a way of its own: a status is ignored by an insert, and a description becomes a message of the hub's.
const APART: [&str; 3] = ["status", "description", KEY_FIELD];

impl Place {
    pub(super) async fn save_ticket(&self, write: &SaveTicket) -> Result<Value, Stop> {
        let helpdesk = &self.helpdesk;
        let (user, phone) = (write.requester.as_ref(), write.requester_phone.as_deref());
        let found = helpdesk.find(TICKET, &write.key, &STANDING).await?;
        let is_new = found.is_none();
        if is_new {
            self.never_written(TICKET, &write.key).await?;
        }
        let status = match &write.status {
            Some(status) if is_new || status.has_changed => {
                Some(helpdesk.choice("HD Ticket Status", &status.name).await?)
            }
            _ => None,
        };
        let is_former = match &found {
            Some(standing) if write.requester_has_changed => {
                self.is_of_former_requester(write, standing).await?
            }
            _ => false,
        };
        let requester = match &found {
            Some(standing) if !is_former && !lacks_people(standing, &self.raised_by) => None,
            _ => self.requester(user, phone).await?,
        };
        let (standing, mut changes) = match found {
            Some(standing) => {
                let wanted = self.ticket_fields(&write.changed).await?;
                let changes = match wanted.is_empty() {
                    true => Document::new(),
                    false => {
                        let whole = helpdesk.client.get(TICKET, &name_of(&standing)?).await?;
                        differing(&whole, &wanted)
                    }
                };
                (standing, changes)
            }
            None => (
                self.insert_ticket(write, requester.as_ref()).await?,
                Document::new(),
            ),
        };
        let name = name_of(&standing)?;
        // Whoever came while it was inserted found no ticket to join.
        let requester = match requester {
            Some(Requester {
                customer: Some(_), ..
            }) => requester,
            _ if is_new => self.requester(user, phone).await?,
            _ => requester,
        };
        let nobody = &self.raised_by;
        match is_former {
            true => give(&mut changes, requester.as_ref(), nobody),
            false => join(&mut changes, &standing, requester.as_ref(), nobody),
        }
        if let Some(status) = status
            && standing.text("status") != Some(status.as_str())
        {
            changes.set("status", status);
        }
        helpdesk.change(TICKET, &name, &changes).await?;
        self.links
            .record_document(&write.key, TICKET, &name)
            .await?;
        if let Some(assignment) = &write.assignment
            && (is_new || assignment.has_changed)
        {
            self.assign(&name, &standing, assignment.agent.as_deref())
                .await?;
        }
        if is_new && let Some(end) = &write.end {
            self.end_ticket(end).await?;
        }
        Ok(json!({
            "name": name,
            "how": if is_new { "made" } else { "updated" },
        }))
    }

    /// Whether the contact of a ticket is there because a former requester of the case is it, or because it alone had
    /// the number when no requester was known.
    async fn is_of_former_requester(
        &self,
        write: &SaveTicket,
        standing: &Document,
    ) -> Result<bool, Stop> {
        let Some(contact) = standing.link("contact") else {
            return Ok(false);
        };
        let named = Filter::eq("name", &contact);
        let found = self.contacts(named).await?;
        let user = found.first().and_then(|contact| contact.trimmed(KEY_FIELD));
        if user.is_some() && user == write.requester.as_ref().map(SourceKey::as_str) {
            return Ok(false);
        }
        let linked = self.links.referring(&write.key).await?;
        if linked
            .iter()
            .any(|record| user == Some(key_of(record).as_str()))
        {
            return Ok(true);
        }
        let by_phone = match &write.requester_phone {
            Some(phone) => self.contact_with_phone(phone).await?,
            None => None,
        };
        Ok(by_phone == Some(contact))
    }

    async fn insert_ticket(
        &self,
        write: &SaveTicket,
        requester: Option<&Requester>,
    ) -> Result<Document, Stop> {
        let fields = self.ticket_fields(&write.all).await?;
        let zone = self.helpdesk.zone().await?;
        let ticket = insertion(write, fields, requester, &self.raised_by, &zone);
        let inserted = self.helpdesk.client.insert(TICKET, &ticket).await;
        Ok(inserted.into_result()?)
    }

    /// The fields of a ticket that can be written as they are, links as the site spells them.
    async fn ticket_fields(&self, fields: &Fields) -> Result<Fields, Stop> {
        let meta = self.helpdesk.keyed(TICKET).await?;
        let mut fit = fitted(&meta, fields);
        for apart in APART {
            fit.remove(apart);
        }
        for (field, doctype) in CHOICES {
            if let Some(Value::String(wanted)) = fit.get(field)
                && !wanted.trim().is_empty()
            {
                let choice = self.helpdesk.choice(doctype, wanted).await?;
                fit.insert(field.to_owned(), choice.into());
            }
        }
        Ok(fit)
    }

    /// Leaves a ticket to an agent, or to nobody.
    ///
    /// Of the ways to do it this is the one that tells the agent least: by a notification and a mail, without a second
    /// notification of the helpdesk's own.
    async fn assign(
        &self,
        name: &Name,
        standing: &Document,
        agent: Option<&str>,
    ) -> Result<(), Stop> {
        let helpdesk = &self.helpdesk;
        let assigned = assigned(standing.text("_assign"));
        let steps = steps(&assigned, agent);
        if let Some(agent) = steps.add {
            let agents = Value::from(vec![agent]).to_string();
            let arguments = [
                ("doctype", TICKET),
                ("name", name.as_str()),
                ("assign_to", agents.as_str()),
            ];
            let added = helpdesk
                .run("frappe.desk.form.assign_to.add", &arguments)
                .await;
            match added {
                Ok(()) => {}
                Err(error) if matches!(error.cause, Cause::LinkMissing { .. }) => {
                    return Err(Stop::refused(format!(
                        "ticket {name} is saved, but nobody in the helpdesk has the address that CareSoft's agent is \
                         mapped to; add the user or mend the table of agents, and revive this"
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
        for agent in steps.remove {
            let arguments = [
                ("doctype", TICKET),
                ("name", name.as_str()),
                ("assign_to", agent),
            ];
            helpdesk
                .run("frappe.desk.form.assign_to.remove", &arguments)
                .await?;
        }
        Ok(())
    }
}

/// Whether a ticket could still be joined to somebody.
fn lacks_people(standing: &Document, nobody: &str) -> bool {
    standing.link("contact").is_none()
        || standing.link("customer").is_none()
        || standing.text("raised_by") == Some(nobody)
}

/// A new ticket, as it is sent.
fn insertion(
    write: &SaveTicket,
    mut fields: Fields,
    requester: Option<&Requester>,
    nobody: &str,
    zone: &TimeZone,
) -> Document {
    let subject = fields.get("subject").and_then(Value::as_str);
    let subject = match subject.map(str::trim) {
        None | Some("") => format!("CareSoft {}", record_of(&write.key).id),
        Some(subject) => text::truncate(subject, text::DATA_CHARACTERS_MAX).to_owned(),
    };
    fields.insert("subject".to_owned(), subject.into());
    let mut ticket = Document::from(fields);
    ticket.set(KEY_FIELD, write.key.as_str());
    // Else the site thanks the customer for a mail that was not sent.
    ticket.set("via_customer_portal", 1);
    let email = requester.and_then(|requester| requester.email.as_deref());
    ticket.set("raised_by", email.unwrap_or(nobody));
    if let Some(requester) = requester {
        ticket.set("contact", &requester.contact);
        if let Some(customer) = &requester.customer {
            ticket.set("customer", customer);
        }
    }
    if let Some([date, time]) = write.opened_at.and_then(|at| opening(at, zone)) {
        ticket.set("opening_date", date);
        ticket.set("opening_time", time);
    }
    ticket
}

/// Date and time of day on the site's clock.
fn opening(at: Timestamp, zone: &TimeZone) -> Option<[String; 2]> {
    let text = SiteTime::new(at, zone).to_string();
    let (date, time) = text.split_once(' ')?;
    Some([date.to_owned(), time.to_owned()])
}

/// Gives a ticket that has no contact its contact, and the like for customer and address. What stands stays.
pub(super) fn join(
    changes: &mut Document,
    standing: &Document,
    requester: Option<&Requester>,
    nobody: &str,
) {
    let Some(requester) = requester else { return };
    let contact = standing.link("contact");
    if contact.is_none() {
        changes.set("contact", &requester.contact);
    } else if contact.as_ref() != Some(&requester.contact) {
        return;
    }
    if let Some(customer) = &requester.customer
        && standing.link("customer").is_none()
    {
        changes.set("customer", customer);
    }
    if let Some(email) = &requester.email
        && standing.text("raised_by") == Some(nobody)
    {
        changes.set("raised_by", email.as_str());
    }
}

/// Gives a ticket to its requester, or to nobody as long as the requester has no contact: all of it, because whose
/// customer and address it was is no requester of it.
fn give(changes: &mut Document, requester: Option<&Requester>, nobody: &str) {
    let customer = requester.and_then(|requester| requester.customer.as_ref());
    let email = requester.and_then(|requester| requester.email.as_deref());
    changes.set("contact", requester.map(|requester| &requester.contact));
    changes.set("customer", customer);
    changes.set("raised_by", email.unwrap_or(nobody));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::write::SourceKey;

    fn an() -> Requester {
        Requester {
            contact: "An".into(),
            full_name: Some("An".to_owned()),
            email: Some("an@shop.example".to_owned()),
            customer: Some("Shop".into()),
        }
    }

    #[test]
    fn a_ticket_gets_the_people_that_it_has_not() {
        let bare = Requester {
            email: None,
            customer: None,
            ..an()
        };
        let rows = [
            (
                json!({"raised_by": "nobody@x.invalid"}),
                Some(an()),
                json!({"contact": "An", "customer": "Shop", "raised_by": "an@shop.example"}),
            ),
            (
                json!({"contact": "", "raised_by": "other@x.example"}),
                Some(an()),
                json!({"contact": "An", "customer": "Shop"}),
            ),
            (
                json!({"contact": "An", "customer": "Other"}),
                Some(an()),
                json!({}),
            ),
            (
                json!({"contact": "An"}),
                Some(an()),
                json!({"customer": "Shop"}),
            ),
            // Somebody gave it to another contact, whose customer is not An's.
            (json!({"contact": "Binh"}), Some(an()), json!({})),
            (
                json!({"raised_by": "nobody@x.invalid"}),
                Some(bare),
                json!({"contact": "An"}),
            ),
            (json!({}), None, json!({})),
        ];
        for (standing, requester, expected) in rows {
            let standing: Document = serde_json::from_value(standing).unwrap();
            let mut changes = Document::new();
            join(
                &mut changes,
                &standing,
                requester.as_ref(),
                "nobody@x.invalid",
            );
            assert_eq!(Value::from(changes), expected, "{standing:?}");
        }
    }

    #[test]
    fn a_new_ticket_is_sent_without_what_makes_noise_or_is_ignored() {
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
        let mut write = SaveTicket {
            key: SourceKey::new("main", "case", 7),
            all: Fields::new(),
            changed: Fields::new(),
            status: None,
            requester: None,
            requester_has_changed: false,
            requester_phone: None,
            assignment: None,
            opened_at: Some("2026-03-01T20:30:00Z".parse().unwrap()),
            end: None,
        };
        let subject = |text: &str| Fields::from_iter([("subject".to_owned(), text.into())]);
        let ticket = insertion(&write, subject(" "), None, "nobody@x.invalid", &zone);
        assert_eq!(
            Value::from(ticket),
            json!({
                "subject": "CareSoft 7", "custom_caresoft_id": "main:case:7", "via_customer_portal": 1,
                "raised_by": "nobody@x.invalid",
                "opening_date": "2026-03-02", "opening_time": "03:30:00.000000",
            })
        );
        write.opened_at = None;
        let ticket = insertion(
            &write,
            subject(&"Đ".repeat(200)),
            Some(&an()),
            "nobody@x.invalid",
            &zone,
        );
        assert_eq!(
            Value::from(ticket),
            json!({
                "subject": "Đ".repeat(140), "custom_caresoft_id": "main:case:7", "via_customer_portal": 1,
                "raised_by": "an@shop.example", "contact": "An", "customer": "Shop",
            })
        );
    }
}
