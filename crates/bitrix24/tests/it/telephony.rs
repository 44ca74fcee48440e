//! External calls from a click to a recording, as a local application, with answers that get lost.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bitrix24::{
    Application, Binding, Binds, CallId, CallKind, CallStatus, Client, CrmKind, CrmRecord,
    Employee, Error, Event, ExternalLine, Fault, Finish, Group, Id, Installation, NewCallActivity,
    NewTask, News, NotStored, Options, Origin, Outcome, Portal, PortalBase, Recording, Registered,
    Registration, StatisticKey, TelephonyFault, TokenStore, Tokens, Webhook, Workday,
};
use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use serde_json::{Value, json};
use simulators::{
    bitrix24::{self as simulator, Click, InstallCallback},
    clock::Clock,
    server::{Handler, Listen, Reply, Request, Server},
};

const CLIENT_ID: &str = "local.bridge.1";
const SCOPES: [&str; 6] = ["crm", "user", "telephony", "task", "im", "timeman"];

/// Tokens in memory.
#[derive(Default)]
struct Shelf(Mutex<Option<Tokens>>);

impl TokenStore for Shelf {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, NotStored>> {
        async { Ok(self.0.lock().unwrap().clone()) }.boxed()
    }

    fn replace<'a>(
        &'a self,
        _spent: &'a Tokens,
        tokens: &'a Tokens,
    ) -> BoxFuture<'a, Result<bool, NotStored>> {
        async {
            *self.0.lock().unwrap() = Some(tokens.clone());
            Ok(true)
        }
        .boxed()
    }
}

/// A portal with an installed application, and its client.
struct Bridge {
    running: simulator::Running,
    client: Client,
    application: Application,
    shelf: Arc<Shelf>,
}

async fn bridge() -> Bridge {
    let clock = Clock::manual("2026-11-20T06:30:00Z".parse().unwrap());
    let data = simulator::sample(clock.now())
        .application(simulator::Application::new(CLIENT_ID, "app5ecretkey", SCOPES))
        .user(json!({"ID": "701", "ACTIVE": true, "NAME": "Chi", "LAST_NAME": "Võ", "UF_PHONE_INNER": "107", "PERSONAL_MOBILE": "+84900000701"}))
        .user(json!({"ID": "702", "ACTIVE": false, "NAME": "Gone", "UF_PHONE_INNER": "108"}));
    let running = simulator::start(simulator::Options {
        data,
        limits: simulator::Limits::off(),
        clock,
        ..simulator::Options::default()
    })
    .await
    .unwrap();
    let base = running.http_url.as_deref().unwrap();
    let tokens = running.portal.install(CLIENT_ID).unwrap();
    let shelf = Arc::new(Shelf::default());
    *shelf.0.lock().unwrap() = Some(Tokens::new(&tokens.access_token, &tokens.refresh_token));
    let base_of_portal = PortalBase::parse(base).unwrap();
    let store = Arc::clone(&shelf) as Arc<dyn TokenStore>;
    let application = Application::new(base_of_portal.clone(), CLIENT_ID, "app5ecretkey", store)
        .renewed_at(base)
        .unwrap();
    let portal = Portal::new(&base_of_portal, &unlimited()).unwrap();
    Bridge {
        client: portal.application(application.clone()).unwrap(),
        running,
        application,
        shelf,
    }
}

fn unlimited() -> Options {
    Options {
        limits: bitrix24::Limits {
            capacity: 10_000,
            per_second: 10_000,
        },
        deadline: Duration::from_secs(10),
        ..Options::default()
    }
}

impl Bridge {
    fn faults(&self, rules: Value) {
        let rules = serde_json::from_value(rules).unwrap();
        self.running.portal.set_faults(rules).unwrap();
    }

    fn calls(&self) -> Vec<simulator::ExternalCall> {
        self.running.portal.telephony().calls
    }

    fn refreshes(&self) -> u64 {
        self.running.portal.applications()[0].refreshes
    }
}

fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

fn done<T: std::fmt::Debug>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Done(done) => done,
        other => panic!("{other:?}"),
    }
}

