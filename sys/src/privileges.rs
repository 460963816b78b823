//! Giving up what is not needed any more.

use std::io;

use caps::{CapSet, Capability, CapsHashSet};

/// What is still needed when privileges are given up, beside ports below 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: what needed privileges is open.
    Nothing,
    /// Verdicts about packets of the kernel, which asks for CAP_NET_ADMIN with each, and raw sockets.
    Packets,
}

/// Gives up every capability of this thread, and of all threads that it starts from now on, but those for ports below 1024 and
/// for `need`; programs that are started get none at all. Whatever needs privileges must be open by now, and no other thread may run
/// yet.
///
/// # Errors
/// Those of the system.
pub fn give_up(need: Need) -> io::Result<()> {
    let current = caps::read(None, CapSet::Permitted).map_err(io::Error::other)?;
    let of_packets = [Capability::CAP_NET_ADMIN, Capability::CAP_NET_RAW];
    let needed =
        of_packets.into_iter().filter(|_| need == Need::Packets).chain([Capability::CAP_NET_BIND_SERVICE]);
    let kept: CapsHashSet = needed.filter(|capability| current.contains(capability)).collect();
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
