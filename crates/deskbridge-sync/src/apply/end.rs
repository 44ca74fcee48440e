//! A ticket that is over in CareSoft.

use frappe::{Cause, Document, Name};
use serde_json::{Value, json};

use super::{Place, Stop, helpdesk::name_of, links::record_of, ticket::TICKET, words};
use crate::decide::write::{End, EndTicket, SourceKey};

impl Place {
    pub(super) async fn end_ticket(&self, write: &EndTicket) -> Result<Value, Stop> {
        let helpdesk = &self.helpdesk;
        let found = helpdesk
            .find(TICKET, &write.key, &["status", "_user_tags"])
            .await?;
        // Somebody deleted it here too: there is nothing left to end.
        let Some(ticket) = found else {
            return Ok(json!({ "missing": true }));
        };
        let name = name_of(&ticket)?;
        if write.is_deleted {
            return self.delete_ticket(&name).await;
        }
        let status = match &write.status {
            Some(status) => Some(helpdesk.choice("HD Ticket Status", status).await?),
            None => None,
        };
        match &write.why {
            End::Deleted => {}
            End::MergedInto(primary) => self.note_merger(&write.key, &name, primary).await?,
        }
        if let Some(tag) = &write.tag
            && !has_tag(ticket.text("_user_tags"), tag)
        {
            let arguments = [("tag", tag.as_str()), ("dt", TICKET), ("dn", name.as_str())];
            helpdesk
                .run("frappe.desk.doctype.tag.tag.add_tag", &arguments)
                .await?;
        }
        if let Some(status) = status
            && ticket.text("status") != Some(status.as_str())
        {
            let status = Document::new().with("status", status);
            helpdesk.change(TICKET, &name, &status).await?;
        }
        Ok(json!({ "name": name }))
    }

    async fn delete_ticket(&self, name: &Name) -> Result<Value, Stop> {
        match self
            .helpdesk
            .client
            .delete(TICKET, name)
            .await
            .into_result()
        {
            Ok(()) => Ok(json!({ "name": name, "deleted": true })),
            Err(error) if matches!(error.cause, Cause::Missing { .. }) => {
                Ok(json!({ "missing": true }))
            }
            Err(error) => match &error.cause {
                Cause::Validation { kind, .. } if kind == "LinkExistsError" => {
                    Err(Stop::refused(format!(
                        "ticket {name} was deleted in CareSoft, but other documents of the helpdesk link to it; take \
                         those links away, and revive this"
                    )))
                }
                _ => Err(error.into()),
            },
        }
    }

    async fn note_merger(
        &self,
        key: &SourceKey,
        ticket: &Name,
        primary: &SourceKey,
    ) -> Result<(), Stop> {
        let other = self.helpdesk.find(TICKET, primary, &[]).await?;
        let other = other.as_ref().map(name_of).transpose()?;
        let case = record_of(primary).id;
        let content = words::merged(self.language, &case, other.as_ref().map(Name::as_str));
        let once = format!("{key}:merged_into:{case}");
        self.add_internal(ticket, &once, None, &content).await?;
        Ok(())
    }
}

/// Whether a tag is in `_user_tags`, a list with commas.
fn has_tag(tags: Option<&str>, tag: &str) -> bool {
    tags.is_some_and(|tags| {
        tags.split(',')
            .any(|standing| standing.trim() == tag.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_one_of_the_list_as_a_whole() {
        for (tags, tag, expected) in [
            (None, "a", false),
            (Some(""), "a", false),
            (Some(",a,b c"), "b c", true),
            (Some(",ab"), "a", false),
        ] {
            assert_eq!(has_tag(tags, tag), expected, "{tags:?} {tag}");
        }
    }
}
