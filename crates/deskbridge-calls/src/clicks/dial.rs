//! Asking a PBX to begin the call of an order.
//!
//! Each PBX has a connection of its own for that, which any node may have: made when the first order comes, kept for a
//! while, and without events but those that say that nothing came of an order. Whether an order whose answer got lost
//! was carried out is seen by its channel.

mod line;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use ami::{
    Action, ActionId, Exten, Name, NotSent, Outcome as Asked, Value as Text, Variable, Word,
    action::{CallerId, CoreShowChannels, Originate as Ask, Place, Then},
};
use deskbridge_core::{Chain, Clock, Effect, Failure, NewEffect, Outcome};
use deskbridge_hooks::{Decision, Hooks, Point};
use deskbridge_journal::{Handler, Journal, Tasks};
use deskbridge_store::Store;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::line::{Line, NoLine, Response};
use super::{Dial, notify};
use crate::{
    counted,
    decide::{
        hooks::{taken, told},
        originate::{Order, Originate, originate},
        telephony::{plan_callback_not_begun, plan_not_begun},
        write::Intended,
    },
    follow::Manager,
    people::Directory,
    settings::Settings,
};

/// A PBX that calls are begun on.
#[derive(Clone)]
pub struct Pbx {
    /// How its manager is spoken to.
    pub manager: Manager,
    /// What becomes of its calls.
    pub settings: Arc<Settings>,
    /// Who answers which phone.
    pub directory: Directory,
    /// Who may decide otherwise.
    pub hooks: Arc<Hooks>,
    /// Whether a user is told by the CRM that their order was not carried out.
    pub notifies: bool,
}

/// The connection of a PBX, while there is one.
type Kept = Mutex<Option<Line>>;

/// Carries out orders.
#[derive(Clone)]
pub struct Dialler {
    pbxs: Arc<BTreeMap<String, (Pbx, Kept)>>,
    journal: Arc<OnceLock<Journal>>,
    store: Store,
    clock: Clock,
    tasks: Tasks,
    counted: Arc<counted::Clicks>,
}

/// What came of asking.
enum Came {
    /// With what a hook said.
    Begun(Vec<String>),
    /// It will not, for this reason.
    Not(String),
    Later(String),
    Unknown(String),
}

impl Dialler {
    /// The PBXs, by the names of their connections. Nothing is connected before the first order.
    pub fn new(
        pbxs: impl IntoIterator<Item = Pbx>,
        store: Store,
        clock: Clock,
        tasks: Tasks,
        counted: Arc<counted::Clicks>,
    ) -> Self {
        let pbxs = pbxs.into_iter();
        let pbxs = pbxs.map(|pbx| (pbx.settings.connection.clone(), (pbx, Mutex::new(None))));
        Self {
            pbxs: Arc::new(pbxs.collect()),
            journal: Arc::default(),
            store,
            clock,
            tasks,
            counted,
        }
    }

    /// By what the CRM is told that nothing comes of an order. Until it is set such orders wait.
    pub fn set_journal(&self, journal: Journal) {
        // Set twice it stays the first, which is the same.
        drop(self.journal.set(journal));
    }

    async fn carry_out(&self, effect: &Effect) -> Outcome<Value> {
        let dial = match serde_json::from_value::<Dial>(effect.intent.payload.clone()) {
            Ok(dial) => dial,
            Err(error) => return Outcome::Refused(Failure::new(error.to_string())),
        };
        let Some((pbx, line)) = self.pbxs.get(&dial.pbx) else {
            let why = format!("no [[asterisk]] named {} is enabled", dial.pbx);
            return Outcome::Refused(Failure::new(why));
        };
        let asked = self.ask(pbx, line, &dial, effect.look_first);
        match asked.await {
            Came::Begun(told) => {
                self.counted.dialled.add_one();
                Outcome::Done(match told.is_empty() {
                    true => json!({"channel": dial.order.id}),
                    false => json!({"channel": dial.order.id, "hooks": told}),
                })
            }
            Came::Later(why) => Outcome::NotSent(Failure::new(why)),
            Came::Unknown(why) => Outcome::Unknown(Failure::new(why)),
            Came::Not(why) => match self.tell(pbx, &dial, &why).await {
                Ok(()) => {
                    self.counted.not_dialled.add_one();
                    Outcome::Refused(Failure::new(why))
                }
                Err(failed) => Outcome::NotSent(Failure::new(format!(
                    "{why}, and the CRM cannot be told yet: {failed}"
                ))),
            },
        }
    }

