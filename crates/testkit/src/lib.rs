//! Temporary stores, a settable clock, checks of the whole tree (for tests only)
