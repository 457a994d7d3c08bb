//! The ranges of a scenario's values, beyond which they are mistakes.

use std::fmt::Display;
use std::time::Duration;

use splitsim_cli::bounds as shared;
use splitsim_feature::units::{BitRate, Bytes};
use splitsim_link::Limit;

use super::ScenarioError;
use super::file::{ReplaySection, ScenarioFile, TransportSection};
use super::link::{EventSection, LinkSection, PipeSection};
use super::units::{Rate, TimeSpan};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const FASTEST: BitRate = BitRate(100_000_000_000);
const LARGEST_WINDOW: u64 = 1 << 30;
const LARGEST_QUEUE: u64 = 16 << 30;
const MOST_PACKETS: u64 = 10_000_000;
const MOST_POLICIES: usize = 100;

/// Refuses the first value that is out of its range.
pub(super) fn check(file: &ScenarioFile) -> Result<(), ScenarioError> {
    options(file)?;
    most(
        "number of policies",
        Some(file.policies.len()),
        MOST_POLICIES,
    )?;
    transport(&file.transport)?;
    file.link.as_ref().map_or(Ok(()), link)?;
    file.replay.as_ref().map_or(Ok(()), replay)
}

/// Counts and times have the ranges that the same things have on command lines.
fn options(file: &ScenarioFile) -> Result<(), ScenarioError> {
    let transport = &file.transport;
    let counts = [
        ("queue", shared::QUEUE, Some(file.queue)),
        ("threads", shared::THREADS, file.threads),
        (
            "edges-per-task",
            shared::EDGES_PER_TASK,
            file.edges_per_task,
        ),
    ];
    for (key, count, value) in counts {
        let checked = value.map(|value| count.check(value.get())).transpose();
        checked.map_err(|error| ScenarioError::value(key, error))?;
    }
    let in_flight = transport
        .in_flight
        .map(|value| shared::IN_FLIGHT.check(value.get()));
    in_flight
        .transpose()
        .map_err(|error| ScenarioError::value("transport.in-flight", error))?;
    let spans = [
        (
            "codec-time-limit",
            shared::CODEC_TIME,
            file.codec_time_limit,
        ),
        (
            "transport.keep-alive",
            shared::KEEP_ALIVE,
            transport.keep_alive,
        ),
        (
            "transport.idle-timeout",
            shared::IDLE_TIMEOUT,
            transport.idle_timeout,
        ),
        (
            "transport.retry-for",
            shared::RETRY_FOR,
            transport.retry_for,
        ),
        (
            "transport.reply-timeout",
            shared::REPLY_TIMEOUT,
            transport.reply_timeout,
        ),
    ];
    for (key, span, value) in spans {
        let checked = value.map(|TimeSpan(value)| span.check(value)).transpose();
        checked.map_err(|error| ScenarioError::value(key, error))?;
    }
    Ok(())
}

fn transport(section: &TransportSection) -> Result<(), ScenarioError> {
    let window = section.initial_window.map(|size| size.0);
    most("transport.initial-window", window, Bytes(LARGEST_WINDOW))
}

fn link(section: &LinkSection) -> Result<(), ScenarioError> {
    span("link.rtt", section.rtt, HOUR)?;
    pipe("up", &section.up)?;
    pipe("down", &section.down)?;
    section.events.iter().try_for_each(event)
}

fn pipe(direction: &str, section: &PipeSection) -> Result<(), ScenarioError> {
    let key = |name: &str| format!("link.{direction}.{name}");
    rate(&key("rate"), section.rate)?;
    span(&key("delay"), section.delay, HOUR)?;
    span(&key("jitter"), section.jitter, HOUR)?;
    if let Some(codel) = section.codel {
        span(&key("codel.target"), codel.target, HOUR)?;
        span(&key("codel.interval"), codel.interval, HOUR)?;
    }
    match section.queue.map(|queue| queue.0) {
        Some(Limit::Bytes(bytes)) => most(&key("queue"), Some(bytes), Bytes(LARGEST_QUEUE)),
        Some(Limit::Packets(packets)) => {
            most(&key("queue"), u64::try_from(packets).ok(), MOST_PACKETS)
        }
        Some(Limit::None) | None => Ok(()),
    }
}

fn event(section: &EventSection) -> Result<(), ScenarioError> {
    span("link.events.delay", section.delay, HOUR)?;
    rate("link.events.rate", section.rate)
}

fn replay(section: &ReplaySection) -> Result<(), ScenarioError> {
    rate("replay.rate", Some(section.rate))?;
    span("replay.rtt", Some(section.rtt), HOUR)?;
    span("replay.interval", section.interval, DAY)?;
    span("replay.deadline", section.deadline, DAY)
}

fn span(key: &str, value: Option<TimeSpan>, longest: Duration) -> Result<(), ScenarioError> {
    match value {
        Some(TimeSpan(span)) if span > longest => {
            let spoken = humantime::format_duration;
            Err(out_of_range(key, spoken(span), spoken(longest)))
        }
        _ => Ok(()),
    }
}

fn rate(key: &str, value: Option<Rate>) -> Result<(), ScenarioError> {
    most(key, value.map(|rate| rate.0), FASTEST)
}

fn most<T: PartialOrd + Display>(
    key: &str,
    value: Option<T>,
    most: T,
) -> Result<(), ScenarioError> {
    match value {
        Some(value) if value > most => Err(out_of_range(key, value, most)),
        _ => Ok(()),
    }
}

fn out_of_range(key: &str, value: impl Display, most: impl Display) -> ScenarioError {
    ScenarioError::value(
        key,
        format!("{value} is out of range, expected at most {most}"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn values_out_of_range_are_told_with_their_range() {
        let check = |text: &str, expected: &str| {
            let text = format!(
                "name = 'x'\nframes = 1\n{text}\n[[policies]]\nname = 'p'\nkind = 'always'\nlevel = 0\n"
            );
            let draft = parse(&text, &[]).unwrap();
            let message = check_of(&draft.0);
            assert!(message.contains(expected), "{message}");
        };
        check(
            "link.up.delay = '2 h'",
            "2h is out of range, expected at most 1h",
        );
        check("link.rtt = '61 min'", "link.rtt: 1h 1m is out of range");
        check(
            "link.down.rate = '101 Gbit/s'",
            "expected at most 100 Gbit/s",
        );
        check(
            "queue = 9223372036854775807",
            "queue: expected a whole number from 1 to 256",
        );
        check(
            "[[link.events]]\nat = '1 s'\ndelay = '2 h'",
            "link.events.delay: 2h is out of range",
        );
    }

    #[test]
    fn no_span_is_longer_than_a_year() {
        let error = parse("link.up.delay = '100000 years'", &[]).unwrap_err();
        assert!(
            error.to_string().contains("no span of time up to a year"),
            "{error}"
        );
    }

    fn check_of(file: &ScenarioFile) -> String {
        check(file).unwrap_err().to_string()
    }
}
