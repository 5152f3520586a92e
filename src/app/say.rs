//! Lines for people on standard output. A reader who has seen enough (`| head`) is no fault: what is said to
//! nobody is lost, and nothing panics. Callers wrote some of it, and none of that acts on the terminal.

use std::fmt::Arguments;
use std::io::Write;

use crate::visible::visible_lines;

/// `println!` that survives a closed standard output.
macro_rules! say {
    () => { $crate::app::say::line(format_args!("")) };
    ($($text:tt)*) => { $crate::app::say::line(format_args!($($text)*)) };
}
pub(super) use say;

pub fn line(text: Arguments<'_>) {
    as_it_is(&visible_lines(&text.to_string()));
}

/// What has colours or line ends of its own, and shows what others wrote in it already.
pub fn as_it_is(text: &str) {
    let mut out = std::io::stdout().lock();
    // Said at once, also into a pipe: scripts wait for these lines.
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}
