//! Where in a body the event stands, and where in the event its object.

use std::borrow::Cow;

use crate::{Id, fields::Fields, json::Json};

/// How many wrappers around an event are opened.
const WRAPPERS_MAX: usize = 4;

/// The object that says `object` and `action`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Envelope<'e> {
    pub(super) fields: Fields<'e>,
}

/// An object's name and the names of its id, the first being one that nothing else goes by.
const OBJECTS: [(&str, [&str; 2]); 5] = [
    ("ticket", ["ticket_id", "id"]),
    ("lead", ["lead_id", "id"]),
    ("deal", ["deal_id", "id"]),
    ("user", ["user_id", "id"]),
    ("organization", ["organization_id", "id"]),
];

/// Whether events of this object are known.
pub(super) fn is_known(object: &str) -> bool {
    id_names(object).is_some() || ["call_in", "smart_dialer"].contains(&object)
}

fn id_names(object: &str) -> Option<[&'static str; 2]> {
    let known = OBJECTS.iter().find(|(name, _)| *name == object);
    known.map(|(_, ids)| *ids)
}

impl<'e> Envelope<'e> {
    pub(super) fn none() -> Self {
        Self {
            fields: Fields::none(),
        }
    }

    /// The whole, or what it is wrapped in when the whole does not say both object and action.
    ///
    /// Inside, both must be said by name: a ticket that has a user and something called `action` is no event.
    pub(super) fn find(json: &'e Json<'e>) -> Self {
        let whole = Self {
            fields: Fields::of(json),
        };
        let says = |at: Self, name: &str| at.fields.text(name).is_some();
        if whole.object().is_some() && whole.action().is_some() {
            return whole;
        }
        let inside = whole.wrapped(WRAPPERS_MAX, &|at| says(at, "object") && says(at, "action"));
        match inside {
            Some(inside) => inside,
            None if whole.object().is_some() => whole,
            None => whole
                .wrapped(WRAPPERS_MAX, &|at| at.object().is_some())
                .unwrap_or(whole),
        }
    }

    fn wrapped(self, depth: usize, fits: &dyn Fn(Self) -> bool) -> Option<Self> {
        if fits(self) {
            return Some(self);
        }
        let depth = depth.checked_sub(1)?;
        let inside = self.fields.json().members().iter();
        inside
            .map(|(_, value)| Self {
                fields: Fields::of(value),
            })
            .filter(|inside| !inside.fields.is_empty())
            .find_map(|inside| inside.wrapped(depth, fits))
    }

    /// What it names as its object or, when it names none, the one it carries.
    pub(super) fn object(self) -> Option<Cow<'e, str>> {
        let carried = || self.carried().map(Cow::Borrowed);
        self.fields.lower("object").or_else(carried)
    }

    fn carried(self) -> Option<&'static str> {
        if !self.merge_option().is_empty() {
            return Some("ticket");
        }
        let mut names = OBJECTS.iter().map(|(name, _)| *name);
        let carried = names.find(|name| !self.fields.object(name).is_empty());
        let called = self
            .event_name()
            .filter(|name| name.starts_with("call_in_"));
        carried.or(called.map(|_| "call_in"))
    }

    /// What it names as its action; of an incoming call the call says so, too, and a merge can be told without.
    pub(super) fn action(self) -> Option<Cow<'e, str>> {
        let merge = || (!self.merge_option().is_empty()).then_some(Cow::Borrowed("merge"));
        self.fields
            .lower("action")
            .or_else(|| self.event_name())
            .or_else(merge)
    }

    fn event_name(self) -> Option<Cow<'e, str>> {
        self.fields.object("call_info").lower("event_name")
    }

    /// The object's own fields: under its name, under `data`, or in the envelope itself.
    pub(super) fn payload(self, object: &str) -> Fields<'e> {
        self.located(object)
            .map_or(Fields::none(), |(_, fields)| fields)
    }

    /// The object's id.
    pub(super) fn id(self, object: &str) -> Option<Id> {
        self.located(object).map(|(id, _)| id)
    }

    fn located(self, object: &str) -> Option<(Id, Fields<'e>)> {
        let [own, common] = id_names(object)?;
        let data = self.fields.object("data");
        let places = [self.fields.object(object), data.object(object), data];
        let by_name = places
            .into_iter()
            .flat_map(|place| [place.object(object), place])
            .find_map(|place| Some((place.id(own).or_else(|| place.id(common))?, place)));
        // In the envelope itself `id` may be anything's.
        by_name.or_else(|| Some((self.fields.id(own)?, self.fields)))
    }

    pub(super) fn merge_option(self) -> Fields<'e> {
        self.inside("mergeOption")
    }

    pub(super) fn merge_primary(self) -> Option<Id> {
        self.merge_option().id("primaryTicket")
    }

    /// The call: beside the object, or in it.
    pub(super) fn call_info(self) -> Fields<'e> {
        self.inside("call_info")
    }

    /// An object beside the event's own, or in it; a wrapper of the same name is opened.
    fn inside(self, name: &str) -> Fields<'e> {
        let around = [
            self.fields,
            self.fields.object("ticket"),
            self.fields.object("data"),
        ];
        let found = around
            .into_iter()
            .map(|around| around.object(name))
            .find(|found| !found.is_empty());
        let found = found.unwrap_or(Fields::none());
        match found.object(name) {
            inner if inner.is_empty() => found,
            inner => inner,
        }
    }
}
