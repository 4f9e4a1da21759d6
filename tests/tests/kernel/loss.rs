//! A ring that nobody reads: what did not fit is counted, exactly.

use super::bench::{Bench, TAG, identity};

const OPENS: u64 = 100_000;

#[test]
fn every_record_that_did_not_fit_is_counted() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    bench.maps.tag_inode(identity(file.path()), TAG).unwrap();
    actor.does(&format!(
        "path = {:?}\nfor _ in range({OPENS}): os.close(os.open(path, os.O_RDONLY))",
        file.path().display().to_string()
    ));
    let received = bench.opens().len() as u64;
    let lost = bench.taint().lost;
    assert!(received > 0 && lost > 0, "{received} received, {lost} lost");
    assert_eq!(received + lost, OPENS);
    assert_eq!(bench.maps.losses().get(&("access", "open")), Some(&lost));
}

#[test]
fn a_ring_that_is_read_again_carries_on() {
    let Some((mut bench, mut actor)) = Bench::with_actor() else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    bench.maps.tag_inode(identity(file.path()), TAG).unwrap();
    let act = |times: u64| {
        let path = file.path().display().to_string();
        format!("for _ in range({times}): read({path:?})")
    };
    actor.does(&act(20_000));
    let (first, lost) = (bench.opens().len(), bench.taint().lost);
    assert_ne!(lost, 0);
    actor.does(&act(1_000));
    assert_eq!(bench.opens().len(), first + 1_000);
    assert_eq!(bench.taint().lost, lost, "nothing more was lost");
}
