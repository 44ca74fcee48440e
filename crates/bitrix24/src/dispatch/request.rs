//! One HTTP request: from commands to bytes, and from what came back to one result for each command.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;
use tokio::time::Instant;

use super::{Prepared, standing::BATCH};
use crate::{
    Access,
    access::Signature,
    answer::{Body, Time},
    decode,
    error::{Class, Failure, Said},
    group::Reference,
    transport::{Delivery, Outgoing, Transport},
    upload::Upload,
};

#[cfg(test)]
mod tests;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FlightId(pub(super) u64);

/// A request that is to be sent.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) flight: FlightId,
    pub(crate) access: Arc<Access>,
    pub(crate) commands: Vec<Placed>,
    /// Whether it has to be a batch even with one command.
    pub(crate) halts: bool,
    pub(crate) deadline: Instant,
}

/// A command at its place in a request.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) prepared: Arc<Prepared>,
    /// For each of its references, the place of the command it refers to.
    sources: Vec<usize>,
}

/// The place of no command: what refers to it resolves to nothing, and that is noticed.
const NOWHERE: usize = usize::MAX;

impl Placed {
    /// Each reference with the place in the request of the command it refers to.
    fn references(&self) -> impl Iterator<Item = (&Reference, usize)> {
        let references = self.prepared.references.iter();
        references.zip(self.sources.iter().copied())
    }

    /// The place in the request of a command that references name by its place in the group.
    fn source(&self, of_group: usize) -> usize {
        let mut references = self.references();
        let named = references.find(|(reference, _)| reference.command() == of_group);
        named.map_or(NOWHERE, |(_, source)| source)
    }
}

/// Gives the commands of a unit, in their order, their places in a request.
#[derive(Debug)]
pub(crate) struct Places {
    next: usize,
    by_place_in_group: HashMap<usize, usize>,
}

impl Places {
    /// For a unit whose first command has this place.
    pub(crate) fn from(first: usize) -> Self {
        Self {
            next: first,
            by_place_in_group: HashMap::new(),
        }
    }

    pub(crate) fn place(&mut self, of_group: usize, prepared: Arc<Prepared>) -> Placed {
        let source = |reference: &Reference| {
            let source = self.by_place_in_group.get(&reference.command());
            source.copied().unwrap_or(NOWHERE)
        };
        let sources = prepared.references.iter().map(source).collect();
        self.by_place_in_group.insert(of_group, self.next);
        self.next += 1;
        Placed { prepared, sources }
    }
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) flight: FlightId,
    /// One result for each command, or one failure for all.
    pub(crate) results: Result<Vec<Result<Arc<Body>, Failure>>, Failure>,
    /// What the portal measured for a whole batch.
    pub(crate) batch_time: Option<Time>,
}

impl Report {
    /// Says that all commands failed so.
    fn failed(flight: FlightId, failure: Failure) -> Self {
        Self {
            flight,
            results: Err(failure),
            batch_time: None,
        }
    }

    /// What failed in it.
    fn failures(&mut self) -> Vec<&mut Failure> {
        match &mut self.results {
            Err(failure) => vec![failure],
            Ok(results) => {
                let results = results.iter_mut();
                results.filter_map(|result| result.as_mut().err()).collect()
            }
        }
    }

    /// Says that nothing is known but that the request was under way.
    pub(crate) fn lost(flight: FlightId) -> Self {
        let said = Said::because("the task that sent it ended");
        Self::failed(flight, Failure::new(Class::HungUp, said))
    }
}

impl Request {
    /// A lone command is called as a method; only company needs a batch.
    fn is_batch(&self) -> bool {
        self.commands.len() > 1
    }

    fn method(&self) -> Arc<str> {
        match self.commands.as_slice() {
            [only] => Arc::clone(&only.prepared.method),
            _ => BATCH.into(),
        }
    }

    /// The file that it carries; such a command travels alone.
    fn upload(&self) -> Option<Arc<Upload>> {
        let only = self.commands.first()?;
        only.prepared.upload.clone()
    }

    fn outgoing(&self, signature: &Signature) -> Result<Outgoing, serde_json::Error> {
        let body = serde_json::to_vec(&Signed {
            request: self,
            auth: signature.auth(),
        })?;
        Ok(Outgoing {
            signature: signature.clone(),
            method: self.method(),
            body: Bytes::from(body),
            upload: self.upload(),
            deadline: self.deadline,
        })
    }

    /// Signs it, sends it and reads the answer.
    pub(crate) async fn perform<T: Transport>(self, transport: Arc<T>) -> Report {
        let signature = match self.access.sign(&transport, self.deadline).await {
            Ok(signature) => signature.carrying(self.upload()),
            Err(failure) => return Report::failed(self.flight, failure),
        };
        let mut report = self.exchange(&signature, &*transport).await;
        let mut failures = report.failures();
        signature
            .learn(&mut failures, &transport, self.deadline)
            .await;
        report
    }

