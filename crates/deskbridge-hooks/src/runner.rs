//! What runs a hook: bytes in, bytes out, by a deadline.
//!
//! A runner knows nothing of contracts. Whatever a hook does, its runner answers by the deadline and leaves nothing behind.

pub mod endpoint;
pub mod javascript;
pub mod php;
pub mod program;

use deskbridge_core::Chain;
use jiff::Timestamp;
use tokio::time::Instant;

/// Bytes of an answer, at most.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Bytes of what a hook says of its failure that are kept.
const SAID_BYTES_MAX: usize = 1_000;

/// Runs one hook.
#[derive(Clone, Debug)]
pub enum Runner {
    /// In a process of ours.
    JavaScript(javascript::Script),
    /// As a program of its own, PHP among them.
    Program(program::Program),
    /// Elsewhere.
    Endpoint(Box<endpoint::Endpoint>),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// None came in time.
    #[error("it did not answer in time")]
    TimedOut,
    /// It did not come to its turn in time: too many run already.
    #[error("too many hooks were running")]
    Busy,
    /// The file cannot be read or understood.
    #[error("{0}")]
    Script(String),
    /// It could not be started.
    #[error("it could not be started")]
    Start(#[source] std::io::Error),
    /// It ended by itself, and not well.
    #[error("it failed: {0}")]
    Crashed(String),
    /// It answered more than is read.
    #[error("it answered more than {ANSWER_BYTES_MAX} bytes")]
    TooMuch,
    /// It could not be reached.
    #[error("it could not be reached: {0}")]
    Unreached(String),
    /// It answered something else than success.
    #[error("it answered with the HTTP status {0}")]
    Status(u16),
}

impl Runner {
    /// Runs the hook on this input. `now` is the only time that it is told.
    ///
    /// # Errors
    /// When it has not answered by the deadline, for whatever reason.
    pub async fn run(
        &self,
        input: &[u8],
        now: Timestamp,
        deadline: Instant,
    ) -> Result<Vec<u8>, Failure> {
        match self {
            Self::JavaScript(script) => script.run(input, now, deadline).await,
            Self::Program(program) => program.run(input, deadline).await,
            Self::Endpoint(endpoint) => endpoint.run(input, now, deadline).await,
        }
    }
}

/// What a hook says of its failure, in bounds and in one piece.
fn said(text: &str) -> String {
    let text = text.trim();
    let mut end = text.len().min(SAID_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or_default();
    let kept = kept.chars().filter(|at| *at == '\n' || !at.is_control());
    kept.collect()
}

/// What of an error is told: the whole chain.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    said(&Chain(error).to_string())
}

/// The PHP interpreter of tests.
#[cfg(test)]
pub(crate) const PHP: &str = "php";

/// Fails a test that needs PHP where there is none.
#[cfg(test)]
pub(crate) fn need_php() {
    let folders = ["/usr/local/bin", "/usr/bin", "/bin"];
    let is_there = |folder| std::path::Path::new(folder).join(PHP).exists();
    assert!(
        folders.into_iter().any(is_there),
        "php is missing: apt-get install php-cli"
    );
}
