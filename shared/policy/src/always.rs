use crate::setting::LEVEL;
use crate::{Attempt, Conditions, Decision, Policy, PolicyKind, Rung, Verdict};

/// [`Always`] as users name it.
pub(crate) static KIND: PolicyKind = PolicyKind {
    name: "always",
    summary: "one encoding at a fixed level, shipped unseen",
    example: "always:cheapest",
    scored: false,
    settings: &[&LEVEL],
    check: |_| Ok(()),
    build: |config, ladder| {
        let rung = config.get(&LEVEL)?.resolve(ladder)?;
        Ok(Box::new(Always { rung }))
    },
};

/// Encodes once, at a fixed rung, and ships the result unseen: the baseline without a gate.
///
/// When the codec fails it gives up: the same input at the same rung would fail again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Always {
    rung: Rung,
}

impl Policy for Always {
    fn decide(&self, _: &Conditions, attempts: &[Attempt]) -> Decision {
        if attempts.is_empty() {
            return Decision::Encode(self.rung);
        }
        match attempts
            .iter()
            .position(|attempt| attempt.coded().is_some())
        {
            Some(attempt) => Decision::Ship {
                attempt,
                verdict: Verdict::Ungated,
            },
            None => Decision::GiveUp,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use splitsim_feature::units::Bytes;

    use super::*;
    use crate::{Coded, Outcome};

    const CODED: Coded = Coded {
        container: Bytes(9),
        encode_time: Duration::ZERO,
        decode_time: Duration::ZERO,
    };

    fn check(outcomes: &[Outcome], expected: Decision) {
        let rung = Rung(3);
        let attempts: Vec<_> = outcomes
            .iter()
            .map(|&outcome| Attempt { rung, outcome })
            .collect();
        let policy = Always { rung };
        assert_eq!(policy.decide(&Conditions::default(), &attempts), expected);
    }

    #[test]
    fn encodes_once_and_ships_unseen() {
        check(&[], Decision::Encode(Rung(3)));
        check(
            &[Outcome::Unscored(CODED)],
            Decision::Ship {
                attempt: 0,
                verdict: Verdict::Ungated,
            },
        );
    }

    #[test]
    fn gives_up_when_the_codec_fails() {
        let took = Duration::ZERO;
        check(&[Outcome::Failed { took }], Decision::GiveUp);
    }
}
