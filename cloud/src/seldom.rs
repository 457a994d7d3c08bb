/// Logs an event that an edge can cause without limit. The rate is throttled, and the field `others` counts the
/// suppressed messages. The first argument is the level, the rest as in `tracing`'s macros.
macro_rules! seldom {
    ($level:ident, $($said:tt)+) => {{
        static THROTTLE: splitsim_transport::Throttle = splitsim_transport::Throttle::usual();
        if let Some(others) = THROTTLE.admit(std::time::Instant::now()) {
            tracing::$level!(others, $($said)+);
        }
    }};
}

pub(crate) use seldom;
