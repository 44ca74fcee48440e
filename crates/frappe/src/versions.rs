//! What a site runs: apps and versions, and the few things that follow from them.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use reqwest::Method;
use serde::Deserialize;

use crate::{
    Client, Error, List, Order,
    client::without_body,
    error::Cause,
    operation::{Operation, Verb},
};

/// The apps on a site and their versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions(BTreeMap<String, String>);

impl Versions {
    /// An app's version as the site writes it; `None` when the site has no such app.
    pub fn text(&self, app: &str) -> Option<&str> {
        self.0.get(app).map(String::as_str)
    }

    /// An app's version; `None` when the site has no such app, or it has no numbers.
    pub fn of(&self, app: &str) -> Option<Version> {
        Version::parse(self.text(app)?)
    }

    /// The apps and their versions as the site writes them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let apps = self.0.iter();
        apps.map(|(app, version)| (app.as_str(), version.as_str()))
    }
}

/// The version of an app, compared number by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// Incompatible changes.
    pub major: u32,
    /// Features.
    pub minor: u32,
    /// Fixes.
    pub patch: u32,
}

impl Version {
    /// Reads `15.50.0`, also with a suffix (`16.0.0-dev`) or without the last parts.
    ///
    /// ```
    /// use frappe::Version;
    /// assert!(Version::parse("1.25.1") > Version::parse("1.9.0"));
    /// assert_eq!(Version::parse("16.0.0-dev"), Version::parse("16"));
    /// assert_eq!(Version::parse("develop"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.trim().trim_start_matches('v');
        let mut numbers = numbers.split('.').map(|part| {
            let digits = part
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(part.len());
            part.get(..digits)?.parse().ok()
        });
        Some(Self {
            major: numbers.next()??,
            minor: numbers.next().flatten().unwrap_or(0),
            patch: numbers.next().flatten().unwrap_or(0),
        })
    }
}

/// How new tickets are named on a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TicketNames {
    /// By a number, up to Helpdesk 1.24.
    Integers,
    /// By a padded text, from Helpdesk 1.25 on.
    Texts,
}

impl Client {
    /// The apps on the site and their versions. Any logged-in user may know.
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn versions(&self) -> Result<Versions, Error> {
        #[derive(Deserialize)]
        struct App {
            #[serde(default)]
            version: String,
        }

        let apps: BTreeMap<String, App> = self
            .method("frappe.utils.change_log.get_versions")
            .get()
            .await?;
        let versions = apps.into_iter().map(|(app, is)| (app, is.version));
        Ok(Versions(versions.collect()))
    }

    /// How the newest ticket is named; `None` on a site without tickets.
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn ticket_names(&self) -> Result<Option<TicketNames>, Error> {
        let newest = List::new().order_by("creation", Order::Descending).limit(1);
        let tickets = self.list("HD Ticket", &newest).await?;
        let name = tickets.first().and_then(|ticket| ticket.get("name"));
        Ok(name.map(|name| match name.is_number() {
            true => TicketNames::Integers,
            false => TicketNames::Texts,
        }))
    }

    /// The time of the web server before the site, to the second, from its answer's `Date` header; `None` when it
    /// sends none. Nobody need be logged in.
    ///
    /// # Errors
    /// What any request may fail with.
    pub async fn server_time(&self) -> Result<Option<Timestamp>, Error> {
        let operation = Operation::new(Verb::Ask, "ping");
        let request = without_body(Method::GET, "/api/method/ping".to_owned());
        let answer = self.send_raw(&operation, Ok(request)).await?;
        Ok(answer.date)
    }

    /// The zone of the site's clock, in which it keeps its times (read in the source, not observed).
    ///
    /// # Errors
    /// What any request may fail with; [`Shape`](Cause::Shape) for a zone that this machine does not know.
    pub async fn time_zone(&self) -> Result<TimeZone, Error> {
        #[derive(Deserialize)]
        struct Answer {
            time_zone: String,
        }

        let operation = Operation::new(Verb::Ask, "frappe.client.get_time_zone");
        let site: Answer = self.method(&operation.target).get_as(&operation).await?;
        TimeZone::get(&site.time_zone)
            .map_err(|_unknown| Error::new(&operation, Cause::Shape("an unknown time zone")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let version = |text| Version::parse(text).map(|v| (v.major, v.minor, v.patch));
        let cases = [
            ("15.50.0", Some((15, 50, 0))),
            ("v1.25.1", Some((1, 25, 1))),
            ("16.0.0-dev", Some((16, 0, 0))),
            ("15.x.x-develop", Some((15, 0, 0))),
            ("2", Some((2, 0, 0))),
            ("1.2.3.4", Some((1, 2, 3))),
            ("", None),
            ("develop", None),
            ("99999999999.0", None),
        ];
        for (text, expected) in cases {
            assert_eq!(version(text), expected, "{text}");
        }
        assert!(Version::parse("1.9.9") < Version::parse("1.10.0"));
    }
}