fn incoming(external_call_id: &str) -> Registration {
    Registration::new(
        Employee::InnerPhone("107".to_owned()),
        "+84911222333",
        CallKind::Incoming,
        external_call_id,
    )
}

fn talked() -> Finish {
    let user = Employee::User(id(701));
    Finish::new(user, CallStatus::Talked, Duration::from_secs(31))
}

/// Registers however many answers get lost.
async fn register(client: &Client, registration: &Registration) -> Registered {
    loop {
        match client.register_call(registration).await {
            Outcome::Done(registered) => return registered,
            Outcome::NotSent(_) | Outcome::Unknown(_) => {}
            Outcome::Refused(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_call_goes_from_its_first_ring_to_its_recording() {
    let bridge = bridge().await;
    let client = &bridge.client;
    let mut registration = incoming("pbx-1");
    registration.creates_lead = true;
    registration.line_number = Some("8400".to_owned());
    let registered = done(client.register_call(&registration).await);
    let lead = registered.created[0];
    assert_eq!(lead.kind, CrmKind::Lead);
    assert!(
        bridge.calls()[0].shown_to.is_empty(),
        "nobody was asked to be shown it"
    );
    let call_id = &registered.call_id;
    assert!(done(client.show_card(call_id, &[id(701), id(1)]).await));
    assert!(done(client.hide_card(call_id, &[id(1)]).await));
    assert_eq!(
        bridge.calls()[0]
            .shown_to
            .iter()
            .copied()
            .collect::<Vec<_>>(),
        [701]
    );
    let key = StatisticKey::External("pbx-1".to_owned());
    assert!(
        client.calls_in_statistics(&key).await.unwrap().is_empty(),
        "it is not finished"
    );
    let finished = done(client.finish_call(call_id, &talked()).await);
    let activity = client.activity(finished.activity.unwrap()).await.unwrap();
    assert_eq!(activity.responsible, Some(id(701)));
    // Once more is refused, and the statistics say why.
    match client.finish_call(call_id, &talked()).await {
        Outcome::Refused(Error::NotFound { .. }) => {}
        other => panic!("{other:?}"),
    }
    let sound: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    let recording = Recording::new(
        "call.mp3",
        sound.len() as u64,
        std::io::Cursor::new(sound.clone()),
    );
    let attached = done(client.upload_record(call_id, recording).await);
    let found = client.calls_in_statistics(&key).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].record_file, found[0].duration),
        (attached.file, Duration::from_secs(31))
    );
    let kept = bridge.calls()[0].recording.clone().unwrap();
    assert_eq!((kept.bytes, kept.name.as_str()), (sound.len(), "call.mp3"));
    let task = NewTask {
        records: vec![lead],
        ..NewTask::new("Call back", id(701))
    };
    let task = done(client.add_task(&task).await);
    assert_eq!(client.open_tasks(lead).await.unwrap()[0].id, task.id);
    done(client.complete_task(task.id).await);
    assert!(client.open_tasks(lead).await.unwrap().is_empty());
    assert_eq!(bridge.refreshes(), 0);
}

#[tokio::test]
async fn lost_answers_make_no_second_call_and_no_second_finish() {
    let bridge = bridge().await;
    let client = &bridge.client;
    for at in 0..20 {
        let ran = at % 2 == 0;
        bridge.faults(json!([
            {"when": "telephony.externalcall.register", "times": 2, "execute": ran, "answer": "hang_up"},
            {"when": "telephony.externalcall.finish", "times": 1, "execute": ran, "answer": if ran { json!("truncate") } else { json!({"preset": "bad_gateway"}) }},
        ]));
        let external = format!("pbx-{at}");
        let registration = Registration {
            phone_number: format!("+849112220{at:02}"),
            ..incoming(&external)
        };
        let registered = register(client, &registration).await;
        let key = StatisticKey::External(external.clone());
        match client.finish_call(&registered.call_id, &talked()).await {
            Outcome::Unknown(_) => {
                let found = client.calls_in_statistics(&key).await.unwrap();
                assert_eq!(!found.is_empty(), ran, "{external}");
                if found.is_empty() {
                    done(client.finish_call(&registered.call_id, &talked()).await);
                }
            }
            other => panic!("{other:?}"),
        }
        let telephony = bridge.running.portal.telephony();
        let calls = telephony.of_external_id(&external);
        assert_eq!((calls.len(), calls[0].finishes_refused), (1, 0));
        assert!(calls[0].finish.is_some());
    }
}

#[tokio::test]
async fn an_upload_that_fails_is_told_and_done_again_replaces() {
    let bridge = bridge().await;
    let client = &bridge.client;
    let call_id = register(client, &incoming("pbx-1")).await.call_id;
    let recording = || Recording::new("a.wav", 5, &b"sound"[..]);
    match client.upload_record(&call_id, recording()).await {
        Outcome::Refused(Error::NotFound { .. }) => {}
        other => panic!("before it is finished: {other:?}"),
    }
    done(client.finish_call(&call_id, &talked()).await);
    for (rule, is_expected) in [
        (
            json!({"when": "upload", "times": 1, "execute": true, "answer": "hang_up"}),
            (|outcome| matches!(outcome, Outcome::Unknown(_))) as fn(&Outcome<_>) -> bool,
        ),
        (
            json!({"when": "upload", "times": 1, "answer": {"preset": "query_limit_exceeded"}}),
            |outcome| matches!(outcome, Outcome::NotSent(_)),
        ),
        (
            json!({"when": "upload", "times": 1, "answer": {"preset": "expired_token"}}),
            |outcome| matches!(outcome, Outcome::NotSent(_)),
        ),
        (
            json!({"when": "telephony.externalcall.attachrecord", "times": 1, "execute": true, "answer": "hang_up"}),
            |outcome| matches!(outcome, Outcome::NotSent(_)),
        ),
    ] {
        bridge.running.portal.clear_journal();
        bridge.faults(json!([rule]));
        let outcome = client.upload_record(&call_id, recording()).await;
        assert!(is_expected(&outcome), "{rule}: {outcome:?}");
        let uploads = bridge.running.portal.journal();
        let uploads = uploads
            .iter()
            .filter(|entry| entry.method == "upload")
            .count();
        assert!(uploads <= 1, "{rule}: a stream was sent twice");
        done(client.upload_record(&call_id, recording()).await);
    }
    let short = Recording::new("a.wav", 6, &b"sound"[..]);
    let outcome = client.upload_record(&call_id, short).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert_eq!(bridge.calls()[0].recording.as_ref().unwrap().bytes, 5);
    let silent = json!([{"when": "upload", "answer": "silence"}]);
    bridge.faults(silent);
    let slow = Recording {
        deadline: Duration::from_millis(300),
        ..recording()
    };
    let outcome = client.upload_record(&call_id, slow).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn expired_tokens_are_renewed_once_however_many_calls_wait() {
    let bridge = bridge().await;
    for round in 1..=3 {
        assert!(bridge.running.portal.expire_access_tokens(CLIENT_ID));
        let registrations: Vec<Registration> = (0..40)
            .map(|at| incoming(&format!("pbx-{round}-{at}")))
            .collect();
        let writes = registrations
            .iter()
            .map(|one| bridge.client.register_call(one));
        let reads = (0..40).map(|_| bridge.client.callers("+84911222333"));
        let (writes, reads) = tokio::join!(join_all(writes), join_all(reads));
        assert!(reads.iter().all(Result::is_ok));
        for outcome in writes {
            done(outcome);
        }
        assert_eq!(bridge.refreshes(), round);
    }
    let calls = bridge.calls();
    assert_eq!(calls.len(), 120);
    assert!(calls.iter().all(|call| call.registrations == 1));
    let stored = bridge.shelf.0.lock().unwrap().clone().unwrap();
    let accepted = bridge
        .client
        .portal()
        .accepts(&bridge.application, &stored)
        .await;
    assert_eq!(accepted.unwrap(), SCOPES);
}

#[tokio::test]
async fn a_spent_refresh_token_says_to_reinstall_until_somebody_does() {
    let bridge = bridge().await;
    // The answer of the authorization server gets lost, and with it the only token that is good.
    bridge.running.portal.expire_access_tokens(CLIENT_ID);
    bridge
        .faults(json!([{"when": "oauth.token", "times": 1, "execute": true, "answer": "hang_up"}]));
    let error = bridge.client.scope().await.unwrap_err();
    assert!(matches!(error, Error::NotSent { .. }), "{error}");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    let error = loop {
        match bridge.client.scope().await.unwrap_err() {
            Error::NotSent { .. } if tokio::time::Instant::now() < deadline => {}
            error => break error,
        }
    };
    let is_named = matches!(
        &error,
        Error::Configuration {
            fault: Fault::Reinstall,
            ..
        }
    );
    assert!(is_named, "{error}");
    let tokens = bridge.running.portal.install(CLIENT_ID).unwrap();
    let tokens = Tokens::new(&tokens.access_token, &tokens.refresh_token);
    *bridge.shelf.0.lock().unwrap() = Some(tokens);
    assert_eq!(bridge.client.scope().await.unwrap(), SCOPES);
    bridge.running.portal.uninstall(CLIENT_ID);
    let error = bridge.client.scope().await.unwrap_err();
    let is_named = matches!(
        &error,
        Error::Configuration {
            fault: Fault::Reinstall,
            ..
        }
    );
    assert!(is_named, "{error}");
}

#[tokio::test]
async fn the_probe_tells_an_application_from_a_webhook() {
    let bridge = bridge().await;
    let access = bridge.client.telephony_access().await.unwrap();
    assert_eq!((access.registers_calls, access.missing.len()), (Ok(()), 0));
    let base = bridge.running.http_url.as_deref().unwrap();
    let webhook = format!("{base}/rest/1/{}/", simulator::ADMIN_SECRET);
    let webhook: Webhook = webhook.parse().unwrap();
    let client = bridge.client.portal().client(webhook).unwrap();
    let access = client.telephony_access().await.unwrap();
    assert_eq!(
        access.registers_calls,
        Err(TelephonyFault::NeedsApplication)
    );
    assert_eq!(access.missing, ["task"]);
    // What is left to such a portal is an activity, found again by where it comes from.
    let origin = Origin {
        originator: "deskbridge".to_owned(),
        id: "pbx-1".to_owned(),
    };
    let at = "2026-11-20T06:30:00Z".parse().unwrap();
    let activity = NewCallActivity {
        record: CrmRecord {
            kind: CrmKind::Company,
            id: id(101),
        },
        phone_number: "+84911222333".to_owned(),
        subject: "Incoming call".to_owned(),
        description: None,
        is_outgoing: false,
        is_completed: true,
        responsible: id(701),
        started_at: at,
        ended_at: at,
        origin: origin.clone(),
    };
    let rule =
        json!([{"when": "crm.activity.add", "times": 1, "execute": true, "answer": "hang_up"}]);
    bridge.faults(rule);
    let outcome = client.add_call_activity(&activity).await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    let found = client.activities_of_origin(&origin).await.unwrap();
    assert_eq!(found.len(), 1);
    let change = bitrix24::ActivityChange {
        subject: Some("Renamed".to_owned()),
        ..bitrix24::ActivityChange::default()
    };
    done(client.update_activity(found[0].id, &change).await);
    let renamed = client.activity(found[0].id).await.unwrap();
    assert_eq!(renamed.subject.as_deref(), Some("Renamed"));
}

#[tokio::test]
async fn lines_users_and_working_days_are_read() {
    let bridge = bridge().await;
    let client = &bridge.client;
    let line = ExternalLine {
        number: "8400".to_owned(),
        name: "Office".to_owned(),
        creates_leads: true,
    };
    done(client.add_external_line(&line).await);
    assert!(matches!(
        client.add_external_line(&line).await,
        Outcome::Refused(_)
    ));
    let quiet = ExternalLine {
        creates_leads: false,
        ..line
    };
    done(client.update_external_line(&quiet).await);
    assert_eq!(client.external_lines().await.unwrap(), [quiet]);
    done(client.delete_external_line("8400").await);
    assert!(client.external_lines().await.unwrap().is_empty());
    let users = client.active_users().await.unwrap();
    let chi = users
        .iter()
        .find(|user| user.inner_phone.as_deref() == Some("107"));
    assert_eq!(chi.unwrap().phones, ["+84900000701"]);
    assert!(
        users
            .iter()
            .all(|user| user.inner_phone.as_deref() != Some("108"))
    );
    assert_eq!(
        client.workday(id(701)).await.unwrap(),
        Some(Workday::Opened)
    );
    done(client.notify(id(701), "missed", "pbx-1").await);
    assert_eq!(bridge.running.portal.telephony().notifications.len(), 1);
    assert!(client.keeps_taken_events().await.unwrap());
}

#[tokio::test]
async fn a_chain_of_a_group_finishes_what_it_registers() {
    let bridge = bridge().await;
    let mut group = Group::new();
    let register = group.add(incoming("pbx-1").call());
    let finish = group.add(talked().call(register.field("CALL_ID")));
    group.halt_on_error();
    let answers = bridge.client.group(group).await.unwrap();
    let finished = answers.get(finish).unwrap().as_ref().unwrap();
    let finished = bitrix24::Finished::read(finished).unwrap();
    assert_eq!(bridge.calls()[0].call_id, finished.call_id.as_str());
    assert_eq!(bridge.calls()[0].finish.as_ref().unwrap().duration_s, 31);
}

/// Keeps what is posted to it.
#[derive(Default)]
struct Posted(Mutex<Vec<(String, Vec<u8>)>>);

impl Handler for Posted {
    async fn handle(&self, request: Request) -> Reply {
        let posted = (request.query().to_owned(), request.body.to_vec());
        self.0.lock().unwrap().push(posted);
        Reply::Answer(http::Response::new(bytes::Bytes::new()))
    }
}

#[tokio::test]
async fn an_installation_and_its_clicks_arrive_by_post() {
    let bridge = bridge().await;
    let posted = Arc::new(Posted::default());
    let server = Server::start(Listen::loopback(), Arc::clone(&posted))
        .await
        .unwrap();
    let handler = format!("{}/bitrix24/events", server.url());
    let portal = &bridge.running.portal;
    let base = bridge.client.portal().base().clone();
    let mut application_token = None;
    for callback in [InstallCallback::Event, InstallCallback::Page] {
        portal
            .install_at(CLIENT_ID, &handler, callback)
            .await
            .unwrap();
        let (query, body) = posted.0.lock().unwrap().pop().unwrap();
        let installed = Installation::parse(&query, &body).unwrap();
        assert!(installed.is_of(&base), "{callback:?}");
        let tokens = installed.tokens.unwrap();
        let scopes = bridge
            .client
            .portal()
            .accepts(&bridge.application, &tokens)
            .await;
        assert_eq!(scopes.unwrap(), SCOPES);
        application_token = application_token.or(installed.application_token);
        *bridge.shelf.0.lock().unwrap() = Some(tokens);
    }
    let binding = Binding {
        event: "ONEXTERNALCALLSTART".to_owned(),
        binds: Binds::Posted(handler),
    };
    done(bridge.client.bind_event(&binding).await);
    done(bridge.client.bind_event(&binding).await);
    assert_eq!(bridge.client.event_bindings().await.unwrap(), [binding]);
    let click = Click {
        client_id: CLIENT_ID.to_owned(),
        user_id: 701,
        phone_number: "+84911222333".to_owned(),
        line_number: "8400".to_owned(),
        ..Click::default()
    };
    portal.click(&click).await;
    let (_, body) = posted.0.lock().unwrap().pop().unwrap();
    let event = Event::parse(&body).unwrap();
    assert!(event.is_from(&application_token.unwrap()));
    let News::CallStart(start) = event.news else {
        panic!("{event:?}")
    };
    // It is registered already, and only has to be finished.
    let call_id = start.call_id.unwrap();
    done(bridge.client.finish_call(&call_id, &talked()).await);
    assert_eq!(bridge.calls().len(), 1);
}

#[tokio::test]
async fn waiting_clicks_are_taken_confirmed_and_found_again_after_a_lost_answer() {
    let bridge = bridge().await;
    let client = &bridge.client;
    let binding = Binding {
        event: "ONEXTERNALCALLSTART".to_owned(),
        binds: Binds::Waits,
    };
    done(client.bind_event(&binding).await);
    let click = |number: &str| Click {
        client_id: CLIENT_ID.to_owned(),
        user_id: 701,
        phone_number: number.to_owned(),
        ..Click::default()
    };
    let portal = &bridge.running.portal;
    portal.click(&click("+84911222001")).await;
    portal.click(&click("+84911222002")).await;
    bridge.faults(
        json!([{"when": "event.offline.get", "times": 1, "execute": true, "answer": "hang_up"}]),
    );
    let outcome = client.take_offline_events().await;
    assert!(matches!(outcome, Outcome::Unknown(_)), "{outcome:?}");
    assert!(done(client.take_offline_events().await).events.is_empty());
    let hidden = client.waiting_offline_events().await.unwrap();
    let process = hidden[0].process_id.clone().unwrap();
    let numbers: Vec<String> = hidden
        .iter()
        .map(|event| event.call_start().unwrap().unwrap().phone_number)
        .collect();
    assert_eq!(numbers, ["+84911222001", "+84911222002"]);
    let first = vec![hidden[0].message_id.clone()];
    done(client.confirm_offline_events(&process, &first).await);
    done(client.give_up_offline_events(&process, &[]).await);
    assert!(done(client.take_offline_events().await).events.is_empty());
    portal.click(&click("+84911222003")).await;
    let taken = done(client.take_offline_events().await);
    assert_eq!(taken.events.len(), 1);
    assert!(taken.events[0].callback().is_none());
    done(
        client
            .confirm_offline_events(&taken.process_id.unwrap(), &[])
            .await,
    );
    assert_eq!(
        portal.events().offline.len(),
        1,
        "the one that was given up"
    );
    done(client.unbind_event(&binding).await);
    assert!(client.event_bindings().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_unknown_call_is_not_shown() {
    let bridge = bridge().await;
    let unknown = CallId::new("externalCall.none.1").unwrap();
    assert!(!done(bridge.client.show_card(&unknown, &[id(701)]).await));
}

#[tokio::test]
async fn no_secret_of_an_application_is_in_an_error() {
    let bridge = bridge().await;
    let client = bridge.client.with_deadline(Duration::from_millis(700));
    let call_id = register(&client, &incoming("pbx-1")).await.call_id;
    done(client.finish_call(&call_id, &talked()).await);
    let secrets = {
        let stored = bridge.shelf.0.lock().unwrap().clone().unwrap();
        [
            stored.expose_access_token().to_owned(),
            stored.expose_refresh_token().to_owned(),
            "app5ecretkey".to_owned(),
            "telephony|".to_owned(),
        ]
    };
    let token = secrets[0].clone();
    let quoting = json!({"status": 400, "json": {"error": token, "error_description": format!("no {token}")}});
    for (at, rules) in [
        json!([{"when": "scope", "answer": quoting}]),
        json!([{"when": "scope", "answer": "hang_up"}]),
        json!([{"when": "scope", "answer": "silence"}]),
        json!([{"when": "scope", "answer": {"preset": "moved"}}]),
        json!([{"when": "upload", "answer": quoting}]),
        json!([{"when": "upload", "answer": "hang_up"}]),
        json!([{"when": "scope", "answer": {"preset": "expired_token"}}, {"when": "oauth.token", "answer": quoting}]),
    ]
    .into_iter()
    .enumerate()
    {
        bridge.faults(rules);
        let error = if at == 4 || at == 5 {
            let recording = Recording::new("a.mp3", 5, &b"sound"[..]);
            match client.upload_record(&call_id, recording).await {
                Outcome::Done(done) => panic!("{done:?}"),
                Outcome::Refused(error) | Outcome::NotSent(error) | Outcome::Unknown(error) => error,
            }
        } else {
            client.scope().await.unwrap_err()
        };
        let told = format!("{error} {error:?} {client:?}");
        for secret in &secrets {
            assert!(!told.contains(secret), "{at}: {told}");
        }
    }
}
