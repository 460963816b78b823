//! Giving up what is not needed any more.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};

/// Gives up every capability of this thread, and of all threads that it starts from now on, but that for ports below 1024;
/// programs that are started get none at all. Whatever needs privileges must be open by now, and no other thread may run
/// yet.
///
/// # Errors
/// Those of the system.
pub fn give_up() -> io::Result<()> {
    let current = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    let low_ports = Capability::CAP_NET_BIND_SERVICE;
    let kept: CapsHashSet = current.contains(&low_ports).then_some(low_ports).into_iter().collect();
    // Without CAP_SETPCAP nobody can narrow it, and nobody needs to: what is not permitted cannot come back.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(io::Error::other)? {
        for capability in caps::read(None, CapSet::Bounding).map_err(io::Error::other)? {
            if !kept.contains(&capability) {
                caps::drop(None, CapSet::Bounding, capability).map_err(io::Error::other)?;
            }
        }
    }
    let none = CapsHashSet::new();
    caps::set(None, CapSet::Ambient, &none).map_err(io::Error::other)?;
    caps::set(None, CapSet::Inheritable, &none).map_err(io::Error::other)?;
    caps::set(None, CapSet::Effective, &kept).map_err(io::Error::other)?;
    caps::set(None, CapSet::Permitted, &kept).map_err(io::Error::other)?;
    Ok(())
}
