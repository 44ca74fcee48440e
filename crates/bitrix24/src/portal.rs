//! A portal and the clients that share its budget.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};

use crate::{
    Access, Answer, Application, Call, Counters, Error, Group, GroupAnswer, Kind, Lane, List,
    Options, OptionsError, Outcome, PortalBase, Tokens, Webhook,
    call::DEADLINE_MAX,
    dispatch::{Credential, Prepared, Submission, counters::Published, desk::Desk, run::run},
    error::{Class, Failure},
    transport::{Http, Transport},
    upload::Upload,
};

/// Submissions that wait to be taken in; callers beyond that wait in line.
const INBOX: usize = 1024;

/// The number of whoever is on trial, beyond those of all who are known.
const ON_TRIAL: usize = usize::MAX;

/// One portal, as seen from this machine: one budget, one dispatcher.
///
/// A portal counts requests by its own address and yours, whatever webhook they use, so all clients of a
/// portal must come from one `Portal`. It is cheap to clone. The dispatcher ends when the portal and all
/// its clients are dropped and everybody who waits has an answer.
#[derive(Clone, Debug)]
pub struct Portal {
    base: PortalBase,
    deadline: Duration,
    accesses: Arc<Mutex<Vec<Arc<Access>>>>,
    inbox: mpsc::Sender<Submission>,
    published: Published,
}

/// A webhook or an application that belongs to another portal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the webhook or application belongs to {webhook}, not to {portal}")]
pub struct WrongPortal {
    /// The host of the webhook or application.
    pub webhook: String,
    /// The portal's host.
    pub portal: String,
}

impl Portal {
    /// Starts the dispatcher of a portal.
    ///
    /// # Errors
    /// When the options contradict themselves, or a certificate cannot be read.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn new(base: &PortalBase, options: &Options) -> Result<Self, OptionsError> {
        options.check()?;
        let transport = Http::new(options, base.is_https())?;
        Ok(Self::with_transport(base, options, transport))
    }

    pub(crate) fn with_transport<T: Transport>(
        base: &PortalBase,
        options: &Options,
        transport: T,
    ) -> Self {
        let (inbox, submissions) = mpsc::channel(INBOX);
        let published = Published::default();
        let desk = Desk::new(base.host(), options, Instant::now());
        let task = run(desk, Arc::new(transport), submissions, published.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "ends by itself with the last client, and answers everybody before"
        )]
        drop(tokio::spawn(task));
        Self {
            base: base.clone(),
            deadline: options.deadline,
            accesses: Arc::default(),
            inbox,
            published,
        }
    }

    /// A client with the rights of a webhook. Equal webhooks are one: their reads are merged.
    ///
    /// # Errors
    /// When the webhook belongs to another portal.
    pub fn client(&self, webhook: Webhook) -> Result<Client, WrongPortal> {
        self.client_of(Access::Webhook(webhook))
    }

    /// A client that calls as a local application. Equal applications are one, with the tokens and the store of the
    /// one that came first.
    ///
    /// # Errors
    /// When the application belongs to another portal.
    pub fn application(&self, application: Application) -> Result<Client, WrongPortal> {
        self.client_of(Access::Application(application))
    }

    /// Whether the portal accepts tokens, and what was granted with them. Whoever knows the address can post an
    /// installation; only tokens that the portal accepts are worth storing. They are not renewed for that.
    ///
    /// # Errors
    /// As [`Client::call`]; [`Fault::Reinstall`](crate::Fault::Reinstall) when they are not accepted.
    pub async fn accepts(
        &self,
        application: &Application,
        tokens: &Tokens,
    ) -> Result<Vec<String>, Error> {
        let access = Access::Application(application.on_trial(tokens));
        let client = Client {
            portal: self.clone(),
            credential: Credential {
                number: ON_TRIAL,
                access: Arc::new(access),
            },
            lane: Lane::default(),
            deadline: self.deadline,
        };
        // Sent as a write, which is never answered with what another's tokens were answered.
        let answer = client.call(Call::write("scope")).await?;
        let scopes: Option<Vec<String>> = serde_json::from_str(answer.result().get()).ok();
        scopes.ok_or_else(|| answer.disbelieved(Class::NoResult, "the result is no list of scopes"))
    }

    fn client_of(&self, access: Access) -> Result<Client, WrongPortal> {
        if *access.portal_base() != self.base {
            return Err(WrongPortal {
                webhook: access.portal_base().host().to_owned(),
                portal: self.base.host().to_owned(),
            });
        }
        // A panic while pushing leaves a whole list behind.
        let mut accesses = self.accesses.lock().unwrap_or_else(PoisonError::into_inner);
        let known = accesses.iter().position(|known| known.is_same_as(&access));
        let number = known.unwrap_or(accesses.len());
        let access = accesses
            .get(number)
            .map_or_else(|| Arc::new(access), Arc::clone);
        if known.is_none() {
            accesses.push(Arc::clone(&access));
        }
        Ok(Client {
            portal: self.clone(),
            credential: Credential { number, access },
            lane: Lane::default(),
            deadline: self.deadline,
        })
    }

    /// Scheme, host and port of the portal, and links into it.
    pub fn base(&self) -> &PortalBase {
        &self.base
    }

    /// What the dispatcher has done, and how it stands.
    pub fn counters(&self) -> Counters {
        self.published.read(Instant::now())
    }
}

