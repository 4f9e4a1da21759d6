use std::collections::BTreeSet;

use aya_obj::Object;

use super::*;
use crate::probes::loader::OBJECT;

/// One that is forgotten here is empty after a restart, and what is noted in it is lost.
#[test]
fn every_map_of_the_object_outlives_the_daemon() {
    let object = Object::parse(OBJECT).unwrap();
    let made: BTreeSet<&str> =
        object.maps.keys().map(String::as_str).filter(|name| !name.starts_with('.')).collect();
    assert_eq!(made, MAPS.iter().copied().collect());
}
