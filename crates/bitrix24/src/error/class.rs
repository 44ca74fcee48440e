//! What an answer means: one table over HTTP status, code and description together, because no two of the
//! three suffice.

#[cfg(test)]
mod tests;

/// What a failure is, before it is known whom it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    NotFound,
    // Refused, did not run.
    Argument,
    NotInBatch,
    RecordAccess,
    Other,
    Malformed,
    // Somebody has to change something.
    Credentials,
    Reinstall,
    ClientSecret,
    Scope,
    Method,
    MethodAccess,
    ApplicationOnly,
    Unconfirmed,
    PortalGone,
    Plan,
    Https,
    Redirect,
    // A budget.
    Requests,
    OperatingTime,
    Blocked,
    Queue,
    // May have run.
    Deadline,
    HungUp,
    ServerFault,
    TooLarge,
    NotJson,
    NoResult,
    Unresolved,
    Strayed,
    // Never left.
    Expired,
    NoConnection,
    TokenExpired,
    Unsigned,
    Halted,
    Closed,
}

/// How far a failure reaches beyond the call that met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    Call,
    Method,
    Credential,
    Portal,
}

/// Whether the same call may be sent again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It did not run: as soon as the budget allows.
    NotRun,
    /// It did not run, because there is no connection: a few times.
    NotConnected,
    /// It did not run, because it was in a batch: once, by itself.
    Alone,
    /// It may have run: a few times, and reads only.
    IfRead,
    /// The same, but only when it had company.
    IfCompany,
    Never,
}

impl Class {
    pub(crate) fn extent(self) -> Extent {
        match self {
            Self::PortalGone | Self::Https | Self::Redirect | Self::Blocked => Extent::Portal,
            Self::Credentials | Self::Plan => Extent::Credential,
            Self::Scope
            | Self::Method
            | Self::MethodAccess
            | Self::ApplicationOnly
            | Self::Unconfirmed => Extent::Method,
            // What concerns tokens is remembered where they are kept.
            Self::Reinstall
            | Self::ClientSecret
            | Self::TokenExpired
            | Self::Unsigned
            | Self::NotFound
            | Self::Argument
            | Self::NotInBatch
            | Self::RecordAccess
            | Self::Other
            | Self::Malformed
            | Self::Requests
            | Self::OperatingTime
            | Self::Queue
            | Self::Deadline
            | Self::HungUp
            | Self::ServerFault
            | Self::TooLarge
            | Self::NotJson
            | Self::NoResult
            | Self::Unresolved
            | Self::Strayed
            | Self::Expired
            | Self::NoConnection
            | Self::Halted
            | Self::Closed => Extent::Call,
        }
    }

    /// Whether the portal has dealt with the call itself, and not only with the request around it.
    pub(crate) fn is_verdict(self) -> bool {
        match self {
            Self::NotFound
            | Self::Argument
            | Self::NotInBatch
            | Self::RecordAccess
            | Self::Other
            | Self::Credentials
            | Self::Scope
            | Self::Method
            | Self::MethodAccess
            | Self::ApplicationOnly
            | Self::Unconfirmed
            | Self::PortalGone
            | Self::Plan
            | Self::Https
            | Self::Redirect
            | Self::Blocked
            | Self::OperatingTime => true,
            Self::Malformed
            | Self::Reinstall
            | Self::ClientSecret
            | Self::TokenExpired
            | Self::Unsigned
            | Self::Requests
            | Self::Queue
            | Self::Deadline
            | Self::HungUp
            | Self::ServerFault
            | Self::TooLarge
            | Self::NotJson
            | Self::NoResult
            | Self::Unresolved
            | Self::Strayed
            | Self::Expired
            | Self::NoConnection
            | Self::Halted
            | Self::Closed => false,
        }
    }

    pub(crate) fn repeat(self) -> Repeat {
        match self {
            // With a token that has expired nothing runs, and it was renewed before this was told.
            Self::Requests | Self::OperatingTime | Self::TokenExpired => Repeat::NotRun,
            Self::NoConnection | Self::Unsigned => Repeat::NotConnected,
            Self::NotInBatch => Repeat::Alone,
            Self::Deadline | Self::HungUp | Self::ServerFault | Self::NotJson | Self::NoResult => {
                Repeat::IfRead
            }
            Self::TooLarge => Repeat::IfCompany,
            Self::NotFound
            | Self::Argument
            | Self::RecordAccess
            | Self::Other
            | Self::Malformed
            | Self::Credentials
            | Self::Reinstall
            | Self::ClientSecret
            | Self::Scope
            | Self::Method
            | Self::MethodAccess
            | Self::ApplicationOnly
            | Self::Unconfirmed
            | Self::PortalGone
            | Self::Plan
            | Self::Https
            | Self::Redirect
            | Self::Blocked
            | Self::Queue
            | Self::Unresolved
            | Self::Strayed
            | Self::Expired
            | Self::Halted
            | Self::Closed => Repeat::Never,
        }
    }
}

/// A row of the table.
struct Row {
    status: Statuses,
    codes: Codes,
    /// Part of the description, in lower case.
    text: &'static str,
    class: Class,
}

enum Statuses {
    Any,
    In(&'static [u16]),
    AtLeast(u16),
    /// Those with which a portal answers a call that it has dealt with, and none at all, inside a batch.
    Answered,
}

enum Codes {
    Any,
    /// Written in lower case; the empty text stands for the empty code.
    In(&'static [&'static str]),
    Prefix(&'static str),
}

const fn row(codes: &'static [&'static str], class: Class) -> Row {
    Row {
        status: Statuses::Any,
        codes: Codes::In(codes),
        text: "",
        class,
    }
}

const fn prefix(prefix: &'static str, class: Class) -> Row {
    Row {
        codes: Codes::Prefix(prefix),
        ..row(&[], class)
    }
}

