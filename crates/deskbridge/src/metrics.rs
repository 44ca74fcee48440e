//! What an operator measures, in the text form that Prometheus reads.

use std::sync::{Arc, atomic::AtomicU64};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use deskbridge_core::{Chain, Clock};
use deskbridge_hooks::{Hook, decision::Kind};
use deskbridge_journal::{Events, Intake, Journal};
use deskbridge_profile::{Profiles, crm::Portals};
use deskbridge_store::{EffectState, EventState, Store};
use deskbridge_sync::reconcile::Status;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::{ConstCounter, Counter},
        family::Family,
        gauge::Gauge,
        histogram::Histogram,
    },
    registry::Registry,
};
use tokio::time::Instant;

use crate::wire::calls::Watched;

/// A number that there is of each connection: its name, what it is, and how it is read.
type OfConnection<S> = (&'static str, &'static str, fn(&S) -> u64);

/// Upper bounds of the buckets for request times, in seconds.
const SECONDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0];

type FloatGauge = Gauge<f64, AtomicU64>;

/// Counts what has no counter elsewhere, and gathers the rest when it is asked for.
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    measured: Measured,
}

/// What is measured.
pub(crate) struct Measured {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) intake: Intake,
    pub(crate) events: Events,
    pub(crate) portals: Arc<Portals>,
    pub(crate) profiles: Profiles,
    /// The connections that are asked what no webhook told.
    pub(crate) polled: Vec<String>,
    pub(crate) hooks: Vec<Arc<Hook>>,
    /// How following each PBX, and comparing its calls with its portal, stands.
    pub(crate) watched: Watched,
    /// What came of clicks.
    pub(crate) clicks: Arc<deskbridge_calls::counted::Clicks>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PollLabels {
    connection: String,
    object: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionLabels {
    connection: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    hook: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DecisionLabels {
    hook: &'static str,
    decision: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PortalLabels {
    portal: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    status: &'static str,
    origin: &'static str,
}

impl Metrics {
    pub(crate) fn new(measured: Measured) -> Self {
        Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            measured,
        }
    }

    /// Everything, as text.
    pub(crate) async fn text(&self) -> String {
        let mut registry = Registry::with_prefix("deskbridge");
        registry.register("http_requests", "Requests served", self.requests.clone());
        registry.register(
            "http_request_seconds",
            "How long requests took",
            self.request_seconds.clone(),
        );
        self.add_journal(&mut registry);
        self.add_effects(&mut registry).await;
        self.add_events(&mut registry).await;
        self.add_polls(&mut registry).await;
        self.add_calls(&mut registry);
        self.add_asked(&mut registry);
        self.add_reconciled(&mut registry);
        self.add_hooks(&mut registry);
        self.add_portals(&mut registry);
        self.add_profiles(&mut registry);
        let mut text = String::new();
        match encode(&mut text, &registry) {
            Ok(()) => text,
            Err(error) => format!("# {error}\n"),
        }
    }

    fn add_journal(&self, registry: &mut Registry) {
        let counts = self.measured.journal.counters().snapshot();
        for (name, help, value) in [
            ("effects_recorded", "Effects recorded", counts.recorded),
            ("effects_done", "Effects carried out", counts.done),
            (
                "effects_rescheduled",
                "Attempts that failed and are repeated",
                counts.rescheduled,
            ),
            ("effects_given_up", "Effects given up", counts.dead),
            (
                "effect_handlers_panicked",
                "Handlers that panicked",
                counts.panicked,
            ),
        ] {
            registry.register(name, help, ConstCounter::new(value));
        }
    }

    async fn add_effects(&self, registry: &mut Registry) {
        let counts = match self.measured.store.count_effects().await {
            Ok(counts) => counts,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "Effects cannot be counted");
                return;
            }
        };
        let effects = Family::<StateLabels, Gauge>::default();
        for state in EffectState::ALL {
            let number = counts.by_state.get(&state).copied().unwrap_or(0);
            let gauge = effects.get_or_create(&StateLabels {
                state: state.as_str(),
            });
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        registry.register("effects", "Effects in the journal, by state", effects);
        let age = counts.oldest_open_recorded_at.map_or(0.0, |oldest| {
            self.measured
                .clock
                .now()
                .duration_since(oldest)
                .as_secs_f64()
        });
        let oldest = FloatGauge::default();
        oldest.set(age.max(0.0));
        registry.register(
            "oldest_open_effect_age_seconds",
            "How long the oldest effect that is not finished has waited",
            oldest,
        );
    }

    async fn add_events(&self, registry: &mut Registry) {
        let (taken, planned) = (
            self.measured.intake.counters().snapshot(),
            self.measured.events.counters().snapshot(),
        );
        for (name, help, value) in [
            ("events_accepted", "Events taken in", taken.accepted),
            (
                "events_repeated",
                "Events that repeated an earlier one",
                taken.repeated,
            ),
            (
                "events_quarantined",
                "Bodies that were not believed",
                taken.quarantined,
            ),
            (
                "events_refused_busy",
                "Events turned away because too much waited",
                taken.busy,
            ),
            (
                "events_not_stored",
                "Events that could not be stored",
                taken.not_stored,
            ),
            ("events_done", "Events carried out", planned.done),
            (
                "events_rescheduled",
                "Events that are planned again",
                planned.rescheduled,
            ),
            (
                "events_unrouted",
                "Events that nobody knew what to do with",
                planned.unrouted,
            ),
            ("events_given_up", "Events given up", planned.dead),
        ] {
            registry.register(name, help, ConstCounter::new(value));
        }
        let counts = match self.measured.store.count_events().await {
            Ok(counts) => counts,
            Err(error) => {
                tracing::error!(error = %Chain(&error), "Events cannot be counted");
                return;
            }
        };
        let events = Family::<StateLabels, Gauge>::default();
        for state in EventState::ALL {
            let number = counts.by_state.get(&state).copied().unwrap_or(0);
            let labels = StateLabels {
                state: state.as_str(),
            };
            let gauge = events.get_or_create(&labels);
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
        registry.register("events", "Events in the journal, by state", events);
        let age = counts.oldest_open_received_at.map_or(0.0, |oldest| {
            let waited = self.measured.clock.now().duration_since(oldest);
            waited.as_secs_f64().max(0.0)
        });
        let oldest = FloatGauge::default();
        oldest.set(age);
        registry.register(
            "oldest_open_event_age_seconds",
            "How long the oldest event that is not carried out has waited",
            oldest,
        );
        let used = Gauge::<i64>::default();
        used.set(i64::try_from(counts.used_bytes).unwrap_or(i64::MAX));
        registry.register(
            "store_used_bytes",
            "How much of the database is in use",
            used,
        );
    }

    async fn add_polls(&self, registry: &mut Registry) {
        if self.measured.polled.is_empty() {
            return;
        }
        let read = Family::<PollLabels, Counter>::default();
        let missed = Family::<PollLabels, Counter>::default();
        let failing = Family::<PollLabels, Gauge>::default();
        let now = self.measured.clock.now();
        for connection in &self.measured.polled {
            let status = match Status::read(&self.measured.store, connection, now).await {
                Ok(Some(status)) => status,
                Ok(None) => continue,
                Err(error) => {
                    tracing::error!(connection, error = %Chain(&error), "How a poll stands cannot be read");
                    continue;
                }
            };
            for object in &status.objects {
                let labels = PollLabels {
                    connection: connection.clone(),
                    object: object.object.as_str(),
                };
                read.get_or_create(&labels).inc_by(object.rows_read);
                missed.get_or_create(&labels).inc_by(object.missed);
                failing
                    .get_or_create(&labels)
                    .set(object.is_failing().into());
            }
        }
        registry.register("caresoft_rows_polled", "Rows read from CareSoft", read);
        registry.register(
            "caresoft_changes_missed",
            "Changes that were found by the poll, not by a webhook",
            missed,
        );
        registry.register(
            "caresoft_poll_failing",
            "Whether the last round of a poll failed",
            failing,
        );
    }

    fn add_calls(&self, registry: &mut Registry) {
        let followed = self.measured.watched.followed.iter();
        let followed: Vec<_> = followed.map(|(name, of)| (name, of.snapshot())).collect();
        add_of_connections(
            registry,
            &followed,
            &[
                ("asterisk_events", "Events of the PBX", |of| of.events),
                (
                    "asterisk_strays",
                    "Blocks of the PBX that were no events",
                    |of| of.strays,
                ),
                (
                    "calls_not_stored",
                    "How often calls could not be stored and were tried again",
                    |of| of.failures,
                ),
            ],
            &[
                (
                    "asterisk_connected",
                    "Whether the PBX is listened to",
                    |of| of.is_connected.into(),
                ),
                (
                    "asterisk_followed",
                    "Whether this node follows the PBX",
                    |of| of.is_following.into(),
                ),
                (
                    "asterisk_waiting_bytes",
                    "How much of the PBX's events waits to be taken",
                    |of| of.waiting_bytes,
                ),
                ("calls_open", "Calls that go on", |of| of.calls_open),
                ("calls_unsaved", "Calls that wait for the store", |of| {
                    of.calls_unsaved
                }),
            ],
        );
    }

    /// Clicks, and what PBXs asked.
    fn add_asked(&self, registry: &mut Registry) {
        let (clicks, lookups) = (&self.measured.clicks, &self.measured.watched.lookups);
        for (name, help, count) in [
            (
                "clicks_received",
                "Clicks and requests to be called that came in",
                &clicks.received,
            ),
            (
                "clicks_refused",
                "Posts that were no event of the portal",
                &clicks.refused,
            ),
            (
                "clicks_dialled",
                "Calls that a PBX began for them",
                &clicks.dialled,
            ),
            (
                "clicks_not_dialled",
                "Orders of which nothing came",
                &clicks.not_dialled,
            ),
            (
                "lookups_answered",
                "Questions of PBXs that the CRM answered",
                &lookups.answered,
            ),
            (
                "lookups_remembered",
                "Questions of PBXs whose answer was remembered",
                &lookups.remembered,
            ),
            (
                "lookups_unanswered",
                "Questions of PBXs that the CRM did not answer in time",
                &lookups.unanswered,
            ),
            (
                "lookups_refused",
                "Questions without the right token, or from elsewhere",
                &lookups.refused,
            ),
        ] {
            registry.register(name, help, ConstCounter::new(count.get()));
        }
    }

    fn add_reconciled(&self, registry: &mut Registry) {
        let reconciled = self.measured.watched.reconciled.iter();
        let reconciled: Vec<_> = reconciled.map(|(name, of)| (name, of.snapshot())).collect();
        add_of_connections(
            registry,
            &reconciled,
            &[
                (
                    "calls_reconciled",
                    "How often calls were compared with the portal's",
                    |of| of.runs,
                ),
                (
                    "calls_repaired",
                    "Writes carried out once more, and calls planned late",
                    |of| of.repaired,
                ),
            ],
            &[
                (
                    "calls_missing",
                    "Calls and recordings that the portal did not hold the last time",
                    |of| of.missing,
                ),
                (
                    "calls_differing",
                    "Calls that the portal held in another form the last time",
                    |of| of.differing,
                ),
                (
                    "calls_reconcile_failing",
                    "Whether the last comparison failed",
                    |of| of.is_failing.into(),
                ),
            ],
        );
    }

    fn add_hooks(&self, registry: &mut Registry) {
        if self.measured.hooks.is_empty() {
            return;
        }
        let decisions = Family::<DecisionLabels, Counter>::default();
        let seconds = Family::<HookLabels, Counter<f64, AtomicU64>>::default();
        let suspended = Family::<HookLabels, Gauge>::default();
        let now = self.measured.clock.now();
        for of in &self.measured.hooks {
            let (hook, counts) = (of.contract().name, of.counts());
            let failed = Kind::ALL.map(|kind| {
                let number = counts.failed.get(&kind).copied();
                (kind.name(), number.unwrap_or_default())
            });
            let others = [
                ("changed", counts.changed),
                ("cancelled", counts.cancelled),
                ("unchanged", counts.unchanged),
                ("suspended", counts.suspended),
            ];
            for (decision, number) in others.into_iter().chain(failed) {
                let labels = DecisionLabels { hook, decision };
                decisions.get_or_create(&labels).inc_by(number);
            }
            let labels = HookLabels { hook };
            seconds
                .get_or_create(&labels)
                .inc_by(counts.took.as_secs_f64());
            let is_suspended = of.suspended_until(now).is_some();
            suspended.get_or_create(&labels).set(is_suspended.into());
        }
        registry.register(
            "hook_decisions",
            "How often each hook was asked, by what it decided or how it failed",
            decisions,
        );
        registry.register("hook_seconds", "How long each hook took in all", seconds);
        registry.register(
            "hook_suspended",
            "Whether a hook kept failing and is left alone for a while",
            suspended,
        );
    }

    fn add_portals(&self, registry: &mut Registry) {
        type Read = fn(&bitrix24::Counters) -> u64;
        let counted: [(&str, &str, Read); 8] = [
            ("bitrix24_calls", "Calls asked for", |c| c.calls),
            (
                "bitrix24_calls_merged",
                "Calls that joined an equal one",
                |c| c.merged,
            ),
            ("bitrix24_requests", "HTTP requests sent", |c| c.requests),
            ("bitrix24_commands", "Commands sent with them", |c| {
                c.commands
            }),
            (
                "bitrix24_requests_refused",
                "Requests refused for their number",
                |c| c.requests_refused,
            ),
            ("bitrix24_retries", "Commands sent again", |c| c.retries),
            (
                "bitrix24_calls_refused_here",
                "Calls not sent to spare the portal",
                |c| c.refused_here,
            ),
            (
                "bitrix24_calls_expired",
                "Calls whose deadline passed",
                |c| c.expired,
            ),
        ];
        let portals: Vec<_> = self.measured.portals.all().into_iter().collect();
        for (name, help, read) in counted {
            let family = Family::<PortalLabels, Counter>::default();
            for (portal, connection) in &portals {
                let labels = PortalLabels {
                    portal: portal.clone(),
                };
                family
                    .get_or_create(&labels)
                    .inc_by(read(&connection.counters()));
            }
            registry.register(name, help, family);
        }
        let level = Family::<PortalLabels, FloatGauge>::default();
        let parked = Family::<PortalLabels, FloatGauge>::default();
        for (portal, connection) in &portals {
            let labels = PortalLabels {
                portal: portal.clone(),
            };
            let counters = connection.counters();
            level.get_or_create(&labels).set(counters.bucket_level);
            let methods = u32::try_from(counters.parked_methods).unwrap_or(u32::MAX);
            parked.get_or_create(&labels).set(methods.into());
        }
        registry.register(
            "bitrix24_bucket_level",
            "Requests in the portal's bucket",
            level,
        );
        registry.register(
            "bitrix24_methods_parked",
            "Methods over their operating time",
            parked,
        );
    }

    fn add_profiles(&self, registry: &mut Registry) {
        let answers = Family::<AnswerLabels, Counter>::default();
        for (status, origin, number) in self.measured.profiles.counters() {
            let labels = AnswerLabels {
                status: status.as_str(),
                origin: origin.as_str(),
            };
            answers.get_or_create(&labels).inc_by(number);
        }
        registry.register(
            "profile_answers",
            "Profiles shown, by status and origin",
            answers,
        );
    }
}

/// Registers numbers of connections, by what is known of each; nothing where there are none.
fn add_of_connections<S>(
    registry: &mut Registry,
    connections: &[(&String, S)],
    counted: &[OfConnection<S>],
    measured: &[OfConnection<S>],
) {
    if connections.is_empty() {
        return;
    }
    let read = |value: fn(&S) -> u64| {
        connections.iter().map(move |(name, of)| {
            let connection = (*name).clone();
            (ConnectionLabels { connection }, value(of))
        })
    };
    for (name, help, value) in counted {
        let family = Family::<ConnectionLabels, Counter>::default();
        for (labels, value) in read(*value) {
            family.get_or_create(&labels).inc_by(value);
        }
        registry.register(*name, *help, family);
    }
    for (name, help, value) in measured {
        let family = Family::<ConnectionLabels, Gauge>::default();
        for (labels, value) in read(*value) {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            family.get_or_create(&labels).set(value);
        }
        registry.register(*name, *help, family);
    }
}

/// The layer that counts requests by route, never by address, which anybody can make up.
pub(crate) async fn count_request(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    let started = Instant::now();
    let response = next.run(request).await;
    let labels = RouteLabels {
        route: route.clone(),
    };
    metrics
        .request_seconds
        .get_or_create(&labels)
        .observe(started.elapsed().as_secs_f64());
    let status = response.status().as_u16();
    metrics
        .requests
        .get_or_create(&RequestLabels { route, status })
        .inc();
    response
}
