//! From an event to what is to be done about it.
