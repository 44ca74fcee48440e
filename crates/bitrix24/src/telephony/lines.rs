//! `telephony.externalLine.*`

use crate::{Call, Client, Error, Outcome};

/// A line of the external system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalLine {
    /// Its number, by which the portal knows it.
    pub number: String,
    /// What people call it.
    pub name: String,
    /// Whether an outgoing call by it may make a lead.
    pub creates_leads: bool,
}

impl ExternalLine {
    fn call(&self, method: &str) -> Call {
        Call::write(method)
            .param("NUMBER", &self.number)
            .param("NAME", &self.name)
            .param(
                "CRM_AUTO_CREATE",
                if self.creates_leads { "Y" } else { "N" },
            )
    }
}

impl Client {
    /// The lines of this application (`telephony.externalLine.get`).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn external_lines(&self) -> Result<Vec<ExternalLine>, Error> {
        let rows = self
            .call(Call::read("telephony.externalLine.get"))
            .await?
            .rows()?;
        let line = |row: &crate::Row| {
            Some(ExternalLine {
                number: row.text("NUMBER")?.into_owned(),
                name: row.text("NAME").unwrap_or_default().into_owned(),
                creates_leads: row.flag("CRM_AUTO_CREATE") != Some(false),
            })
        };
        Ok(rows.iter().filter_map(line).collect())
    }

    /// Adds a line (`telephony.externalLine.add`); refused when there is one of that number.
    pub async fn add_external_line(&self, line: &ExternalLine) -> Outcome<()> {
        let outcome = self.write(line.call("telephony.externalLine.add")).await;
        outcome.map(drop)
    }

    /// Changes the name of a line and whether it makes leads (`telephony.externalLine.update`).
    pub async fn update_external_line(&self, line: &ExternalLine) -> Outcome<()> {
        let outcome = self.write(line.call("telephony.externalLine.update")).await;
        outcome.map(drop)
    }

    /// Removes a line (`telephony.externalLine.delete`).
    pub async fn delete_external_line(&self, number: &str) -> Outcome<()> {
        let call = Call::write("telephony.externalLine.delete").param("NUMBER", number);
        self.write(call).await.map(drop)
    }
}
