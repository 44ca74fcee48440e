//! A helpdesk, a ledger, a source, and short sentences about them.

use std::{io::Write as _, path::PathBuf, time::Duration};

use deskbridge_core::Clock;
use deskbridge_import::{
    Error,
    decide::Settings,
    reader::Source,
    run::{Counts, Ended, Import, Options, Order, Summary},
    target,
};
use deskbridge_store::Store;
use frappe::{Client, Credential, Document, List, Order as Sorted, Site};
use serde_json::{Map, Value, json};
use simulators::frappe as helpdesk;
use tokio::sync::watch;

pub(crate) const MAI: &str = "mai@helpdesk.example";

pub(crate) struct Bench {
    pub(crate) site: helpdesk::Running,
    pub(crate) client: Client,
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) options: Options,
    pub(crate) folder: tempfile::TempDir,
}

fn account(email: &str, name: &str, roles: &[&str], key: Option<&str>) -> helpdesk::Account {
    helpdesk::Account {
        email: email.to_owned(),
        full_name: name.to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        enabled: true,
        api_key: key.map(str::to_owned),
        api_secret: key.map(|key| format!("{key}-secret")),
        password: None,
    }
}

fn script(doctype: &str) -> Map<String, Value> {
    let script = json!({
        "doctype": "Server Script", "name": format!("Creation of {doctype}"), "script_type": "DocType Event",
        "reference_doctype": doctype, "doctype_event": "Before Insert",
        "script": "if doc.custom_import_created_at:\n    doc.creation = doc.custom_import_created_at",
    });
    script.as_object().cloned().unwrap()
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::of(helpdesk::Versions::default()).await
    }

    /// A helpdesk of other releases.
    pub(crate) async fn of(versions: helpdesk::Versions) -> Self {
        let bench = Self::started(versions).await;
        let site = target::site(&bench.client, &bench.settings).await.unwrap();
        let missing = target::missing(&site, &bench.settings);
        target::prepare(&bench.client, &missing).await.unwrap();
        bench
    }

    /// A helpdesk that nobody has prepared.
    pub(crate) async fn bare() -> Self {
        Self::started(helpdesk::Versions::default()).await
    }

    async fn started(versions: helpdesk::Versions) -> Self {
        let data = helpdesk::Data {
            users: vec![
                account(
                    "hub@helpdesk.example",
                    "Hub",
                    &["System Manager", "Agent", "Agent Manager"],
                    Some("hub"),
                ),
                account(MAI, "Mai", &["Agent"], None),
            ],
            documents: ["HD Ticket", "Communication", "HD Ticket Comment"]
                .map(script)
                .to_vec(),
            secrets: Vec::new(),
        };
        let options = helpdesk::Options {
            data,
            versions,
            keep_alive: true,
            config: helpdesk::Config {
                server_script_enabled: true,
                ..helpdesk::Config::default()
            },
            ..helpdesk::Options::default()
        };
        let site = helpdesk::start(options).await.unwrap();
        let options = frappe::Options {
            deadline: Duration::from_secs(5),
            ..frappe::Options::default()
        };
        let client = Site::new(&site.url, options).unwrap();
        let client = client.user(Credential::token("hub", "hub-secret").unwrap());
        let folder = tempfile::tempdir().unwrap();
        Self {
            options: Options {
                rejects: Some(folder.path().join("rejects.jsonl")),
                patience: Duration::from_secs(60),
                clock: Clock::manual("2026-03-02T02:00:00Z".parse().unwrap()),
                requests_max: 8,
                ..Options::default()
            },
            site,
            client,
            store: Store::open_inline().unwrap(),
            settings: Settings {
                source: "old".to_owned(),
                ..Settings::default()
            },
            folder,
        }
    }

    /// A source of these records.
    pub(crate) fn lines(&self, records: &[Value]) -> Source {
        let path = self.folder.path().join("records.jsonl");
        let mut file = std::fs::File::create(&path).unwrap();
        for record in records {
            writeln!(file, "{record}").unwrap();
        }
        Source::JsonLines(vec![path])
    }

    pub(crate) fn rejects(&self) -> PathBuf {
        self.folder.path().join("rejects.jsonl")
    }

    pub(crate) async fn try_run(
        &self,
        source: &Source,
        orders: watch::Receiver<Order>,
    ) -> Result<Summary, Error> {
        let import = Import {
            store: &self.store,
            client: &self.client,
            source,
            settings: &self.settings,
            options: &self.options,
        };
        import.run(orders, |_| {}).await
    }

    /// Runs to the end.
    pub(crate) async fn run(&self, source: &Source) -> Summary {
        let (_orders, receiver) = watch::channel(Order::Go);
        let summary = self.try_run(source, receiver).await.unwrap();
        assert_eq!(summary.ended, Ended::Whole, "{summary:?}");
        summary
    }

    pub(crate) async fn all(&self, doctype: &str) -> Vec<Document> {
        let list = List::new()
            .fields(["*"])
            .order_by("creation", Sorted::Ascending)
            .limit(0);
        self.client.list(doctype, &list).await.unwrap()
    }

    /// Those documents of a DocType that the import made, by their keys.
    pub(crate) async fn keys(&self, doctype: &str) -> Vec<String> {
        let all = self.all(doctype).await;
        let mut keys: Vec<String> = all
            .iter()
            .filter_map(|document| document.trimmed("custom_import_id").map(str::to_owned))
            .collect();
        keys.sort();
        keys
    }

    pub(crate) fn faults(&self, script: &str) {
        let rules = simulators::faults::Script::parse(script).unwrap();
        self.site.site.set_faults(rules);
    }
}

pub(crate) fn counts(made: u64, updated: u64, unchanged: u64, failed: u64) -> Counts {
    Counts {
        made,
        updated,
        unchanged,
        failed,
        left_out: 0,
    }
}

/// A customer, a contact of it and a ticket of the contact, all of this number.
pub(crate) fn case(number: u32) -> Vec<Value> {
    vec![
        json!({"kind": "customer", "id": format!("c{number}"), "name": format!("Trà Sớm {number}")}),
        json!({
            "kind": "contact", "id": format!("p{number}"), "name": "Lê An", "customer": format!("c{number}"),
            "emails": [format!("an{number}@tra.example")], "mobiles": ["+84 90 000 0000"],
        }),
        json!({
            "kind": "ticket", "id": number.to_string(), "subject": format!("Đơn hàng {number}"),
            "description": "<p>Không thấy đơn</p>", "status": "Closed", "priority": "High",
            "customer": format!("c{number}"),
            "requester": {"contact": format!("p{number}"), "email": format!("an{number}@tra.example")},
            "created_at": "2024-05-10T03:00:00Z", "resolved_at": "2024-05-12T03:00:00Z",
            "messages": [
                {"id": "2", "how": "note", "content": "gọi lại", "author": {"email": MAI}, "created_at": "2024-05-10T05:00:00Z"},
                {"id": "1", "how": "sent", "content": "<p>Đang xem</p>", "author": {"email": MAI}, "created_at": "2024-05-10T04:00:00Z"},
            ],
        }),
    ]
}

pub(crate) fn cases(numbers: std::ops::RangeInclusive<u32>) -> Vec<Value> {
    numbers.flat_map(case).collect()
}
