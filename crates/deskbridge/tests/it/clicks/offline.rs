//! Clicks that wait in the portal until they are asked for.

use serde_json::{Value, json};
use simulators::{bitrix24::Binding, faults::Rule};

use super::*;

impl Clicks {
    /// A hub that the portal cannot reach.
    async fn waiting() -> Self {
        Self::configured(ami::Options::default(), |text| {
            let lines = text.lines();
            let lines = lines.map(|line| match line.starts_with("public_url") {
                true => "events = \"offline\"\npoll_seconds = 1\npoll_idle_seconds = 1",
                false => line,
            });
            lines.collect::<Vec<_>>().join("\n")
        })
        .await
    }

    fn fail(&self, rules: Value) {
        let rules: Vec<Rule> = serde_json::from_value(rules).unwrap();
        self.bench.portal.portal.set_faults(rules).unwrap();
    }

    async fn dialled(&self, times: usize) {
        wait_for("the PBX to be asked", async || {
            (self.pbx.pbx.count("Originate") >= times).then_some(())
        })
        .await;
    }

    /// Waits until the portal knows that nothing is left to be told.
    async fn confirmed(&self) {
        wait_for("the events to be confirmed", async || {
            let events = self.bench.portal.portal.events();
            events.offline.is_empty().then_some(())
        })
        .await;
    }

    async fn is_taken(&self) {
        wait_for("the event to be taken", async || {
            let events = self.bench.portal.portal.events().offline;
            events
                .iter()
                .any(|event| event.taken.is_some())
                .then_some(())
        })
        .await;
    }

    /// Events in the journal, all of them carried out.
    async fn events(&self, number: usize) {
        wait_for("the events to be planned", async || {
            let said = self.bench.run(&["events", "list", "--json"]).await;
            let is_done = said.out.matches("\"done\"").count() == number;
            (is_done && said.out.lines().count() == number).then_some(())
        })
        .await;
    }

    fn bindings(&self) -> Vec<(String, bool)> {
        let bindings = self.bench.portal.portal.events().bindings.into_iter();
        let mut bindings: Vec<_> = bindings
            .map(|Binding { event, handler, .. }| (event, handler.is_none()))
            .collect();
        bindings.sort();
        bindings
    }
}

#[tokio::test]
async fn a_click_that_waits_is_dialled_once_whatever_answer_gets_lost() {
    let clicks = Clicks::waiting().await;
    let hub = clicks.serve().await;
    let told = clicks.click_on("+79161234560").await;
    assert!(told.handlers.is_empty(), "nothing is posted: {told:?}");
    clicks.dialled(1).await;
    clicks.confirmed().await;
    let lost =
        |method: &str| json!([{"when": method, "times": 1, "execute": true, "answer": "hang_up"}]);
    let busy = json!([{"when": "event.offline.clear", "times": 2, "answer": {"status": 500, "html": "<h1>Bad</h1>"}}]);
    let faults = [lost("event.offline.get"), lost("event.offline.clear"), busy];
    for (number, fault) in faults.into_iter().enumerate() {
        clicks.fail(fault);
        clicks.click_on(&format!("+7916123456{}", number + 1)).await;
        clicks.dialled(number + 2).await;
        clicks.confirmed().await;
        clicks.events(number + 2).await;
        assert_eq!(clicks.pbx.pbx.count("Originate"), number + 2);
    }
    let calls = clicks.bench.portal.portal.telephony().calls;
    assert_eq!(calls.len(), 4, "none is registered again: {calls:#?}");
    let said = clicks.bench.run(&["doctor"]).await;
    assert!(
        said.out
            .contains("crm keeps clicks until it is asked: 0 wait now"),
        "{}",
        said.out
    );
    stopped(hub).await;
}

