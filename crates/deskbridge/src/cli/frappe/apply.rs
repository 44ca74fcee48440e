//! Writing: one change at a time, each looked at again when it is not known what became of it.

use anyhow::{Context as _, bail};
use frappe::{Document, Name, Outcome, Permission, Right};

use super::{Helpdesk, trouble::explain};
use crate::helpdesk::{Fields, Key, plan::Change, same_fields, undo::Step};

impl Helpdesk {
    /// Refuses before anything is changed what the key's user has no right to. A site that does not say is asked by
    /// doing it.
    pub(super) async fn require_rights(&self, changes: &[Change]) -> anyhow::Result<()> {
        let mut asked: Vec<(&str, Right)> = Vec::new();
        for change in changes {
            let right = match change.from {
                Some(_) => Right::Write,
                None => Right::Create,
            };
            let needed = (change.key.doctype.as_str(), right);
            if asked.contains(&needed) {
                continue;
            }
            asked.push(needed);
            let (doctype, right) = needed;
            if let Ok(Permission::Denied) = self.client.may_with_doctype(doctype, right).await {
                let role = match doctype {
                    "Server Script" => "Script Manager, which System Manager does not include",
                    _ => "System Manager",
                };
                let right = if right == Right::Create {
                    "make"
                } else {
                    "change"
                };
                bail!(
                    "the API key's user may not {right} a {doctype} on {}; nothing was changed; give it the role {role}, \
                     or put an administrator's key into admin_api_key and admin_api_secret",
                    self.site()
                );
            }
        }
        Ok(())
    }

    /// Makes a change.
    pub(super) async fn make(&self, change: &Change) -> anyhow::Result<()> {
        let mut fields = Document::from(change.to.clone());
        if let Some(field) = change.secret {
            let secret = self.shared_secret.as_ref();
            let secret = secret.context("there is no shared secret in the configuration")?;
            fields.set(field, secret.expose());
        }
        let Key { doctype, name } = &change.key;
        let outcome = match change.from {
            Some(_) => {
                let name = Name::new(&**name);
                self.client.update(doctype, &name, &fields).await
            }
            None => {
                fields.set("name", &**name);
                self.client.insert(doctype, &fields).await
            }
        };
        self.settle(&change.key, &change.to, change.secret, outcome)
            .await
    }

    /// Takes a step back.
    pub(super) async fn take(&self, step: &Step) -> anyhow::Result<()> {
        match step {
            Step::Restore { key, to, .. } => self.write(key, to).await,
            Step::Delete { key } => {
                let name = Name::new(&*key.name);
                let outcome = self.client.delete(&key.doctype, &name).await;
                let error = match outcome {
                    Outcome::Done(()) => return Ok(()),
                    Outcome::Unknown(error) if self.read(key).await?.is_none() => {
                        drop(error);
                        return Ok(());
                    }
                    Outcome::Refused(error) | Outcome::NotSent(error) | Outcome::Unknown(error) => {
                        error
                    }
                };
                Err(explain(self.site(), &error)).with_context(|| format!("removing {key}"))
            }
        }
    }

    /// Gives fields of a document these values.
    pub(super) async fn write(&self, key: &Key, fields: &Fields) -> anyhow::Result<()> {
        let document = Document::from(fields.clone());
        let name = Name::new(&*key.name);
        let outcome = self.client.update(&key.doctype, &name, &document).await;
        self.settle(key, fields, None, outcome).await
    }

    /// Looks whether a write was done when that is not known.
    async fn settle(
        &self,
        key: &Key,
        to: &Fields,
        secret: Option<&str>,
        outcome: Outcome<Document>,
    ) -> anyhow::Result<()> {
        let error = match outcome {
            Outcome::Done(_) => return Ok(()),
            Outcome::Refused(error) | Outcome::NotSent(error) => error,
            Outcome::Unknown(error) => {
                let is = self.read(key).await?;
                let is_written = is.is_some_and(|is| same_fields(&is, to));
                // The other fields may have been so before, and a secret cannot be seen among them.
                let is_done = is_written
                    && match secret {
                        Some(_) => self.holds_our_secret(&Name::new(&*key.name)).await?,
                        None => true,
                    };
                if is_done {
                    return Ok(());
                }
                error
            }
        };
        Err(explain(self.site(), &error)).with_context(|| format!("writing {key}"))
    }
}
