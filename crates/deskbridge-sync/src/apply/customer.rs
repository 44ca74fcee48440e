//! An organisation of CareSoft as an `HD Customer`.

use frappe::{
    Cause, Document, Filter, List, Name, Outcome,
    text::{self, Likeness},
};
use serde_json::{Value, json};

use super::{
    KEY_FIELD, Place, Stop,
    fields::{differing, fitted, missing},
    helpdesk::name_of,
    links::record_of,
};
use crate::decide::write::{Fields, SaveCustomer};

pub(super) const CUSTOMER: &str = "HD Customer";

/// The field that names a customer, for good: a changed one is ignored (observed on 15.50), and renaming rewrites every
/// link. So a customer keeps the name that it got first.
const NAME: &str = "customer_name";

impl Place {
    pub(super) async fn save_customer(&self, write: &SaveCustomer) -> Result<Value, Stop> {
        let helpdesk = &self.helpdesk;
        let meta = helpdesk.keyed(CUSTOMER).await?;
        let (name, how) = match helpdesk.find(CUSTOMER, &write.key, &[]).await? {
            Some(standing) => {
                let name = name_of(&standing)?;
                let mut changed = fitted(&meta, &write.changed);
                changed.remove(NAME);
                self.update_differing(CUSTOMER, &name, &changed).await?;
                (name, "updated")
            }
            None => {
                self.never_written(CUSTOMER, &write.key).await?;
                let all = fitted(&meta, &write.all);
                self.make_or_adopt_customer(write, &all).await?
            }
        };
        self.links
            .record_document(&write.key, CUSTOMER, &name)
            .await?;
        Ok(json!({ "name": name, "how": how }))
    }

    /// Writes those fields of a document that do not stand as wanted.
    pub(super) async fn update_differing(
        &self,
        doctype: &str,
        name: &Name,
        wanted: &Fields,
    ) -> Result<(), Stop> {
        if wanted.is_empty() {
            return Ok(());
        }
        let standing = self.helpdesk.client.get(doctype, name).await?;
        self.helpdesk
            .change(doctype, name, &differing(&standing, wanted))
            .await
    }

    async fn make_or_adopt_customer(
        &self,
        write: &SaveCustomer,
        all: &Fields,
    ) -> Result<(Name, &'static str), Stop> {
        let client = &self.helpdesk.client;
        let id = record_of(&write.key).id;
        let [plain, numbered] = names(all.get(NAME).and_then(Value::as_str), &id);
        // Each twice: what took the name while it was written is seen the second time.
        for name in [&plain, &plain, &numbered, &numbered] {
            let standing = self.customer_named(name).await?;
            match judge(name, standing.as_ref()) {
                Named::Free => {
                    let mut fields = Document::from(all.clone());
                    fields.set(NAME, name.as_str());
                    fields.set(KEY_FIELD, write.key.as_str());
                    match client.insert(CUSTOMER, &fields).await {
                        Outcome::Done(made) => return Ok((name_of(&made)?, "made")),
                        Outcome::Refused(frappe::Error {
                            cause: Cause::Duplicate { .. },
                            ..
                        }) => {}
                        outcome => drop(outcome.into_result()?),
                    }
                }
                Named::Adoptable(standing) => {
                    let mut fields = missing(standing, all);
                    fields.set(KEY_FIELD, write.key.as_str());
                    let name = name_of(standing)?;
                    let seen = standing.modified().unwrap_or_default();
                    client
                        .update_if_unchanged(CUSTOMER, &name, &fields, seen)
                        .await
                        .into_result()?;
                    return Ok((name, "adopted"));
                }
                Named::Taken => {}
            }
        }
        Err(Stop::refused(format!(
            "other HD Customers have the names that organisation {id} could have; rename one of them, and revive this"
        )))
    }

    async fn customer_named(&self, name: &str) -> Result<Option<Document>, Stop> {
        let named = List::new().filter(Filter::eq("name", name)).limit(1);
        let found = self.helpdesk.client.list(CUSTOMER, &named).await?;
        match found.first().and_then(Document::name) {
            Some(name) => Ok(Some(self.helpdesk.client.get(CUSTOMER, &name).await?)),
            None => Ok(None),
        }
    }
}

/// What may be done about a customer's name.
#[derive(Debug, PartialEq)]
enum Named<'a> {
    /// Nobody has it.
    Free,
    /// This one has it and is no organisation of CareSoft yet: it is the same one, entered by hand.
    Adoptable(&'a Document),
    /// Another organisation has it, or one whose name may be another on other sites.
    Taken,
}

fn judge<'a>(name: &str, standing: Option<&'a Document>) -> Named<'a> {
    let Some(standing) = standing else {
        return Named::Free;
    };
    let its_name = standing.to_text("name").unwrap_or_default();
    let is_same = text::compare_names(name, &its_name) == Likeness::Same;
    match standing.trimmed(KEY_FIELD) {
        None if is_same => Named::Adoptable(standing),
        _ => Named::Taken,
    }
}

/// The name of an organisation, and the one that tells it from another of the same name.
fn names(wanted: Option<&str>, id: &str) -> [String; 2] {
    let plain: String = wanted
        .unwrap_or_default()
        .chars()
        .filter(|c| !matches!(c, '<' | '>') && !c.is_control())
        .collect();
    let plain = match plain.trim() {
        "" => "CareSoft",
        name => name,
    };
    let suffix = format!(" ({id})");
    let room = text::DATA_CHARACTERS_MAX.saturating_sub(suffix.chars().count());
    let short = text::truncate(plain, room).trim_end();
    [
        text::truncate(plain, text::DATA_CHARACTERS_MAX)
            .trim_end()
            .to_owned(),
        format!("{short}{suffix}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_is_adopted_only_under_certainly_the_same_name_and_without_a_key() {
        let customer =
            |name: &str, key: &str| Document::new().with("name", name).with(KEY_FIELD, key);
        let rows = [
            (customer("Công ty An", ""), true),
            (customer("cong ty an", ""), true),
            (customer("Công ty An", "main:organization:7"), false),
            // One name or two, depending on the site's collation.
            (customer("Công ty Ân Đ", ""), false),
        ];
        for (standing, adopted) in rows {
            let expected = match adopted {
                true => Named::Adoptable(&standing),
                false => Named::Taken,
            };
            assert_eq!(
                judge("Công ty An", Some(&standing)),
                expected,
                "{standing:?}"
            );
        }
        assert_eq!(judge("Công ty An", None), Named::Free);
    }

    #[test]
    fn names_are_such_as_the_site_takes() {
        let long = "a".repeat(150);
        let rows = [
            (Some("  Mây & Gió <b> "), "Mây & Gió b", "Mây & Gió b (7)"),
            (Some(""), "CareSoft", "CareSoft (7)"),
            (None, "CareSoft", "CareSoft (7)"),
        ];
        for (wanted, plain, numbered) in rows {
            assert_eq!(names(wanted, "7"), [plain, numbered]);
        }
        for name in names(Some(&long), "123456") {
            assert_eq!(text::check_name(&name), Ok(()));
        }
    }
}
