//! Waiting for a condition, with a limit and a word on what was last seen.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{Timespec, poll};

const PAUSE: Duration = Duration::from_millis(2);

/// Looks until `look` gives something; it says otherwise what it saw instead.
///
/// # Errors
/// What `look` returns, or the limit is over.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let last = match look()? {
            Ok(found) => return Ok(found),
            Err(last) => last,
        };
        if start.elapsed() >= limit {
            bail!("waited {} s until {what}, in vain; last seen: {last}", limit.as_secs());
        }
        pass(PAUSE)?;
    }
}

/// Lets time pass: it is part of what is measured, or lies between two looks.
///
/// # Errors
/// poll(2) fails.
pub fn pass(time: Duration) -> Result<()> {
    let time = Timespec::try_from(time).context("a time too long")?;
    match poll(&mut [], Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error).context("waiting failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_until_it_is_there_and_says_what_it_saw_otherwise() {
        let mut looks = 0;
        let found = until("three", Duration::from_secs(5), || {
            looks += 1;
            Ok(if looks == 3 { Ok(looks) } else { Err(looks.to_string()) })
        });
        assert_eq!(found.unwrap(), 3);
        let why = until("it opens", Duration::ZERO, || Ok(Err::<(), _>("a closed door".into()))).unwrap_err();
        assert!(why.to_string().contains("a closed door"), "{why}");
    }
}
