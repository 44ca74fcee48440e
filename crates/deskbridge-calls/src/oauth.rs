//! The tokens of a local application, sealed in the store; and its installation ([`http`]).
//!
//! The key is made of the application's client secret, which only the configuration has, and the seal is bound to the
//! name of the connection: neither the database nor a copy of it gives the tokens away, and those of one connection
//! open under no other.

pub mod http;
#[cfg(test)]
mod tests;

use bitrix24::{ApplicationToken, NotStored, TokenStore, Tokens};
use deskbridge_core::{Clock, Secret};
use deskbridge_store::{Sealed, Store};
use futures_util::future::BoxFuture;
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hkdf,
    rand::{SecureRandom as _, SystemRandom},
};
use serde::{Deserialize, Serialize};

/// The form of what is sealed.
const VERSION: u8 = 1;
/// So often it is tried to store beside somebody else who stores.
const ATTEMPTS: usize = 3;

/// Why tokens are not stored or not found.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The database failed.
    #[error("the tokens could not be read or stored")]
    Store(#[from] deskbridge_store::Error),
    /// They were sealed under another client secret, or for another connection.
    #[error(
        "the tokens of bitrix24[{0}] were sealed under another client_secret; restore that one, or install the \
         application in the portal again"
    )]
    WrongSecret(String),
    /// They are in no form that is known.
    #[error("the tokens of bitrix24[{0}] are stored in a form that this version does not know")]
    Form(String),
    /// No randomness, or no key.
    #[error("the tokens could not be sealed")]
    Seal,
    /// Somebody else stored again and again.
    #[error("the tokens of bitrix24[{0}] are being changed by somebody else")]
    Contended(String),
}

/// The tokens of one application, sealed in the store.
#[derive(Clone)]
pub struct SealedTokens {
    store: Store,
    clock: Clock,
    connection: String,
    client_secret: Secret,
}

/// What is sealed. It is never shown: it has no `Debug`.
#[derive(Default, Serialize, Deserialize)]
struct Kept {
    access_token: String,
    refresh_token: String,
    application_token: Option<String>,
}

impl SealedTokens {
    /// Those of the application of a connection, under its client secret.
    pub fn new(store: Store, clock: Clock, connection: &str, client_secret: Secret) -> Self {
        Self {
            store,
            clock,
            connection: connection.to_owned(),
            client_secret,
        }
    }

    /// Stores what an installation brought; the application token of an earlier one stays where it brought none.
    ///
    /// # Errors
    /// When it is not stored.
    pub async fn install(
        &self,
        tokens: &Tokens,
        application_token: Option<&ApplicationToken>,
    ) -> Result<(), TokensError> {
        let application_token = application_token.map(|token| token.expose().to_owned());
        for _ in 0..ATTEMPTS {
            let (revision, known) = match self.read().await {
                Ok(read) => read,
                // What nobody can open is replaced: that is what installing again is for.
                Err(TokensError::WrongSecret(_) | TokensError::Form(_)) => {
                    (self.revision().await?, None)
                }
                Err(error) => return Err(error),
            };
            let known = known.and_then(|known| known.application_token);
            let kept = Kept {
                access_token: tokens.expose_access_token().to_owned(),
                refresh_token: tokens.expose_refresh_token().to_owned(),
                application_token: application_token.clone().or(known),
            };
            let body = self.seal(&kept)?;
            let sealed = Sealed { revision, body };
            let stored = self
                .store
                .keep_sealed(self.name(), sealed, self.clock.now());
            if stored.await? {
                return Ok(());
            }
        }
        Err(TokensError::Contended(self.connection.clone()))
    }

    /// What every event of the portal carries; `None` before the installation told it.
    ///
    /// # Errors
    /// When the tokens cannot be read.
    pub async fn application_token(&self) -> Result<Option<ApplicationToken>, TokensError> {
        let (_, kept) = self.read().await?;
        let token = kept.and_then(|kept| kept.application_token);
        Ok(token.as_deref().and_then(ApplicationToken::new))
    }

    async fn tokens(&self) -> Result<Option<Tokens>, TokensError> {
        let (_, kept) = self.read().await?;
        Ok(kept.map(|kept| Tokens::new(&kept.access_token, &kept.refresh_token)))
    }

    fn name(&self) -> String {
        format!("bitrix24/{}", self.connection)
    }

    async fn revision(&self) -> Result<u64, TokensError> {
        let sealed = self.store.sealed(self.name()).await?;
        Ok(sealed.map_or(0, |sealed| sealed.revision))
    }

    async fn read(&self) -> Result<(u64, Option<Kept>), TokensError> {
        match self.store.sealed(self.name()).await? {
            None => Ok((0, None)),
            Some(sealed) => Ok((sealed.revision, Some(self.open(&sealed.body)?))),
        }
    }

    fn key(&self) -> Result<LessSafeKey, TokensError> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"deskbridge bitrix24 tokens");
        let secret = salt.extract(self.client_secret.expose().as_bytes());
        let key = secret.expand(&[b"aes-256-gcm"], &AES_256_GCM);
        let key = key.map_err(|_too_long| TokensError::Seal)?;
        Ok(LessSafeKey::new(UnboundKey::from(key)))
    }

    fn aad(&self) -> Aad<String> {
        Aad::from(self.name())
    }

    fn seal(&self, kept: &Kept) -> Result<Vec<u8>, TokensError> {
        let mut nonce = [0; NONCE_LEN];
        let filled = SystemRandom::new().fill(&mut nonce);
        filled.map_err(|_no_randomness| TokensError::Seal)?;
        let mut text = serde_json::to_vec(kept).map_err(|_never| TokensError::Seal)?;
        let key = self.key()?;
        let sealed = Nonce::assume_unique_for_key(nonce);
        let sealed = key.seal_in_place_append_tag(sealed, self.aad(), &mut text);
        sealed.map_err(|_too_long| TokensError::Seal)?;
        let mut body = vec![VERSION];
        body.extend_from_slice(&nonce);
        body.append(&mut text);
        Ok(body)
    }

    fn open(&self, body: &[u8]) -> Result<Kept, TokensError> {
        let form = || TokensError::Form(self.connection.clone());
        let (version, rest) = body.split_first().ok_or_else(form)?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(form)?;
        if *version != VERSION {
            return Err(form());
        }
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let mut text = text.to_vec();
        let opened = self.key()?;
        let opened = opened.open_in_place(nonce, self.aad(), &mut text);
        let opened = opened.map_err(|_tag| TokensError::WrongSecret(self.connection.clone()))?;
        serde_json::from_slice(opened).map_err(|_other| form())
    }
}

impl std::fmt::Debug for SealedTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SealedTokens")
            .field(&self.connection)
            .finish()
    }
}

impl TokenStore for SealedTokens {
    fn load(&self) -> BoxFuture<'_, Result<Option<Tokens>, NotStored>> {
        Box::pin(async { Ok(self.tokens().await?) })
    }

    fn save<'a>(&'a self, tokens: &'a Tokens) -> BoxFuture<'a, Result<(), NotStored>> {
        Box::pin(async { Ok(self.install(tokens, None).await?) })
    }
}