    /// Has the CRM told that nothing comes of an order: what it registered is finished, and the user may be told.
    async fn tell(&self, pbx: &Pbx, dial: &Dial, why: &str) -> Result<(), String> {
        let (order, settings) = (&dial.order, &pbx.settings);
        let finish = match order.is_callback() {
            false => plan_not_begun(order, settings, why).into_iter().collect(),
            true => {
                let people = pbx.directory.people();
                if people.is_empty() {
                    pbx.directory.look_again();
                    return Err("it has not told yet who its users are".to_owned());
                }
                plan_callback_not_begun(order, settings, &people, why, dial.until)
            }
        };
        let mut effects: Vec<NewEffect> = finish.iter().map(Intended::effect).collect();
        if let Some(user) = dial.order.user().filter(|_| pbx.notifies) {
            effects.push(notify::effect(&dial.pbx, &dial.order.id, user, why));
        }
        let journal = self.journal.get().ok_or("the program is starting")?;
        let recorded = journal.record(effects).await;
        recorded
            .map(drop)
            .map_err(|error| Chain(&error).to_string())
    }

    async fn ask(&self, pbx: &Pbx, line: &Kept, dial: &Dial, look_first: bool) -> Came {
        let people = pbx.directory.people();
        // Nobody has an extension yet, which is no reason to refuse anybody.
        if people.is_empty() && self.clock.now() <= dial.until {
            pbx.directory.look_again();
            return Came::Later("the CRM has not told yet who its users are".to_owned());
        }
        let wanted = match originate(&dial.order, &pbx.settings, &people) {
            Ok(wanted) => wanted,
            Err(refused) => return Came::Not(refused.to_string()),
        };
        let (wanted, told) = as_wanted(&pbx.hooks, wanted, &dial.order).await;
        let action = match action(&wanted) {
            Ok(action) => action,
            Err(why) => return Came::Not(why),
        };
        // One order of a PBX after another: what is answered quickly need not go side by side.
        let mut line = line.lock().await;
        if look_first {
            match self.was_begun(pbx, &mut line, dial).await {
                Ok(true) => return Came::Begun(told),
                Ok(false) => {}
                Err(why) => return Came::Unknown(why),
            }
        }
        if self.clock.now() > dial.until {
            return Came::Not("nobody waits for the call any more".to_owned());
        }
        let line = match Line::up(&mut line, &pbx.manager, &self.tasks).await {
            Ok(line) => line,
            Err(NoLine(why)) => return Came::Later(why),
        };
        line.forget();
        match line.send(action).await {
            Asked::Done(_) => match line.response(&dial.order.id).await {
                Some(Response::NoChannel(why)) => Came::Not(why),
                Some(Response::Begun) | None => Came::Begun(told),
            },
            Asked::Refused(refusal) => Came::Not(refusal.to_string()),
            Asked::NotSent(why @ (NotSent::NotConnected | NotSent::Lost(_))) => {
                line.give_up();
                Came::Later(why.to_string())
            }
            Asked::NotSent(why) => Came::Later(why.to_string()),
            Asked::Unknown(why) => {
                line.give_up();
                Came::Unknown(why.to_string())
            }
        }
    }

    /// Whether the call of an order was begun: its channel lives, or it was followed already.
    async fn was_begun(
        &self,
        pbx: &Pbx,
        line: &mut Option<Line>,
        dial: &Dial,
    ) -> Result<bool, String> {
        let id = &dial.order.id;
        let kept = self.store.call(dial.pbx.clone(), id.clone()).await;
        if kept.map_err(|error| error.to_string())?.is_some() {
            return Ok(true);
        }
        let line = Line::up(line, &pbx.manager, &self.tasks).await;
        let line = line.map_err(|NoLine(why)| why)?;
        let listed = line.send(CoreShowChannels).await.answer();
        let listed = listed.map_err(|error| error.to_string())?;
        let is_ours = |name: &str, channel: &ami::Message| {
            channel
                .get(name)
                .is_some_and(|known| known == id.as_bytes())
        };
        let mut channels = listed.items.iter();
        Ok(channels.any(|channel| is_ours("Uniqueid", channel) || is_ours("Linkedid", channel)))
    }
}

impl Handler for Dialler {
    fn apply<'a>(&'a self, effect: &'a Effect) -> BoxFuture<'a, Outcome<Value>> {
        Box::pin(self.carry_out(effect))
    }
}

/// A call as a hook wants it, and what the hook said. What it wants and cannot be sent is not used.
async fn as_wanted(hooks: &Hooks, planned: Originate, order: &Order) -> (Originate, Vec<String>) {
    if !hooks.asks(Point::OriginateParams) {
        return (planned, Vec::new());
    }
    let known = json!({"params": told::originate(&planned, order)});
    let (decision, told) = hooks.decide_and_tell(Point::OriginateParams, &known).await;
    let mut told: Vec<String> = told.into_iter().collect();
    let Decision::Changed(change) = decision else {
        return (planned, told);
    };
    let mut wanted = planned.clone();
    let unused = taken::originate(&mut wanted, &change.data);
    let unused = unused.into_iter();
    told.extend(unused.map(|why| format!("of its answer was not used: {why}")));
    match action(&wanted) {
        Ok(_) => (wanted, told),
        Err(why) => {
            told.push(format!("its answer cannot be told to the PBX: {why}"));
            (planned, told)
        }
    }
}

