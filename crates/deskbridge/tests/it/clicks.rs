//! Clicks in the CRM, from the portal's event to what the PBX was asked; and the application that is told of them.

use std::{fs, net::TcpListener};

use http::StatusCode;
use simulators::{
    ami,
    bitrix24::{Application, CallbackRequest, Click, InstallCallback, Told},
};
use testkit::wait_for;

use crate::hub::{Bench, Hub, http};

mod counted;
mod edges;
mod offline;
mod real;
mod tokens;
mod troubles;

const CLIENT_ID: &str = "local.desk";
const CLIENT_SECRET: &str = "planted-client-secret";
const APPLICATION_TOKEN: &str = "planted-application-token";
/// A client whose contact is the responsibility of [`OF_101`].
const CLIENT: &str = "+79169990011";
const LOOKUP_TOKEN: &str = "planted-lookup-token";
/// A user of the portal whose extension is 101.
const OF_101: u64 = 57;

/// A portal with an application, and a PBX.
struct Clicks {
    bench: Bench,
    pbx: ami::Running,
    url: String,
}

impl Clicks {
    async fn new(options: ami::Options) -> Self {
        Self::configured(options, |text| text).await
    }

    /// With the configuration changed.
    async fn configured(options: ami::Options, change: impl FnOnce(String) -> String) -> Self {
        let bench = Bench::new().await;
        let portal = &bench.portal.portal;
        let mut data = portal.data();
        let scopes = ["crm", "user", "telephony", "task", "im"];
        let mut application = Application::new(CLIENT_ID, CLIENT_SECRET, scopes);
        APPLICATION_TOKEN.clone_into(&mut application.application_token);
        data.applications.push(application);
        let contact = serde_json::json!({
            "ID": "9002", "NAME": "Olga", "ASSIGNED_BY_ID": OF_101.to_string(), "HAS_PHONE": "Y",
            "PHONE": [{"ID": "1", "VALUE_TYPE": "WORK", "VALUE": CLIENT, "TYPE_ID": "PHONE"}],
        });
        data.contacts.push(contact.as_object().unwrap().clone());
        portal.set_data(data).unwrap();
        let pbx = ami::start(options).await.unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = free.local_addr().unwrap();
        drop(free);
        let (address, base) = (pbx.address, bench.portal_url().to_owned());
        bench.configure(|text| {
            let text = text.replace("127.0.0.1:0", &listen.to_string());
            change(format!(
                r#"{text}
portal_url = "{base}"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
authorization_server = "{base}"
public_url = "http://{listen}"

[[asterisk]]
name = "office"
address = "{address}"
user = "hub"
password = "hub"
default_user = 1
endpoints = {{ trunks = ["trunk"], originate_prefix = "crm-" }}
numbers.country = "RU"
lookup_tokens = ["{LOOKUP_TOKEN}"]
"#
            ))
        });
        let url = format!("http://{listen}");
        Self { bench, pbx, url }
    }

    /// Serves with the application installed, after a restart that the tokens outlive, and waits for the users.
    async fn serve(&self) -> Hub {
        let hub = self.bench.serve().await;
        self.install().await;
        drop(hub);
        self.serve_again().await
    }

    /// Serves, and waits for the users.
    async fn serve_again(&self) -> Hub {
        let portal = &self.bench.portal.portal;
        portal.clear_journal();
        let hub = self.bench.serve().await;
        wait_for("the users to be known", async || {
            let journal = format!("{:?}", portal.journal());
            journal.contains("user.get").then_some(())
        })
        .await;
        hub
    }

    async fn install(&self) {
        let handler = format!("{}/bitrix24/crm/install", self.url);
        let portal = &self.bench.portal.portal;
        let installed = portal.install_at(CLIENT_ID, &handler, InstallCallback::Event);
        assert_eq!(installed.await.unwrap(), 200);
        wait_for("the events to be bound", async || {
            let bound = portal.events().bindings;
            // That the application is taken away is told to an address only.
            let is_posted = bound.iter().any(|binding| binding.handler.is_some());
            let wanted = if is_posted { 3 } else { 2 };
            (bound.len() >= wanted).then_some(())
        })
        .await;
    }

    async fn click(&self) -> Told {
        let told = self.click_on("+7 (916) 123-45-67").await;
        assert!(matches!(told.handlers[..], [Ok(200)]), "{told:?}");
        told
    }

    async fn click_on(&self, phone: &str) -> Told {
        let click = Click {
            client_id: CLIENT_ID.to_owned(),
            user_id: OF_101,
            phone_number: phone.to_owned(),
            ..Click::default()
        };
        self.bench.portal.portal.click(&click).await
    }

