//! One of each kind of call that ends in a way of its own.

use testkit::asterisk::Phone;

use super::*;

/// What the portal holds of a call: kind, user and status.
type Held = (u8, u64, &'static str);

impl Real {
    /// Lets a phone do what it is to do, with those that it calls, and looks what the portal holds of the call.
    async fn check(&self, phone: Phone, others: impl IntoIterator<Item = Phone>, expected: Held) {
        let before = self.desk.calls().len();
        phone.finished().await;
        for other in others {
            other.finished().await;
        }
        self.pbx.is_idle().await;
        let call = wait_for("the call to be finished", async || {
            let call = self.desk.calls().into_iter().nth(before);
            call.filter(|call| call.finish.is_some())
        })
        .await;
        self.desk.has_no_open_effects(&self.hub).await;
        let finish = call.finish.as_ref().unwrap();
        let held = (
            call.identity.kind,
            finish.user_id,
            finish.status_code.as_str(),
        );
        assert_eq!(held, expected, "{call:#?}");
        assert_eq!(self.desk.calls().len(), before + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_a_call_of_a_queue_has_it() {
    let real = Real::new().await;
    let takes = Called::answers_then(Then::HangsUp { talk_ms: 1_500 });
    let agents = [(101, Called::Rings), (102, takes)];
    let agents = real.pbx.agents(agents).await;
    let caller = real.pbx.call_in(CUSTOMER, number::QUEUE, Calling::Stays);
    real.check(caller, agents, (2, OF_102, "200")).await;
    assert_eq!(real.desk.tasks().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_agent_is_busy_is_missed_and_a_busy_client_is_told_as_such() {
    let real = Real::new().await;
    let agents = real.pbx.agents([(101, Called::Busy)]).await;
    let caller = real
        .pbx
        .call_in(CUSTOMER, number::DIRECT, Calling::IsRefused);
    real.check(caller, agents, (2, OF_101, "304")).await;
    assert_eq!(real.desk.tasks().len(), 1);

    let client = real.pbx.outside(&Called::Busy).await;
    let agent = real.pbx.call_out(101, "0900000001", Calling::IsRefused);
    real.check(agent, [client], (1, OF_101, "486")).await;

    let client = real.pbx.outside(&Called::answers()).await;
    let talks = Calling::Talks { talk_ms: 1_500 };
    let agent = real.pbx.call_out(101, "0900000001", talks);
    real.check(agent, [client], (1, OF_101, "200")).await;
    // Who was missed was talked with.
    wait_for("the task to be done", async || {
        (real.desk.tasks()[0]["STATUS"] == "5").then_some(())
    })
    .await;
}
