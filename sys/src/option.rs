//! Options of sockets that nobody else offers safely.
#![allow(unsafe_code, reason = "options are read and written by address")]

use std::ffi::c_void;
use std::io;
use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::ptr;

/// How many packets `socket` has lost since it was opened because they found it full; the number wraps.
///
/// # Errors
/// Those of the system.
pub fn dropped(socket: &impl AsRawFd) -> io::Result<u32> {
    let mut numbers = [0_u32; NUMBERS];
    get(socket, libc::SOL_SOCKET, libc::SO_MEMINFO, &mut numbers)?;
    let [.., dropped] = numbers;
    Ok(dropped)
}

/// Sets an option whose value is a plain structure of C.
pub(crate) fn set<T>(socket: &impl AsRawFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    let (value, length) = (ptr::from_ref(value).cast::<c_void>(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the value is whole and outlives the call, which only reads it.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, value, length) })?;
    Ok(())
}

/// Reads an option whose value is a plain structure of C, for which every pattern of bits is a value.
pub(crate) fn get<T: Copy>(socket: &impl AsRawFd, level: i32, name: i32, value: &mut T) -> io::Result<()> {
    let mut length = size_of::<T>() as libc::socklen_t;
    let value = ptr::from_mut(value).cast::<c_void>();
    // SAFETY: the call writes no more than `length` bytes, all of which are the value's.
    check(unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, value, &raw mut length) })?;
    Ok(())
}

pub(crate) fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// What the system tells of a socket's memory (linux/sock_diag.h); what it dropped is the last.
const NUMBERS: usize = 9;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn what_finds_a_socket_full_is_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (sender, to) = (UdpSocket::bind("127.0.0.1:0").unwrap(), socket.local_addr().unwrap());
        assert_eq!(dropped(&socket).unwrap(), 0);
        let mut sent = 0;
        while dropped(&socket).unwrap() == 0 && sent < 100_000 {
            sent += 1;
            sender.send_to(&[0; 1_400], to).unwrap();
        }
        assert_eq!(dropped(&socket).unwrap(), 1, "after {sent}");
    }
}