    /// A client asks by a form to be called back.
    async fn ask(&self) {
        let asked = CallbackRequest {
            client_id: CLIENT_ID.to_owned(),
            phone_number: CLIENT.to_owned(),
            text: "Call me".to_owned(),
            ..CallbackRequest::default()
        };
        let told = self.bench.portal.portal.request_callback(&asked).await;
        assert!(matches!(told.handlers[..], [Ok(200)]), "{told:?}");
    }

    /// What the PBX was asked to begin.
    async fn originated(&self) -> ami::Received {
        wait_for("the PBX to be asked", async || {
            let received = self.pbx.pbx.received();
            received.into_iter().find(|one| one.action() == "Originate")
        })
        .await
    }

    /// Adds settings of the PBX.
    fn set(&self, more: &str) {
        let path = self.bench.config();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n{more}")).unwrap();
    }

    async fn post(&self, body: String) -> StatusCode {
        let address = format!("{}/hooks/bitrix24/crm", self.url);
        let kind = "application/x-www-form-urlencoded";
        let request = http().post(address).header("content-type", kind).body(body);
        request.send().await.unwrap().status()
    }
}

fn form(token: &str, phone: &str) -> String {
    let mut form = String::from("event=ONEXTERNALCALLSTART&data[USER_ID]=57");
    for (name, value) in [
        ("data[PHONE_NUMBER]", phone),
        ("auth[application_token]", token),
    ] {
        let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        form.push_str(&format!("&{name}={value}"));
    }
    form
}

async fn stopped(hub: Hub) {
    drop(hub);
}

#[tokio::test]
async fn a_click_is_dialled_once_and_its_call_is_not_registered_again() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let told = clicks.click().await;
    let asked = clicks.originated().await;
    assert_eq!(asked.get("Channel"), "PJSIP/101");
    assert_eq!(asked.get("Exten"), "79161234567");
    assert!(asked.get("ChannelId").starts_with("crm-"));
    assert_eq!(asked.get("Async"), "true");
    // The portal names the same call for a second click, and it is left out. Told within the same second, its
    // event is the first one's byte for byte, and the journal counts it as a repeat.
    clicks.click().await;
    let said = wait_for("both events to be planned", async || {
        let said = clicks.bench.run(&["events", "list", "--json"]).await;
        let planned = said.out.matches("\"done\"").count();
        let repeats = said.out.matches("\"repeats\":1").count();
        (planned + repeats == 2).then_some(said.out)
    })
    .await;
    assert!(!said.contains("planted-"), "{said}");
    assert_eq!(clicks.pbx.pbx.count("Originate"), 1);
    let calls = clicks.bench.portal.portal.telephony().calls;
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(Some(&calls[0].call_id), told.call_id.as_ref());
    // Neither a copy of the database nor the log holds a credential.
    let copy = clicks.bench.path("copy.db");
    let said = clicks
        .bench
        .run(&["db", "backup", copy.to_str().unwrap()])
        .await;
    assert!(copy.exists(), "{}", said.out);
    let copied = fs::read(&copy).unwrap();
    for secret in [CLIENT_SECRET, APPLICATION_TOKEN, LOOKUP_TOKEN] {
        let has = copied
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!has, "{secret} lies in the copy");
    }
    stopped(hub).await;
}

#[tokio::test]
async fn a_hook_is_tried_on_the_order_of_a_click() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    clicks.click().await;
    let id = clicks.originated().await.get("ChannelId").to_owned();
    stopped(hub).await;
    clicks.set("[[hook]]\nname = \"process_originate_params\"\nfile = \"prefix.js\"\n");
    let source = "export default ({ params }) => ({ data: { extension: '9' + params.extension, variable: 'ASKED_BY=' + params.request_data.USER_ID } })";
    fs::write(clicks.bench.path("prefix.js"), source).unwrap();
    let test = async |id: &str| {
        let words = ["hook", "test", "process_originate_params", "--call", id];
        clicks.bench.run(&[&words[..], &["--diff"]].concat()).await
    };
    let said = test(&id).await;
    assert_eq!(said.status, Some(0), "{}{}", said.out, said.err);
    for line in [
        "-  \"extension\": \"79161234567\"",
        "+  \"extension\": \"979161234567\"",
        "+  \"variable\": \"ASKED_BY=57\"",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert_eq!(clicks.pbx.pbx.count("Originate"), 1);
    let said = test("none").await;
    assert!(
        said.err.contains("no order of none is kept"),
        "{}",
        said.err
    );
}

#[tokio::test]
async fn a_phone_that_cannot_be_called_finishes_the_call_of_the_portal() {
    let clicks = Clicks::new(ami::Options {
        unreachable: vec!["PJSIP/101".to_owned()],
        ..ami::Options::default()
    })
    .await;
    let hub = clicks.serve().await;
    clicks.click().await;
    let finish = wait_for("the call to be finished", async || {
        let calls = clicks.bench.portal.portal.telephony().calls;
        calls.first().and_then(|call| call.finish.clone())
    })
    .await;
    assert!(format!("{finish:?}").contains("OTHER"), "{finish:?}");
    stopped(hub).await;
}