    async fn exchange<T: Transport>(&self, signature: &Signature, transport: &T) -> Report {
        let started_at = Instant::now();
        let delivery = match self.outgoing(signature) {
            Ok(outgoing) => transport.send(outgoing).await,
            Err(error) => Delivery::Failed(Class::Malformed, Some(error.to_string().into())),
        };
        self.trace(&delivery, started_at);
        match delivery {
            Delivery::Received(received) => self.read(&received, signature),
            Delivery::Failed(class, description) => {
                let said = Said {
                    description,
                    ..Said::default()
                };
                Report::failed(self.flight, Failure::new(class, said))
            }
        }
    }

    fn read(&self, received: &decode::Received, signature: &Signature) -> Report {
        if !self.is_batch() {
            let result = decode::single(received, signature);
            return Report {
                flight: self.flight,
                results: result.map(|body| vec![Ok(Arc::new(body))]),
                batch_time: None,
            };
        }
        let labels: Vec<String> = (0..self.commands.len()).map(label).collect();
        match decode::batch(received, signature, &labels, self.halts) {
            Err(failure) => Report::failed(self.flight, failure),
            Ok(batch) => {
                let results = batch.results.into_iter().map(|result| result.map(Arc::new));
                let mut results: Vec<_> = results.collect();
                self.distrust_unresolved(&mut results);
                Report {
                    flight: self.flight,
                    results: Ok(results),
                    batch_time: Some(batch.time),
                }
            }
        }
    }

    /// A portal that finds no value for a reference runs the command with the reference's text instead.
    /// Whatever such a command answered, it answered to a question nobody asked.
    fn distrust_unresolved(&self, results: &mut [Result<Arc<Body>, Failure>]) {
        // In the order of execution: what such a command answered leads the next one astray.
        for (place, command) in self.commands.iter().enumerate() {
            let resolves = |(reference, source): (&Reference, usize)| {
                let body = results.get(source).and_then(|source| source.as_ref().ok());
                let value = body.and_then(|body| serde_json::from_str(body.result.get()).ok());
                value.is_some_and(|value: Value| reference.resolves_in(&value))
            };
            let is_resolved = command.references().all(resolves);
            // An answer that it did not run, or was refused, stands.
            if !is_resolved
                && let Some(result) = results.get_mut(place)
                && result
                    .as_ref()
                    .err()
                    .is_none_or(|failure| failure.class == Class::NotFound)
            {
                *result = Err(Failure::bare(Class::Unresolved));
            }
        }
    }

    fn trace(&self, delivery: &Delivery, started_at: Instant) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let elapsed_ms = started_at.elapsed().as_millis();
        let methods = methods(&self.commands);
        let host = self.access.portal_base().host();
        match delivery {
            Delivery::Received(received) => tracing::debug!(
                portal.host = host,
                methods,
                request.commands = self.commands.len(),
                response.status = received.status,
                response.bytes = received.body.len(),
                elapsed_ms,
                "the portal answered a request"
            ),
            Delivery::Failed(class, why) => tracing::debug!(
                portal.host = host,
                methods,
                request.commands = self.commands.len(),
                elapsed_ms,
                ?class,
                why = why.as_deref(),
                "a request got no answer"
            ),
        }
    }
}

/// The methods of a request for a log line, each once with its number.
fn methods(commands: &[Placed]) -> String {
    let mut counts = std::collections::BTreeMap::<&str, usize>::new();
    for command in commands {
        *counts.entry(&command.prepared.name).or_default() += 1;
    }
    let texts = counts.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        _ => format!("{name}x{count}"),
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// Labels are never numbers: the portal would turn the answer's maps into lists.
fn label(place: usize) -> String {
    format!("c{place}")
}

/// The body of a request, with the token of an application among its parameters.
struct Signed<'a> {
    request: &'a Request,
    auth: Option<&'a str>,
}

impl Serialize for Signed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Cmd<'a>(&'a [Placed]);

        impl Serialize for Cmd<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let command = |(place, command): (usize, &Placed)| {
                    let prepared = &command.prepared;
                    let labels = |of_group| label(command.source(of_group));
                    let query = prepared.params.query(&labels);
                    (label(place), format!("{}?{query}", prepared.method))
                };
                serializer.collect_map(self.0.iter().enumerate().map(command))
            }
        }

        let mut map = serializer.serialize_map(None)?;
        if let Some(auth) = self.auth {
            map.serialize_entry("auth", auth)?;
        }
        match self.request.commands.as_slice() {
            [only] => {
                for (name, value) in only.prepared.params.iter() {
                    map.serialize_entry(name, value)?;
                }
            }
            commands => {
                map.serialize_entry("halt", &u8::from(self.request.halts))?;
                map.serialize_entry("cmd", &Cmd(commands))?;
            }
        }
        map.end()
    }
}
