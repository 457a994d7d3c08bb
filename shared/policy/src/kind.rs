//! Kinds of policies: everything that a command line, a scenario and a help text need to know of one.

use splitsim_registry::Entry;

use crate::setting::AnySetting;
use crate::{LadderLen, POLICIES, Policy, PolicyConfig, PolicyError};

/// A kind of policy.
///
/// ```
/// use splitsim_policy::{
///     Attempt, Conditions, Decision, LadderLen, Policy, PolicyConfig, PolicyKind, POLICIES, Rung, Verdict,
/// };
///
/// /// Ships the middle level, unseen.
/// struct Middle(Rung);
///
/// impl Policy for Middle {
///     fn decide(&self, _: &Conditions, attempts: &[Attempt]) -> Decision {
///         match attempts {
///             [] => Decision::Encode(self.0),
///             _ => Decision::Ship { attempt: 0, verdict: Verdict::Ungated },
///         }
///     }
/// }
///
/// static MIDDLE: PolicyKind = PolicyKind {
///     name: "middle",
///     summary: "the middle level, unseen",
///     example: "middle",
///     scored: false,
///     settings: &[],
///     check: |_| Ok(()),
///     build: |_, ladder| Ok(Box::new(Middle(Rung(ladder.get() / 2)))),
/// };
///
/// POLICIES.add(&MIDDLE).expect("no other policy has the name");
/// let config: PolicyConfig = "middle".parse()?;
/// let policy = config.resolve(LadderLen::new(9)?)?;
/// assert_eq!(policy.decide(&Conditions::default(), &[]), Decision::Encode(Rung(4)));
/// # Ok::<(), splitsim_policy::PolicyError>(())
/// ```
pub struct PolicyKind {
    /// The name in texts, scenarios and results.
    pub name: &'static str,
    /// The rule by which it decides, in a phrase.
    pub summary: &'static str,
    /// A complete policy of the kind.
    pub example: &'static str,
    /// `true` if it has a criterion, and attempts are scored for it. Its text form is
    /// `NAME:CRITERION,SETTING=VALUE,…`; that of a policy without a criterion is `NAME:VALUE,SETTING=VALUE,…`,
    /// where the first value is that of the first setting.
    pub scored: bool,
    /// The settings, in the order in which they are printed.
    pub settings: &'static [&'static dyn AnySetting],
    /// Refuses settings that contradict each other.
    pub check: fn(&PolicyConfig) -> Result<(), PolicyError>,
    /// The policy on a ladder, before its first frame.
    pub build: Build,
}

/// Makes a policy with given settings for a ladder of given length.
pub type Build = fn(&PolicyConfig, LadderLen) -> Result<Box<dyn Policy>, PolicyError>;

impl PolicyKind {
    /// The names of the settings.
    pub fn setting_names(&self) -> impl Iterator<Item = &'static str> {
        self.settings.iter().map(|setting| setting.about().name)
    }

    /// A setting by its name, or by an earlier one.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&'static dyn AnySetting> {
        let mut settings = self.settings.iter().copied();
        settings.find(|setting| {
            let about = setting.about();
            about.name == name || about.earlier.contains(&name)
        })
    }

    /// Complete policies, one of every kind.
    #[must_use]
    pub fn examples() -> Vec<&'static str> {
        POLICIES.all().iter().map(|kind| kind.example).collect()
    }
}

impl Entry for PolicyKind {
    fn name(&self) -> &'static str {
        self.name
    }
}

impl std::fmt::Debug for PolicyKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PolicyKind({})", self.name)
    }
}

/// There is one kind of a name.
impl PartialEq for PolicyKind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