#[tokio::test]
async fn an_order_whose_answer_got_lost_is_looked_for_before_it_is_repeated() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    clicks.pbx.pbx.fail(ami::Fault {
        action: "Originate".to_owned(),
        skip: 0,
        times: 1,
        executes: true,
        then: ami::Then::CutInside,
    });
    clicks.click().await;
    let said = wait_for("the order to be done", async || {
        let said = clicks.bench.run(&["effects", "list", "--json"]).await;
        let is_done = |line: &str| line.contains("calls.originate") && line.contains("\"done\"");
        said.out.lines().any(is_done).then_some(said.out)
    })
    .await;
    assert_eq!(clicks.pbx.pbx.count("Originate"), 1, "{said}");
    stopped(hub).await;
}

#[tokio::test]
async fn what_proves_nothing_or_is_half_a_form_is_refused() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let whole = form(APPLICATION_TOKEN, "+79161234567");
    for (body, expected) in [
        (form("another", "+79161234567"), 401),
        (form("", "+79161234567"), 401),
        ("event=ONEXTERNALCALLSTART".to_owned(), 400),
        (String::new(), 400),
        (whole.chars().take(40).collect(), 400),
        ("%00%ff".to_owned(), 400),
    ] {
        let status = clicks.post(body.clone()).await;
        let expected = StatusCode::from_u16(expected).unwrap();
        assert_eq!(status, expected, "{body}");
    }
    assert_eq!(clicks.pbx.pbx.count("Originate"), 0);
    // What could end a line of an order is not in what is dialled.
    let status = clicks
        .post(form(
            APPLICATION_TOKEN,
            "+7916\r\nAction: Command\0 1234567",
        ))
        .await;
    assert_eq!(status, StatusCode::OK);
    let asked = clicks.originated().await;
    assert_eq!(asked.get("Exten"), "+79161234567");
    assert_eq!(clicks.pbx.pbx.count("Command"), 0);
    stopped(hub).await;
}

#[tokio::test]
async fn the_dialplan_is_told_only_for_its_token() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let address = "/pbx/office/responsible?phone=79160000000&format=json";
    let (status, _) = hub.get(address, "Bearer another").await;
    assert!(status.is_client_error(), "{status}");
    let (status, body) = hub.get(address, &format!("Bearer {LOOKUP_TOKEN}")).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert!(body.contains("\"extension\":null"), "{body}");
    let address = format!("/pbx/office/responsible?phone=anonymous&token={LOOKUP_TOKEN}");
    let (status, body) = hub.get(&address, "").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
    stopped(hub).await;
}

#[tokio::test]
async fn who_is_responsible_is_called_first_for_a_client_who_asks_for_it() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    clicks.ask().await;
    let asked = clicks.originated().await;
    assert_eq!(asked.get("Channel"), "PJSIP/101");
    assert_eq!(asked.get("Exten"), "79169990011");
    stopped(hub).await;
}

#[tokio::test]
async fn a_client_who_asks_for_it_may_be_called_first() {
    let clicks = Clicks::new(ami::Options::default()).await;
    clicks.set("originate.callback_channel = \"PJSIP/{{ number }}@trunk\"\noriginate.callback_caller_id = \"74951230000\"");
    let hub = clicks.serve().await;
    clicks.ask().await;
    let asked = clicks.originated().await;
    assert_eq!(asked.get("Channel"), "PJSIP/79169990011@trunk");
    assert_eq!(asked.get("Exten"), "101");
    assert!(asked.get("CallerID").contains("74951230000"));
    stopped(hub).await;
}

#[tokio::test]
async fn a_callback_that_could_not_be_begun_is_told_and_somebodys_task() {
    let clicks = Clicks::new(ami::Options {
        unreachable: vec!["PJSIP/101".to_owned()],
        ..ami::Options::default()
    })
    .await;
    let hub = clicks.serve().await;
    clicks.ask().await;
    let portal = &clicks.bench.portal.portal;
    let task = wait_for("a task", async || portal.data().tasks.first().cloned()).await;
    assert_eq!(task["RESPONSIBLE_ID"], OF_101.to_string());
    let calls = portal.telephony().calls;
    let [call] = &calls[..] else {
        panic!("{calls:#?}");
    };
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (call.identity.kind, finish.status_code.as_str()),
        (4, "304")
    );
    assert_eq!(call.identity.phone_number, CLIENT);
    assert!(!finish.failed_reason.is_empty(), "{finish:?}");
    stopped(hub).await;
}