#[tokio::test]
async fn a_click_is_dialled_once_though_the_program_is_killed_between_taking_and_confirming() {
    let silence = |method: &str, execute: bool| json!([{"when": method, "execute": execute, "answer": "silence"}]);
    let clicks = Clicks::waiting().await;
    let hub = clicks.serve().await;
    // It is on disk and dialled, and the portal was not told.
    clicks.fail(silence("event.offline.clear", false));
    clicks.click_on("+79161234567").await;
    clicks.dialled(1).await;
    hub.process.kill();
    clicks.is_taken().await;
    clicks.fail(json!([]));
    let hub = clicks.serve_again().await;
    clicks.confirmed().await;
    clicks.events(1).await;
    assert_eq!(clicks.pbx.pbx.count("Originate"), 1);
    // The portal has given it away, and nobody has it.
    clicks.fail(silence("event.offline.get", true));
    clicks.click_on("+79161234568").await;
    clicks.is_taken().await;
    hub.process.kill();
    clicks.fail(json!([]));
    let hub = clicks.serve_again().await;
    clicks.dialled(2).await;
    clicks.confirmed().await;
    clicks.events(2).await;
    assert_eq!(clicks.pbx.pbx.count("Originate"), 2);
    stopped(hub).await;
}

#[tokio::test]
async fn events_are_bound_in_one_way_at_a_time_and_the_doctor_says_in_which() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let hub = clicks.serve().await;
    let events = |waits: bool| {
        let all = [
            "ONAPPUNINSTALL",
            "ONEXTERNALCALLBACKSTART",
            "ONEXTERNALCALLSTART",
        ];
        let all = all.map(|event| (event.to_owned(), waits && event != "ONAPPUNINSTALL"));
        Vec::from(all)
    };
    assert_eq!(clicks.bindings(), events(false));
    let said = clicks.bench.run(&["doctor"]).await;
    assert!(
        said.out.contains("crm posts clicks to http://"),
        "{}",
        said.out
    );
    let said = clicks.bench.run(&["bitrix24", "bind", "--offline"]).await;
    assert!(
        said.out.contains("events = \"offline\""),
        "{}{}",
        said.out,
        said.err
    );
    assert_eq!(clicks.bindings(), events(true));
    let said = clicks.bench.run(&["doctor"]).await;
    assert!(said.out.contains("and nobody asks"), "{}", said.out);
    let said = clicks.bench.run(&["bitrix24", "bind"]).await;
    assert_eq!(said.status, Some(0), "{}", said.err);
    assert_eq!(clicks.bindings(), events(false));
    stopped(hub).await;
}

#[tokio::test]
async fn the_doctor_says_what_an_application_lacks_and_how_to_mend_it() {
    let clicks = Clicks::new(ami::Options::default()).await;
    let check = async |level: &str, what: &str, mend: &str| {
        let said = clicks.bench.run(&["doctor", "--json"]).await;
        let findings = said
            .out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut of_clicks = findings.filter(|finding| finding["place"] == "clicks");
        let found = of_clicks.next();
        let found = found.unwrap_or_else(|| panic!("{what}: {}", said.out));
        assert_eq!(of_clicks.next(), None);
        assert_eq!(found["level"], level, "{found}");
        let has = |name: &str, text: &str| {
            let told = found[name].as_str().unwrap_or_default();
            assert!(told.contains(text), "{text} in {found}");
        };
        has("what", what);
        has("mend", mend);
        assert!(!said.out.contains("planted-"), "{}", said.out);
    };
    let hub = clicks.bench.serve().await;
    check(
        "fail",
        "crm does not say which events are bound",
        "Install the application",
    )
    .await;
    clicks.install().await;
    check("ok", "crm posts clicks to http://", "").await;
    stopped(hub).await;
    let path = clicks.bench.config();
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("client_id =", "events = \"offline\"\nclient_id =");
    fs::write(&path, text).unwrap();
    check(
        "fail",
        "crm posts clicks, and the configuration waits for those that are kept",
        "deskbridge bitrix24 bind",
    )
    .await;
}
