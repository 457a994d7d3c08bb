//! Groups of policies that went over the same pictures, so that their figures can be compared.

use std::collections::{BTreeMap, BTreeSet};

use splitsim_feature::Task;

use crate::RecordedRun;
use crate::shipment::Shipment;

/// Policies whose figures describe the same pictures, at least in part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cohort<'a> {
    /// The policies' numbers in the run.
    pub(crate) policies: Vec<usize>,
    /// The pictures that all of them have.
    pub(crate) shared: BTreeSet<&'a str>,
    /// The model that they ran with.
    model: &'a str,
    /// The known properties of each picture, by its name.
    pictures: BTreeMap<&'a str, Picture<'a>>,
}

/// Properties that tell apart pictures of the same name.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Picture<'a> {
    /// Digest of its samples.
    digest: Option<&'a str>,
    /// Performance of the task on its original feature.
    original: Option<f64>,
}

impl<'a> Picture<'a> {
    /// Fills in what another frame knows of the same picture.
    fn or(self, other: Self) -> Self {
        Self {
            digest: self.digest.or(other.digest),
            original: self.original.or(other.original),
        }
    }

    /// `true` if the two may be the same picture: if their digests are equal or, without both digests, if the
    /// task performs equally on both.
    fn may_be(self, other: Self) -> bool {
        match (
            self.digest.zip(other.digest),
            self.original.zip(other.original),
        ) {
            (Some((one, other)), _) => one == other,
            // Machines differ in the last digits.
            (None, Some((one, other))) => (one - other).abs() <= 1e-3 * one.abs().max(1.0),
            (None, None) => true,
        }
    }
}

impl RecordedRun {
    /// The policies that have frames of a task, in groups that can be compared.
    ///
    /// Two policies can be compared if they ran the same model and share pictures. Pictures are matched by name
    /// and, as different pictures may have the same name, by digest or else by the task's performance on the
    /// original, if both are known.
    pub(crate) fn cohorts(&self, task: Task) -> Vec<Cohort<'_>> {
        let shipments = self.shipments(task);
        let mut cohorts: Vec<Cohort<'_>> = Vec::new();
        for policy in 0..self.policies.len() {
            let of = shipments.iter().filter(|one| one.policy == policy);
            let Some(alone) = self.alone(policy, of) else {
                continue;
            };
            match cohorts.iter_mut().find(|cohort| cohort.suits(&alone)) {
                Some(cohort) => cohort.join(alone),
                None => cohorts.push(alone),
            }
        }
        cohorts
    }

    /// A policy by itself; `None` if it has no frame.
    fn alone<'a, 'b>(
        &'a self,
        policy: usize,
        shipments: impl Iterator<Item = &'b Shipment<'a>>,
    ) -> Option<Cohort<'a>>
    where
        'a: 'b,
    {
        let mut pictures: BTreeMap<&str, Picture<'_>> = BTreeMap::new();
        for one in shipments {
            let frame = &one.logged.frame;
            let known = pictures.entry(frame.source.as_str()).or_default();
            *known = known.or(Picture {
                digest: frame.picture_digest.as_deref(),
                original: one.logged.distortion.and_then(|truth| truth.original),
            });
        }
        (!pictures.is_empty()).then(|| Cohort {
            policies: vec![policy],
            shared: pictures.keys().copied().collect(),
            model: self.model_of(policy),
            pictures,
        })
    }

    /// Digest of the model package of a policy's runs.
    fn model_of(&self, policy: usize) -> &str {
        let mut runs = self.runs.iter();
        let run = runs.find(|run| self.policy_of(&run.run_id) == self.policies[policy]);
        run.map_or("", |run| &run.model_digest)
    }
}

impl<'a> Cohort<'a> {
    /// `true` if the figures of `other` can be compared with those of all policies here.
    fn suits(&self, other: &Self) -> bool {
        let mut common = self.shared.intersection(&other.shared).peekable();
        self.model == other.model
            && common.peek().is_some()
            && common.all(|name| self.known(name).may_be(other.known(name)))
    }

    fn known(&self, picture: &str) -> Picture<'a> {
        self.pictures.get(picture).copied().unwrap_or_default()
    }

    fn join(&mut self, other: Self) {
        self.policies.extend(other.policies);
        self.shared = &self.shared & &other.shared;
        for (name, picture) in other.pictures {
            let known = self.pictures.entry(name).or_default();
            *known = known.or(picture);
        }
    }

    /// The frames of one of its policies on the pictures that all have.
    pub(crate) fn shipments<'b>(
        &'b self,
        policy: usize,
        of_task: &'b [Shipment<'a>],
    ) -> impl Iterator<Item = &'b Shipment<'a>> {
        let of_policy = of_task.iter().filter(move |one| one.policy == policy);
        of_policy.filter(|one| self.shared.contains(one.logged.frame.source.as_str()))
    }

    /// `a, b`.
    pub(crate) fn names(&self, run: &RecordedRun) -> String {
        let names = self.policies.iter().map(|&at| run.policies[at].as_str());
        names.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn cohorts(change: impl Fn(&mut RecordedRun)) -> Vec<(Vec<usize>, usize)> {
        let (_dir, mut run) = samples::run(4);
        change(&mut run);
        let cohorts = run.cohorts(Task::Seg).into_iter();
        cohorts
            .map(|one| (one.policies, one.shared.len()))
            .collect()
    }

    /// Frames of the policy `always`.
    fn always(run: &mut RecordedRun) -> impl Iterator<Item = &mut splitsim_results::LoggedFrame> {
        let frames = run.frames.iter_mut();
        frames.filter(|one| one.frame.key.run_id.ends_with("always"))
    }

    #[test]
    fn policies_over_the_same_pictures_are_together() {
        assert_eq!(cohorts(|_| {}), [(vec![0, 1], 4)]);
    }

    #[test]
    fn policies_over_other_pictures_are_apart() {
        let renamed = |run: &mut RecordedRun| {
            always(run).for_each(|one| one.frame.source.insert(0, 'x'));
        };
        assert_eq!(cohorts(renamed), [(vec![0], 4), (vec![1], 4)]);
    }

    #[test]
    fn pictures_that_only_one_has_are_left_out() {
        let renamed = |run: &mut RecordedRun| {
            always(run)
                .take(3)
                .for_each(|one| one.frame.source.insert(0, 'x'));
        };
        assert_eq!(cohorts(renamed), [(vec![0, 1], 1)]);
    }

    #[test]
    fn other_pictures_of_the_same_names_are_found_out_by_their_performance() {
        let other = |run: &mut RecordedRun| {
            let truths = always(run).filter_map(|one| one.distortion.as_mut());
            truths.for_each(|truth| truth.original = Some(35.0));
        };
        assert_eq!(cohorts(other), [(vec![0], 4), (vec![1], 4)]);
    }

    #[test]
    fn digests_tell_pictures_of_one_name_apart() {
        let digests = |of_always: &'static str| {
            move |run: &mut RecordedRun| {
                let all = run.frames.iter_mut();
                all.for_each(|one| one.frame.picture_digest = Some("a".to_owned()));
                let own = always(run);
                own.for_each(|one| one.frame.picture_digest = Some(of_always.to_owned()));
            }
        };
        assert_eq!(cohorts(digests("a")), [(vec![0, 1], 4)]);
        assert_eq!(cohorts(digests("b")), [(vec![0], 4), (vec![1], 4)]);
    }
}
