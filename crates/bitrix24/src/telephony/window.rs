//! All finished calls from a time on, for who compares them with its own.

use jiff::Timestamp;

use super::StatisticCall;
use crate::{Call, Client, Error, error::Class};

/// So many pages are read at most: twenty thousand calls.
const PAGES_MAX: usize = 400;

impl Client {
    /// Finished calls that began at a time or later (`voximplant.statistic.get`), in the order in which the portal
    /// entered them: those of every application and of the portal's own lines, as far as the right *Call statistics*
    /// lets this user see them. Calls without any id are left out.
    ///
    /// # Errors
    /// As [`Client::call`]; and when the portal overlooks the condition, or has more calls than can be read.
    pub async fn calls_in_statistics_since(
        &self,
        since: Timestamp,
    ) -> Result<Vec<StatisticCall>, Error> {
        let from = since.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
        let (mut calls, mut start) = (Vec::new(), 0);
        let mut pages = 0;
        loop {
            pages += 1;
            let call = Call::read("voximplant.statistic.get")
                .filter(">=CALL_START_DATE", &from)
                .param("SORT", "ID")
                .param("ORDER", "ASC")
                .start(start);
            let answer = self.call(call).await?;
            for row in answer.rows()? {
                let began_at = row
                    .datetime("CALL_START_DATE")
                    .and_then(|at| at.timestamp());
                // The portal has whole seconds.
                if began_at.is_some_and(|at| at.as_second() < since.as_second()) {
                    let why = "it holds calls from before the time that was asked for";
                    return Err(answer.disbelieved(Class::Strayed, why));
                }
                calls.extend(StatisticCall::read(&row));
            }
            match answer.next() {
                Some(_) if pages == PAGES_MAX => {
                    let why = "there are more than 20,000 calls; ask for a shorter time";
                    return Err(answer.disbelieved(Class::Strayed, why));
                }
                Some(next) if next > start => start = next,
                Some(_) => {
                    let why = "the next page is not after this one";
                    return Err(answer.disbelieved(Class::Strayed, why));
                }
                None => return Ok(calls),
            }
        }
    }
}
