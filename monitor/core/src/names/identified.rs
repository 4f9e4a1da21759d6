//! What a flow shows, and what is known of its name.

use crate::facts::NameSource;

/// What a flow shows of its data.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// Possibly cut short, possibly none.
    pub bytes: &'a [u8],
    /// What arrives may be something else, see `FlowAsk::changeable`.
    pub changeable: bool,
}

impl<'a> Shown<'a> {
    pub const NOTHING: Self = Self::fixed(&[]);

    /// Bytes that arrive as they are.
    #[must_use]
    pub const fn fixed(bytes: &'a [u8]) -> Self {
        Self { bytes, changeable: false }
    }
}

/// What is known about the name of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identified {
    /// Strongest first: the flow's own names, then those that DNS gave for the address, newest first; no repetitions.
    pub names: Vec<(String, NameSource)>,
    /// Names that somebody else says the address has: they can make it worse than it seems, never better.
    pub rumours: Vec<String>,
    /// Dangerous names that any session's trusted answers gave for the address: what DNS alone calls a model may be one of them.
    pub claims: Vec<String>,
    /// The flow says several names, or one, and DNS gave the session only others for this address.
    pub mismatch: bool,
    /// The ClientHello carries an encrypted one, or what clients send to look as if (GREASE).
    pub encrypted_hello: bool,
    /// The flow has begun to say who it is for, and the name has not come yet.
    pub unfinished: bool,
    /// A whole ClientHello without a name: nobody who knows one leaves it out.
    pub nameless: bool,
    /// The flow asks a proxy for something that is not understood.
    pub unreadable: bool,
    /// Where a proxy is asked to connect to: a host name or an address, and the port.
    pub proxy_target: Option<(String, u16)>,
}

impl Identified {
    /// What was said may not be what arrives: it can make the flow worse than it seems, and names it nothing.
    pub(super) fn distrusted(self) -> Self {
        let rumours = self.names.into_iter().map(|(name, _)| name).collect();
        // Understood by nobody, so that on this machine it may be for a proxy.
        Self { rumours, nameless: true, unreadable: true, ..Self::default() }
    }
}
