//! `interlock drill`, in all its variants.

use interlock_tests::{daemon::text, is_root};

use super::program::interlock;

#[test]
fn the_drill_is_stopped_and_says_so_in_json() {
    if !is_root() {
        return;
    }
    for (args, code, stopped, volume_deleted) in [
        (&["drill"][..], 0, true, false),
        (&["drill", "--sweep"], 0, true, false),
        (&["drill", "--approve"], 0, true, true),
        (&["drill", "--observe"], 1, false, true),
    ] {
        let output = interlock(&[args, &["--output", "json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
        let drill: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(drill["stopped"], stopped, "{drill}");
        assert_eq!(drill["server"]["volume_deleted"], volume_deleted, "{drill}");
        if !volume_deleted {
            assert_eq!(drill["server"]["application_bytes"], 0, "{drill}");
            assert_eq!(drill["server"]["requests"], serde_json::json!([]), "{drill}");
        }
        assert!(drill["stages"].as_array().is_some_and(|stages| stages.len() > 5), "{drill}");
        assert_eq!(drill["time_to_stop_us"].is_u64(), args.len() == 1 || args[1] != "--observe", "{drill}");
    }
}
