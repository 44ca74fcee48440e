use super::*;

const PLANTED: [&str; 3] = ["planted-access", "planted-refresh", "planted-application"];

fn sealed(store: &Store, connection: &str, secret: &str) -> SealedTokens {
    let clock = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
    SealedTokens::new(store.clone(), clock, connection, Secret::new(secret))
}

async fn installed(store: &Store) -> SealedTokens {
    let tokens = sealed(store, "crm", "client-secret");
    let [access, refresh, application] = PLANTED;
    let application = ApplicationToken::new(application);
    tokens
        .install(&Tokens::new(access, refresh), application.as_ref())
        .await
        .unwrap();
    tokens
}

#[tokio::test]
async fn tokens_outlive_a_restart_and_a_renewal_keeps_the_application_token() {
    let store = Store::open_inline().unwrap();
    installed(&store).await;
    let again = sealed(&store, "crm", "client-secret");
    let tokens = again.load().await.unwrap().unwrap();
    assert_eq!(tokens.expose_refresh_token(), PLANTED[1]);
    again
        .save(&Tokens::new("next", "next-refresh"))
        .await
        .unwrap();
    let after = sealed(&store, "crm", "client-secret");
    let tokens = after.load().await.unwrap().unwrap();
    assert_eq!(tokens.expose_access_token(), "next");
    let application = after.application_token().await.unwrap().unwrap();
    assert_eq!(application.expose(), PLANTED[2]);
}

#[tokio::test]
async fn another_secret_or_connection_opens_nothing_and_says_so() {
    let store = Store::open_inline().unwrap();
    installed(&store).await;
    let other = sealed(&store, "crm", "wrong-secret");
    let error = other.load().await.unwrap_err().to_string();
    assert!(
        error.contains("bitrix24[crm]") && error.contains("client_secret"),
        "{error}"
    );
    for secret in PLANTED.into_iter().chain(["client-secret", "wrong-secret"]) {
        assert!(!error.contains(secret), "{error}");
    }
    // The row of one connection, put in the place of another's.
    let row = store
        .sealed("bitrix24/crm".to_owned())
        .await
        .unwrap()
        .unwrap();
    let moved = Sealed {
        revision: 0,
        body: row.body,
    };
    let now = jiff::Timestamp::UNIX_EPOCH;
    assert!(
        store
            .keep_sealed("bitrix24/two".to_owned(), moved, now)
            .await
            .unwrap()
    );
    let two = sealed(&store, "two", "client-secret");
    assert!(matches!(
        two.tokens().await,
        Err(TokensError::WrongSecret(_))
    ));
}

#[tokio::test]
async fn an_installation_replaces_what_nobody_can_open() {
    let store = Store::open_inline().unwrap();
    installed(&store).await;
    let other = sealed(&store, "crm", "wrong-secret");
    other.install(&Tokens::new("a", "r"), None).await.unwrap();
    assert_eq!(
        other.load().await.unwrap().unwrap().expose_access_token(),
        "a"
    );
    assert!(other.application_token().await.unwrap().is_none());
}

#[tokio::test]
async fn what_is_stored_holds_no_token() {
    let store = Store::open_inline().unwrap();
    installed(&store).await;
    let row = store
        .sealed("bitrix24/crm".to_owned())
        .await
        .unwrap()
        .unwrap();
    for secret in PLANTED {
        let has = row
            .body
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!has, "{secret} lies open");
    }
    let shown = format!("{:?}", sealed(&store, "crm", "client-secret"));
    assert!(!shown.contains("client-secret"), "{shown}");
}

#[tokio::test]
async fn the_same_tokens_are_sealed_differently_each_time() {
    let store = Store::open_inline().unwrap();
    let tokens = installed(&store).await;
    let before = store
        .sealed("bitrix24/crm".to_owned())
        .await
        .unwrap()
        .unwrap();
    let [access, refresh, _] = PLANTED;
    tokens.save(&Tokens::new(access, refresh)).await.unwrap();
    let after = store
        .sealed("bitrix24/crm".to_owned())
        .await
        .unwrap()
        .unwrap();
    assert_ne!(before.body, after.body);
}
