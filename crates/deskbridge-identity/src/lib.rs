//! Phones and e-mails normalised, candidates, matching
