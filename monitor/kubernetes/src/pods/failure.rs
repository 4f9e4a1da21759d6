//! Why a watch failed, in few words.

use interlock_core::pods::Failure;
use kube::{Error, core::Status, runtime::watcher};

pub fn failure(error: &watcher::Error) -> Failure {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => of_request(error),
        watcher::Error::WatchError(status) => of_status(status),
        watcher::Error::NoResourceVersion => Failure::Malformed,
    }
}

fn of_request(error: &Error) -> Failure {
    match error {
        Error::Api(status) => of_status(status),
        Error::SerdeError(_) | Error::FromUtf8(_) | Error::LinesCodecMaxLineLengthExceeded => {
            Failure::Malformed
        }
        Error::Auth(_) => Failure::Access,
        _ => Failure::Unreachable,
    }
}

fn of_status(status: &Status) -> Failure {
    match status.code {
        401 | 403 => Failure::Forbidden,
        410 => Failure::Expired,
        429 => Failure::Throttled,
        _ => Failure::Refused,
    }
}
