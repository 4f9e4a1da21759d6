//! Why a message was not understood.

use simple_dns::SimpleDnsError;

/// Why a message was not understood.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("a DNS message of {0} bytes ends before its answers begin")]
    Short(usize),
    #[error("a DNS message of {0} bytes is larger than 65,535")]
    Long(usize),
    #[error("a DNS message asks for a name that no host can have")]
    NoHostName,
    #[error("a DNS message is malformed: {0}")]
    Malformed(SimpleDnsError),
}
