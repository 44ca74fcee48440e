//! The dialplan of docs/calls-dialplan.md, as it stands there: what is printed is what is run.

use std::process::Command;

use serde_json::json;
use testkit::asterisk::{Custom, Message};

use super::*;

const DOCUMENT: &str = include_str!("../../../../../../docs/calls-dialplan.md");
/// Where the document says that the program is.
const EXAMPLE: &str = "http://127.0.0.1:8700/";
const TOKEN: &str = "planted-lookup-token";
const STRANGER: &str = "84900000002";
/// What the portal calls the customer. A comma and brackets mean something to a dialplan.
const NAME: &str = "Minh (VIP), Sample";

/// The dialplans of the document, by the context that each begins with.
fn dialplan(context: &str) -> &'static str {
    let mut blocks = DOCUMENT
        .split("\n```\n")
        .filter(|block| block.starts_with('['));
    let start = format!("[{context}]\n");
    blocks.find(|block| block.starts_with(&start)).unwrap()
}

/// A program that is asked by what the document says, and a client for whom 101 is responsible.
async fn asked(context: &str, more: &str) -> Real {
    let real = Real::told(
        "lookup_tokens = [\"planted-lookup-token\"]\nresponsible = { at_work = [\"opened\", \"not_installed\"] }",
    )
    .await;
    let portal = &real.desk.bench.portal.portal;
    let mut data = portal.data();
    let client = json!({
        "ID": "9001", "NAME": NAME, "LAST_NAME": "", "ASSIGNED_BY_ID": OF_101.to_string(), "HAS_PHONE": "Y",
        "PHONE": [{"ID": "1", "VALUE_TYPE": "WORK", "VALUE": format!("+{CUSTOMER}"), "TYPE_ID": "PHONE"}],
    });
    data.contacts.push(client.as_object().unwrap().clone());
    portal.set_data(data).unwrap();
    let text = dialplan(context);
    assert!(text.contains(EXAMPLE), "{text}");
    let text = text.replace(EXAMPLE, &format!("{}/", real.hub.url()));
    real.pbx
        .configure(Custom::Dialplan, &format!("{text}\n{more}"))
        .await;
    trust(&real, TOKEN).await;
    real
}

async fn trust(real: &Real, token: &str) {
    let globals = format!("LOOKUP_TOKEN={token}\n");
    real.pbx.configure(Custom::Globals, &globals).await;
}

/// Where a call went, from what the PBX told.
#[derive(Debug, PartialEq)]
enum Went {
    /// To 101, whose phone showed this name.
    Responsible(String),
    /// To the queue, before any phone rang.
    Everybody,
}

fn went(told: &[Message]) -> Went {
    let is = |message: &&Message, event: &str| message.get("Event") == event;
    let rang = told.iter().position(|message| {
        message.get("Event") == "DialBegin" && message.get("DestChannel").starts_with("PJSIP/")
    });
    let queued = told
        .iter()
        .position(|message| is(&message, "QueueCallerJoin"));
    match (rang, queued) {
        (Some(rang), None) => {
            assert_eq!(told[rang].get("DestCallerIDNum"), "101");
            Went::Responsible(told[rang].get("DestConnectedLineName").to_owned())
        }
        (rang, Some(queued)) => {
            assert!(rang.is_none_or(|rang| queued < rang), "it rang before");
            Went::Everybody
        }
        (None, None) => panic!("it went nowhere: {told:?}"),
    }
}

impl Real {
    /// Calls in, is answered by 101, talks, and says where the call went.
    async fn goes(&self, client: &str) -> Went {
        let mut manager = self.pbx.manager().await;
        let [agent] = self.pbx.agents([(101, Called::answers())]).await;
        let talks = Calling::Talks { talk_ms: 200 };
        self.pbx
            .call_in(client, number::OTHER, talks)
            .finished()
            .await;
        agent.finished().await;
        went(&manager.until_all_is_over().await)
    }
}

async fn check(real: Real) {
    let known = || Went::Responsible(NAME.to_owned());
    assert_eq!(real.goes(CUSTOMER).await, known());
    assert_eq!(real.goes(STRANGER).await, Went::Everybody);

    // The answer is then an error, whose body has digits in it.
    trust(&real, "another").await;
    assert_eq!(real.goes(CUSTOMER).await, Went::Everybody);
    trust(&real, TOKEN).await;
    assert_eq!(real.goes(CUSTOMER).await, known());

    // It takes what is asked, and never answers.
    let id = real.hub.process.id().to_string();
    let signal = |name: &str| Command::new("kill").args([name, &id]).status().unwrap();
    assert!(signal("-STOP").success());
    assert_eq!(real.goes(CUSTOMER).await, Went::Everybody);
    assert!(signal("-CONT").success());
    assert_eq!(real.goes(CUSTOMER).await, known());

    let Real { pbx, desk, hub } = real;
    let rest = hub.url().to_owned();
    hub.process.kill();
    let mut manager = pbx.manager().await;
    let [agent] = pbx.agents([(101, Called::answers())]).await;
    let talks = Calling::Talks { talk_ms: 200 };
    pbx.call_in(CUSTOMER, number::OTHER, talks).finished().await;
    agent.finished().await;
    let told = manager.until_all_is_over().await;
    assert_eq!(went(&told), Went::Everybody, "{rest}");
    drop(desk);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plain_dialplan_of_the_document_puts_a_client_through() {
    check(asked("from-trunk", "").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dialplan_for_freepbx_of_the_document_puts_a_client_through() {
    // What FreePBX makes of an inbound route and of a queue.
    let around = format!(
        "[from-trunk]\nexten => {},1,Goto(ask-crm,s,1)\n[ext-queues]\nexten => 600,1,Queue(support)\n",
        number::OTHER
    );
    check(asked("ask-crm", &around).await).await;
}
