/// Says in the log what an edge can bring about as often as it likes: now and then, with the number of the
/// `others` of its kind that were not said. The first word is the level, the rest as in `tracing`'s macros.
macro_rules! seldom {
    ($level:ident, $($said:tt)+) => {{
        static THROTTLE: splitsim_transport::Throttle = splitsim_transport::Throttle::usual();
        if let Some(others) = THROTTLE.admit(std::time::Instant::now()) {
            tracing::$level!(others, $($said)+);
        }
    }};
}

pub(crate) use seldom;
