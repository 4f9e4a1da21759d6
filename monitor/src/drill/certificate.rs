//! Certificates of an authority that exists for one run.

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::ResolvesServerCert,
    sign::CertifiedKey,
};

/// What the server presents, and what the agent's programs have to trust.
pub struct Certificates {
    pub server: Arc<ServerConfig>,
    /// The authority's certificate; its key is already forgotten.
    pub authority_pem: String,
}

/// Makes an authority and a certificate for `name`.
///
/// # Errors
/// Keys or certificates that could not be made.
pub fn issue(name: &str) -> Result<Certificates> {
    let authority = Authority::new("Interlock drill, one run")?;
    let (certificate, secret) = authority.sign(name)?;
    let server = builder()?
        .with_single_cert(vec![certificate], secret)
        .context("the drill's certificate and key do not fit")?;
    Ok(Certificates { server: Arc::new(server), authority_pem: authority.pem })
}

/// A server that chooses its certificate by the name that it is asked for.
///
/// # Errors
/// The TLS versions are not available.
pub fn choosing(certificates: Arc<dyn ResolvesServerCert>) -> Result<Arc<ServerConfig>> {
    Ok(Arc::new(builder()?.with_cert_resolver(certificates)))
}

fn builder() -> Result<rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>> {
    let versions = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions();
    Ok(versions.context("TLS 1.2 and 1.3 are not available")?.with_no_client_auth())
}

/// Signs certificates for any name.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its own certificate.
    pub pem: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// # Errors
    /// Its key or its certificate could not be made.
    pub fn new(name: &str) -> Result<Self> {
        let key = KeyPair::generate().context("the authority has no key")?;
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, name);
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root = authority.self_signed(&key).context("the authority cannot sign itself")?;
        Ok(Self { issuer: Issuer::new(authority, key), pem: root.pem() })
    }

    /// A certificate for `name`, ready to be presented.
    ///
    /// # Errors
    /// `name` is no DNS name, or the certificate could not be made.
    pub fn certify(&self, name: &str) -> Result<CertifiedKey> {
        let (certificate, secret) = self.sign(name)?;
        CertifiedKey::from_der(vec![certificate], secret, &ring::default_provider())
            .context("the certificate and its key do not fit")
    }

    fn sign(&self, name: &str) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let key = KeyPair::generate().context("the server has no key")?;
        let mut leaf =
            CertificateParams::new(vec![name.to_owned()]).context("the server's name is no DNS name")?;
        leaf.distinguished_name.push(DnType::CommonName, name);
        leaf.use_authority_key_identifier_extension = true;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = leaf.signed_by(&key, &self.issuer).context("the certificate cannot be signed")?;
        Ok((certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into())))
    }
}
