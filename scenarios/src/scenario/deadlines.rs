//! Deadlines that no frame can meet.

use std::time::Duration;

use splitsim_policy::setting::DEADLINE;

use super::{LinkPlan, PlannedPolicy, ReplayPlan, ScenarioError};

/// Refuses deadlines that are over before the first bit has come through the link.
pub(super) fn check(
    policies: &[PlannedPolicy],
    link: Option<&LinkPlan>,
    replay: Option<&ReplayPlan>,
) -> Result<(), ScenarioError> {
    if let Some(plan) = replay
        && let Some(deadline) = plan.deadline
    {
        within("replay.deadline", deadline, plan.rtt / 2, "replay.rtt")?;
    }
    for policy in policies {
        let configs = policy.of_task.values();
        let deadline = configs.filter_map(|config| config.find(&DEADLINE));
        for by in deadline {
            let key = format!("policies.{}.deadline", policy.name);
            if let Some(plan) = replay {
                within(&key, by, plan.rtt / 2, "replay.rtt")?;
            }
            if let Some(plan) = link {
                within(&key, by, plan.config.up.delay, "link")?;
            }
        }
    }
    Ok(())
}

fn within(
    key: &str,
    deadline: Duration,
    delay: Duration,
    because: &str,
) -> Result<(), ScenarioError> {
    match deadline > delay {
        true => Ok(()),
        false => {
            let (deadline, delay) = (
                humantime::format_duration(deadline),
                humantime::format_duration(delay),
            );
            let reason =
                format!("nothing arrives within {deadline}: by {because}, a bit takes {delay}");
            Err(ScenarioError::value(key, reason))
        }
    }
}
