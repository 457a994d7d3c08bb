//! qlog files: QUIC's events, packet by packet (draft-ietf-quic-qlog-main-schema, in JSON text
//! sequences, which have the ending `.sqlog`).

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use quinn::{QlogConfig, QlogStream};

use crate::TransportError;

/// A new file for a connection of this name; an existing one is left alone.
pub(crate) fn stream(folder: &Path, name: &str) -> Result<Option<QlogStream>, TransportError> {
    let numbered = (0_u32..).map(|number| folder.join(format!("{name}-{number}.sqlog")));
    for path in numbered {
        match File::create_new(&path) {
            Ok(file) => {
                let mut config = QlogConfig::default();
                config
                    .writer(Box::new(BufWriter::new(file)))
                    .title(Some(name.to_owned()));
                return Ok(config.into_stream());
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => {
                return Err(TransportError::Qlog {
                    path: path.display().to_string(),
                    source,
                });
            }
        }
    }
    Ok(None)
}
