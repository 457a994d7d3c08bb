//! The table of rules. ARCHITECTURE.md draws the arrows; this is what keeps them.

use std::fmt;

/// `from` must not depend on `to`, directly or through others (dev-dependencies do not count).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    pub(crate) from: Crates,
    pub(crate) to: Crates,
    pub(crate) why: &'static str,
}

/// A set of crates, by name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Crates {
    /// These, of the workspace or not.
    Only(&'static [&'static str]),
    /// Every crate of the workspace but these.
    MembersBut(&'static [&'static str]),
}

use Crates::{MembersBut, Only};

const TORCH: &str = "tch";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        from: MembersBut(&[
            "splitsim-vision",
            "splitsim-hyperprior",
            "splitsim-edge",
            "splitsim-cloud",
            "splitsim-scenarios",
            "splitsim-tests",
        ]),
        to: Only(&[TORCH]),
        why: "models and learned codecs own libtorch; what lies beside them builds and is tested without",
    },
    Rule {
        from: Only(&[
            "splitsim-text",
            "splitsim-feature",
            "splitsim-model",
            "splitsim-codec",
            "splitsim-latent",
            "splitsim-cfqa",
            "splitsim-lab",
            "splitsim-table",
            "splitsim-durable",
            "splitsim-checkpoint",
            "splitsim-policy",
            "splitsim-scenes",
            "splitsim-source",
            "splitsim-truth",
            "splitsim-replay",
            "splitsim-link",
            "splitsim-report",
            "splitsim-story",
        ]),
        to: Only(&[TORCH, "tokio", "quinn"]),
        why: "the core takes arrays, bytes and times as arguments: no network, no runtime",
    },
    Rule {
        from: Only(&["splitsim-latent"]),
        to: MembersBut(&[]),
        why: "entropy coding takes integers: what they are of is no affair of it",
    },
    Rule {
        from: Only(&["splitsim-text"]),
        to: MembersBut(&[]),
        why: "reading a file is the same whatever it holds",
    },
    Rule {
        from: Only(&["splitsim-policy"]),
        to: MembersBut(&["splitsim-feature", "splitsim-text"]),
        why: "a decision is pure: scores, bytes and times come in, an action goes out",
    },
    Rule {
        from: Only(&["splitsim-cfqa"]),
        to: MembersBut(&["splitsim-feature", "splitsim-text"]),
        why: "a metric sees two features, not how they were made",
    },
    Rule {
        from: Only(&["splitsim-lab"]),
        to: MembersBut(&[
            "splitsim-feature",
            "splitsim-cfqa",
            "splitsim-table",
            "splitsim-text",
            "splitsim-durable",
        ]),
        why: "statistics are of tables of scores, whoever made them",
    },
    Rule {
        from: Only(&["splitsim-durable"]),
        to: MembersBut(&[]),
        why: "a file that survives a kill is the same whatever is in it",
    },
    Rule {
        from: Only(&["splitsim-table"]),
        to: MembersBut(&["splitsim-durable", "splitsim-text"]),
        why: "a table does not know what it is of",
    },
    Rule {
        from: Only(&["splitsim-display"]),
        to: MembersBut(&[]),
        why: "showing a text needs nothing but the text",
    },
    Rule {
        from: Only(&["splitsim-cli"]),
        to: MembersBut(&["splitsim-display"]),
        why: "the shell of the programs is the same whatever they do",
    },
    Rule {
        from: MembersBut(&[
            "splitsim-edge",
            "splitsim-cloud",
            "splitsim-scenarios",
            "splitsim-tests",
        ]),
        to: Only(&["splitsim-cli"]),
        why: "libraries do not write to the streams of the process, nor end it",
    },
    Rule {
        from: Only(&["splitsim-proto"]),
        to: MembersBut(&["splitsim-display", "splitsim-feature", "splitsim-text"]),
        why: "the wire format depends on nobody who speaks it",
    },
    Rule {
        from: Only(&["splitsim-edge"]),
        to: Only(&["splitsim-cloud"]),
        why: "edge and cloud meet in the bitstream and the messages only",
    },
    Rule {
        from: Only(&["splitsim-cloud"]),
        to: Only(&["splitsim-edge"]),
        why: "edge and cloud meet in the bitstream and the messages only",
    },
    Rule {
        from: Only(&["splitsim-edge"]),
        to: Only(&["splitsim-results"]),
        why: "the edge cannot see the true distortion",
    },
    Rule {
        from: MembersBut(&["splitsim-tests"]),
        to: Only(&["splitsim-scenarios"]),
        why: "the experiment runner is the top of the workspace",
    },
    Rule {
        from: Only(&["xtask"]),
        to: MembersBut(&[]),
        why: "xtask fetches what the others need to build, so it builds without them",
    },
];

impl Crates {
    /// Whether a crate belongs to the set; `is_member` says whether it is of the workspace.
    pub(crate) fn contains(&self, name: &str, is_member: bool) -> bool {
        match self {
            Only(names) => names.contains(&name),
            MembersBut(names) => is_member && !names.contains(&name),
        }
    }

    /// The crates that it spells out.
    pub(crate) fn names(&self) -> &'static [&'static str] {
        match self {
            Only(names) | MembersBut(names) => names,
        }
    }
}

impl fmt::Display for Crates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names().join(", ");
        match self {
            Only(_) => write!(f, "{names}"),
            MembersBut([]) => write!(f, "any crate of the workspace"),
            MembersBut(_) => write!(f, "any crate of the workspace but {names}"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, why } = self;
        write!(f, "from: {from}\n  must not reach: {to}\n  because: {why}")
    }
}
