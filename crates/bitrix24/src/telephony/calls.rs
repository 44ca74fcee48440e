//! The life of an external call, as a client tells it.

use std::time::Duration;

use super::{
    CallId, Caller, Finish, Finished, Registered, Registration, StatisticCall, StatisticKey,
};
use crate::{Call, Client, Error, Id, Outcome, Param, row::Token};

/// One message of a transcription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TranscriptMessage {
    /// Whether it is the client who speaks, and not the employee.
    pub is_client: bool,
    /// When it begins, counted from the beginning of the call.
    pub starts_after: Duration,
    /// When it ends.
    pub ends_after: Duration,
    /// What is said.
    pub text: String,
}

impl Client {
    /// Registers a call (`telephony.externalCall.register`). Repeating it within half an hour finds the same call.
    pub async fn register_call(&self, registration: &Registration) -> Outcome<Registered> {
        let call = registration.call();
        if let Some(flaw) = registration.flaw() {
            return Outcome::Refused(self.malformed(call.method(), flaw));
        }
        self.write(call).await.read(Registered::read)
    }

    /// Finishes a call (`telephony.externalCall.finish`). Only the first finish counts; a later one is
    /// [refused](Error::NotFound) like one of a call that never was.
    pub async fn finish_call(&self, call_id: &CallId, finish: &Finish) -> Outcome<Finished> {
        self.write(finish.call(call_id)).await.read(Finished::read)
    }

    /// Shows the card to these employees, to the registered one without any (`telephony.externalCall.show`). Answers
    /// whether there is such a call and it is not over.
    pub async fn show_card(&self, call_id: &CallId, users: &[Id]) -> Outcome<bool> {
        self.write(card("telephony.externalCall.show", call_id, users))
            .await
            .read(|answer| Token::of(answer.result()).flag())
    }

    /// Hides the card from these employees (`telephony.externalCall.hide`); see [`Client::show_card`].
    pub async fn hide_card(&self, call_id: &CallId, users: &[Id]) -> Outcome<bool> {
        self.write(card("telephony.externalCall.hide", call_id, users))
            .await
            .read(|answer| Token::of(answer.result()).flag())
    }

    /// Who is behind a number, and who is responsible for them (`telephony.externalCall.searchCrmEntities`).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn callers(&self, phone_number: &str) -> Result<Vec<Caller>, Error> {
        let call = Call::read("telephony.externalCall.searchCrmEntities")
            .param("PHONE_NUMBER", phone_number);
        let rows = self.call(call).await?.rows()?;
        Ok(rows.iter().filter_map(Caller::read).collect())
    }

    /// Finished calls by one of their ids (`voximplant.statistic.get`): whether a finish ran whose answer got lost, and
    /// what it came to. A call that is registered and not finished is not here.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn calls_in_statistics(
        &self,
        key: &StatisticKey,
    ) -> Result<Vec<StatisticCall>, Error> {
        let rows = self.call(key.call()).await?.rows()?;
        let calls = rows.iter().filter_map(StatisticCall::read);
        // A portal that did not understand the condition would answer with everything.
        Ok(calls.filter(|call| key.is_of(call)).collect())
    }

    /// Attaches a transcription to a finished call (`telephony.call.attachTranscription`). Answers with its id.
    pub async fn attach_transcription(
        &self,
        call_id: &CallId,
        messages: &[TranscriptMessage],
    ) -> Outcome<Option<Id>> {
        let message = |message: &TranscriptMessage| {
            let side = if message.is_client { "Client" } else { "User" };
            Param::Map(vec![
                ("SIDE".to_owned(), side.into()),
                (
                    "START_TIME".to_owned(),
                    message.starts_after.as_secs().into(),
                ),
                ("STOP_TIME".to_owned(), message.ends_after.as_secs().into()),
                ("MESSAGE".to_owned(), (&message.text).into()),
            ])
        };
        let messages: Vec<Param> = messages.iter().map(message).collect();
        let call = Call::write("telephony.call.attachTranscription")
            .param("CALL_ID", call_id)
            .param("MESSAGES", Param::List(messages));
        let outcome = self.write(call).await;
        outcome.map(|answer| answer.row().ok()?.id("TRANSCRIPT_ID"))
    }
}

/// A call that shows or hides cards, for a [`Group`](crate::Group) too.
fn card(method: &str, call_id: &CallId, users: &[Id]) -> Call {
    let call = Call::write(method).param("CALL_ID", call_id);
    if users.is_empty() {
        return call;
    }
    call.param("USER_ID", users.to_vec())
}
