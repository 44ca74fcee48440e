//! A hub as a process between simulators in this process.

use std::{fs, path::PathBuf};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;
use simulators::{bitrix24, frappe};

use crate::process::{self, Running, Said};

pub(crate) const AGENT: &str = "token an-key:an-secret";
pub(crate) const PROFILE: &str = "/api/method/haravan_bitrix_customer_profile";

/// Both remote systems, a folder with a configuration and a database.
pub(crate) struct Bench {
    pub(crate) portal: bitrix24::Running,
    pub(crate) site: frappe::Running,
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        let now = Timestamp::now();
        let portal = bitrix24::start(bitrix24::Options {
            data: bitrix24::sample(now),
            ..bitrix24::Options::default()
        })
        .await
        .unwrap();
        let site = frappe::start(frappe::Options {
            data: frappe::sample(now),
            ..frappe::Options::default()
        })
        .await
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let bench = Self {
            portal,
            site,
            folder,
        };
        bench.configure(|text| text);
        bench
    }

    /// The base of the portal's addresses.
    pub(crate) fn portal_url(&self) -> &str {
        self.portal.http_url.as_deref().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the configuration, changed.
    pub(crate) fn configure(&self, change: impl FnOnce(String) -> String) {
        let (portal, site) = (self.portal_url(), &self.site.url);
        let (companies, responsible) = (bitrix24::CUSTOMER_SECRET, bitrix24::RESPONSIBLE_SECRET);
        let text = format!(
            r#"
[server]
listen = "127.0.0.1:0"
log_format = "json"

[[frappe]]
name = "helpdesk"
url = "{site}"
api_key = "hub-key"
api_secret = "hub-secret"

[[bitrix24]]
name = "crm"
webhook_url = "{portal}/rest/1/{companies}/"
responsible_webhook_url = "{portal}/rest/57/{responsible}/user.get.json?ID={{ASSIGNED_BY_ID}}"
"#
        );
        fs::write(self.config(), change(text)).unwrap();
    }

    /// Changes the configuration that is there.
    pub(crate) fn configure_again(&self, change: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), change(text)).unwrap();
    }

    /// Puts the settings into the helpdesk, in place of what it has.
    pub(crate) fn set_settings(&self, settings: &Value) {
        let mut data = self.site.site.data();
        data.documents
            .retain(|document| document["doctype"] != settings["doctype"]);
        data.documents.push(settings.as_object().unwrap().clone());
        self.site.site.set_data(&data).unwrap();
    }

    /// Where the configuration is.
    pub(crate) fn config(&self) -> PathBuf {
        self.path("deskbridge.toml")
    }

    /// Runs a command with the configuration.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        let config = self.config();
        let mut all = arguments.to_vec();
        all.extend(["--config", config.to_str().unwrap()]);
        process::run(&all).await
    }

    /// Starts to serve.
    pub(crate) async fn serve(&self) -> Hub {
        let config = self.config();
        let command = process::command(&["serve", "--config", config.to_str().unwrap()]);
        Hub::of(Running::start(command)).await
    }
}

/// A client for the tests' own requests.
pub(crate) fn http() -> reqwest::Client {
    // Another test may have done it already.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}

/// The body of an answer, which is JSON.
pub(crate) async fn json_of(response: reqwest::Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// A hub that serves.
pub(crate) struct Hub {
    pub(crate) process: Running,
    url: String,
    http: reqwest::Client,
}

impl Hub {
    pub(crate) async fn of(process: Running) -> Self {
        let serves = process.logged("Deskbridge serves").await;
        let url = format!("http://{}", serves["address"].as_str().unwrap());
        Self {
            process,
            url,
            http: http(),
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Asks for a profile without waiting for the answer.
    pub(crate) fn ask(&self, ticket: &str) -> tokio::task::JoinHandle<StatusCode> {
        let address = format!("{}{PROFILE}?ticket={ticket}", self.url);
        let request = self.http.get(address).header("authorization", AGENT);
        tokio::spawn(async move { request.send().await.unwrap().status() })
    }

    pub(crate) async fn get(&self, address: &str, authorization: &str) -> (StatusCode, String) {
        let address = format!("{}{address}", self.url);
        let request = self
            .http
            .get(address)
            .header("authorization", authorization);
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    pub(crate) async fn post(
        &self,
        address: &str,
        authorization: &str,
        body: &Value,
    ) -> (StatusCode, String) {
        let address = format!("{}{address}", self.url);
        let request = self.http.post(address).body(body.to_string());
        let request = request.header("authorization", authorization);
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// The profile of a ticket: `data` of the answer.
    pub(crate) async fn profile(&self, ticket: &str) -> Value {
        let (status, body) = self.get(&format!("{PROFILE}?ticket={ticket}"), AGENT).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body["message"]["data"].take()
    }
}
