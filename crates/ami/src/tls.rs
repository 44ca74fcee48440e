//! Which certificates are trusted, and for which name.

use std::sync::Arc;

use rustls::{
    ClientConfig,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;
use tokio_rustls::TlsConnector;

use crate::options::{OptionsError, Tls};

/// What a TLS connection is made with.
#[derive(Clone)]
pub(crate) struct Secured {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
}

impl Secured {
    /// Trusts the machine's authorities and the extra ones.
    pub(crate) fn new(tls: &Tls, host: &str) -> Result<Self, OptionsError> {
        let name = tls.name.as_deref().unwrap_or(host);
        let Ok(server_name) = ServerName::try_from(name.to_owned()) else {
            return Err(OptionsError::Name(name.to_owned()));
        };
        let mut extra = Vec::new();
        for pem in &tls.roots_pem {
            let before = extra.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                extra.push(certificate.map_err(|error| OptionsError::Root(error.to_string()))?);
            }
            if extra.len() == before {
                return Err(OptionsError::Root(
                    "there is no certificate in it".to_owned(),
                ));
            }
        }
        let provider = Arc::new(ring::default_provider());
        let failed = |error: rustls::Error| OptionsError::Tls(error.to_string());
        let verifier =
            Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(failed)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: server_name,
        })
    }
}
