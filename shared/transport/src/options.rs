use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use quinn::congestion::{BbrConfig, ControllerFactory, CubicConfig, NewRenoConfig};
use quinn::{IdleTimeout, QlogStream, TransportConfig, VarInt};
use splitsim_feature::units::Bytes;

use crate::arrivals::CountingFactory;
use crate::{HandshakeLimits, Priority};

/// The options of connections. Each side has its own; windows limit what the peer may send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransportOptions {
    /// The interval of keep-alive packets on an idle connection. Default 5 s; must be shorter than
    /// `idle_timeout`, or connections die between frames.
    pub keep_alive: Duration,
    /// The silence of the peer after which the connection counts as lost; the shorter of both sides' times
    /// applies. Default 120 s, so that outages well over QUIC's usual 30 s are survived.
    pub idle_timeout: Duration,
    /// The time limit of handshake and hello. Default 10 s.
    pub handshake_timeout: Duration,
    /// The time that an edge waits for an answer once the cloud has all of a request, and for the cloud to accept
    /// more of one. Then the request is sent anew over another connection; the cloud records a frame only once,
    /// however often it arrives. Default 5 min: longer than the idle timeout, so that a dead link is detected
    /// first, and longer than several decoder processes at their time limit.
    pub reply_timeout: Duration,
    /// The bytes that the peer may send on one stream before this side reads. Default 16 MiB: a stream whose
    /// container exceeds it waits one round trip for each further window.
    pub stream_window: Bytes,
    /// The same over all streams of a connection: this side's memory per connection. Default 64 MiB.
    pub connection_window: Bytes,
    /// Sent and not yet acknowledged bytes that this side keeps per connection. Default 64 MiB.
    pub send_window: Bytes,
    /// Streams that the peer may have open at once, the hello included. Default 64.
    pub max_streams: u32,
    /// The first congestion window; `None` for the algorithm's own (12 000 B for CUBIC and New Reno).
    pub initial_window: Option<Bytes>,
    /// The congestion control of this side's traffic.
    pub congestion: Congestion,
    /// The lifetime of an edge's frames connection. Default [`Warm`](Reuse::Warm); the cloud accepts
    /// either.
    pub reuse: Reuse,
    /// Frames that an edge may have under way at once on its frames connection. Default 1: every
    /// datagram then belongs to a frame. More fill the waits for round trips and for the cloud's work;
    /// each holds a feature in memory. A cloud that allows fewer is refused.
    pub in_flight: NonZeroU32,
    /// The order in which an edge sends the frames under way. Default [`Equal`](Priority::Equal); another
    /// order needs several frames in flight.
    pub priority: Priority,
    /// `true` if an edge that reconnects resumes the TLS session, and sends its hello in the first
    /// flight (RFC 9001 section 4.6): one round trip less. Default off, so that a run's second
    /// connection costs as much as its first. Both sides must enable it.
    ///
    /// A resumed session rests on the certificates of the first handshake, and anyone who records early data
    /// can replay it; replaying a hello or a frame changes nothing.
    pub zero_rtt: bool,
    /// The limits on a cloud's simultaneous handshakes.
    pub handshakes: HandshakeLimits,
    /// The folder in which an edge leaves a qlog file of every frames connection. Default none. Each
    /// packet costs a line.
    pub qlog: Option<PathBuf>,
}

/// The lifetime of a frames connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Reuse {
    /// For as long as it lasts: it knows the path's round-trip time and window.
    #[default]
    Warm,
    /// For one frame: each pays handshake, hello and slow start.
    Cold,
}

/// A congestion control algorithm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Congestion {
    /// CUBIC, RFC 9438.
    #[default]
    Cubic,
    /// New Reno, RFC 9002 section 7.
    NewReno,
    /// BBR; quinn calls its version experimental.
    Bbr,
}

/// A name that is not in [`Congestion::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown congestion control '{0}', expected cubic, new-reno or bbr")]
pub struct UnknownCongestion(String);

/// The reason why options are invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOptions {
    /// Connections would be given up between two signs of life.
    #[error(
        "keep-alive of {keep_alive:?} is not shorter than the idle timeout of {idle_timeout:?}"
    )]
    KeepAlive {
        /// The keep-alive asked for.
        keep_alive: Duration,
        /// The idle timeout asked for.
        idle_timeout: Duration,
    },
    /// There is never more than one frame to order.
    #[error(
        "priority '{priority}' orders frames that are under way at once, but in-flight is 1; raise \
         in-flight, or leave priority at '{}'",
        Priority::Equal
    )]
    Priority {
        /// The priority asked for.
        priority: Priority,
    },
    /// A connection of one frame cannot have several under way.
    #[error("in-flight of {in_flight} needs a warm connection: a cold one carries a single frame")]
    Cold {
        /// The frames in flight asked for.
        in_flight: NonZeroU32,
    },
    /// A value that QUIC cannot express.
    #[error("{option} of {actual} is out of range, expected 1 to {max}")]
    OutOfRange {
        /// The option.
        option: &'static str,
        /// The value asked for.
        actual: u128,
        /// The largest possible.
        max: u64,
    },
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(120),
            handshake_timeout: Duration::from_secs(10),
            reply_timeout: Duration::from_secs(300),
            stream_window: Bytes(16 << 20),
            connection_window: Bytes(64 << 20),
            send_window: Bytes(64 << 20),
            max_streams: 64,
            initial_window: None,
            congestion: Congestion::default(),
            reuse: Reuse::default(),
            in_flight: NonZeroU32::MIN,
            priority: Priority::default(),
            zero_rtt: false,
            handshakes: HandshakeLimits::default(),
            qlog: None,
        }
    }
}

