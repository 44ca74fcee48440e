//! Effects: seen, tried again, thrown away.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
};
use deskbridge_core::EffectId;
use deskbridge_http::{ApiError, Code};
use deskbridge_store::{EffectFilter, EffectRecord, EffectState};
use http::Request;
use serde_json::{Value, json};

use crate::{
    Parts,
    asked::record_id,
    failed,
    operations::{Answer, Operation, json},
    view,
};

/// Effects in one answer at most.
const LISTED_MAX: usize = 200;

type Here = State<Arc<Parts>>;

async fn existing(parts: &Parts, id: EffectId) -> Result<EffectRecord, ApiError> {
    let record = parts.store.effect(id).await.map_err(failed)?;
    record.ok_or_else(|| ApiError::new(Code::NotFound, format!("effect {id}")))
}

pub(crate) async fn list(State(parts): Here, request: Request<Body>) -> Answer {
    let asked = Operation::ListEffects.asked(request).await?;
    let limit = asked.limit("limit", 50, LISTED_MAX)?;
    let names = EffectState::ALL.map(EffectState::as_str).join(", ");
    let wanted = format!("one of {names}");
    let before = asked.read("before", "the id of an effect", |id| id.parse().ok())?;
    if let Some(before) = before {
        existing(&parts, before).await?;
    }
    let filter = EffectFilter {
        state: asked.read("state", &wanted, EffectState::from_name)?,
        kind: asked.text("kind"),
        ordering_key: asked.text("ordering_key"),
        before,
        limit,
    };
    let found = parts.store.list_effects(filter).await.map_err(failed)?;
    let more = found.last().filter(|_| found.len() == limit);
    let effects: Value = found.iter().map(view::effect).collect();
    let next = more.map(|last| last.effect.id.to_string());
    Ok(json(&json!({"effects": effects, "next_before": next})))
}

pub(crate) async fn show(
    State(parts): Here,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Answer {
    Operation::ShowEffect.asked(request).await?;
    let record = existing(&parts, record_id::<EffectId>(&id)?).await?;
    Ok(json(&view::effect(&record)))
}

/// A running journal notices within a second.
pub(crate) async fn retry(
    State(parts): Here,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Answer {
    Operation::RetryEffect.asked(request).await?;
    let id = record_id::<EffectId>(&id)?;
    let record = existing(&parts, id).await?;
    let revived = parts.store.revive_effect(id, parts.clock.now()).await;
    answer(
        &parts,
        &record,
        revived.map_err(failed)?,
        "An administrator let an effect run again",
    )
    .await
}

pub(crate) async fn discard(
    State(parts): Here,
    Path(id): Path<String>,
    request: Request<Body>,
) -> Answer {
    Operation::DiscardEffect.asked(request).await?;
    let id = record_id::<EffectId>(&id)?;
    let record = existing(&parts, id).await?;
    let discarded = parts.store.discard_effect(id, parts.clock.now()).await;
    answer(
        &parts,
        &record,
        discarded.map_err(failed)?,
        "An administrator threw an effect away",
    )
    .await
}

async fn answer(
    parts: &Parts,
    before: &EffectRecord,
    is_changed: bool,
    what: &'static str,
) -> Answer {
    let id = before.effect.id;
    if !is_changed {
        let subject = format!("{id} ({})", before.state.as_str());
        return Err(ApiError::new(Code::WrongState, subject));
    }
    tracing::info!(effect.id = %id, "{what}");
    Ok(json(&view::effect(&existing(parts, id).await?)))
}
