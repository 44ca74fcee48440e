//! What happens while nobody looks: the way to the PBX is cut in the middle of a call, and the PBX itself starts again.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use simulators::bitrix24::ExternalCall;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle},
};

use super::*;

/// The way to the PBX, which can be cut.
struct Cable {
    address: SocketAddr,
    ends: Ends,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Ends {
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<AbortHandle>>>,
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.cut();
        self.accepting.abort();
    }
}

impl Cable {
    async fn to(pbx: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ends = Ends::default();
        let accepting = tokio::spawn({
            let ends = ends.clone();
            async move {
                while let Ok((mut near, _)) = listener.accept().await {
                    if ends.is_cut.load(Ordering::SeqCst) {
                        continue;
                    }
                    let joined = tokio::spawn(async move {
                        if let Ok(mut far) = TcpStream::connect(pbx).await {
                            copy_bidirectional(&mut near, &mut far).await.ok();
                        }
                    });
                    ends.open.lock().unwrap().push(joined.abort_handle());
                }
            }
        });
        Self {
            address,
            ends,
            accepting,
        }
    }

    fn cut(&self) {
        self.ends.is_cut.store(true, Ordering::SeqCst);
        for open in self.ends.open.lock().unwrap().drain(..) {
            open.abort();
        }
    }

    fn mend(&self) {
        self.ends.is_cut.store(false, Ordering::SeqCst);
    }
}

/// The program at the end of a cable.
async fn cabled() -> (Real, Cable) {
    let pbx = Pbx::start().await;
    let cable = Cable::to(pbx.manager_address()).await;
    let address = cable.address;
    let more = "missed.task.title = \"{{ missed_reason }}\"";
    let real = Real::with(pbx, |setting| Setting {
        address,
        more,
        ..setting
    })
    .await;
    (real, cable)
}

impl Real {
    /// Cuts the cable, and waits until that is noticed.
    async fn cut(&self, cable: &Cable) {
        cable.cut();
        wait_for("the cut to be noticed", async || {
            let (_, text) = self.hub.get("/metrics", "").await;
            text.contains("deskbridge_asterisk_connected{connection=\"office\"} 0")
                .then_some(())
        })
        .await;
    }

    async fn mend(&self, cable: &Cable) {
        cable.mend();
        is_followed(&self.hub).await;
    }

    /// Waits until 101 has been at the phone for so long, ringing included, that nobody could take the end of the cut for the
    /// answer.
    async fn has_talked(&self) {
        self.pbx.is_talking().await;
        let mut manager = self.pbx.manager().await;
        wait_for("the talk to last", async || {
            let command = [("Command", "core show channels concise")];
            let said = manager.ask("Command", &command).await?;
            let of_101 = said
                .all("Output")
                .find(|line| line.starts_with("PJSIP/101-"))?;
            let seconds: u64 = of_101.split('!').nth(11)?.parse().ok()?;
            (seconds >= 6).then_some(())
        })
        .await;
    }

    /// The only call, when it is over, and for how many seconds Asterisk says that it was answered.
    async fn ended(&self) -> (ExternalCall, u64) {
        let mut manager = self.pbx.manager().await;
        self.pbx.hang_up_all().await;
        let told = manager
            .until(|told| told.iter().any(|message| message.get("Event") == "Cdr"))
            .await;
        let cdr = told.iter().find(|message| message.get("Event") == "Cdr");
        let seconds = cdr.unwrap().get("BillableSeconds").parse().unwrap();
        let call = self.desk.finished(true).await;
        self.desk.has_no_open_effects(&self.hub).await;
        assert_eq!(self.desk.calls().len(), 1);
        (call, seconds)
    }
}

fn check(call: &ExternalCall, line: &str, seconds: u64) {
    let finish = call.finish.as_ref().unwrap();
    let told = (finish.user_id, finish.status_code.as_str());
    assert_eq!(told, (OF_101, "200"), "{call:#?}");
    let (client, told) = (&call.identity.phone_number, &call.identity.line_number);
    assert_eq!(
        (client.as_str(), told.as_deref()),
        ("+84900000001", Some(line))
    );
    // Asterisk rounds down and we round, and the end is seen a moment after it.
    assert!(
        finish.duration_s.abs_diff(seconds) <= 2,
        "{seconds} {call:#?}"
    );
    assert!(call.recording.as_ref().unwrap().bytes > 1_000, "{call:#?}");
}

