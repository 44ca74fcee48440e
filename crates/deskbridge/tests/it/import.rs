//! A team's history is moved in by the command that an administrator types.

use std::{io::Write as _, path::PathBuf, time::Duration};

use benches::imports;
use frappe::{Client, Credential, Document, List, Order, Site};
use serde_json::{Value, json};
use simulators::{
    faults,
    frappe::{self as helpdesk, Data},
    freshdesk as desk,
};
use testkit::wait_for;

use crate::process::{Running, Said, command, run};

struct Bench {
    site: helpdesk::Running,
    folder: tempfile::TempDir,
}

fn data() -> Data {
    let user = |name: &str, roles: &[&str]| {
        json!({
            "email": format!("{name}@helpdesk.example"), "full_name": name, "roles": roles,
            "api_key": format!("{name}-key"), "api_secret": format!("planted-{name}-secret"),
        })
    };
    let data = json!({"users": [
        user("admin", &["System Manager", "Script Manager", "Agent", "Agent Manager"]),
        user("hub", &["Agent", "Agent Manager"]),
        user("mai", &["Agent"]),
    ]});
    serde_json::from_value(data).unwrap()
}

impl Bench {
    async fn new() -> Self {
        let options = helpdesk::Options {
            data: data(),
            keep_alive: true,
            config: helpdesk::Config {
                server_script_enabled: true,
                ..helpdesk::Config::default()
            },
            ..helpdesk::Options::default()
        };
        let bench = Self {
            site: helpdesk::start(options).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        bench.configure("");
        bench
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "[server]\ndatabase = \"ledger.db\"\n[[frappe]]\nname = \"helpdesk\"\nurl = \"{}\"\napi_key = \"hub-key\"\n\
             api_secret = \"planted-hub-secret\"\nadmin_api_key = \"admin-key\"\n\
             admin_api_secret = \"planted-admin-secret\"\n{more}",
            self.site.url
        );
        std::fs::write(self.path("deskbridge.toml"), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn typed(&self, words: &[&str]) -> std::process::Command {
        let mut typed = vec!["import"];
        typed.extend(words);
        let config = self.path("deskbridge.toml");
        typed.extend(["--config", config.to_str().unwrap()]);
        let mut command = command(&typed);
        command.current_dir(self.folder.path());
        command
    }

    async fn import(&self, words: &[&str]) -> Said {
        let mut command = self.typed(words);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let said = Said {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(
            !format!("{}{}", said.out, said.err).contains("planted"),
            "{}{}",
            said.out,
            said.err
        );
        said
    }

    /// Types a command that must end so.
    async fn ends(&self, status: i32, words: &[&str]) -> String {
        let said = self.import(words).await;
        let table = std::fs::read_to_string(self.path("freshdesk-verify.csv"));
        assert_eq!(
            said.status,
            Some(status),
            "{words:?}\n{}\n{}\n{table:?}",
            said.out,
            said.err
        );
        format!("{}{}", said.out, said.err)
    }

    fn write(&self, name: &str, records: &[Value]) {
        let mut file = std::fs::File::create(self.path(name)).unwrap();
        for record in records {
            writeln!(file, "{record}").unwrap();
        }
    }

    fn client(&self) -> Client {
        let options = frappe::Options {
            deadline: Duration::from_secs(20),
            ..frappe::Options::default()
        };
        let site = Site::new(&self.site.url, options).unwrap();
        site.user(Credential::token("admin-key", "planted-admin-secret").unwrap())
    }

    async fn all(&self, doctype: &str) -> Vec<Document> {
        let list = List::new()
            .fields(["*"])
            .order_by("creation", Order::Ascending)
            .limit(0);
        self.client().list(doctype, &list).await.unwrap()
    }

    async fn keyed(&self, doctype: &str, key: &str) -> Document {
        let mut all = self.all(doctype).await.into_iter();
        let found = all.find(|document| document.trimmed("custom_import_id") == Some(key));
        found.unwrap_or_else(|| panic!("no {key}"))
    }

    async fn keys(&self, doctype: &str) -> Vec<String> {
        let all = self.all(doctype).await;
        let keys = all
            .iter()
            .filter_map(|document| document.trimmed("custom_import_id").map(str::to_owned));
        let mut keys: Vec<String> = keys.collect();
        keys.sort();
        keys
    }

    fn faults(&self, script: &str) {
        self.site
            .site
            .set_faults(faults::Script::parse(script).unwrap());
    }
}

fn case(number: u32) -> Vec<Value> {
    vec![
        json!({"kind": "customer", "id": format!("c{number}"), "name": format!("Trà Sớm {number}")}),
        json!({
            "kind": "contact", "id": format!("p{number}"), "name": format!("Lê An {number}"),
            "customer": format!("c{number}"), "emails": [format!("an{number}@tra.example")],
        }),
        json!({
            "kind": "ticket", "id": number.to_string(), "subject": format!("Đơn hàng {number}"),
            "description": "<p>Không thấy đơn</p>", "status": "Closed", "priority": "High",
            "customer": format!("c{number}"),
            "requester": {"contact": format!("p{number}"), "email": format!("an{number}@tra.example")},
            "created_at": "2024-05-10T03:00:00Z", "resolved_at": "2024-05-12T03:00:00Z",
            "messages": [
                {"id": "1", "how": "sent", "content": "<p>Đang xem</p>", "author": {"email": "mai@helpdesk.example"}, "created_at": "2024-05-10T04:00:00Z"},
                {"id": "2", "how": "note", "content": "gọi lại", "author": {"email": "mai@helpdesk.example"}, "created_at": "2024-05-10T05:00:00Z"},
            ],
        }),
    ]
}

fn cases(numbers: std::ops::RangeInclusive<u32>) -> Vec<Value> {
    numbers.flat_map(case).collect()
}

#[tokio::test]
async fn a_history_of_json_lines_is_checked_written_verified_and_taken_back() {
    let bench = Bench::new().await;
    let mut records = cases(1..=3);
    records[8]["status"] = "Verschoben".into();
    bench.write("old.jsonl", &records);

    let said = bench.ends(1, &["jsonl", "old.jsonl", "--dry-run"]).await;
    assert!(said.contains("tickets   3 read, 1 would fail"), "{said}");
    assert!(
        said.contains("HD Ticket.status cannot be `Verschoben`"),
        "{said}"
    );
    assert!(said.contains("--prepare makes them"), "{said}");
    assert_eq!(bench.all("HD Ticket").await.len(), 0);
    let said = bench.ends(1, &["jsonl", "old.jsonl"]).await;
    assert!(said.contains("--prepare makes them"), "{said}");

    let written = [
        "jsonl",
        "old.jsonl",
        "--prepare",
        "--rejects",
        "rejected.jsonl",
    ];
    let said = bench.ends(1, &written).await;
    assert!(
        said.contains("tickets   2 made, 0 brought up to date, 0 unchanged, 1 failed"),
        "{said}"
    );
    let ticket = &bench.all("HD Ticket").await[0];
    assert!(
        ticket
            .text("creation")
            .unwrap()
            .starts_with("2024-05-10 10:00:00"),
        "{ticket:?}"
    );

    let said = bench.ends(0, &["status", "jsonl"]).await;
    assert!(
        said.contains("tickets   2 in the helpdesk, 1 failed"),
        "{said}"
    );
    let said = bench.ends(0, &["errors", "jsonl"]).await;
    assert!(
        said.contains("ticket 3  HD Ticket.status cannot be `Verschoben`"),
        "{said}"
    );

    // Corrected and fed back.
    let rejected = std::fs::read_to_string(bench.path("rejected.jsonl")).unwrap();
    std::fs::write(
        bench.path("corrected.jsonl"),
        rejected.replace("Verschoben", "Closed"),
    )
    .unwrap();
    let said = bench.ends(0, &["jsonl", "corrected.jsonl"]).await;
    assert!(said.contains("tickets   1 made"), "{said}");
    records[8]["status"] = "Closed".into();
    bench.write("old.jsonl", &records);
    let said = bench.ends(0, &["jsonl", "old.jsonl"]).await;
    assert!(
        said.contains("tickets   0 made, 0 brought up to date, 3 unchanged, 0 failed"),
        "{said}"
    );

    bench.ends(0, &["verify", "jsonl", "old.jsonl"]).await;
    let page = std::fs::read_to_string(bench.path("jsonl-verify.html")).unwrap();
    assert!(
        page.contains("Everything is in the helpdesk as it should be."),
        "{page}"
    );
    let name = bench.all("HD Ticket").await[0].name().unwrap();
    let change = Document::new().with("subject", "<i>Khác</i>");
    let changed = bench.client().update("HD Ticket", &name, &change).await;
    changed.into_result().unwrap();
    let said = bench.ends(1, &["verify", "jsonl", "old.jsonl"]).await;
    assert!(
        said.contains("\nx       1  a field differs: `subject` (ticket 1)\n"),
        "{said}"
    );
    let table = std::fs::read_to_string(bench.path("jsonl-verify.csv")).unwrap();
    assert_eq!(
        table,
        format!("kind,id,document,what,where\nticket,1,{name},a field differs,subject\n")
    );

    let said = bench.ends(0, &["undo", "jsonl"]).await;
    assert!(said.contains("9 documents would be deleted"), "{said}");
    bench.ends(0, &["undo", "jsonl", "--yes"]).await;
    for doctype in ["HD Ticket", "Communication", "HD Customer", "Contact"] {
        assert_eq!(bench.keys(doctype).await, [] as [String; 0], "{doctype}");
    }
}

/// The hook that the page about imports shows.
#[expect(
    clippy::disallowed_methods,
    reason = "a test that reads the tree's own files"
)]
fn shown_hook() -> String {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/import.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, rest) = page.split_once("```js\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[tokio::test]
async fn a_hook_changes_records_and_leaves_some_out_before_they_are_checked() {
    let bench = Bench::new().await;
    let hook =
        "[[hook]]\nname = \"import_record\"\nfile = \"import_record.js\"\ntimeout_ms = 5000\n";
    bench.configure(hook);
    let script = |source: &str| std::fs::write(bench.path("import_record.js"), source).unwrap();
    script(&shown_hook());
    let mut records = cases(1..=3);
    records[2]["subject"] = "[north] Late".into();
    records[5]["tags"] = json!(["spam"]);
    // What is left out is not checked.
    records[5]["status"] = "Verschoben".into();
    bench.write("old.jsonl", &records);

    let said = bench.ends(0, &["jsonl", "old.jsonl", "--dry-run"]).await;
    let told = "-       1  the hook import_record leaves it out (ticket 2)";
    assert!(
        said.contains("tickets   3 read, 0 would fail, 1 would be left out") && said.contains(told),
        "{said}"
    );
    let said = bench.ends(0, &["jsonl", "old.jsonl", "--prepare"]).await;
    assert!(
        said.contains("tickets   2 made, 0 brought up to date, 0 unchanged, 0 failed, 1 left out")
            && said.contains(told),
        "{said}"
    );
    assert_eq!(
        bench.keys("HD Ticket").await,
        ["jsonl:ticket:1", "jsonl:ticket:3"]
    );
    let first = bench.keyed("HD Ticket", "jsonl:ticket:1").await;
    assert_eq!(first.text("subject"), Some("Late"));
    let tags = first.text("_user_tags").unwrap_or_default();
    assert!(tags.contains("north"), "{first:?}");
    bench.ends(0, &["verify", "jsonl", "old.jsonl"]).await;

    // What was written is what counts, and a failing hook leaves records as they were.
    let said = bench.ends(0, &["jsonl", "old.jsonl", "--again"]).await;
    assert!(
        said.contains("tickets   0 made, 0 brought up to date, 2 unchanged, 0 failed, 1 left out"),
        "{said}"
    );
    script(
        "export default ({ id }) => { if (id === '1') throw new Error('no idea'); return { data: { colour: id } } }",
    );
    bench.write("old.jsonl", &records[..3]);
    let said = bench.ends(0, &["jsonl", "old.jsonl", "--again"]).await;
    assert!(
        said.contains("tickets   0 made, 1 brought up to date, 0 unchanged, 0 failed"),
        "{said}"
    );
    for told in [
        "1  the hook import_record failed, and everything went on without it: it failed: no idea",
        "1  of the answer of import_record nothing was used: data.colour does not fit a customer (customer c1)",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let first = bench.keyed("HD Ticket", "jsonl:ticket:1").await;
    assert_eq!(first.text("subject"), Some("[north] Late"));
    script(&shown_hook());
    bench.ends(0, &["jsonl", "old.jsonl", "--again"]).await;
    let first = bench.keyed("HD Ticket", "jsonl:ticket:1").await;
    assert_eq!(first.text("subject"), Some("Late"));
}

#[tokio::test]
async fn a_table_is_mapped_by_its_headers_and_moved_in() {
    let bench = Bench::new().await;
    let table = "Mã phiếu;Tiêu đề;Trạng thái;Email;Ngày tạo;Ghi chú\n\
                 7;Đơn hàng;Open;an@tra.example;2024-05-10 10:00:00;x\n";
    std::fs::write(bench.path("tickets.csv"), table).unwrap();
    let said = run(&[
        "import",
        "map",
        bench.path("tickets.csv").to_str().unwrap(),
        "--kind",
        "ticket",
        "--zone",
        "Asia/Ho_Chi_Minh",
    ])
    .await;
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert!(said.out.contains("# not taken: Ghi chú"), "{}", said.out);
    std::fs::write(bench.path("mapping.toml"), &said.out).unwrap();
    bench
        .ends(
            0,
            &["csv", "mapping.toml", "--prepare", "--as", "old-table"],
        )
        .await;
    let tickets = bench.all("HD Ticket").await;
    assert_eq!(tickets[0].text("subject"), Some("Đơn hàng"));
    assert_eq!(
        tickets[0].text("custom_import_id"),
        Some("old-table:ticket:7")
    );
    assert!(
        tickets[0]
            .text("creation")
            .unwrap()
            .starts_with("2024-05-10 10:00:00")
    );
}

#[tokio::test]
async fn who_stops_an_import_is_told_how_to_go_on_and_it_does() {
    let bench = Bench::new().await;
    bench.write("old.jsonl", &cases(1..=60));
    bench.site.site.configure(|config| config.latency_ms = 20);
    let command = bench.typed(&["jsonl", "old.jsonl", "--prepare", "--requests", "2"]);
    let mut running = Running::start(command);
    wait_for("a ticket", async || {
        (!bench.all("HD Ticket").await.is_empty()).then_some(())
    })
    .await;
    running.terminate();
    assert_eq!(running.ended().await.code(), Some(3), "{}", running.said());
    assert!(
        running
            .said()
            .contains("`deskbridge import jsonl old.jsonl` goes on"),
        "{}",
        running.said()
    );
    bench.site.site.configure(|config| config.latency_ms = 0);
    let before = bench.keys("HD Ticket").await.len();
    assert!(before < 60, "{before}");
    bench.ends(0, &["jsonl", "old.jsonl"]).await;
    bench.ends(0, &["verify", "jsonl", "old.jsonl"]).await;
    assert_eq!(bench.keys("HD Ticket").await.len(), 60);
}

#[tokio::test]
async fn no_mail_leaves_the_helpdesk_and_its_switches_are_put_back() {
    let bench = Bench::new().await;
    let settings = frappe::Name::from("HD Settings");
    let on = Document::new().with("send_acknowledgement_email", 1);
    let client = bench.client();
    client
        .update("HD Settings", &settings, &on)
        .await
        .into_result()
        .unwrap();
    bench.write("old.jsonl", &case(1));
    let said = bench.ends(1, &["jsonl", "old.jsonl", "--prepare"]).await;
    assert!(said.contains("send_acknowledgement_email"), "{said}");
    let said = bench.ends(0, &["jsonl", "old.jsonl", "--silence"]).await;
    assert!(
        said.contains("1 switches of the helpdesk are as they were."),
        "{said}"
    );
    let settings = client.get("HD Settings", &settings).await.unwrap();
    assert!(settings.check("send_acknowledgement_email"));
    assert_eq!(bench.keys("HD Ticket").await.len(), 1);
}

#[tokio::test]
async fn what_failed_is_written_once_more_and_nothing_else() {
    let bench = Bench::new().await;
    bench.write("old.jsonl", &cases(1..=4));
    bench.faults(
        r#"[{"when": "POST /api/resource/Contact", "skip": 1, "times": 1, "answer": {"preset": "forbidden"}}]"#,
    );
    let said = bench.import(&["jsonl", "old.jsonl", "--prepare"]).await;
    bench.faults("[]");
    assert_eq!(said.status, Some(1), "{}{}", said.out, said.err);
    let said = bench.ends(0, &["retry", "jsonl", "old.jsonl"]).await;
    assert!(
        said.contains("contacts  1 made, 0 brought up to date, 0 unchanged, 0 failed"),
        "{said}"
    );
    assert_eq!(bench.keys("Contact").await.len(), 4);
}

fn sample(tickets: u64) -> desk::Records {
    desk::Sample {
        tickets,
        ..desk::Sample::default()
    }
    .records()
}

async fn account(bench: &Bench, desk: &desk::Running) {
    for team in ["Vận hành", "Thanh toán"] {
        let team = Document::new().with("team_name", team);
        let made = bench.client().insert("HD Team", &team).await;
        made.into_result().unwrap();
    }
    bench.configure(&format!(
        "[[import]]\nname = \"freshdesk\"\nfreshdesk = \"{}\"\napi_key = \"key-of-admin\"\nratings = true\n\
         [import.mapping]\ntypes = {{ otherwise = \"Question\" }}\nteams = {{ otherwise = \"Product Experts\" }}\n\
         statuses = {{ values = {{ Pending = \"Replied\" }}, otherwise = \"Replied\" }}\n",
        desk.url
    ));
}

#[tokio::test]
async fn a_freshdesk_account_is_moved_in_with_its_files_and_images() {
    let bench = Bench::new().await;
    let records = sample(60);
    let options = desk::Options {
        records: records.clone(),
        ..desk::Options::default()
    };
    let desk = desk::start(options).await.unwrap();
    account(&bench, &desk).await;
    let said = bench.ends(0, &["freshdesk", "--prepare"]).await;
    let listed = records
        .tickets
        .values()
        .filter(|ticket| ticket.place == desk::Place::Inbox);
    let listed = listed.count();
    assert!(said.contains(&format!("tickets   {listed} made")), "{said}");
    // One image of the sample lies where nobody listens.
    let said = bench.ends(1, &["verify", "freshdesk"]).await;
    assert!(
        said.contains("x       1  a file is missing (ticket "),
        "{said}"
    );
    let table = std::fs::read_to_string(bench.path("freshdesk-verify.csv")).unwrap();
    let differences: Vec<&str> = table.lines().skip(1).collect();
    assert!(
        differences.len() == 1 && differences[0].ends_with(",a file is missing,image-1"),
        "{table}"
    );

    let files = bench.all("File").await;
    assert!(!files.is_empty(), "the sample has files");
    let messages = bench.all("Communication").await;
    let said: String = messages
        .iter()
        .filter_map(|one| one.text("content"))
        .collect();
    assert!(
        said.contains("/private/files/"),
        "images lie in the helpdesk"
    );
    assert!(
        !said.contains(&desk.files_url),
        "no image is shown from Freshdesk"
    );

    // What changed since is asked for, and nothing else.
    desk.desk.clear_asked();
    bench.ends(0, &["freshdesk"]).await;
    let asked = desk.desk.asked();
    let tickets = asked
        .iter()
        .filter(|asked| asked.contains("/tickets/"))
        .count();
    assert!(tickets < listed / 2, "{tickets} of {listed}");
}

#[tokio::test]
async fn an_account_export_is_moved_in() {
    let bench = Bench::new().await;
    let records = sample(40);
    let folder = bench.path("export");
    std::fs::create_dir(&folder).unwrap();
    let tickets = records.tickets.values().cloned().collect::<Vec<_>>();
    let export = desk::export::Export::default();
    export
        .to_folder(&folder, &records, tickets.into_iter())
        .unwrap();
    let desk = desk::start(desk::Options {
        records,
        ..desk::Options::default()
    })
    .await
    .unwrap();
    account(&bench, &desk).await;
    let typed = ["freshdesk", "--export", "export", "--prepare"];
    let said = bench.ends(0, &typed).await;
    assert!(said.contains("tickets "), "{said}");
    // The links of this export lead to hosts that nobody here may ask.
    assert!(said.contains("a file is left out"), "{said}");
    bench
        .ends(1, &["verify", "freshdesk", "--export", "export"])
        .await;
    let table = std::fs::read_to_string(bench.path("freshdesk-verify.csv")).unwrap();
    let others = table.lines().skip(1);
    let others = others.filter(|line| !line.contains(",a file is missing,"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());
    assert!(bench.keys("Communication").await.len() > 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_again_and_again_has_nothing_twice_and_misses_nothing() {
    let options = imports::Options {
        program: env!("CARGO_BIN_EXE_deskbridge").into(),
        tickets: 120,
        seed: 3,
    };
    let report = imports::killed(&options, 12).await.unwrap();
    assert!(report.is_clean(), "{options:?}: {report:#?}");
    assert!(report.kills > 3 && report.compared > 500, "{report:?}");
}
