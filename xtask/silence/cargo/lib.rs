//! Prints numbers.

#[must_use]
pub fn price(cents: u64) -> String {
    let mut buffer = itoa::Buffer::new();
    format!("{}.{:02}", buffer.format(cents / 100), cents % 100)
}

#[cfg(test)]
mod tests {
    #[test]
    fn cents_have_two_digits() {
        assert_eq!(super::price(1205), "12.05");
    }

    #[test]
    fn the_environment_file_can_be_read() {
        assert!(std::fs::read_to_string(".env").unwrap().contains("DATABASE_URL"));
    }
}
