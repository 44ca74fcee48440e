//! Who comes in: whoever has one of the configured tokens.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{extract::State, middleware::Next, response::Response};
use deskbridge_core::{Clock, Secret};
use deskbridge_http::{ApiError, Code, TrustedSecrets, caller::bearer_token};
use http::{HeaderMap, Request};
use jiff::{SignedDuration, Timestamp};

/// Wrong tokens in a row that are each answered and logged.
const WRONG_MAX: u32 = 20;
/// How long until one more wrong token is answered and logged.
const WRONG_EVERY: SignedDuration = SignedDuration::from_secs(3);

/// The administrators' tokens. Without any nobody comes in. Clones share the count of wrong ones.
#[derive(Clone)]
pub struct Administrators {
    tokens: TrustedSecrets,
    wrong: Arc<Mutex<Wrong>>,
}

/// Wrong tokens that came lately: they run off with the time.
struct Wrong {
    number: u32,
    run_off_at: Timestamp,
}

impl Administrators {
    /// Whoever sends one of these tokens; blank ones are left out.
    pub fn new(tokens: impl IntoIterator<Item = Secret>) -> Self {
        let wrong = Wrong {
            number: 0,
            run_off_at: Timestamp::UNIX_EPOCH,
        };
        Self {
            tokens: TrustedSecrets::new(tokens),
            wrong: Arc::new(Mutex::new(wrong)),
        }
    }

    /// Lets a request in, or says why not. A right token is never held up by wrong ones.
    fn admit(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), ApiError> {
        if self.tokens.is_empty() {
            return Err(ApiError::new(Code::SwitchedOff, ""));
        }
        let token = bearer_token(headers)?;
        if token.is_some_and(|token| self.tokens.accept(token)) {
            return Ok(());
        }
        if token.is_some() {
            let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
            wrong.count(now)?;
            tracing::warn!("A wrong administrator's token was refused");
        }
        Err(ApiError::new(Code::WrongToken, ""))
    }
}

impl Wrong {
    fn count(&mut self, now: Timestamp) -> Result<(), ApiError> {
        let since = now.duration_since(self.run_off_at);
        let ran_off = since.as_secs().max(0) / WRONG_EVERY.as_secs();
        let ran_off = u32::try_from(ran_off).unwrap_or(u32::MAX);
        if ran_off > 0 {
            self.number = self.number.saturating_sub(ran_off);
            self.run_off_at = now;
        }
        if self.number >= WRONG_MAX {
            let seconds = WRONG_EVERY.as_secs().unsigned_abs();
            return Err(ApiError::new(Code::TooManyWrongTokens, "").retry_after(seconds));
        }
        self.number += 1;
        Ok(())
    }
}

/// Stands before every route that shows or changes anything.
pub(crate) async fn administrators_only(
    State((administrators, clock)): State<(Administrators, Clock)>,
    request: Request<axum::body::Body>,
    next: Next,
) -> Result<Response, ApiError> {
    administrators.admit(request.headers(), clock.now())?;
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    fn check(
        administrators: &Administrators,
        authorization: &str,
        second: i64,
        expected: Option<Code>,
    ) {
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            let value = HeaderValue::from_str(authorization).unwrap();
            headers.insert(header::AUTHORIZATION, value);
        }
        let now = Timestamp::from_second(second).unwrap();
        let admitted = administrators.admit(&headers, now);
        let code = admitted.err().map(|error| error.code());
        assert_eq!(code, expected, "{authorization}");
    }

    #[test]
    fn only_who_has_a_token_comes_in() {
        let two = Administrators::new(["one token", "another"].map(Secret::new));
        check(&two, "Bearer one token", 0, None);
        check(&two, "bearer another", 0, None);
        for wrong in ["", "Bearer one", "Bearer ", "Basic another", "another"] {
            check(&two, wrong, 0, Some(Code::WrongToken));
        }
        let none = Administrators::new([Secret::new(" ")]);
        check(&none, "Bearer  ", 0, Some(Code::SwitchedOff));
        check(&none, "", 0, Some(Code::SwitchedOff));
    }

    #[test]
    fn many_wrong_tokens_are_told_to_wait_and_a_right_one_is_not() {
        let one = Administrators::new([Secret::new("right")]);
        for _ in 0..WRONG_MAX {
            check(&one, "Bearer wrong", 1_000, Some(Code::WrongToken));
        }
        check(&one, "Bearer wrong", 1_001, Some(Code::TooManyWrongTokens));
        check(&one, "Bearer right", 1_001, None);
        check(&one, "", 1_001, Some(Code::WrongToken));
        check(&one, "Bearer wrong", 1_003, Some(Code::WrongToken));
        check(&one, "Bearer wrong", 1_003, Some(Code::TooManyWrongTokens));
    }
}
