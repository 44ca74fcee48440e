//! When a call is over: it is finished, with its recordings and fields.

use serde::Serialize;
use serde_json::Value;

use super::{
    draft::Draft,
    ending::{self, Ending, Talk},
    note::Note,
    planned::Main,
    registration::{self, Need},
    told::Told,
};
use crate::{
    call::Uniqueid,
    decide::{
        recording_path::{confined, link},
        status::Way,
        write::{
            AddActivity, Attach, AttachLink, AttachToActivity, Fields, Finish, Registered,
            SaveFields, Write,
        },
    },
    settings::Refused,
};

/// How one registration ends.
struct End {
    call: Registered,
    ending: Ending,
    /// Which of the reported talks it is of.
    talk: Option<usize>,
    /// It is the call's own, not that of a leg.
    is_main: bool,
}

impl Draft<'_, '_> {
    /// Everything that follows from the end of a call that is registered.
    pub(super) fn finish(&mut self) {
        let seen = self.seen;
        // Without its users nobody could tell whose the call is.
        if !seen.is_ended() || seen.people.is_empty() {
            return;
        }
        let Some(main) = &mut self.plan.planned.main else {
            return;
        };
        main.is_finished = true;
        let main = main.clone();
        for leg in seen
            .legs
            .iter()
            .filter(|leg| leg.is_talker() && leg.user.is_none())
        {
            self.note(Note::TalkerNotReported(leg.conversation.extension.clone()));
        }
        let talks = ending::reported(seen);
        let ends = self.ends(&main, &talks);
        for end in &ends {
            self.finish_one(end);
        }
        self.finish_absorbed();
        for end in ends.iter().filter(|end| end.is_main || end.talk.is_some()) {
            let paths = ending::recordings(seen, &talks, end.talk.unwrap_or_default());
            let files = self.files(&paths);
            self.attach(&end.call, files);
            if let Some(link) = self.links(&paths).pop() {
                self.attach_link(&end.call, link);
            }
        }
        for end in &ends {
            let talk = end.talk.and_then(|index| talks.get(index));
            let told = Told::of(seen, talk, end.ending.duration_s);
            let fields = self.fields("activity", &seen.settings.activity, &told);
            let is_hooked = seen.settings.hooked.activity;
            self.save(
                "activity",
                &end.call,
                fields,
                is_hooked,
                Write::SaveActivity,
            );
        }
        if let Some(end) = ends.first().filter(|_| seen.way() == Way::In) {
            let talk = end.talk.and_then(|index| talks.get(index));
            let told = Told::of(seen, talk, end.ending.duration_s);
            let fields = self.fields("entity", &seen.settings.entity, &told);
            let is_hooked = seen.settings.hooked.entity;
            self.save("entity", &end.call, fields, is_hooked, Write::SaveEntity);
        }
    }

    /// How each registration of the call ends, the call's own first. Every leg that was registered is there, whatever
    /// has become of it.
    fn ends(&self, main: &Main, talks: &[Talk<'_, '_>]) -> Vec<End> {
        let seen = self.seen;
        let legs = &self.plan.planned.legs;
        let is_of = |talk: &Talk<'_, '_>, leg: &Uniqueid| talk.leg.conversation.uniqueid == *leg;
        let has_own = |talk: &Talk<'_, '_>| legs.keys().any(|leg| is_of(talk, leg));
        let first = talks.iter().position(|talk| !has_own(talk));
        let talk = first.and_then(|index| talks.get(index));
        let own = End {
            call: main.call.clone(),
            ending: ending::ending(seen, talk, main.user),
            talk: first,
            is_main: true,
        };
        let legs = legs.iter().map(|(leg, planned)| {
            let index = talks.iter().position(|talk| is_of(talk, leg));
            let talk = index.and_then(|index| talks.get(index));
            End {
                call: main.leg(leg),
                ending: match talk {
                    Some(talk) => ending::ending(seen, Some(talk), planned.user),
                    None => ending::joined(seen, planned.user),
                },
                talk: index,
                is_main: false,
            }
        });
        let mut legs: Vec<End> = legs.collect();
        legs.sort_by_key(|end| end.talk);
        std::iter::once(own).chain(legs).collect()
    }

    fn finish_absorbed(&mut self) {
        let mut absorbed = std::mem::take(&mut self.plan.planned.absorbed);
        for joined in &mut absorbed {
            joined.is_finished = true;
            self.finish_one(&End {
                call: joined.call.clone(),
                ending: ending::joined(self.seen, joined.user),
                talk: None,
                is_main: false,
            });
        }
        self.plan.planned.absorbed = absorbed;
    }

    fn save(
        &mut self,
        name: &str,
        call: &Registered,
        fields: Fields,
        is_hooked: bool,
        write: impl FnOnce(SaveFields) -> Write,
    ) {
        if !fields.is_empty() || is_hooked {
            let (key, call) = (format!("{}/{name}", call.key), call.clone());
            self.once(key, false, write(SaveFields { call, fields }));
        }
    }

    fn finish_one(&mut self, end: &End) {
        let ending = &end.ending;
        let finish = Finish {
            call: end.call.clone(),
            user: ending.user,
            duration_s: ending.duration_s,
            status: ending.status.code.to_owned(),
            failed_reason: ending.status.failed_reason.map(str::to_owned),
            is_in_chat: self.seen.settings.add_to_chat,
        };
        let key = format!("{}/finish", end.call.key);
        self.once(key, self.seen.is_live(), Write::Finish(finish));
    }

