//! One factor by two names.

/// What makes two factors one: whoever has the one has the other.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Same {
    /// Bytes of a secret, without the zeros at its end: HMAC takes a key for the same with them and without.
    Secret(Vec<u8>),
    /// The key's own point, whatever it is called and made for.
    Key(Vec<u8>),
}
