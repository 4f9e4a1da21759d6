//! Strings out of the fixed fields of the kernel's records.

/// Text up to the first NUL; what is not UTF-8 is replaced, because it is shown and matched, never reopened.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// NUL-separated strings of the first `length` bytes, such as an argument block.
#[must_use]
pub fn strings(bytes: &[u8], length: u32) -> Vec<String> {
    let used = bytes.get(..length as usize).unwrap_or(bytes);
    let used = used.strip_suffix(&[0]).unwrap_or(used);
    if used.is_empty() {
        return Vec::new();
    }
    used.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argument_blocks_split_at_nul_and_end_with_one() {
        assert_eq!(strings(b"curl\0-s\0\0rest", 9), ["curl", "-s", ""]);
        assert_eq!(strings(b"curl\0", 5), ["curl"]);
        assert!(strings(b"", 0).is_empty());
        assert_eq!(text(b"abc\0def"), "abc");
    }
}
