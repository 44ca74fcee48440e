//! `event.bind` and `event.offline.*`: which events are wanted, and those that wait to be asked for.

use jiff::Timestamp;

use super::{CallStart, CallbackRequest, EventError};
use crate::{Answer, Call, Client, Error, Outcome, Param, Row};

/// Where an event goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binds {
    /// It is posted to this address, which the portal must reach.
    Posted(String),
    /// It waits to be asked for. For that no public address is needed; administrators only.
    Waits,
}

/// An event that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The event in upper case.
    pub event: String,
    /// Where it goes.
    pub binds: Binds,
}

impl Binding {
    fn read(row: &Row) -> Option<Self> {
        let event = row.text("event")?.to_ascii_uppercase();
        let binds = match (row.flag("offline"), row.text("handler")) {
            (Some(true), _) | (None, None) => Binds::Waits,
            (_, Some(handler)) => Binds::Posted(handler.into_owned()),
            (Some(false), None) => return None,
        };
        Some(Self { event, binds })
    }

    fn call(&self, method: &str) -> Call {
        let call = Call::write(method).param("event", &self.event);
        match &self.binds {
            Binds::Posted(handler) => call.param("handler", handler),
            Binds::Waits => call.param("event_type", "offline"),
        }
    }
}

/// Events that were taken.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OfflineEvents {
    /// Under which they are confirmed or given up; `None` when they are gone from the portal.
    pub process_id: Option<String>,
    /// The events.
    pub events: Vec<OfflineEvent>,
}

/// An event that waited.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OfflineEvent {
    /// What confirms it.
    pub message_id: String,
    /// The event in upper case.
    pub event: String,
    /// When it happened; of several changes of one record, the last.
    pub at: Option<Timestamp>,
    /// What the posted event would say under `data`.
    pub data: Row,
    /// Who has taken it, in a list of all that wait.
    pub process_id: Option<String>,
    /// Whoever took it gave it up, in a list of all that wait.
    pub is_given_up: bool,
}

/// So many pages of waiting events are read at most.
const PAGES_MAX: usize = 40;

impl OfflineEvent {
    pub(super) fn read(row: &Row) -> Option<Self> {
        let message_id = row.text("MESSAGE_ID").or_else(|| row.text("ID"))?;
        Some(Self {
            message_id: message_id.into_owned(),
            event: row.text("EVENT_NAME")?.to_ascii_uppercase(),
            at: row.datetime("TIMESTAMP_X").and_then(|at| at.timestamp()),
            data: row.row("EVENT_DATA").unwrap_or_default(),
            process_id: row.text("PROCESS_ID").map(Into::into),
            is_given_up: row.flag("ERROR") == Some(true),
        })
    }

    /// The form that would have been posted, without its credentials: read by [`Event::parse`](crate::Event::parse).
    /// `offline[message_id]` tells it from every other.
    pub fn form(&self) -> Vec<u8> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("event", &self.event);
        fill(&mut form, "data", &self.data, DEPTH_MAX);
        if let Some(at) = self.at {
            form.append_pair("ts", &at.as_second().to_string());
        }
        form.append_pair("offline[message_id]", &self.message_id);
        form.finish().into_bytes()
    }

    /// The click that it is; `None` for another event.
    pub fn call_start(&self) -> Option<Result<CallStart, EventError>> {
        let texts = self.texts();
        (self.event == CallStart::EVENT).then(|| CallStart::read(&|field| texts.text(field)))
    }

    /// The request to be called back that it is; `None` for another event.
    pub fn callback(&self) -> Option<Result<CallbackRequest, EventError>> {
        let texts = self.texts();
        let is_callback = self.event == CallbackRequest::EVENT;
        is_callback.then(|| CallbackRequest::read(&|field| texts.text(field)))
    }

    fn texts(&self) -> Texts {
        let fields = self.data.fields();
        let texts = fields.filter_map(|name| {
            let text = self.data.text(name)?.into_owned();
            Some((name.to_owned(), text))
        });
        Texts(texts.collect())
    }
}

/// Records within records that a form shows.
const DEPTH_MAX: usize = 4;

