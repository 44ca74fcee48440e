//! The words of Deskbridge: ids, effects, outcomes, secrets, clock, backoff
