//! The end of the process.

use crate::Screen;

/// Ends the process with an exit code, after what was said on stderr.
///
/// Static destructors do not run. libtorch registers some, and threads of this process may be inside
/// libtorch: the model's, which does not hear of an end before its operation is over. A destructor beside a
/// running operation ends in a segmentation fault, and so a process that had said why it failed would end
/// by a signal. Nothing is lost without them: results are written without buffers of the C library, files
/// are durable before they are reported, and everything that a command owns is dropped by its return.
pub(crate) fn end(screen: &Screen, code: u8) -> ! {
    screen.flush();
    leave(code)
}

#[allow(
    unsafe_code,
    reason = "no safe function leaves a process without its static destructors"
)]
fn leave(code: u8) -> ! {
    // SAFETY: `_exit` takes any number, touches no memory of the process, and does not return.
    unsafe { libc::_exit(i32::from(code)) }
}