/// Rings for so long that the answer cannot be taken for the dialplan's.
fn answers_late() -> Called {
    Called::Answers {
        ring_ms: 2_500,
        then: Then::Stays,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_began_and_was_answered_unseen_is_told_right() {
    let (real, cable) = cabled().await;
    real.cut(&cable).await;
    let [_agent] = real.pbx.agents([(101, answers_late())]).await;
    let _caller = real.pbx.call_in(CUSTOMER, number::DIRECT, Calling::Stays);
    real.has_talked().await;
    real.mend(&cable).await;
    let (call, seconds) = real.ended().await;
    assert!(seconds >= 3, "{seconds}");
    check(&call, number::DIRECT, seconds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_lost_from_sight_while_it_rings_is_told_right() {
    let (real, cable) = cabled().await;
    let [_agent] = real.pbx.agents([(101, answers_late())]).await;
    let _caller = real.pbx.call_in(CUSTOMER, number::DIRECT, Calling::Stays);
    wait_for("the call to be registered", async || {
        (real.desk.calls().len() == 1).then_some(())
    })
    .await;
    real.cut(&cable).await;
    real.has_talked().await;
    real.mend(&cable).await;
    let (call, seconds) = real.ended().await;
    assert!(seconds >= 3, "{seconds}");
    check(&call, number::DIRECT, seconds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ends_out_of_sight_is_finished_when_it_is_looked_for() {
    let (real, cable) = cabled().await;
    let [_agent] = real.pbx.agents([(101, Called::answers())]).await;
    let _caller = real.pbx.call_in(CUSTOMER, number::DIRECT, Calling::Stays);
    real.pbx.is_talking().await;
    wait_for("the talk to be seen", async || {
        let (_, text) = real.hub.get("/metrics", "").await;
        text.contains("deskbridge_calls_open{connection=\"office\"} 1")
            .then_some(())
    })
    .await;
    real.cut(&cable).await;
    real.pbx.hang_up_all().await;
    real.pbx.is_idle().await;
    real.mend(&cable).await;
    let call = real.desk.finished(true).await;
    // What was talked after the cut is not known.
    check(
        &call,
        number::DIRECT,
        call.finish.as_ref().unwrap().duration_s,
    );
    real.desk.has_no_open_effects(&real.hub).await;
    assert_eq!((real.desk.calls().len(), real.desk.tasks().len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_who_came_to_a_queue_unseen_is_known_to_have_waited_there() {
    let (real, cable) = cabled().await;
    real.cut(&cable).await;
    // Nobody is at the phones.
    // The queue answers, so that the client hangs up long after they are looked for again.
    let gives_up = Calling::Talks { talk_ms: 8_000 };
    let caller = real.pbx.call_in(CUSTOMER, number::QUEUE, gives_up);
    let mut manager = real.pbx.manager().await;
    wait_for("the client to wait", async || {
        let waiting = [("Command", "queue show sales")];
        let said = manager.ask("Command", &waiting).await?;
        said.all("Output")
            .any(|line| line.contains("(wait:"))
            .then_some(())
    })
    .await;
    real.mend(&cable).await;
    caller.finished().await;
    let call = real.desk.finished(false).await;
    assert_eq!(
        call.finish.as_ref().unwrap().status_code,
        "304",
        "{call:#?}"
    );
    assert_eq!(call.identity.line_number.as_deref(), Some(number::QUEUE));
    real.desk.has_no_open_effects(&real.hub).await;
    let tasks = real.desk.tasks();
    assert_eq!((real.desk.calls().len(), tasks.len()), (1, 1));
    assert_eq!(tasks[0]["TITLE"], "the caller gave up in a queue");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pbx_that_starts_again_in_a_call_ends_it_and_the_next_one_is_followed() {
    let real = Real::new().await;
    let agent = real.pbx.agents([(101, Called::answers())]).await;
    let caller = real.pbx.call_in(CUSTOMER, number::DIRECT, Calling::Stays);
    real.pbx.is_talking().await;
    wait_for("the call to be registered", async || {
        (real.desk.calls().len() == 1).then_some(())
    })
    .await;
    real.pbx.restart().await;
    drop((agent, caller));
    let call = real.desk.finished(true).await;
    let finish = call.finish.as_ref().unwrap();
    let told = (finish.user_id, finish.status_code.as_str());
    assert_eq!(told, (OF_101, "200"), "{call:#?}");
    real.hub
        .process
        .logged("There is no connection to the PBX")
        .await;
    is_followed(&real.hub).await;

    let talks = Calling::Talks { talk_ms: 300 };
    real.call_in(number::DIRECT, [(101, Called::answers())], talks)
        .await;
    wait_for("the next call to be finished", async || {
        let calls = real.desk.calls();
        (calls.len() == 2 && calls[1].finish.is_some()).then_some(())
    })
    .await;
    real.desk.has_no_open_effects(&real.hub).await;
    let next = &real.desk.calls()[1];
    let finish = next.finish.as_ref().unwrap();
    let told = (finish.user_id, finish.status_code.as_str());
    assert_eq!(told, (OF_101, "200"), "{next:#?}");
    assert_eq!((real.desk.calls().len(), real.desk.tasks().len()), (2, 0));
}
