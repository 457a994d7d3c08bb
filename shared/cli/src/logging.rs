//! The log on stderr, the same for all programs.

use std::fmt;
use std::sync::Mutex;

use anyhow::{Context, anyhow, ensure};
use splitsim_display::{nearest, printable};
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{self, Writer};

use crate::{Failure, OrRefuse, Screen};

/// Sends events that pass `filter` to the screen's stderr, above its bars, one line each.
///
/// # Errors
/// When the filter is none.
pub(crate) fn start(filter: &str, screen: &Screen) -> Result<(), Failure> {
    let filter = parse(filter).or_refuse()?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(screen.has_colours())
        .fmt_fields(format::debug_fn(field).delimited(" "))
        .with_writer(Mutex::new(screen.log_writer()))
        .try_init()
        .map_err(|error| Failure::Failed(anyhow!(error)))
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn parse(filter: &str) -> anyhow::Result<EnvFilter> {
    let named = || {
        format!(
            "log filter '{filter}' is not valid, expected a level or TARGET=LEVEL, such as info or \
             splitsim_edge=debug"
        )
    };
    for directive in filter.split(',').map(str::trim) {
        // A word that is no level names a target, so that a slip would silence the log.
        let slip =
            nearest(directive, LEVELS).filter(|level| !level.eq_ignore_ascii_case(directive));
        let is_word =
            directive.len() > 2 && directive.bytes().all(|byte| byte.is_ascii_alphabetic());
        ensure!(
            !is_word || slip.is_none(),
            "log filter '{filter}': unknown level '{directive}', did you mean '{}'?",
            slip.unwrap_or_default()
        );
    }
    EnvFilter::try_new(filter).with_context(named)
}

/// A field of an event or span: escaped, because file names and what peers say are in them.
fn field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let name = field.name().trim_start_matches("r#");
    if name != "message" {
        write!(writer, "{name}=")?;
    }
    write!(writer, "{}", printable(format_args!("{value:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_levels_and_targets() {
        for right in [
            "info",
            "WARN",
            "off",
            "splitsim_edge=debug",
            "warn,quinn=trace",
            "splitsim_transport",
            "",
        ] {
            assert!(parse(right).is_ok(), "{right}");
        }
        for (wrong, says) in [
            ("==", "is not valid"),
            ("splitsim_edge=loud", "is not valid"),
            ("inof", "did you mean 'info'?"),
            ("warn,debgu", "did you mean 'debug'?"),
            ("warning", "did you mean 'warn'?"),
        ] {
            let error = format!("{:#}", parse(wrong).unwrap_err());
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_field_cannot_end_its_line() {
        use std::io;
        use std::sync::Arc;

        #[derive(Clone, Default)]
        struct Kept(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .fmt_fields(format::debug_fn(field).delimited(" "))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let reason = "bye\n ERROR forged\u{1b}[2J";
            let _span = tracing::error_span!("peer", name = %reason).entered();
            tracing::error!(%reason, said = reason, "closed by {reason}");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(
            text.contains(r"closed by bye\n ERROR forged\u{1b}[2J"),
            "{text}"
        );
    }
}
