//! Who in the CRM answers which phone, asked for again and again.
//!
//! What was known stays known: an answer without an active user, and none at all, change nothing, and the last good one
//! outlives a restart.

use std::{sync::Arc, time::Duration};

use deskbridge_core::{Chain, Clock};
use deskbridge_journal::Tasks;
use deskbridge_store::{Answer, Store};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::{
    decide::users::{People, UserId, UserRow},
    settings::Settings,
};

/// How soon it is asked again because somebody is not known, or because there was no answer.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
/// The same while nobody is known at all, so that no call can be told of.
const FIRST_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How long the last good answer outlives the last time that it was given.
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(24 * 365);

/// The users of one portal as one PBX knows them. Clones share it.
#[derive(Clone, Debug)]
pub struct Directory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    crm: bitrix24::Client,
    settings: Arc<Settings>,
    store: Store,
    clock: Clock,
    every: Duration,
    known: watch::Sender<Arc<People>>,
    wanted: Notify,
}

impl Directory {
    /// Knows nobody before it [runs](Self::run); asks the portal every so often.
    pub fn new(
        crm: &bitrix24::Client,
        settings: &Arc<Settings>,
        store: &Store,
        clock: &Clock,
        every: Duration,
    ) -> Self {
        Self(Arc::new(Inner {
            crm: crm.in_lane(bitrix24::Lane::Background),
            settings: Arc::clone(settings),
            store: store.clone(),
            clock: clock.clone(),
            every: every.max(AGAIN_AFTER),
            known: watch::Sender::new(Arc::default()),
            wanted: Notify::new(),
        }))
    }

    /// Everybody who is known now.
    pub fn people(&self) -> Arc<People> {
        Arc::clone(&self.0.known.borrow())
    }

    /// Tells of everybody whenever that changes.
    pub fn changes(&self) -> watch::Receiver<Arc<People>> {
        self.0.known.subscribe()
    }

    /// Somebody is not known: the portal is asked soon.
    pub fn look_again(&self) {
        self.0.wanted.notify_one();
    }

    /// Asks until the program stops.
    pub async fn run(self, tasks: Tasks) {
        self.recall().await;
        loop {
            let asked_at = Instant::now();
            let is_answered = self.renew().await;
            let soon = match self.people().is_empty() {
                true => FIRST_AGAIN_AFTER,
                false => AGAIN_AFTER,
            };
            let usual = if is_answered { self.0.every } else { soon };
            tokio::select! {
                () = tasks.stopping() => return,
                () = tokio::time::sleep_until(asked_at + usual) => {}
                () = self.wanted_after(asked_at + soon) => {}
            }
        }
    }

    /// Ends when the portal is to be asked because of somebody who is not known, not before a time.
    async fn wanted_after(&self, at: Instant) {
        tokio::time::sleep_until(at).await;
        self.0.wanted.notified().await;
    }

    /// Asks the portal; whether it said who its users are.
    pub async fn renew(&self) -> bool {
        let name = &self.0.settings.connection;
        let users = match self.0.crm.active_users().await {
            Ok(users) => users,
            Err(error) => {
                tracing::warn!(connection = name, error = %Chain(&error), "The users of the CRM were not told");
                return false;
            }
        };
        let rows = rows(users);
        let people = People::of_rows(&rows, &self.0.settings.numbers);
        if people.is_empty() {
            tracing::warn!(
                connection = name,
                "The CRM told of no active user; who was known before is believed"
            );
            return false;
        }
        self.remember(&rows).await;
        self.know(people);
        true
    }

    fn know(&self, people: People) {
        self.0.known.send_if_modified(|known| {
            let is_new = **known != people;
            if is_new {
                for duplicate in people.duplicates() {
                    tracing::warn!(connection = self.0.settings.connection, %duplicate, "A phone is several users'");
                }
                *known = Arc::new(people);
            }
            is_new
        });
    }

    async fn remember(&self, rows: &[UserRow]) {
        let now = self.0.clock.now();
        let answer = Answer {
            body: serde_json::to_vec(rows).unwrap_or_default(),
            fetched_at: now,
            fresh_until: now,
            keep_until: now.checked_add(KEPT_FOR).unwrap_or(Timestamp::MAX),
        };
        if let Err(error) = self
            .0
            .store
            .remember_answer(key(&self.0.settings), answer)
            .await
        {
            tracing::warn!(error = %Chain(&error), "The users of the CRM were not remembered");
        }
    }

    /// Takes up what was known before a restart.
    async fn recall(&self) {
        match remembered(&self.0.store, &self.0.settings, self.0.clock.now()).await {
            Ok(people) if people.is_empty() => {}
            Ok(people) => self.know(people),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "The users of the CRM cannot be recalled");
            }
        }
    }
}

/// Who is known without asking the CRM: whom it told of last, nobody if it never did.
///
/// # Errors
/// When the database cannot be read.
pub async fn remembered(
    store: &Store,
    settings: &Settings,
    now: Timestamp,
) -> deskbridge_store::Result<People> {
    let answer = store.remembered_answer(key(settings), now).await?;
    let rows = answer.and_then(|answer| serde_json::from_slice::<Vec<UserRow>>(&answer.body).ok());
    Ok(People::of_rows(
        &rows.unwrap_or_default(),
        &settings.numbers,
    ))
}

fn key(settings: &Settings) -> String {
    format!("calls/users/{}", settings.connection)
}

/// Users as rows, of which nobody is left out.
pub fn rows(users: Vec<bitrix24::User>) -> Vec<UserRow> {
    users.into_iter().filter_map(row).collect()
}

fn row(user: bitrix24::User) -> Option<UserRow> {
    Some(UserRow {
        id: UserId::new(user.id.get())?,
        is_active: true,
        name: user.name,
        extension: user.inner_phone.unwrap_or_default(),
        mobiles: user.mobile.into_iter().collect(),
    })
}
