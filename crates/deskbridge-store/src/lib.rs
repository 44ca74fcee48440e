//! What Deskbridge remembers, in SQLite
