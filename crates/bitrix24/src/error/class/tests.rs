use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "one table of answers")]
fn every_documented_answer_has_its_class() {
    let check = |status: u16, code: &str, description: &str, expected: Class| {
        let status = (status != 0).then_some(status);
        for code in [code.to_owned(), code.to_lowercase(), code.to_uppercase()] {
            assert_eq!(
                classify(status, &code, description),
                expected,
                "{status:?} {code:?} {description:?}"
            );
        }
    };
    // Status 0 stands for a command inside a batch, which has none.
    for (status, code, description, expected) in [
        (
            503,
            "QUERY_LIMIT_EXCEEDED",
            "Too many requests",
            Class::Requests,
        ),
        (
            0,
            "QUERY_LIMIT_EXCEEDED",
            "Too many requests",
            Class::Requests,
        ),
        (
            429,
            "OPERATION_TIME_LIMIT",
            "Method is blocked due to operation time limit.",
            Class::OperatingTime,
        ),
        (
            0,
            "OPERATION_TIME_LIMIT",
            "Method is blocked due to operation time limit.",
            Class::OperatingTime,
        ),
        (
            503,
            "OVERLOAD_LIMIT",
            "REST API is blocked due to overload.",
            Class::Blocked,
        ),
        (
            500,
            "INTERNAL_SERVER_ERROR",
            "Internal server error",
            Class::ServerFault,
        ),
        (0, "INTERNAL_SERVER_ERROR", "", Class::ServerFault),
        (
            500,
            "ERROR_UNEXPECTED_ANSWER",
            "Server returned an unexpected response",
            Class::ServerFault,
        ),
        (
            500,
            "PORTAL_DELETED",
            "Portal was deleted.",
            Class::PortalGone,
        ),
        (410, "PORTAL_DELETED", "", Class::PortalGone),
        (
            401,
            "NO_AUTH_FOUND",
            "Wrong authorization data",
            Class::Credentials,
        ),
        (
            401,
            "INVALID_CREDENTIALS",
            "Invalid request credentials",
            Class::Credentials,
        ),
        (
            403,
            "INVALID_CREDENTIALS",
            "The user lacks rights",
            Class::MethodAccess,
        ),
        (
            0,
            "INVALID_CREDENTIALS",
            "The user lacks rights",
            Class::MethodAccess,
        ),
        (
            403,
            "insufficient_scope",
            "The request requires higher privileges",
            Class::Scope,
        ),
        (0, "insufficient_scope", "", Class::Scope),
        (
            401,
            "expired_token",
            "The access token has expired",
            Class::TokenExpired,
        ),
        (
            401,
            "invalid_token",
            "Unable to get application by token",
            Class::TokenExpired,
        ),
        (
            403,
            "user_access_error",
            "The user has no access",
            Class::MethodAccess,
        ),
        (
            403,
            "allowed_only_intranet_user",
            "Only intranet users",
            Class::MethodAccess,
        ),
        (
            403,
            "ACCESS_DENIED",
            "REST is available only on commercial plans",
            Class::Plan,
        ),
        (403, "ACCESS_DENIED", "Access denied.", Class::MethodAccess),
        (400, "ACCESS_DENIED", "Access denied.", Class::RecordAccess),
        (0, "ACCESS_DENIED", "Access denied.", Class::RecordAccess),
        (
            403,
            "WRONG_AUTH_TYPE",
            "Current authorization type is denied",
            Class::ApplicationOnly,
        ),
        (
            0,
            "WRONG_AUTH_TYPE",
            "Current authorization type is denied",
            Class::ApplicationOnly,
        ),
        (
            401,
            "METHOD_CONFIRM_WAITING",
            "Waiting for confirmation",
            Class::Unconfirmed,
        ),
        (
            403,
            "METHOD_CONFIRM_DENIED",
            "Method call denied",
            Class::Unconfirmed,
        ),
        (401, "PAYMENT_REQUIRED", "Payment required", Class::Plan),
        (
            401,
            "APPLICATION_NOT_FOUND",
            "Application not found",
            Class::Credentials,
        ),
        (
            401,
            "NOT_INSTALLED",
            "Application not installed",
            Class::Credentials,
        ),
        (
            401,
            "ERROR_OAUTH",
            "Application not installed",
            Class::Credentials,
        ),
        (
            401,
            "AUTHORIZATION_ERROR",
            "Unable to authorize user",
            Class::Credentials,
        ),
        (
            404,
            "ERROR_METHOD_NOT_FOUND",
            "Method not found!",
            Class::Method,
        ),
        (
            0,
            "ERROR_METHOD_NOT_FOUND",
            "Method not found!",
            Class::Method,
        ),
        (
            405,
            "ERROR_BATCH_METHOD_NOT_ALLOWED",
            "Method is not allowed for batch usage",
            Class::NotInBatch,
        ),
        (
            0,
            "ERROR_BATCH_LENGTH_EXCEEDED",
            "Max batch length exceeded",
            Class::Argument,
        ),
        (400, "INVALID_REQUEST", "Https required", Class::Https),
        (
            400,
            "INVALID_REQUEST",
            "The request is malformed",
            Class::Argument,
        ),
        (
            400,
            "INVALID_ARG_VALUE",
            "Invalid filter: field 'x' is not allowed",
            Class::Argument,
        ),
        (400, "NOT_FOUND", "Element not found", Class::NotFound),
        (400, "ERROR_NOT_FOUND", "Not found", Class::NotFound),
        (
            400,
            "OWNER_NOT_FOUND",
            "Owner was not found",
            Class::NotFound,
        ),
        (400, "", "Not found", Class::NotFound),
        (0, "", "Not found.", Class::NotFound),
        (400, "", "Company is not found", Class::NotFound),
        (200, "", "Call is not found", Class::NotFound),
        (400, "", "Access denied.", Class::RecordAccess),
        (0, "", "Access denied.", Class::RecordAccess),
        (400, "", "Parameter 'filter' must be array.", Class::Other),
        (400, "Communication type is not defined", "", Class::Other),
        (400, "Invalid parameters.", "", Class::Other),
        (400, "0", "", Class::Other),
        (400, "1048582", "Something of the task", Class::Other),
        (400, "ENTITY_TYPE_NOT_SUPPORTED", "", Class::Argument),
        (
            400,
            "100",
            "Could not find value for parameter {id}",
            Class::Argument,
        ),
        (400, "ERROR_CORE", "Title is required", Class::Argument),
        (400, "INVALID_ARGUMENT", "", Class::Argument),
        (400, "WRONG_DATETIME_FORMAT", "", Class::Argument),
        (400, "CRM_FIELD_ERROR_VALUE_NOT_VALID", "", Class::Argument),
        (400, "MAX_IMPORT_BATCH_SIZE_EXCEEDED", "", Class::Argument),
        (
            400,
            "ERROR_EVENT_NOT_FOUND",
            "Event not found",
            Class::Argument,
        ),
        (
            400,
            "BITRIX_REST_V3_EXCEPTION_VALIDATION_REQUESTVALIDATION",
            "",
            Class::Argument,
        ),
        (
            400,
            "BITRIX_REST_V3_EXCEPTION_INVALIDJSON",
            "",
            Class::Argument,
        ),
        (
            400,
            "BITRIX_REST_V3_EXCEPTION_UNKNOWNDTOPROPERTY",
            "",
            Class::Argument,
        ),
        (
            400,
            "BITRIX_REST_V3_EXCEPTION_UNKNOWNFILTEROPERATOR",
            "",
            Class::Argument,
        ),
        (
            400,
            "BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUND",
            "",
            Class::NotFound,
        ),
        (
            403,
            "BITRIX_REST_V3_EXCEPTION_ACCESSDENIED",
            "",
            Class::MethodAccess,
        ),
        (
            403,
            "BITRIX_REST_V3_EXCEPTION_INSUFFICIENTSCOPE",
            "",
            Class::Scope,
        ),
        (
            422,
            "BITRIX_REST_V3_EXCEPTION_IDEMPOTENCYKEYREUSED",
            "",
            Class::Argument,
        ),
        // A fault of the server is one, whatever else the code says.
        (500, "", "Access denied.", Class::ServerFault),
        (500, "", "Not found", Class::ServerFault),
        (502, "NOT_FOUND", "", Class::ServerFault),
        (500, "ERROR_CORE", "Title is required", Class::ServerFault),
        (500, "INVALID_REQUEST", "Https required", Class::ServerFault),
        (503, "insufficient_scope", "", Class::ServerFault),
        (503, "ERROR_METHOD_NOT_FOUND", "", Class::ServerFault),
        (504, "expired_token", "", Class::ServerFault),
        (520, "ACCESS_DENIED", "Access denied.", Class::ServerFault),
        (
            500,
            "BITRIX_REST_V3_EXCEPTION_ENTITYNOTFOUND",
            "",
            Class::ServerFault,
        ),
        // Absent is what a portal has looked for, not what a server on the way does not have.
        (200, "NOT_FOUND", "", Class::NotFound),
        (0, "OWNER_NOT_FOUND", "", Class::NotFound),
        (404, "NOT_FOUND", "", Class::Other),
        (404, "", "Not found", Class::Other),
        (403, "ERROR_NOT_FOUND", "Not found", Class::MethodAccess),
        (401, "", "Not found", Class::Credentials),
        // Codes without a row, by status.
        (500, "NEW_FAULT", "", Class::ServerFault),
        (503, "", "", Class::ServerFault),
        (401, "NEW_AUTH", "", Class::Credentials),
        (403, "NEW_RIGHT", "", Class::MethodAccess),
        (429, "", "", Class::OperatingTime),
        (404, "", "", Class::Other),
        (200, "NEW_CODE", "", Class::Other),
    ] {
        check(status, code, description, expected);
    }
}

#[test]
fn an_unknown_failure_is_never_taken_for_an_absent_record() {
    for status in [None, Some(200), Some(400), Some(404), Some(500), Some(503)] {
        for (code, description) in [
            ("NEW", "Not found"),
            ("", "Method is not found"),
            ("", "not found in cache, try again"),
            ("ERROR_METHOD_NOT_FOUND", "Not found"),
        ] {
            assert_ne!(
                classify(status, code, description),
                Class::NotFound,
                "{status:?} {code} {description}"
            );
        }
    }
}

#[test]
fn no_fault_of_the_server_is_taken_for_an_answer_of_the_portal() {
    let codes = TABLE.iter().flat_map(|row| match row.codes {
        Codes::Any => &["", "new"],
        Codes::In(codes) => codes,
        Codes::Prefix(_) => &["bitrix_rest_v3_exception_entitynotfound"],
    });
    for code in codes {
        let says_itself = matches!(
            *code,
            "query_limit_exceeded" | "operation_time_limit" | "overload_limit" | "portal_deleted"
        );
        for (status, text) in [(500, ""), (503, "not found"), (599, "access denied")] {
            let class = classify(Some(status), code, text);
            assert_eq!(class != Class::ServerFault, says_itself, "{status} {code}");
        }
    }
}