/// Appends the fields of a record under a name.
fn fill(
    form: &mut url::form_urlencoded::Serializer<'_, String>,
    name: &str,
    row: &Row,
    depth: usize,
) {
    for field in row.fields() {
        let name = format!("{name}[{field}]");
        if let Some(text) = row.text(field) {
            form.append_pair(&name, &text);
        } else if let Some(inner) = row.row(field).filter(|_| depth > 0) {
            fill(form, &name, &inner, depth - 1);
        }
    }
}

/// The texts of a record by their names.
struct Texts(Vec<(String, String)>);

impl Texts {
    fn text(&self, name: &str) -> Option<&str> {
        let mut texts = self.0.iter();
        texts
            .find(|(known, _)| known == name)
            .map(|(_, text)| text.as_str())
    }
}

impl OfflineEvents {
    fn read(answer: &Answer) -> Option<Self> {
        // A result under one key is unwrapped by `row`, and this one may have one alone.
        let row: Row = serde_json::from_str(answer.result().get()).ok()?;
        row.raw("events")?;
        Some(Self {
            process_id: row.text("process_id").map(Into::into),
            events: row
                .rows("events")
                .iter()
                .filter_map(OfflineEvent::read)
                .collect(),
        })
    }
}

impl Client {
    /// Which events this application wants (`event.get`).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn event_bindings(&self) -> Result<Vec<Binding>, Error> {
        let rows = self.call(Call::read("event.get")).await?.rows()?;
        Ok(rows.iter().filter_map(Binding::read).collect())
    }

    /// Wants an event (`event.bind`). One that is wanted already is refused by the portal; here it is done.
    pub async fn bind_event(&self, binding: &Binding) -> Outcome<()> {
        let outcome = self.write(binding.call("event.bind")).await;
        if let Outcome::Refused(_) = &outcome
            && let Ok(bindings) = self.event_bindings().await
            && bindings.contains(binding)
        {
            return Outcome::Done(());
        }
        outcome.map(drop)
    }

    /// Wants an event no more (`event.unbind`).
    pub async fn unbind_event(&self, binding: &Binding) -> Outcome<()> {
        self.write(binding.call("event.unbind")).await.map(drop)
    }

    /// Takes up to 50 events that wait (`event.offline.get`). They stay with the portal, hidden, until they are
    /// [confirmed](Self::confirm_offline_events) or [given up](Self::give_up_offline_events).
    ///
    /// When the answer gets lost they are hidden all the same: find them among
    /// [all that wait](Self::waiting_offline_events), with whoever has taken them.
    pub async fn take_offline_events(&self) -> Outcome<OfflineEvents> {
        let call = Call::write("event.offline.get")
            .param("clear", 0)
            .param("limit", 50);
        self.write(call).await.read(OfflineEvents::read)
    }

    /// Says that events are dealt with (`event.offline.clear`): those named, or all of the process without any.
    pub async fn confirm_offline_events(
        &self,
        process_id: &str,
        messages: &[String],
    ) -> Outcome<()> {
        let call = of_process("event.offline.clear", process_id, messages);
        self.write(call).await.map(drop)
    }

    /// Says that events cannot be dealt with (`event.offline.error`): they are kept apart from the others.
    pub async fn give_up_offline_events(
        &self,
        process_id: &str,
        messages: &[String],
    ) -> Outcome<()> {
        let call = of_process("event.offline.error", process_id, messages);
        self.write(call).await.map(drop)
    }

    /// All events that wait, taken or not, without taking any (`event.offline.list`); the first two thousand.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn waiting_offline_events(&self) -> Result<Vec<OfflineEvent>, Error> {
        let (mut events, mut start) = (Vec::new(), 0);
        for _ in 0..PAGES_MAX {
            let answer = self
                .call(Call::read("event.offline.list").start(start))
                .await?;
            events.extend(answer.rows()?.iter().filter_map(OfflineEvent::read));
            match answer.next() {
                Some(next) if next > start => start = next,
                _ => break,
            }
        }
        Ok(events)
    }
}

fn of_process(method: &str, process_id: &str, messages: &[String]) -> Call {
    let call = Call::write(method).param("process_id", process_id);
    if messages.is_empty() {
        return call;
    }
    let messages = messages.iter().map(Param::from).collect();
    call.param("message_id", Param::List(messages))
}
