//! Which certificates are trusted, and for which name.

use std::sync::Arc;

use rustls::{
    ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
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
        let extra = certificates(&tls.roots_pem)?;
        let pinned = certificates(&tls.pinned_pem)?;
        let provider = Arc::new(ring::default_provider());
        let failed = |error: rustls::Error| OptionsError::Tls(error.to_string());
        let verifier =
            Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(failed)?;
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Pinned { pinned, verifier }))
            .with_no_client_auth();
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: server_name,
        })
    }
}

fn certificates(pems: &[String]) -> Result<Vec<CertificateDer<'static>>, OptionsError> {
    let mut found = Vec::new();
    for pem in pems {
        let before = found.len();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            found.push(certificate.map_err(|error| OptionsError::Root(error.to_string()))?);
        }
        if found.len() == before {
            return Err(OptionsError::Root(
                "there is no certificate in it".to_owned(),
            ));
        }
    }
    Ok(found)
}

/// Trusts certificates that are known byte for byte, and what the machine trusts. That the other side has the key of
/// the certificate is checked in either case.
#[derive(Debug)]
struct Pinned {
    pinned: Vec<CertificateDer<'static>>,
    verifier: Verifier,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.pinned.iter().any(|known| known == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.verifier
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
