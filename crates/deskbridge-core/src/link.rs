//! Links: that record X in system A is record Y in system B.

/// A record of a remote system.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RemoteRecord {
    /// The name of the configured connection to its system.
    pub connection: String,
    /// Its kind in the remote system's words, such as `HD Ticket`.
    pub object: String,
    /// Its id there.
    pub id: String,
}

/// That two records are one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// One record.
    pub one: RemoteRecord,
    /// The other record. A record may have several others: one ticket, many calls.
    pub other: RemoteRecord,
}
