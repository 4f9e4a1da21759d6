//! What outlives the daemon on bpffs: `PINS/vABI/` holds the maps and the links of one ABI version.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use aya::maps::{HashMap, Map, MapData, MapInfo};
use aya_obj::Object;
use monitor_common::ABI;

use super::{error::ProbeError, maps::Maps, mounts, table::MAPS};
use crate::trust::{Distrust, distrust};

/// The directory of this daemon's ABI version, and those of others.
#[derive(Debug)]
pub struct Pins {
    pub current: PathBuf,
    stale: Vec<PathBuf>,
}

impl Pins {
    /// Makes the directory of this version below `place`.
    pub fn below(place: &Path) -> Result<Self, ProbeError> {
        mounts::ensure_bpffs(place)?;
        let current = place.join(format!("v{ABI}"));
        let failed = |source| ProbeError::PinDirectory { path: current.clone(), source };
        for directory in [place, &current] {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
            require_roots(directory)?;
        }
        mounts::check_bpffs(place)?;
        let stale = versions(place).map_err(failed)?.into_iter().filter(|path| *path != current).collect();
        Ok(Self { current, stale })
    }

    /// Removes the pins of this version if a map among them is not the one `object` declares: one version number promises one
    /// layout, but a development build or a foreign file may break that, and must never keep the daemon from starting.
    pub fn remove_what_does_not_fit(&self, object: &[u8]) -> Result<(), ProbeError> {
        let object = Object::parse(object).map_err(|error| ProbeError::Load(Box::new(error.into())))?;
        let unfit = MAPS.iter().find(|name| !object.maps.get(**name).is_none_or(|map| self.fits(name, map)));
        let Some(map) = unfit else { return Ok(()) };
        tracing::error!(pins = %self.current.display(), map, "the pins do not fit and are removed; sessions are found again by /proc");
        remove(&self.current);
        fs::create_dir_all(&self.current)
            .map_err(|source| ProbeError::PinDirectory { path: self.current.clone(), source })
    }

    /// Whether the pin `name` is absent or has the shape of `declared`.
    fn fits(&self, name: &str, declared: &aya_obj::Map) -> bool {
        let path = self.current.join(name);
        if fs::symlink_metadata(&path).is_err() {
            return true; // not there: made anew
        }
        let Ok(pinned) = MapInfo::from_pin(&path) else { return false };
        pinned.map_type().is_ok_and(|kind| kind as u32 == declared.map_type())
            && pinned.key_size() == declared.key_size()
            && pinned.value_size() == declared.value_size()
            && pinned.max_entries() == declared.max_entries()
    }

    /// Takes over the sessions, what they touched and their connections from pins of other versions, which stay in force
    /// until [`Pins::remove_stale`]. What cannot be taken over is said: those sessions are found again by `/proc`.
    pub fn carry_over(&self, maps: &mut Maps) {
        for old in &self.stale {
            match maps.carry_over(old) {
                Ok(entries) => {
                    tracing::info!(pins = %old.display(), entries, "taken over from another version")
                }
                Err(reason) => {
                    tracing::error!(pins = %old.display(), reason, "sessions of another version cannot be taken over");
                }
            }
        }
    }

    /// Ends what other versions enforce; the programs of this one are attached by now.
    pub fn remove_stale(&mut self) {
        self.stale.drain(..).for_each(|old| remove(&old));
    }
}

/// The pinned hash table `name` of another version, if its keys and values have the same size as today's.
pub fn table<K: aya::Pod, V: aya::Pod>(pins: &Path, name: &str) -> Result<HashMap<MapData, K, V>, String> {
    let failed = |error: &dyn std::error::Error| format!("{name}: {error}");
    let data = MapData::from_pin(pins.join(name)).map_err(|error| failed(&error))?;
    let map = Map::from_map_data(data).map_err(|error| failed(&error))?;
    HashMap::try_from(map).map_err(|error| failed(&error))
}

/// Removes what any daemon has pinned below `place`, whatever its ABI version: all enforcement ends.
///
/// # Errors
/// Others than root may have laid something there, or it cannot be read.
pub fn remove_all(place: &Path) -> Result<(), ProbeError> {
    if fs::symlink_metadata(place).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(());
    }
    require_roots(place)?;
    let failed = |source| ProbeError::PinDirectory { path: place.into(), source };
    versions(place).map_err(failed)?.iter().for_each(|pins| remove(pins));
    let _ = fs::remove_dir(place); // not empty: said above
    Ok(())
}

/// Root removes what lies in the directories of other versions. So nobody else may be able to lay anything into `place`, or
/// put another directory into its place or that of one above it.
fn require_roots(place: &Path) -> Result<(), ProbeError> {
    let failed = |source| ProbeError::PinDirectory { path: place.into(), source };
    if let Some(Distrust { path, reason }) = distrust(place, 0, None).map_err(failed)? {
        return Err(ProbeError::PinsNotOurs { path, reason });
    }
    if !fs::symlink_metadata(place).map_err(failed)?.is_dir() {
        return Err(ProbeError::PinsNotOurs { path: place.into(), reason: "is not a directory".into() });
    }
    Ok(())
}

/// The directories `vABI` below `place`. Anything else there is nobody's pins, and is left alone.
fn versions(place: &Path) -> io::Result<Vec<PathBuf>> {
    let mut versions = Vec::new();
    for entry in fs::read_dir(place)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix('v')).map(str::parse::<u32>);
        // Of the entry itself: a symbolic link is none.
        if matches!(number, Some(Ok(_))) && entry.file_type()?.is_dir() {
            versions.push(entry.path());
        } else {
            tracing::warn!(path = %entry.path().display(), "no directory of pins; left alone");
        }
    }
    Ok(versions)
}

/// Removes a directory of pins, links first: no program runs over half a state.
pub fn remove(pins: &Path) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(pins).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    let is_link =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("link_"));
    paths.sort_by_key(|path| !is_link(path));
    for path in paths {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "a pin could not be removed");
            }
            _ => {}
        }
    }
    let _ = fs::remove_dir(pins); // not empty: said above
}
