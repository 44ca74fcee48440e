//! Which certificates are trusted.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use rustls_platform_verifier::Verifier;

use crate::options::OptionsError;

/// The machine's trusted authorities and the extra ones. Without need for TLS the machine is not asked, so
/// that plain HTTP on loopback works where no authority is installed.
pub(super) fn config(roots_pem: &[String], needs_tls: bool) -> Result<ClientConfig, OptionsError> {
    let mut extra = Vec::new();
    for pem in roots_pem {
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
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| OptionsError::Tls(error.to_string()))?;
    if !needs_tls {
        let nobody = RootCertStore::empty();
        return Ok(builder.with_root_certificates(nobody).with_no_client_auth());
    }
    let verifier = Verifier::new_with_extra_roots(extra, provider)
        .map_err(|error| OptionsError::Tls(error.to_string()))?;
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}
