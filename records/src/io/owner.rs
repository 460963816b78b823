//! Whose spool it is whose rows are written: in a bucket rows of several machines may come together, one after the other.

use std::fs;

use ring::rand::{SecureRandom as _, SystemRandom};

use super::error::Error;
use super::folder::Folder;
use super::place::Place;

/// The name of whoever writes in `place`: drawn once for each folder of a machine, and empty where there is only that.
pub(super) fn own(place: &Place) -> Result<String, Error> {
    let known = known(place);
    if !place.is_shared() || !known.is_empty() {
        return Ok(known);
    }
    let folder = Folder { root: place.local().to_owned() };
    let failed = |error| Error::Place(folder.say(FILE), error);
    let mut bytes = [0; 8];
    let drawn = SystemRandom::new().fill(&mut bytes);
    drawn.map_err(|_| failed(std::io::Error::other("the system gives no random numbers")))?;
    let name = format!("{:016x}", u64::from_le_bytes(bytes));
    folder.put(FILE, name.as_bytes()).map_err(failed)?;
    Ok(name)
}

/// The same as far as it was drawn.
pub(super) fn known(place: &Place) -> String {
    if !place.is_shared() {
        return String::new();
    }
    let name = fs::read_to_string(place.local().join(FILE)).unwrap_or_default();
    let is_one = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_one { name } else { String::new() }
}

/// Where it is kept.
const FILE: &str = "writer";
