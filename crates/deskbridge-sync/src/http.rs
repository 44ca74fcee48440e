//! The address that CareSoft sends to.
