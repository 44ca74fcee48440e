//! The addresses of the profile: Frappe's own method names, so that a form script need not change.

use axum::{Router, extract::State, routing};
use deskbridge_core::Language;
use deskbridge_http::{
    ApiError, Caller, Code, Params, TrustedSecrets,
    request::{language_of, wrong_verb},
};
use http::{HeaderMap, Method, header};

use crate::{
    gate::Visit,
    service::{EnrichmentAsked, ProfileAsked, Profiles},
};

/// Characters in a document's name at most.
const NAME_CHARACTERS_MAX: usize = 140;

/// What the routes need.
#[derive(Clone)]
pub struct Routes {
    /// The profile.
    pub profiles: Profiles,
    /// By what the helpdesk proves itself.
    pub trusted: TrustedSecrets,
}

/// The routes of the profile.
pub fn router(routes: Routes) -> Router {
    Router::new()
        .route(
            "/api/method/haravan_bitrix_customer_profile",
            routing::get(ticket_profile).post(ticket_profile),
        )
        .route(
            "/api/method/login_with_haravan.customer_profile.get_ticket_customer_profile",
            routing::get(stored_profile).post(stored_profile),
        )
        .route(
            "/api/method/login_with_haravan.customer_profile.get_ticket_bitrix_profile",
            routing::get(bitrix_profile).post(bitrix_profile),
        )
        .route(
            "/api/method/login_with_haravan.customer_profile.refresh_customer_profile",
            routing::post(customer_profile),
        )
        .route(
            "/api/method/haravan_bitrix_metajson_company_enrichment",
            routing::post(enrichment),
        )
        .method_not_allowed_fallback(wrong_verb)
        .with_state(routes)
}

/// Who is calling, and how. `_lang` is what Frappe itself calls the parameter.
fn visit(
    routes: &Routes,
    method: &Method,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Visit, ApiError> {
    Ok(Visit {
        caller: Caller::of_headers(headers, &routes.trusted)?,
        is_unsafe: !method.is_safe(),
        wanted_language: params.text(&["_lang"]).and_then(Language::of_tag),
        accepted_language: language_of(headers),
    })
}

type Answer = Result<([(header::HeaderName, &'static str); 2], Vec<u8>), ApiError>;

fn json(body: Vec<u8>) -> Answer {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        // What one caller may see is nobody else's.
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body))
}

async fn ticket_profile(
    State(routes): State<Routes>,
    method: Method,
    headers: HeaderMap,
    params: Params,
) -> Answer {
    profile(
        &routes,
        &visit(&routes, &method, &headers, &params)?,
        &params,
        false,
    )
    .await
}

async fn bitrix_profile(
    State(routes): State<Routes>,
    method: Method,
    headers: HeaderMap,
    params: Params,
) -> Answer {
    profile(
        &routes,
        &visit(&routes, &method, &headers, &params)?,
        &params,
        true,
    )
    .await
}

/// Answers from what the helpdesk stores unless it is told to ask.
async fn stored_profile(
    State(routes): State<Routes>,
    method: Method,
    headers: HeaderMap,
    params: Params,
) -> Answer {
    let visit = visit(&routes, &method, &headers, &params)?;
    if params.is_on("refresh", false) {
        return profile(&routes, &visit, &params, true).await;
    }
    let ticket = required(ticket_name(&params, &["ticket"])?, "ticket")?;
    json(routes.profiles.stored(&visit, &ticket).await?)
}

async fn profile(
    routes: &Routes,
    visit: &Visit,
    params: &Params,
    refresh_by_default: bool,
) -> Answer {
    let asked = ProfileAsked {
        ticket: required(ticket_name(params, &["ticket"])?, "ticket")?,
        refresh: params.is_on("refresh", refresh_by_default),
        history: params.is_on("history", false),
        raw: params.is_on("raw", false),
    };
    json(routes.profiles.of_ticket(visit, &asked).await?)
}

async fn customer_profile(
    State(routes): State<Routes>,
    method: Method,
    headers: HeaderMap,
    params: Params,
) -> Answer {
    let visit = visit(&routes, &method, &headers, &params)?;
    let customer = required(document_name(&params, &["hd_customer"])?, "hd_customer")?;
    let contact = document_name(&params, &["contact"])?;
    let profiles = &routes.profiles;
    json(
        profiles
            .of_customer(&visit, &customer, contact.as_deref())
            .await?,
    )
}

async fn enrichment(
    State(routes): State<Routes>,
    method: Method,
    headers: HeaderMap,
    params: Params,
) -> Answer {
    let visit = visit(&routes, &method, &headers, &params)?;
    let orgid = params.text(&["orgid", "org_id", "haravan_orgid"]);
    let asked = EnrichmentAsked {
        orgid: orgid.map(str::to_owned),
        force: params.is_on("force", false),
        hd_customer: document_name(&params, &["hd_customer"])?,
        ticket: ticket_name(&params, &["ticket", "ticket_name", "hd_ticket"])?,
    };
    json(routes.profiles.enrich(&visit, &asked).await?)
}

fn required(value: Option<String>, name: &'static str) -> Result<String, ApiError> {
    value.ok_or_else(|| ApiError::new(Code::MissingParameter, name))
}

/// A document's name: whatever people write into names, but no control characters, no angle brackets, which
/// Frappe takes in no name, and within Frappe's length.
fn document_name(params: &Params, names: &[&'static str]) -> Result<Option<String>, ApiError> {
    let Some(name) = params.text(names) else {
        return Ok(None);
    };
    let is_name = !name.contains(|c: char| c.is_control() || c == '<' || c == '>')
        && name.chars().count() <= NAME_CHARACTERS_MAX
        && name != "."
        && name != "..";
    let subject = names.first().copied().unwrap_or_default();
    if is_name {
        Ok(Some(name.to_owned()))
    } else {
        Err(ApiError::new(Code::InvalidParameter, subject))
    }
}

/// A ticket's name: an opaque short text; quotes and slashes are in none.
fn ticket_name(params: &Params, names: &[&'static str]) -> Result<Option<String>, ApiError> {
    let name = document_name(params, names)?;
    let is_odd = |name: &String| name.contains(['/', '\\', '"', '\'', '`', '?', '#', '%']);
    if name.as_ref().is_some_and(is_odd) {
        return Err(ApiError::new(
            Code::InvalidParameter,
            names.first().copied().unwrap_or_default(),
        ));
    }
    Ok(name)
}
