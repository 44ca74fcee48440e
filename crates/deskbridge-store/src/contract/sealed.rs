//! What every back end promises about sealed credentials.

use super::{at, on_every_backend};
use crate::Sealed;

#[tokio::test]
async fn a_sealed_credential_is_changed_only_from_its_last_revision() {
    on_every_backend(async |bench| {
        let read = async || bench.store.sealed("portal".to_owned()).await.unwrap();
        let keep = async |revision: u64, body: &[u8]| {
            let sealed = Sealed {
                revision,
                body: body.to_vec(),
            };
            let kept = bench.store.keep_sealed("portal".to_owned(), sealed, at(1));
            kept.await.unwrap()
        };
        assert_eq!(read().await, None);
        assert!(!keep(3, b"of nothing").await);
        assert!(keep(0, b"\0first").await);
        assert!(!keep(0, b"first again").await);
        let first = Sealed {
            revision: 1,
            body: b"\0first".to_vec(),
        };
        assert_eq!(read().await, Some(first));
        assert!(keep(1, b"second").await);
        assert!(!keep(1, b"too late").await);
        let second = Sealed {
            revision: 2,
            body: b"second".to_vec(),
        };
        assert_eq!(read().await, Some(second));
        let other = bench.store.sealed("other".to_owned()).await.unwrap();
        assert_eq!(other, None);
    })
    .await;
}