    /// Whether recordings of the call may be told at all.
    fn tells_recordings(&mut self, paths: &[&str]) -> bool {
        let (seen, settings) = (self.seen, &self.seen.settings.recordings);
        if !settings.attach || !(seen.is_answered || settings.attach_missed) || paths.is_empty() {
            return false;
        }
        let mut legs = seen.legs.iter();
        let is_left_out = legs.any(|leg| leg.is_left_out && leg.is_talker());
        if is_left_out {
            self.note(Note::RecordingLeftOut);
        }
        !is_left_out
    }

    /// The addresses of recordings that are no files.
    fn links(&mut self, paths: &[&str]) -> Vec<String> {
        if !self.seen.settings.recordings.links || !self.tells_recordings(paths) {
            return Vec::new();
        }
        paths.iter().copied().filter_map(link).collect()
    }

    /// The paths of recordings on this machine, as far as they may be opened and told.
    pub(super) fn files(&mut self, paths: &[&str]) -> Vec<String> {
        if !self.tells_recordings(paths) {
            return Vec::new();
        }
        let (seen, settings) = (self.seen, &self.seen.settings.recordings);
        let mut files = Vec::new();
        let paths = paths.iter();
        for path in paths.filter(|path| !settings.links || link(path).is_none()) {
            let hooked = seen.circumstances.learned.recording(path);
            let path = match (hooked, &settings.path) {
                (Some(path), _) => Some(path.to_owned()),
                (None, Some(template)) => {
                    let places = RecordingPlaces {
                        path,
                        told: Told::of(seen, None, 0),
                    };
                    self.rendered("recordings.path", template, &places)
                }
                (None, None) => Some((*path).to_owned()),
            };
            match path.map(|path| confined(&path, &settings.folders)) {
                Some(Ok(file)) if !files.contains(&file) => files.push(file),
                Some(Err(why)) => self.note(Note::Recording(why)),
                Some(Ok(_)) | None => {}
            }
        }
        files
    }

    /// Attaches all files of a call, again when more are known: the CRM keeps what was attached last.
    fn attach(&mut self, call: &Registered, files: Vec<String>) {
        let attached = &mut self.plan.planned.attached;
        if files.is_empty() || attached.get(&call.key) == Some(&files) {
            return;
        }
        attached.insert(call.key.clone(), files.clone());
        let key = self.next(&format!("{}/attach", call.key));
        let call = call.clone();
        self.once(key, false, Write::Attach(Attach { call, files }));
    }

    /// Lets the CRM have a recording by its address, again when another one is told.
    fn attach_link(&mut self, call: &Registered, url: String) {
        let attached = &mut self.plan.planned.attached;
        let link = vec![url.clone()];
        if attached.get(&call.key) == Some(&link) {
            return;
        }
        attached.insert(call.key.clone(), link);
        let key = self.next(&format!("{}/attach_link", call.key));
        let call = call.clone();
        self.once(key, false, Write::AttachLink(AttachLink { call, url }));
    }

    /// Where the portal refuses telephony: one activity, when the call is over.
    pub(super) fn add_activity(&mut self) {
        let seen = self.seen;
        let Some(ended) = &seen.call.ended else {
            return;
        };
        if seen.settings.refused == Refused::None {
            return self.note(Note::TelephonyRefused);
        }
        let (user, phone) = match registration::need(seen) {
            Need::Now(user, phone) => (user, phone),
            Need::Later(_) => return,
            Need::No(why) => return self.note(why),
        };
        let talks = ending::reported(seen);
        let ending = ending::ending(seen, talks.first(), user);
        let told = Told::of(seen, talks.first(), ending.duration_s);
        let configured = self.fields("activity", &seen.settings.activity, &told);
        let spoken = &seen.settings.spoken;
        let text = |draft: &mut Self, field: &str, template| {
            let text = configured.get(field).and_then(Value::as_str);
            let text = text.map(str::to_owned);
            text.or_else(|| draft.rendered("activity", template, &told))
        };
        let subject = text(self, "SUBJECT", &spoken.subject).unwrap_or_default();
        let description = text(self, "DESCRIPTION", &spoken.facts).unwrap_or_default();
        let key = seen.key();
        let activity = AddActivity {
            key: key.clone(),
            user: ending.user,
            phone,
            is_incoming: seen.way() == Way::In,
            subject,
            description,
            started_at: seen.told(seen.call.started_at),
            ended_at: seen.told(ended.at),
            is_completed: !seen.is_missed(),
        };
        self.once(
            format!("{key}/add_activity"),
            seen.is_live(),
            Write::AddActivity(activity),
        );
        let files = self.files(&ending::all_recordings(seen));
        if !files.is_empty() {
            let name = format!("{key}/attach_to_activity");
            let attach = AttachToActivity { key, files };
            self.once(name, false, Write::AttachToActivity(attach));
        }
    }
}

/// What the path of a recording is made from.
#[derive(Serialize)]
struct RecordingPlaces<'a> {
    path: &'a str,
    #[serde(flatten)]
    told: Told,
}
