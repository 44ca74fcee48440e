//! Printing an error with everything that caused it.

use std::{error::Error, fmt};

/// An error and its sources on one line, joined by colons.
///
/// Our errors never repeat their source in their own text, so this is the one adapter that logs, the
/// console and the command line print them with.
#[derive(Debug)]
pub struct Chain<'a>(pub &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("reading the ticket")]
    struct Outer(#[source] fmt::Error);

    #[test]
    fn sources_follow_their_error() {
        let text = Chain(&Outer(fmt::Error)).to_string();
        assert_eq!(text, format!("reading the ticket: {}", fmt::Error));
    }
}
