use std::io;
use std::net::UdpSocket;

use rustix::net::sockopt;

/// Bytes that IPv4 and UDP headers add to a datagram's payload on the link. The relay counts packets as
/// IPv4 even on IPv6 sockets: the link between them is emulated.
pub const UDP_IPV4_HEADER_BYTES: u32 = 28;

/// The buffer of a socket, for packets that arrive while the relay is busy: 40 ms at 1 Gbit/s and some room for the
/// kernel's own bookkeeping.
const BUFFER_BYTES: usize = 8 << 20;

/// Sets a relay's socket up: it never blocks, and holds as much as the system allows.
pub(super) fn prepare(socket: &UdpSocket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    // Only the superuser may exceed the system's limit; up to it everybody may.
    if sockopt::set_socket_recv_buffer_size_force(socket, BUFFER_BYTES).is_err() {
        sockopt::set_socket_recv_buffer_size(socket, BUFFER_BYTES)?;
    }
    if sockopt::set_socket_send_buffer_size_force(socket, BUFFER_BYTES).is_err() {
        sockopt::set_socket_send_buffer_size(socket, BUFFER_BYTES)?;
    }
    Ok(())
}

/// The result of a read or write that does not block.
pub(super) enum Io<T> {
    Done(T),
    /// Nothing is available now.
    Later,
    /// This datagram failed; the socket is as good as before.
    Failed,
}

/// On a connected UDP socket an error concerns an earlier datagram, such as one to a port without a
/// listener. This is normal for UDP and no reason to stop.
pub(super) fn judge<T>(outcome: io::Result<T>) -> Io<T> {
    match outcome {
        Ok(done) => Io::Done(done),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Io::Later,
        Err(error) => {
            tracing::trace!("a datagram of the emulated link: {error}");
            Io::Failed
        }
    }
}
