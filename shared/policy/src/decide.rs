use crate::{Attempt, Conditions, Decision, Policy, Rung};

/// The most attempts at one frame, on the wire and in every record.
pub const MAX_ATTEMPTS: usize = 256;

/// Takes one frame through a policy: makes the attempts that it asks for until it asks for no more (Gao et al., MM'25,
/// §3.2).
///
/// Returns the attempts, in order, and the policy's last decision. That decision is [`Decision::Encode`] only where the
/// policy asks for more than [`MAX_ATTEMPTS`].
///
/// # Errors
/// The error of the attempt that cannot be made.
pub fn decide_frame<E>(
    policy: &dyn Policy,
    conditions: &Conditions,
    mut attempt: impl FnMut(Rung) -> Result<Attempt, E>,
) -> Result<(Vec<Attempt>, Decision), E> {
    let mut attempts = Vec::new();
    loop {
        match policy.decide(conditions, &attempts) {
            Decision::Encode(rung) if attempts.len() < MAX_ATTEMPTS => {
                attempts.push(attempt(rung)?);
            }
            end => return Ok((attempts, end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use super::*;
    use crate::{LadderLen, Outcome, PolicyConfig};

    fn failed(rung: Rung) -> Attempt {
        let took = Duration::from_millis(5);
        let outcome = Outcome::Failed { took };
        Attempt { rung, outcome }
    }

    fn climbing() -> crate::ResolvedPolicy {
        let config: PolicyConfig = "threshold:cosine>=0.9,max-attempts=3".parse().unwrap();
        config.resolve(LadderLen::new(5).unwrap()).unwrap()
    }

    #[test]
    fn attempts_are_made_as_the_policy_asks_until_it_ends_the_frame() {
        let attempt = |rung| Ok::<_, Infallible>(failed(rung));
        let Ok((attempts, end)) = decide_frame(&climbing(), &Conditions::default(), attempt);
        let rungs: Vec<u8> = attempts.iter().map(|attempt| attempt.rung.0).collect();
        assert_eq!(
            (rungs.as_slice(), end),
            ([0, 1, 2].as_slice(), Decision::GiveUp)
        );
    }

    #[test]
    fn an_attempt_that_cannot_be_made_ends_it() {
        let attempt = |rung: Rung| match rung.0 {
            0 => Ok(failed(rung)),
            _ => Err(rung),
        };
        let ended = decide_frame(&climbing(), &Conditions::default(), attempt);
        assert_eq!(ended, Err(Rung(1)));
    }

    #[test]
    fn a_policy_that_never_ends_is_ended() {
        struct Forever;
        impl Policy for Forever {
            fn decide(&self, _: &Conditions, _: &[Attempt]) -> Decision {
                Decision::Encode(Rung(0))
            }
        }
        let attempt = |rung| Ok::<_, Infallible>(failed(rung));
        let Ok((attempts, end)) = decide_frame(&Forever, &Conditions::default(), attempt);
        assert_eq!(
            (attempts.len(), end),
            (MAX_ATTEMPTS, Decision::Encode(Rung(0)))
        );
    }
}
