//! The same with a real Asterisk and phones: of version 22, or of the one that `ASTERISK` names.

mod dialplan;
mod gaps;
mod kinds;
mod rights;
mod secured;
mod transfers;

use std::net::SocketAddr;

use testkit::{
    asterisk::{Called, Calling, Pbx, Then, number},
    wait_for,
};

use super::{Desk, Hub, NOBODYS, OF_101, OF_102, is_followed};

const CUSTOMER: &str = "84900000001";

/// A real PBX, a portal, and the program between them.
struct Real {
    pbx: Pbx,
    desk: Desk,
    hub: Hub,
}

/// Who the program is to the PBX, and what else it is told.
struct Setting<'a> {
    address: SocketAddr,
    user: &'a str,
    password: &'a str,
    more: &'a str,
}

impl<'a> Setting<'a> {
    fn of(pbx: &'a Pbx) -> Self {
        Self {
            address: pbx.manager_address(),
            user: Pbx::USER,
            password: pbx.secret(),
            more: "",
        }
    }

    fn configure(&self, pbx: &Pbx, desk: &Desk) {
        let Self {
            address,
            user,
            password,
            more,
        } = self;
        let spool = pbx.spool();
        let spool = spool.display();
        desk.bench.configure(|text| {
            let text = text.replace(simulators::bitrix24::CUSTOMER_SECRET, super::SECRET);
            format!(
                r#"{text}
[[asterisk]]
name = "office"
address = "{address}"
user = "{user}"
password = "{password}"
zone = "Asia/Ho_Chi_Minh"
default_user = {NOBODYS}
endpoints = {{ trunks = ["trunk"] }}
recordings.folders = [{{ on_pbx = "{spool}", here = "{spool}" }}]
numbers.country = "VN"
{more}
"#
            )
        });
    }
}

impl Real {
    async fn new() -> Self {
        let pbx = Pbx::start().await;
        Self::with(pbx, |setting| setting).await
    }

    /// With more settings of calls.
    async fn told(more: &'static str) -> Self {
        let pbx = Pbx::start().await;
        Self::with(pbx, |setting| Setting { more, ..setting }).await
    }

    /// With a PBX that runs, and the program set in another way.
    async fn with(pbx: Pbx, set: impl FnOnce(Setting<'_>) -> Setting<'_>) -> Self {
        let desk = Desk::new().await;
        set(Setting::of(&pbx)).configure(&pbx, &desk);
        let hub = desk.bench.serve().await;
        is_followed(&hub).await;
        Self { pbx, desk, hub }
    }

    /// Calls in to agents that do what is said.
    async fn call_in<const N: usize>(&self, to: &str, agents: [(u8, Called); N], does: Calling) {
        let agents = self.pbx.agents(agents).await;
        self.pbx.call_in(CUSTOMER, to, does).finished().await;
        for agent in agents {
            agent.finished().await;
        }
        self.pbx.is_idle().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_real_pbx_are_there_once_and_right() {
    let real = Real::new().await;
    let talks = Calling::Talks { talk_ms: 2_200 };
    real.call_in(number::DIRECT, [(101, Called::answers())], talks)
        .await;
    let answered = real.desk.finished(true).await;
    let finish = answered.finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_101, "200")
    );
    // How soon two phones are joined, and so how long they talk, is the machine's matter.
    assert!((1..=3).contains(&finish.duration_s), "{finish:?}");
    assert!(
        answered.recording.as_ref().unwrap().bytes > 10_000,
        "{answered:#?}"
    );
    assert!(answered.was_shown_to.contains(&OF_101));

    let gives_up = Calling::GivesUp { ring_ms: 800 };
    real.call_in(number::DIRECT, [(101, Called::Rings)], gives_up)
        .await;
    wait_for("a task", async || {
        (!real.desk.tasks().is_empty()).then_some(())
    })
    .await;
    real.desk.has_no_open_effects(&real.hub).await;
    let missed = real.desk.calls().pop().unwrap();
    let status = missed.finish.unwrap().status_code;
    assert!(["304", "603-S"].contains(&status.as_str()), "{status}");

    let transfers = Called::answers_then(Then::TransfersBlind {
        talk_ms: 600,
        to: "102".to_owned(),
    });
    real.call_in(
        number::DIRECT,
        [(101, transfers), (102, Called::answers())],
        Calling::Talks { talk_ms: 3_000 },
    )
    .await;
    wait_for("the third call to be finished", async || {
        let calls = real.desk.calls();
        (calls.len() == 3 && calls[2].finish.is_some()).then_some(())
    })
    .await;
    real.desk.has_no_open_effects(&real.hub).await;
    let calls = real.desk.calls();
    let finish = calls[2].finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_102, "200")
    );
    assert_eq!((calls.len(), real.desk.tasks().len()), (3, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_which_the_pbx_dies_is_finished_when_it_is_back() {
    let real = Real::new().await;
    let [agent] = real.pbx.agents([(101, Called::answers())]).await;
    let caller = real.pbx.call_in(CUSTOMER, number::DIRECT, Calling::Stays);
    real.pbx.is_talking().await;
    wait_for("the call to be registered", async || {
        (real.desk.calls().len() == 1).then_some(())
    })
    .await;
    real.pbx.kill().await;
    drop((agent, caller));
    real.pbx.boot().await;
    let call = real.desk.finished(false).await;
    let finish = call.finish.as_ref().unwrap();
    assert_eq!(
        (finish.user_id, finish.status_code.as_str()),
        (OF_101, "200")
    );
    assert_eq!(real.desk.calls().len(), 1);
}
