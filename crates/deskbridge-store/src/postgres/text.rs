//! Texts and keys as PostgreSQL takes them.

use bytes::BytesMut;
use sha2::{Digest as _, Sha256};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

/// A text as a parameter. PostgreSQL's texts cannot hold U+0000, and what came from outside may: it is stored as
/// U+2400, its picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl ToSql for Text<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        if self.0.contains('\0') {
            return self.0.replace('\0', "\u{2400}").to_sql(kind, out);
        }
        self.0.to_sql(kind, out)
    }

    fn accepts(kind: &Type) -> bool {
        <&str as ToSql>::accepts(kind)
    }

    to_sql_checked!();
}

/// What stands for an ordering key in indexes and locks.
pub(crate) fn ordering_hash(key: &str) -> i64 {
    let digest = Sha256::digest(key.as_bytes());
    i64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
}

/// What stands for a duplicate key of a connection; keys of different kinds are never equal.
pub(crate) fn fingerprint(connection: &str, kind: u8, key: &[u8; 32]) -> Uuid {
    let mut digest = Sha256::new();
    digest.update([kind]);
    digest.update(key);
    digest.update(connection.as_bytes());
    Uuid::from_bytes(digest.finalize().first_chunk().copied().unwrap_or_default())
}

/// A number as PostgreSQL stores it.
pub(crate) fn number(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
