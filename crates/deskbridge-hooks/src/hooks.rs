//! The configured hooks, asked at their points.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use deskbridge_core::{Chain, Clock};
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    decision::{Decision, Kind, Why},
    envelope,
    point::{Contract, Point, contract},
    runner::Runner,
    suspension::{Rules, Suspension},
};

/// How long a hook may take, unless it is told otherwise.
pub const TIMEOUT: Duration = Duration::from_millis(500);

/// One configured hook.
#[derive(Debug)]
pub struct Hook {
    contract: &'static Contract,
    runner: Runner,
    timeout: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    suspension: Suspension,
    counts: Counts,
    /// What it said when it failed last.
    failure: Option<String>,
}

/// How often a hook did what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// It changed something.
    pub changed: u64,
    /// It cancelled something.
    pub cancelled: u64,
    /// It wanted nothing changed.
    pub unchanged: u64,
    /// It was not asked because it was suspended.
    pub suspended: u64,
    /// It failed.
    pub failed: BTreeMap<Kind, u64>,
    /// How long it took in all.
    pub took: Duration,
}

/// A hook that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Its name is none.
    #[error("there is no hook named {0}; docs/hooks.md has all of them")]
    Name(String),
    /// Two are asked at one point.
    #[error("{one} and {other} are both asked {when}; keep one of them")]
    Twice {
        /// The first.
        one: &'static str,
        /// The second.
        other: &'static str,
        /// When.
        when: &'static str,
    },
}

impl Hook {
    /// The hook of a name.
    ///
    /// # Errors
    /// When there is no such name.
    pub fn new(name: &str, runner: Runner, timeout: Duration) -> Result<Self, Unusable> {
        Ok(Self {
            contract: contract(name).ok_or_else(|| Unusable::Name(name.to_owned()))?,
            runner,
            timeout,
            state: Mutex::default(),
        })
    }

    /// Its form.
    pub fn contract(&self) -> &'static Contract {
        self.contract
    }

    /// What runs it.
    pub fn runner(&self) -> &Runner {
        &self.runner
    }

    /// How it has been doing.
    pub fn counts(&self) -> Counts {
        self.state().counts.clone()
    }

    /// How it failed last, if it ever did.
    pub fn last_failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    /// Until when it is left alone.
    pub fn suspended_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.state().suspension.until(now)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks it, whether it is suspended or not, and counts nothing: for trying it out.
    pub async fn ask(&self, known: &Value, now: Timestamp) -> Decision {
        let input = self.contract.told(known).to_string();
        let deadline = Instant::now() + self.timeout;
        let failed = |how: Kind, error: &(dyn std::error::Error + 'static)| Decision::Unchanged {
            why: Why::Failed {
                how,
                what: Chain(error).to_string(),
            },
        };
        let answer = match self.runner.run(input.as_bytes(), now, deadline).await {
            Ok(answer) => answer,
            Err(failure) => return failed(Kind::from(&failure), &failure),
        };
        match envelope::read(self.contract, &answer) {
            Ok(answer) => Decision::from(answer),
            Err(invalid) => failed(Kind::from(&invalid), &invalid),
        }
    }

    async fn decide(&self, known: &Value, now: Timestamp, rules: &Rules) -> Decision {
        if self.suspended_until(now).is_some() {
            self.state().counts.suspended += 1;
            return Decision::Unchanged {
                why: Why::Suspended,
            };
        }
        let asked_at = Instant::now();
        let decision = self.ask(known, now).await;
        let took = asked_at.elapsed();
        let suspended = self.state().count(&decision, took, now, rules);
        if let Decision::Unchanged {
            why: Why::Failed { what, .. },
        } = &decision
        {
            let hook = self.contract.name;
            tracing::warn!(hook.name = hook, why = %what, "a hook failed, and its call went on without it");
            if let Some(until) = suspended {
                tracing::error!(hook.name = hook, %until, "a hook keeps failing and is left alone for a while");
            }
        }
        decision
    }
}

impl State {
    fn count(
        &mut self,
        decision: &Decision,
        took: Duration,
        now: Timestamp,
        rules: &Rules,
    ) -> Option<Timestamp> {
        self.counts.took += took;
        match decision {
            Decision::Changed(_) => self.counts.changed += 1,
            Decision::Cancelled => self.counts.cancelled += 1,
            Decision::Unchanged {
                why: Why::Failed { how, what },
            } => {
                self.failure = Some(what.clone());
                *self.counts.failed.entry(*how).or_default() += 1;
                if how.is_its_own() {
                    return self.suspension.failed(now, rules);
                }
                return None;
            }
            Decision::Unchanged {
                why: Why::Wanted | Why::NoHook | Why::Suspended,
            } => self.counts.unchanged += 1,
        }
        self.suspension.succeeded();
        None
    }
}

/// The hooks of one connection. Several connections may have the same hook, which then is counted and suspended as one.
#[derive(Debug, Default)]
pub struct Hooks {
    hooks: Vec<Arc<Hook>>,
    at: BTreeMap<Point, usize>,
    rules: Rules,
    clock: Clock,
}

impl Hooks {
    /// Hooks, each at the points of its name. A name that is asked at one point goes before one that is asked at several.
    ///
    /// # Errors
    /// When two are asked at the same.
    pub fn new(hooks: Vec<Arc<Hook>>, rules: Rules, clock: Clock) -> Result<Self, Unusable> {
        let mut at: BTreeMap<Point, usize> = BTreeMap::new();
        for (index, hook) in hooks.iter().enumerate() {
            for point in hook.contract.points {
                let there = at.get(point).and_then(|other| hooks.get(*other));
                let Some(other) = there.map(|hook| hook.contract()) else {
                    at.insert(*point, index);
                    continue;
                };
                match hook.contract.points.len().cmp(&other.points.len()) {
                    std::cmp::Ordering::Less => {
                        at.insert(*point, index);
                    }
                    std::cmp::Ordering::Greater => {}
                    std::cmp::Ordering::Equal => {
                        return Err(Unusable::Twice {
                            one: other.name,
                            other: hook.contract.name,
                            when: hook.contract.when,
                        });
                    }
                }
            }
        }
        Ok(Self {
            hooks,
            at,
            rules,
            clock,
        })
    }

    /// The hooks in their order.
    pub fn hooks(&self) -> &[Arc<Hook>] {
        &self.hooks
    }

    /// The hook that is asked at a point.
    pub fn at(&self, point: Point) -> Option<&Hook> {
        self.hooks.get(*self.at.get(&point)?).map(AsRef::as_ref)
    }

    /// Whether anybody is asked at a point.
    pub fn asks(&self, point: Point) -> bool {
        self.at.contains_key(&point)
    }

    /// Asks at a point. `known` is the most that any contract of it tells; the hook is told what its own names.
    ///
    /// This never fails: a hook that does leaves everything as it would be without it.
    pub async fn decide(&self, point: Point, known: &Value) -> Decision {
        match self.at(point) {
            Some(hook) => hook.decide(known, self.clock.now(), &self.rules).await,
            None => Decision::Unchanged { why: Why::NoHook },
        }
    }

    /// Asks at a point, as [`decide`](Self::decide) does, and says in a sentence what came of it, for the story of what it was
    /// asked about.
    pub async fn decide_and_tell(&self, point: Point, known: &Value) -> (Decision, Option<String>) {
        let decision = self.decide(point, known).await;
        let name = self.at(point).map(|hook| hook.contract.name);
        let told = name.and_then(|name| decision.told(name));
        (decision, told)
    }
}

#[cfg(test)]
mod tests;