impl TransportOptions {
    /// Finds options that contradict each other.
    ///
    /// # Errors
    /// With the first contradiction.
    pub fn check(&self) -> Result<(), InvalidOptions> {
        if self.keep_alive >= self.idle_timeout {
            return Err(InvalidOptions::KeepAlive {
                keep_alive: self.keep_alive,
                idle_timeout: self.idle_timeout,
            });
        }
        varint("reply timeout in ms", self.reply_timeout.as_millis())?;
        let several = self.in_flight > NonZeroU32::MIN;
        if !several && self.priority != Priority::Equal {
            let priority = self.priority;
            return Err(InvalidOptions::Priority { priority });
        }
        if several && self.reuse == Reuse::Cold {
            let in_flight = self.in_flight;
            return Err(InvalidOptions::Cold { in_flight });
        }
        Ok(())
    }

    /// `log` gets the events of the connection that these are for.
    pub(crate) fn to_quinn(
        &self,
        log: Option<QlogStream>,
    ) -> Result<TransportConfig, InvalidOptions> {
        self.check()?;
        let idle_ms = varint("idle timeout in ms", self.idle_timeout.as_millis())?;
        let mut config = TransportConfig::default();
        config
            .keep_alive_interval(Some(self.keep_alive))
            .max_idle_timeout(Some(IdleTimeout::from(idle_ms)))
            .stream_receive_window(varint("stream window", self.stream_window.0.into())?)
            .receive_window(varint(
                "connection window",
                self.connection_window.0.into(),
            )?)
            .send_window(varint("send window", self.send_window.0.into())?.into_inner())
            .max_concurrent_bidi_streams(varint("max streams", self.max_streams.into())?)
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .datagram_receive_buffer_size(None)
            .congestion_controller_factory(self.controller()?)
            .qlog_stream(log);
        Ok(config)
    }

    fn controller(&self) -> Result<Arc<dyn ControllerFactory + Send + Sync>, InvalidOptions> {
        let window = match self.initial_window {
            None => None,
            Some(window) => Some(varint("initial window", window.0.into())?.into_inner()),
        };
        let controller: Arc<dyn ControllerFactory + Send + Sync> = match self.congestion {
            Congestion::Cubic => {
                let mut config = CubicConfig::default();
                window.map(|window| config.initial_window(window));
                Arc::new(config)
            }
            Congestion::NewReno => {
                let mut config = NewRenoConfig::default();
                window.map(|window| config.initial_window(window));
                Arc::new(config)
            }
            Congestion::Bbr => {
                let mut config = BbrConfig::default();
                window.map(|window| config.initial_window(window));
                Arc::new(config)
            }
        };
        Ok(Arc::new(CountingFactory(controller)))
    }
}

impl Congestion {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Cubic, Self::NewReno, Self::Bbr];

    /// The algorithm's name in configuration and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::NewReno => "new-reno",
            Self::Bbr => "bbr",
        }
    }
}

impl fmt::Display for Congestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Congestion {
    type Err = UnknownCongestion;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|congestion| congestion.name() == name)
            .ok_or_else(|| UnknownCongestion(name.to_owned()))
    }
}

fn varint(option: &'static str, actual: u128) -> Result<VarInt, InvalidOptions> {
    u64::try_from(actual)
        .ok()
        .filter(|&value| value > 0)
        .and_then(|value| VarInt::from_u64(value).ok())
        .ok_or(InvalidOptions::OutOfRange {
            option,
            actual,
            max: VarInt::MAX.into_inner(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_quic_cannot_express_are_named() {
        let with = |change: fn(&mut TransportOptions)| {
            let mut options = TransportOptions::default();
            change(&mut options);
            options.to_quinn(None).map(|_| ()).unwrap_err().to_string()
        };
        assert!(with(|options| options.keep_alive = options.idle_timeout).contains("keep-alive"));
        assert!(with(|options| options.stream_window = Bytes(0)).contains("stream window of 0"));
        assert!(with(|options| options.idle_timeout = Duration::MAX).contains("idle timeout"));
        assert!(with(|options| options.initial_window = Some(Bytes(0))).contains("initial window"));
        assert!(with(|options| options.reply_timeout = Duration::ZERO).contains("reply timeout"));
    }

    #[test]
    fn options_that_contradict_each_other_are_named() {
        let with = |in_flight, priority, reuse| {
            let options = TransportOptions {
                in_flight: NonZeroU32::new(in_flight).unwrap(),
                priority,
                reuse,
                ..TransportOptions::default()
            };
            options.check().map_err(|error| error.to_string())
        };
        let check = |checked: Result<(), String>, parts: [&str; 2]| {
            let message = checked.unwrap_err();
            for part in parts {
                assert!(message.contains(part), "{message}");
            }
        };
        for priority in [Priority::OldestFirst, Priority::NewestFirst] {
            let alone = with(1, priority, Reuse::Warm);
            check(alone, [priority.name(), "in-flight is 1"]);
            assert_eq!(with(2, priority, Reuse::Warm), Ok(()));
        }
        let cold = with(3, Priority::Equal, Reuse::Cold);
        check(cold, ["in-flight of 3", "warm"]);
        assert_eq!(with(1, Priority::Equal, Reuse::Cold), Ok(()));
    }

    #[test]
    fn congestion_names_read_back() {
        for congestion in Congestion::ALL {
            assert_eq!(congestion.name().parse(), Ok(congestion));
        }
        assert!("reno".parse::<Congestion>().is_err());
    }
}
