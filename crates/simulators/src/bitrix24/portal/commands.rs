//! Running calls: one of its own, or the commands of a batch one after another.

use std::sync::Arc;

use super::{
    lock,
    visit::{Caller, Ending, Visit, spelled_refusal},
};
use crate::{
    bitrix24::{
        answer::{self, Answer, Refusal, Time},
        batch::{self, Batch, Command, Done},
        journal,
        limits::{self, Account, BatchCharge, OperatingLimit},
        methods::{self, Call},
        params::Params,
        presets, references,
    },
    faults,
};

/// How a command of a batch ends.
enum CommandEnding {
    Done(Result<(Answer, Time), Refusal>),
    /// It takes the whole request with it.
    Request(Ending),
}

impl Visit<'_> {
    /// Runs a call of its own.
    pub(super) async fn single(
        &mut self,
        caller: &Caller,
        method: &str,
    ) -> Result<(Answer, Time), Refusal> {
        let params = std::mem::take(&mut self.params);
        let done = self.run(caller, method, &params, true).await;
        self.params = params;
        let (answer, mut time) = done?;
        time.started_at = self.arrived_at;
        Ok((answer, time))
    }

    /// Runs the commands of a batch.
    pub(super) async fn batch(&mut self, caller: &Caller) -> Ending {
        let batch = Batch::parse(&self.params);
        let settings = Arc::clone(&self.settings);
        let limit = settings.limits.operating.as_ref();
        let charge = limit.map(|limit| limit.batch_charge);
        if charge.is_some_and(|charge| charge != BatchCharge::Commands)
            && let Err(refusal) = self.refuse_blocked(caller, "batch")
        {
            return refusal.into();
        }
        let processed_from = self.portal.clock.now();
        let mut done: Vec<Done> = Vec::with_capacity(batch.commands.len());
        let mut is_cut = false;
        for (at, mut command) in batch.commands.into_iter().enumerate() {
            let known = |label: &str| {
                let earlier = done.iter().find(|one| one.label == label)?;
                Some(earlier.outcome.as_ref().ok()?.0.result.as_str())
            };
            for value in command.params.values_mut() {
                references::resolve(value, &known);
            }
            let is_beyond = at >= batch::COMMANDS_MAX;
            let outcome = match self.command(caller, &command, is_beyond, &mut is_cut).await {
                CommandEnding::Done(outcome) => outcome,
                CommandEnding::Request(ending) => return ending,
            };
            let is_refused = outcome.is_err();
            done.push(Done {
                label: command.label,
                outcome,
            });
            if batch.halt && is_refused {
                break;
            }
        }
        let time = self.charge_batch(caller, limit, processed_from, &mut done);
        let counters = settings.behaviour.counters;
        let answer = Answer::of(batch::result(&done, counters));
        let response = answer::envelope(&answer, &time, counters);
        if is_cut {
            Ending::from(response).cut()
        } else {
            response.into()
        }
    }

    /// Runs one command as a fault script wants it, and enters it in the journal.
    async fn command(
        &mut self,
        caller: &Caller,
        command: &Command,
        is_beyond: bool,
        is_cut: &mut bool,
    ) -> CommandEnding {
        let fault = self
            .portal
            .faults
            .next(&format!("batch:{}", command.method));
        let answered = fault.as_ref().map(|fault| fault.answer.clone());
        let ending = if is_beyond {
            CommandEnding::Done(Err(batch::too_long()))
        } else if let Some(fault) = fault {
            self.count_fault();
            self.misbehaved_command(caller, command, fault, is_cut)
                .await
        } else {
            CommandEnding::Done(self.usual_command(caller, command).await)
        };
        let error = match &ending {
            CommandEnding::Done(Err(refusal)) => Some(refusal.code_text()),
            CommandEnding::Done(Ok(_)) | CommandEnding::Request(_) => None,
        };
        self.note(|entry| {
            entry.commands.push(journal::Command {
                label: command.label.clone(),
                method: command.method.clone(),
                params: command.params.clone(),
                error,
                fault: answered,
            });
        });
        ending
    }

    async fn misbehaved_command(
        &mut self,
        caller: &Caller,
        command: &Command,
        fault: faults::Fault,
        is_cut: &mut bool,
    ) -> CommandEnding {
        self.wait_for(fault.delay).await;
        let takes_effect_anyway = matches!(
            fault.answer,
            faults::Answer::Usual | faults::Answer::Truncate
        );
        if takes_effect_anyway {
            *is_cut |= fault.answer == faults::Answer::Truncate;
            return CommandEnding::Done(self.usual_command(caller, command).await);
        }
        if fault.execute {
            drop(self.usual_command(caller, command).await);
        }
        let ending = match fault.answer {
            faults::Answer::Usual | faults::Answer::Truncate | faults::Answer::HangUp => {
                Ending::HangUp
            }
            faults::Answer::Silence => Ending::Silence,
            faults::Answer::Preset(name) => self.preset(&name),
            faults::Answer::Custom(custom) => match spelled_refusal(&custom) {
                Some(refusal) => Ending::Refused(refusal),
                None => custom.response().into(),
            },
        };
        match ending {
            Ending::Refused(refusal) => CommandEnding::Done(Err(refusal)),
            ending => CommandEnding::Request(ending),
        }
    }

    async fn usual_command(
        &mut self,
        caller: &Caller,
        command: &Command,
    ) -> Result<(Answer, Time), Refusal> {
        batch::refuse_nested(&command.method)?;
        let limit = self.settings.limits.operating.as_ref();
        let is_charged = limit.is_none_or(|limit| limit.batch_charge != BatchCharge::Batch);
        self.run(caller, &command.method, &command.params, is_charged)
            .await
    }

    /// Runs one method.
    async fn run(
        &mut self,
        caller: &Caller,
        name: &str,
        params: &Params,
        is_charged: bool,
    ) -> Result<(Answer, Time), Refusal> {
        let behaviour = &self.settings.behaviour;
        let is_application = caller.application.is_some();
        let method = methods::permitted(name, &caller.webhook, is_application, behaviour)?;
        if is_charged {
            self.refuse_blocked(caller, name)?;
        }
        let processed_from = self.portal.clock.now();
        let answer = {
            let mut state = lock(&self.portal.state);
            (method.run)(&mut Call {
                state: &mut state,
                params,
                caller: &caller.webhook,
                application: caller.application.as_ref(),
                files: &self.files,
                address: &self.settings.address,
                behaviour: &self.settings.behaviour,
                now: processed_from,
            })
        };
        lock(&self.portal.journal).counts.calls += 1;
        self.wait(self.settings.latency.command_ms).await;
        let finished_at = self.portal.clock.now();
        let limit = self.settings.limits.operating.as_ref();
        let fixed = limit.and_then(|limit| limit.cost_ms.get(name));
        let took_us = finished_at.as_microsecond() - processed_from.as_microsecond();
        let cost_us = fixed.map_or(took_us, |ms| limits::microseconds(*ms)).max(0);
        self.cost_us += cost_us;
        let operating = limit.filter(|_| is_charged).map(|limit| {
            let account = account(limit, caller, name);
            lock(&self.portal.ledger).charge(account, cost_us, finished_at)
        });
        let time = Time {
            started_at: processed_from,
            processed_from,
            finished_at,
            operating,
        };
        Ok((answer?, time))
    }

    fn refuse_blocked(&self, caller: &Caller, method: &str) -> Result<(), Refusal> {
        let Some(limit) = self.settings.limits.operating.as_ref() else {
            return Ok(());
        };
        let account = account(limit, caller, method);
        let now = self.portal.clock.now();
        if !lock(&self.portal.ledger).is_blocked(limit, &account, now) {
            return Ok(());
        }
        lock(&self.portal.journal).counts.operation_time_refusals += 1;
        Err(presets::operation_time_limit())
    }

    /// Charges a batch as the portal does, and answers the time of the whole.
    fn charge_batch(
        &self,
        caller: &Caller,
        limit: Option<&OperatingLimit>,
        processed_from: jiff::Timestamp,
        done: &mut [Done],
    ) -> Time {
        let finished_at = self.portal.clock.now();
        let operating = limit.map(|limit| {
            let account = account(limit, caller, "batch");
            let mut ledger = lock(&self.portal.ledger);
            match limit.batch_charge {
                BatchCharge::Commands => ledger.read(&account, finished_at),
                BatchCharge::Both => ledger.charge(account, self.cost_us, finished_at),
                BatchCharge::Batch => {
                    let cost_us = self.cost_us.max(limits::BATCH_FLOOR_US);
                    let operating = ledger.charge(account, cost_us, finished_at);
                    let answered = done.iter_mut().filter_map(|one| one.outcome.as_mut().ok());
                    answered.for_each(|(_, time)| time.operating = Some(operating));
                    operating
                }
            }
        });
        Time {
            started_at: self.arrived_at,
            processed_from,
            finished_at,
            operating,
        }
    }
}

fn account(limit: &OperatingLimit, caller: &Caller, method: &str) -> Account {
    Account {
        webhook: (!limit.shared_by_webhooks).then_some(caller.number),
        method: method.to_owned(),
    }
}
