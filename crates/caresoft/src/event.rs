//! One webhook: what it is about, found in whatever shape it came.

mod envelope;

use std::borrow::Cow;

use jiff::Timestamp;

use self::envelope::Envelope;
use crate::{
    Id, Zone,
    fields::Fields,
    json::{Json, Unreadable},
    key::{Digest, OrderingKey},
    object::{
        call::{CallId, Dialer, DialerCall, IncomingCall, Step, TicketCall},
        case::{Deal, Lead},
        person::{Organization, User},
        ticket::{Assignment, Merge, Ticket},
    },
};

/// One webhook, read from the bytes that arrived. There are no bytes it cannot be read from.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    body: &'a [u8],
    json: Result<Json<'a>, Unreadable>,
}

/// What an event says of itself. It is looked for once; whoever asks for more than one thing spares the search.
#[derive(Clone, Debug)]
pub struct Outline<'e> {
    json: Result<(), Unreadable>,
    envelope: Envelope<'e>,
    object: Option<Cow<'e, str>>,
    action: Option<Cow<'e, str>>,
}

/// How something came to be as an event shows it.
///
/// Not to be relied upon: the first event of a call's ticket says `update` (observed), so whatever is not known yet is
/// to be made, whichever of these it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Save {
    /// It was made.
    Create,
    /// It was changed.
    Update,
    /// It was something else before, with the same id.
    Convert,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind<'e> {
    /// A user was made or changed.
    User(Save, User<'e>),
    /// An organisation was made or changed.
    Organization(Save, Organization<'e>),
    /// A ticket was made or changed, or a call or comment came to it.
    Ticket(Save, Ticket<'e>),
    /// A ticket was deleted. It carries no time, and is final.
    TicketDeleted(Id),
    /// Tickets became one.
    TicketsMerged(Merge<'e>),
    /// Call distribution gave a ticket to an agent.
    TicketAssigned(Assignment<'e>),
    /// A lead was made, changed, or made of a ticket.
    Lead(Save, Lead<'e>),
    /// A deal was made, changed, or made of a lead.
    Deal(Save, Deal<'e>),
    /// A call of a campaign ended.
    DialerCall(Dialer, DialerCall<'e>),
    /// Something happened in an incoming call.
    IncomingCall(Step, IncomingCall<'e>),
    /// Nothing that is known. It is kept whole, like every event.
    Unrouted(Unrouted),
}

/// Why nobody knows what an event is about.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unrouted {
    /// The body is no JSON.
    #[error("the body cannot be read")]
    Unreadable(#[from] Unreadable),
    /// JSON without an object, such as a workflow's own body.
    #[error("the body names no object")]
    NoObject,
    /// An object without an action.
    #[error("the body names the object {object:?} and no action")]
    NoAction {
        /// The object.
        object: String,
    },
    /// Something new or not documented.
    #[error("{object:?} with the action {action:?} is not known")]
    UnknownAction {
        /// The object.
        object: String,
        /// The action.
        action: String,
    },
    /// A known object and action, without the id of what they are about.
    #[error("the {object} has no id")]
    NoId {
        /// The object.
        object: String,
    },
}

impl<'a> Event<'a> {
    /// Reads a body.
    pub fn read(body: &'a [u8]) -> Self {
        Self {
            body,
            json: Json::read(body),
        }
    }

    /// The bytes that arrived.
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The body as JSON, nothing left out.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<&Json<'a>, Unreadable> {
        self.json.as_ref().map_err(|unreadable| *unreadable)
    }

    /// What the event says of itself.
    pub fn outline(&self) -> Outline<'_> {
        let envelope = match &self.json {
            Ok(json) => Envelope::find(json),
            Err(_) => Envelope::none(),
        };
        Outline {
            json: self.json().map(drop),
            object: envelope.object(),
            action: envelope.action(),
            envelope,
        }
    }

    /// What the event is about, in lower case: `ticket`, `user`, …
    pub fn object(&self) -> Option<String> {
        self.outline().object().map(str::to_owned)
    }

    /// What happened to it, in lower case: `create`, `merge`, …
    pub fn action(&self) -> Option<String> {
        self.outline().action().map(str::to_owned)
    }

    /// See [`Outline::account_id`].
    pub fn account_id(&self) -> Option<Id> {
        self.outline().account_id()
    }

    /// Who caused it, such as `AGENT`; only leads and deals say so.
    pub fn activity_source(&self) -> Option<Cow<'_, str>> {
        self.outline().envelope.fields.text("activity_source")
    }

    /// What it is about.
    pub fn kind(&self) -> Kind<'_> {
        self.outline().kind()
    }

    /// The first duplicate key: over the bytes as they came.
    pub fn raw_digest(&self) -> Digest {
        Digest::of(self.body)
    }

    /// The second duplicate key: over the content, whatever the order of keys and blanks. Of a body that is no JSON
    /// it is the first.
    pub fn canonical_digest(&self) -> Digest {
        match &self.json {
            Ok(json) => Digest::of_json(json, self.body.len()),
            Err(_) => self.raw_digest(),
        }
    }

    /// See [`Outline::ordering_key`].
    pub fn ordering_key(&self) -> Option<OrderingKey> {
        self.outline().ordering_key()
    }

    /// What else it touches: the secondary tickets of a merge, each a case of its own.
    pub fn also_touches(&self) -> Vec<OrderingKey> {
        match self.kind() {
            Kind::TicketsMerged(merge) => merge
                .secondaries()
                .into_iter()
                .map(OrderingKey::Case)
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The call it is about or, of a ticket's event, that it is joined to.
    pub fn call_id(&self) -> Option<CallId> {
        self.outline().call_id()
    }

    /// See [`Kind::version`].
    pub fn version(&self, zone: &Zone) -> Option<Timestamp> {
        self.kind().version(zone)
    }
}

impl<'e> Outline<'e> {
    /// What the event is about, in lower case: `ticket`, `user`, …
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// What happened to it, in lower case: `create`, `merge`, …
    pub fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }

    /// The CareSoft account: a cross-check for the address it was sent to, where the event says it.
    pub fn account_id(&self) -> Option<Id> {
        let fields = self.envelope.fields;
        let nested = ["user", "organization", "call_info"].into_iter();
        fields.id("account_id").or_else(|| {
            nested
                .filter_map(|name| fields.object(name).id("account_id"))
                .next()
        })
    }

    /// What it is about.
    pub fn kind(&self) -> Kind<'e> {
        self.routed().unwrap_or_else(Kind::Unrouted)
    }

    fn routed(&self) -> Result<Kind<'e>, Unrouted> {
        self.json?;
        let envelope = self.envelope;
        let object = self.object().ok_or(Unrouted::NoObject)?;
        let said = || object.to_owned();
        let Some(action) = self.action() else {
            return Err(Unrouted::NoAction { object: said() });
        };
        let kind = match object {
            "ticket" => ticket(envelope, action),
            "call_in" => Step::named(action).map(|step| {
                let (id, fields) = call(envelope)?;
                Some(Kind::IncomingCall(step, IncomingCall { id, fields }))
            }),
            "smart_dialer" => dialer(action).map(|dialer| {
                let (id, fields) = call(envelope)?;
                Some(Kind::DialerCall(dialer, DialerCall { id, fields }))
            }),
            _ => save(action).map(|save| saved(envelope, object, save)),
        };
        match kind {
            Some(Some(kind)) => Ok(kind),
            Some(None) if envelope::is_known(object) => Err(Unrouted::NoId { object: said() }),
            _ => Err(Unrouted::UnknownAction {
                object: said(),
                action: action.to_owned(),
            }),
        }
    }

    /// What has to be handled one after another with this event; `None` when that cannot be known.
    ///
    /// A ticket, lead or deal is one case whatever it is at the moment, and a merge is its primary ticket's. An action
    /// that is not known still belongs to its case.
    pub fn ordering_key(&self) -> Option<OrderingKey> {
        let envelope = self.envelope;
        let object = self.object()?;
        Some(match object {
            "ticket" => {
                OrderingKey::Case(envelope.merge_primary().or_else(|| envelope.id("ticket"))?)
            }
            "lead" | "deal" => OrderingKey::Case(envelope.id(object)?),
            "user" => OrderingKey::User(envelope.id("user")?),
            "organization" => OrderingKey::Organization(envelope.id("organization")?),
            "call_in" | "smart_dialer" => OrderingKey::Call(self.call_id()?),
            _ => return None,
        })
    }

    /// The call it is about or, of a ticket's event, that it is joined to.
    pub fn call_id(&self) -> Option<CallId> {
        CallId::of(self.envelope.call_info())
    }
}

impl Kind<'_> {
    /// When the state that an event of this kind shows came to be; `None` of deletions and merges, which are final. To
    /// be compared with [`age`](crate::age).
    pub fn version(&self, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::User(_, user) => user.updated_at(zone),
            Self::Organization(_, organization) => organization.updated_at(zone),
            Self::Ticket(_, ticket) => ticket.updated_at(zone),
            Self::TicketAssigned(assignment) => assignment.assigned_at(zone),
            Self::Lead(_, lead) => lead.updated_at(zone),
            Self::Deal(_, deal) => deal.updated_at(zone),
            Self::DialerCall(_, call) => call.ended_at(zone),
            Self::IncomingCall(_, call) => call.happened_at(zone),
            Self::TicketDeleted(_) | Self::TicketsMerged(_) | Self::Unrouted(_) => None,
        }
    }
}

fn save(action: &str) -> Option<Save> {
    match action {
        "create" => Some(Save::Create),
        "update" => Some(Save::Update),
        "convert" => Some(Save::Convert),
        _ => None,
    }
}

fn dialer(action: &str) -> Option<Dialer> {
    match action {
        "ad_end_call" => Some(Dialer::Auto),
        "pd_end_call" => Some(Dialer::Predictive),
        _ => None,
    }
}

fn call(envelope: Envelope<'_>) -> Option<(CallId, Fields<'_>)> {
    let fields = envelope.call_info();
    Some((CallId::of(fields)?, fields))
}

/// A ticket's event; the outer option is whether the action is known, the inner one whether the id is.
fn ticket<'e>(envelope: Envelope<'e>, action: &str) -> Option<Option<Kind<'e>>> {
    Some(match action {
        "delete" => envelope.id("ticket").map(Kind::TicketDeleted),
        "merge" => envelope.merge_primary().map(|primary| {
            let fields = envelope.merge_option();
            Kind::TicketsMerged(Merge { primary, fields })
        }),
        "acd_assign" => envelope.id("ticket").map(|ticket_id| {
            let fields = envelope.payload("ticket");
            Kind::TicketAssigned(Assignment { ticket_id, fields })
        }),
        _ => return save(action).map(|save| saved(envelope, "ticket", save)),
    })
}

fn saved<'e>(envelope: Envelope<'e>, object: &str, save: Save) -> Option<Kind<'e>> {
    let id = envelope.id(object)?;
    let fields = envelope.payload(object);
    let envelope_fields = envelope.fields;
    Some(match object {
        "user" => Kind::User(save, User { id, fields }),
        "organization" => Kind::Organization(save, Organization { id, fields }),
        "lead" => Kind::Lead(
            save,
            Lead {
                id,
                fields,
                envelope: envelope_fields,
            },
        ),
        "deal" => Kind::Deal(
            save,
            Deal {
                id,
                fields,
                envelope: envelope_fields,
            },
        ),
        "ticket" => {
            let call = envelope.call_info();
            let comment = [fields, envelope_fields].map(|around| around.object("ticket_comment"));
            let comment = comment.into_iter().find(|comment| !comment.is_empty());
            Kind::Ticket(
                save,
                Ticket {
                    id,
                    fields,
                    comment: comment.unwrap_or(Fields::none()),
                    call: (!call.is_empty()).then_some(TicketCall { fields: call }),
                },
            )
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