const fn any(status: Statuses, class: Class) -> Row {
    Row {
        status,
        codes: Codes::Any,
        ..row(&[], class)
    }
}

impl Row {
    const fn at(mut self, status: &'static [u16]) -> Self {
        self.status = Statuses::In(status);
        self
    }

    const fn answered(mut self) -> Self {
        self.status = Statuses::Answered;
        self
    }

    const fn saying(mut self, text: &'static str) -> Self {
        self.text = text;
        self
    }

    fn matches(&self, status: Option<u16>, code: &str, text: &str) -> bool {
        let status_matches = match self.status {
            Statuses::Any => true,
            Statuses::In(statuses) => status.is_some_and(|status| statuses.contains(&status)),
            Statuses::AtLeast(least) => status.is_some_and(|status| status >= least),
            Statuses::Answered => is_answered(status),
        };
        let code_matches = match self.codes {
            Codes::Any => true,
            Codes::In(codes) => codes.contains(&code),
            Codes::Prefix(prefix) => code.starts_with(prefix),
        };
        status_matches && code_matches && text.contains(self.text)
    }
}

/// The first row that matches decides. Codes of REST 3.0 are here too, since portals already answer with
/// them to methods they have moved.
static TABLE: &[Row] = &[
    // Budgets. Two of them share the status 503.
    row(&["query_limit_exceeded"], Class::Requests),
    row(&["operation_time_limit"], Class::OperatingTime),
    row(&["overload_limit"], Class::Blocked),
    row(&["portal_deleted"], Class::PortalGone),
    // Faults of the portal, whatever else their code says: it may have done the work before it fell.
    any(Statuses::AtLeast(500), Class::ServerFault),
    row(
        &["internal_server_error", "error_unexpected_answer"],
        Class::ServerFault,
    ),
    // What an administrator has to change.
    row(&["access_denied", "user_access_error"], Class::Plan).saying("commercial"),
    row(&["payment_required"], Class::Plan),
    row(&["insufficient_scope"], Class::Scope),
    row(
        &["method_confirm_waiting", "method_confirm_denied"],
        Class::Unconfirmed,
    ),
    row(&["wrong_auth_type"], Class::ApplicationOnly),
    row(&["error_method_not_found"], Class::Method),
    // A token that is long past its hour may be as good as unknown.
    row(&["expired_token", "invalid_token"], Class::TokenExpired),
    // With 401 the webhook is wrong; otherwise it was good enough to be told about rights.
    row(&["invalid_credentials"], Class::Credentials).at(&[401]),
    row(&["invalid_credentials"], Class::MethodAccess),
    row(
        &[
            "no_auth_found",
            "application_not_found",
            "not_installed",
            "error_oauth",
            "authorization_error",
        ],
        Class::Credentials,
    ),
    row(
        &["user_access_error", "allowed_only_intranet_user"],
        Class::MethodAccess,
    ),
    // The same code speaks of one record with 400 and of the whole method with 403.
    row(&["access_denied"], Class::MethodAccess).at(&[403]),
    row(&["access_denied"], Class::RecordAccess),
    row(&["invalid_request"], Class::Https).saying("https"),
    // Absent: with 400, not with 404.
    row(
        &["not_found", "error_not_found", "owner_not_found"],
        Class::NotFound,
    )
    .answered(),
    row(&["", "0", "error_core"], Class::RecordAccess).saying("access denied"),
    row(&["error_batch_method_not_allowed"], Class::NotInBatch),
    row(
        &[
            "invalid_request",
            "invalid_arg_value",
            "invalid_argument",
            "entity_type_not_supported",
            "100",
            "error_batch_length_exceeded",
            "error_core",
            "error_argument",
            "wrong_datetime_format",
            "crm_field_error_value_not_valid",
            "max_import_batch_size_exceeded",
            "error_event_not_found",
        ],
        Class::Argument,
    ),
    // REST 3.0.
    prefix("bitrix_rest_v3_exception_entitynotfound", Class::NotFound).answered(),
    prefix("bitrix_rest_v3_exception_accessdenied", Class::MethodAccess),
    prefix("bitrix_rest_v3_exception_insufficientscope", Class::Scope),
    prefix("bitrix_rest_v3_exception_", Class::Argument),
    // Codes this table does not know.
    any(Statuses::In(&[401]), Class::Credentials),
    any(Statuses::In(&[403]), Class::MethodAccess),
    any(Statuses::In(&[410]), Class::PortalGone),
    any(Statuses::In(&[429]), Class::OperatingTime),
];

/// Classifies what a portal answered: the HTTP status (`None` inside a batch), the code as written, the
/// description as written.
pub(crate) fn classify(status: Option<u16>, code: &str, description: &str) -> Class {
    let code = code.trim().to_lowercase();
    let text = description.trim().to_lowercase();
    if let "" | "0" | "error_core" | "error_not_found" = code.as_str()
        && is_answered(status)
        && is_not_found(&text)
    {
        return Class::NotFound;
    }
    TABLE
        .iter()
        .find(|row| row.matches(status, &code, &text))
        .map_or(Class::Other, |row| row.class)
}

/// Whether a portal that answers so has dealt with the call itself. With any other status, what is said to be
/// absent may be anything: a page, a file of the server's.
fn is_answered(status: Option<u16>) -> bool {
    matches!(status, None | Some(200 | 400))
}

/// Older methods say it in prose only: "Not found", "Company is not found".
fn is_not_found(text: &str) -> bool {
    let text = text.trim_end_matches(['.', '!']);
    text == "not found"
        || text.ends_with(" is not found") && !text.contains("method")
        // Telephony goes on about what may be the reason.
        || text.starts_with("call is not found")
}
