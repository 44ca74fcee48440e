//! Calls through the whole program: a simulated PBX on one side, a simulated portal on the other.

mod burst;
mod desk;
mod live;
mod script;

pub use self::{burst::burst, live::live};

/// Spans in milliseconds, ascending.
#[derive(Debug, Default)]
struct Spans(Vec<f64>);

impl Spans {
    fn new(mut spans: Vec<f64>) -> Self {
        spans.sort_unstable_by(f64::total_cmp);
        Self(spans)
    }

    /// The span that so many of a thousand do not exceed.
    fn at(&self, per_mille: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let place = (self.0.len() * per_mille / 1_000).min(last);
        self.0.get(place).copied().unwrap_or_default()
    }

    fn text(&self, unit: &str, scale: f64) -> String {
        let shown = [("p50", 500), ("p95", 950), ("p99", 990), ("longest", 1_000)];
        let shown = shown
            .map(|(name, per_mille)| format!("{name} {:.1} {unit}", self.at(per_mille) / scale));
        shown.join(", ")
    }
}
