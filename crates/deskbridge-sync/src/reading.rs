//! What the journal needs to know of a body: its keys, and whether it is believed.
