//! What became of one attempt.

use std::time::Duration;

use super::notice::cut;
use interlock_core::plain::plain;

/// Longest pause that a server may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(3600);
const WHY: usize = 200;

/// What a server answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub retry_after: Option<Duration>,
    /// Its begin: no more than is read of it.
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With what the service calls the message by, where it can be changed afterwards.
    Delivered(Option<String>),
    /// To be tried again, not before so long.
    Later { pause: Option<Duration>, why: String },
    /// The same request would be refused again.
    Refused(String),
}

impl Outcome {
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { pause: None, why: shown(&why.into()) }
    }

    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused(shown(&why.into()))
    }

    /// By the status alone. `says` is the service's own word for it, if it has one.
    #[must_use]
    pub fn of_status(reply: &Reply, says: Option<&str>) -> Self {
        let says = says.map(|says| format!(": {says}")).unwrap_or_default();
        let why = format!("answered {}{says}", reply.status);
        match reply.status {
            200..=299 => Self::Delivered(None),
            300..=399 => Self::refused(format!(
                "answered {}: it redirects, which is not followed; write the address that it leads to",
                reply.status
            )),
            408 | 425 | 429 | 500..=599 => {
                Self::Later { pause: reply.retry_after.map(|pause| pause.min(PAUSE_MAX)), why: shown(&why) }
            }
            401 | 403 => Self::refused(format!("{why}; is the credential in its file right?")),
            _ => Self::refused(why),
        }
    }
}

/// As it is shown to people.
fn shown(why: &str) -> String {
    cut(&plain(why), WHY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, seconds: Option<u64>) -> Outcome {
        let retry_after = seconds.map(Duration::from_secs);
        Outcome::of_status(&Reply { status, retry_after, body: Vec::new() }, None)
    }

    #[test]
    fn what_would_be_refused_again_is_not_tried_again() {
        for status in [301, 400, 401, 403, 404, 410, 413] {
            assert!(matches!(of(status, None), Outcome::Refused(_)), "{status}");
        }
        for status in [408, 429, 500, 502, 503] {
            assert!(matches!(of(status, None), Outcome::Later { pause: None, .. }), "{status}");
        }
        assert_eq!(of(204, None), Outcome::Delivered(None));
    }

    #[test]
    fn a_server_may_ask_for_an_hour_at_most() {
        let pause = |seconds| match of(503, Some(seconds)) {
            Outcome::Later { pause, .. } => pause.unwrap().as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!((pause(7), pause(1_000_000)), (7, 3600));
    }
}