/// Calls methods of a portal with the rights of one webhook or application. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    portal: Portal,
    credential: Credential,
    lane: Lane,
    deadline: Duration,
}

impl Client {
    /// The same client for calls in this lane, unless they say otherwise.
    pub fn in_lane(&self, lane: Lane) -> Self {
        Self {
            lane,
            ..self.clone()
        }
    }

    /// The same client with this deadline, unless calls say otherwise; 59 seconds at most.
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// The portal.
    pub fn portal(&self) -> &Portal {
        &self.portal
    }

    /// In whose name it calls; secrets are not shown.
    pub fn access(&self) -> &Access {
        &self.credential.access
    }

    /// Calls a method and waits for the answer, until the call's deadline at the latest.
    ///
    /// Dropping the future takes back a call that still waits. A call that is under way runs to its end.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::verdict`] says what to do.
    pub async fn call(&self, call: Call) -> Result<Answer, Error> {
        if let Some(flaw) = call.flaw() {
            return Err(self.malformed(&call.method, &flaw));
        }
        let (lane, deadline) = (call.lane, call.deadline);
        let deadline = deadline.unwrap_or(self.deadline).min(DEADLINE_MAX);
        if !call.params.references().is_empty() {
            return Err(self.malformed(&call.method, "a reference needs a group to refer into"));
        }
        self.submit_one(Prepared::new(call), lane, deadline).await
    }

    /// Sends a file. The deadline may be longer than that of a call: the minute that a portal gives a request begins
    /// when it has all of it.
    pub(crate) async fn upload(
        &self,
        name: &str,
        upload: Upload,
        deadline: Duration,
    ) -> Result<Answer, Error> {
        let upload = Prepared::upload(name, upload);
        self.submit_one(upload, None, deadline).await
    }

    async fn submit_one(
        &self,
        command: Prepared,
        lane: Option<Lane>,
        deadline: Duration,
    ) -> Result<Answer, Error> {
        let command = Arc::new(command);
        let commands = vec![Arc::clone(&command)];
        let mut answers = self.submit(commands, false, None, lane, deadline).await;
        let lost = || Err(command.error(&Failure::bare(Class::HungUp), self.host()));
        answers.pop().unwrap_or_else(lost)
    }

    /// Calls a method that changes something, and says whether it did.
    pub async fn write(&self, mut call: Call) -> Outcome {
        call.kind = Kind::Write;
        self.call(call).await.into()
    }

    /// Sends several calls in one request; see [`Group`].
    ///
    /// # Errors
    /// Only when the group cannot be sent as it is: empty, more than 50 commands, a reference to a later
    /// command, a parameter that a batch cannot express. What becomes of each command is in the answer.
    pub async fn group(&self, group: Group) -> Result<GroupAnswer, Error> {
        if let Some((method, flaw)) = group.flaw() {
            return Err(self.malformed(&method, &flaw));
        }
        let (lane, deadline, halts) = (group.lane, group.deadline, group.halts);
        let commands = group
            .calls
            .into_iter()
            .map(|call| Arc::new(Prepared::new(call)));
        let commands = commands.collect();
        let deadline = deadline.unwrap_or(self.deadline).min(DEADLINE_MAX);
        let answers = self.submit(commands, halts, group.request_max, lane, deadline);
        Ok(GroupAnswer(answers.await))
    }

    /// A list of records; see [`List`].
    pub fn list(&self, method: &str) -> List {
        List::new(self.clone(), method)
    }

    async fn submit(
        &self,
        commands: Vec<Arc<Prepared>>,
        halts: bool,
        request_max: Option<usize>,
        lane: Option<Lane>,
        deadline: Duration,
    ) -> Vec<Result<Answer, Error>> {
        let deadline = Instant::now() + deadline;
        let (reply, answers) = oneshot::channel();
        let submission = Submission {
            credential: self.credential.clone(),
            lane: lane.unwrap_or(self.lane),
            deadline,
            commands: commands.clone(),
            halts,
            request_max,
            reply,
        };
        let fail = |class| -> Vec<Result<Answer, Error>> {
            let failure = Failure::bare(class);
            let error = |command: &Arc<Prepared>| Err(command.error(&failure, self.host()));
            commands.iter().map(error).collect()
        };
        let inbox = &self.portal.inbox;
        match inbox.try_send(submission) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => return fail(Class::Closed),
            Err(mpsc::error::TrySendError::Full(submission)) => {
                match timeout_at(deadline, inbox.send(submission)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return fail(Class::Closed),
                    Err(_) => return fail(Class::Expired),
                }
            }
        }
        match answers.await {
            Ok(answers) => answers,
            // The runtime of the dispatcher has gone, and with it what it knew.
            Err(_) => fail(Class::HungUp),
        }
    }

    pub(crate) fn malformed(&self, method: &str, why: &str) -> Error {
        Error::malformed(method, self.host(), why)
    }

    fn host(&self) -> &str {
        self.portal.base.host()
    }
}
