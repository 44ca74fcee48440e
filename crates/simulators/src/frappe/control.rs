//! What a site answers under `/_simulator/`: not Frappe's, but the simulator's own.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use super::{data::Data, site::Site};
use crate::{faults::Script, server::Request};

/// Answers a request to the simulator itself; `None` when it is one to the site.
pub(crate) fn answer(site: &Site, request: &Request) -> Option<Response<Bytes>> {
    let what = request.path().strip_prefix("/_simulator/")?;
    let answered = match (request.head.method.as_str(), what) {
        ("GET", "journal") => Ok(json!(site.journal())),
        ("DELETE", "journal") => {
            site.clear_journal();
            Ok(json!({}))
        }
        ("GET", "stats") => Ok(site.stats()),
        ("PUT", "faults") => {
            let text = String::from_utf8_lossy(&request.body);
            Script::parse(&text)
                .map_err(|error| format!("the fault script: {error}"))
                .map(|rules| {
                    let count = rules.len();
                    site.set_faults(rules);
                    json!({"rules": count})
                })
        }
        ("GET", "data") => Ok(json!(site.data())),
        ("PUT", "data") => Data::parse(&request.body)
            .and_then(|data| site.set_data(&data))
            .map(|()| json!({}))
            .map_err(|error| super::data::explain(&error)),
        ("GET", "config") => Ok(json!(site.config())),
        ("PUT", "config") => serde_json::from_slice(&request.body)
            .map_err(|error| format!("the configuration: {error}"))
            .map(|config| {
                site.configure(|current| *current = config);
                json!(config)
            }),
        ("PUT", "latency") => serde_json::from_slice::<Latency>(&request.body)
            .map_err(|error| format!("the latency, such as {{\"ms\": 20}}: {error}"))
            .map(|latency| {
                site.configure(|config| config.latency_ms = latency.ms);
                json!({"ms": latency.ms})
            }),
        (verb, what) => {
            let known = "GET/DELETE journal, GET stats, PUT faults, GET/PUT data, GET/PUT config, PUT latency";
            return Some(response(
                404,
                &json!({"error": format!("no {verb} {what}; there is {known}")}),
            ));
        }
    };
    Some(match answered {
        Ok(body) => response(200, &body),
        Err(error) => response(400, &json!({"error": error})),
    })
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Latency {
    ms: u64,
}

fn response(status: u16, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::IM_A_TEAPOT);
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    response
}