/// The action of a call that is to begin.
///
/// # Errors
/// When a field cannot be sent: then nothing of it is.
pub fn action(wanted: &Originate) -> Result<Action, String> {
    let of = |field: &'static str| move |error: ami::Invalid| format!("{field}: {error}");
    let channel = ami::Channel::new(wanted.channel.as_str()).map_err(of("Channel"))?;
    let context = Word::new(wanted.context.as_str()).map_err(of("Context"))?;
    let exten = Exten::new(wanted.exten.as_str()).map_err(of("Exten"))?;
    let place = Place {
        context,
        exten,
        priority: wanted.priority,
    };
    let id = Word::new(wanted.channel_id.as_str()).map_err(of("ChannelId"))?;
    let timeout = std::time::Duration::from_millis(wanted.timeout_ms);
    let mut ask = Ask::new(channel, Then::Dialplan(place))
        .timeout(timeout)
        .channel_id(id);
    for (name, value) in &wanted.variables {
        let name = Word::new(name.as_str()).map_err(of("Variable"))?;
        let variable = Variable::new(&name, value).map_err(of("Variable"))?;
        ask = ask.variable(variable).map_err(|error| error.to_string())?;
    }
    if !wanted.codecs.is_empty() {
        let codecs = wanted.codecs.iter();
        let codecs = codecs.map(|codec| Word::new(codec.as_str()).map_err(of("Codecs")));
        let codecs: Vec<Word> = codecs.collect::<Result<_, _>>()?;
        ask = ask.codecs(&codecs).map_err(of("Codecs"))?;
    }
    let id = ActionId::new(wanted.channel_id.as_str()).map_err(of("ActionID"))?;
    match Exten::new(wanted.caller_id.as_str()) {
        Ok(number) => {
            let caller_id = CallerId::new(None, &number).map_err(of("CallerID"))?;
            Ok(Action::from(ask.caller_id(caller_id)).with_id(id))
        }
        // A name and a number, as the administrator wrote it.
        Err(_not_a_number) => {
            let caller_id = Text::new(wanted.caller_id.as_str()).map_err(of("CallerID"))?;
            let name = Name::new("CallerID").map_err(of("CallerID"))?;
            let action = Action::from(ask).header(name, caller_id);
            Ok(action.map_err(|error| error.to_string())?.with_id(id))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deskbridge_hooks::{Hook, Runner, runner::program::Program, suspension::Rules};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::decide::originate::Why;

    async fn wanted(script: &str) -> (Originate, Vec<String>) {
        let command = ["sh", "-c", script].map(str::to_owned);
        let program = Program::new(command.into(), "/", Arc::new(Semaphore::new(1)));
        let within = Duration::from_secs(20);
        let hook = Hook::new("process_originate_params", Runner::Program(program), within).unwrap();
        let hooks = Hooks::new(vec![Arc::new(hook)], Rules::default(), Clock::default()).unwrap();
        let planned = Originate {
            channel: "PJSIP/101".to_owned(),
            context: "from-internal".to_owned(),
            exten: "842855500123".to_owned(),
            priority: 1,
            caller_id: "101".to_owned(),
            variables: BTreeMap::new(),
            timeout_ms: 30_000,
            channel_id: "crm-1".to_owned(),
            codecs: Vec::new(),
        };
        let order = Order {
            id: "crm-1".to_owned(),
            phone: "+842855500123".to_owned(),
            line: None,
            entity: None,
            why: Why::Callback { responsible: None },
        };
        as_wanted(&hooks, planned, &order).await
    }

    #[tokio::test]
    async fn an_order_goes_to_the_pbx_as_a_hook_wants_it() {
        let script = r#"grep -q '"extension":"842855500123"' && echo '{"data": {"context": "mobile", "extension": "9842855500123", "codecs": "alaw"}}'"#;
        let (wanted, told) = wanted(script).await;
        let told_to_pbx = [
            &wanted.context,
            &wanted.exten,
            &wanted.channel,
            &wanted.codecs[0],
        ];
        assert_eq!(
            told_to_pbx,
            ["mobile", "9842855500123", "PJSIP/101", "alaw"]
        );
        assert_eq!(
            told,
            ["the hook process_originate_params answered codecs, context, extension"]
        );
    }

    #[tokio::test]
    async fn what_no_order_may_hold_is_not_used() {
        let (planned, _) = wanted("echo null").await;
        for (script, why) in [
            (
                r#"printf %s '{"data": {"extension": "1\r\nAction: Command"}}'"#,
                "characters that end a line",
            ),
            (
                r#"printf %s '{"data": {"extension": "1 2;rm"}}'"#,
                "cannot be told to the PBX",
            ),
            (
                r#"printf %s '{"data": {"channel": "Local/1@x,y"}}'"#,
                "cannot be told to the PBX",
            ),
            (
                r#"printf %s '{"data": {"variable": "SHELL(x)=1"}}'"#,
                "cannot be told to the PBX",
            ),
            ("sleep 0; exit 2", "exit status: 2"),
        ] {
            let (wanted, told) = wanted(script).await;
            assert_eq!(wanted, planned, "{script}");
            assert!(told.join("; ").contains(why), "{script}: {told:?}");
        }
    }
}
