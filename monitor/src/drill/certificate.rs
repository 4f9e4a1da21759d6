//! The provider's certificate, signed by an authority that exists for one drill.

use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};

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
    let authority_key = KeyPair::generate().context("the drill's authority has no key")?;
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Interlock drill, one run");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root = authority.self_signed(&authority_key).context("the drill's authority cannot sign itself")?;
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().context("the drill's server has no key")?;
    let mut leaf =
        CertificateParams::new(vec![name.to_owned()]).context("the provider's name is no DNS name")?;
    leaf.distinguished_name.push(DnType::CommonName, name);
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = leaf.signed_by(&key, &issuer).context("the drill's certificate cannot be signed")?;

    let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .context("TLS 1.2 and 1.3 are not available")?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .context("the drill's certificate and key do not fit")?;
    Ok(Certificates { server: Arc::new(server), authority_pem: root.pem() })
}
