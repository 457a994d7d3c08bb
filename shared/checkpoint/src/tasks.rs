use std::collections::BTreeMap;

use splitsim_feature::Task;
use splitsim_model::{Architecture, ClsTask, DptTask, RangeTable, SegTask, TaskCommon, Tasks};

use crate::heads::HeadPlan;
use crate::template::Template;

/// The manifest's tasks; heads tell taps and classes, the template what they do not.
pub(crate) fn tasks(
    template: &Template,
    architecture: &Architecture,
    heads: &BTreeMap<Task, HeadPlan<'_>>,
) -> Tasks {
    let [cls, seg, dpt] = [Task::Cls, Task::Seg, Task::Dpt].map(|task| heads.get(&task));
    let last = vec![architecture.depth];
    let usual = |classes: &[usize]| classes.first().copied().unwrap_or_default();
    let outputs = |head: Option<&HeadPlan<'_>>, classes: &[usize]| {
        head.map_or_else(|| usual(classes), |head| head.outputs)
    };
    let taps = |head: Option<&HeadPlan<'_>>, usual: &Vec<usize>| {
        head.map_or_else(|| usual.clone(), |head| head.taps.clone())
    };
    Tasks {
        cls: Some(ClsTask {
            common: TaskCommon {
                ranges: published(&template.cls.ranges, &last, &taps(cls, &last)),
                taps: taps(cls, &last),
                ladders: template.cls.ladders.clone(),
                tables: BTreeMap::new(),
            },
            classes: outputs(cls, &template.cls.classes),
            preprocess: template.cls.preprocess,
        }),
        seg: Some(SegTask {
            common: TaskCommon {
                ranges: published(&template.seg.ranges, &last, &last),
                taps: last.clone(),
                ladders: template.seg.ladders.clone(),
                tables: BTreeMap::new(),
            },
            classes: outputs(seg, &template.seg.classes),
            preprocess: template.seg.preprocess,
        }),
        dpt: Some(DptTask {
            common: TaskCommon {
                ranges: published(
                    &template.dpt.ranges,
                    &template.dpt.taps,
                    &taps(dpt, &template.dpt.taps),
                ),
                taps: taps(dpt, &template.dpt.taps),
                ladders: template.dpt.ladders.clone(),
                tables: BTreeMap::new(),
            },
            bins: template.dpt.bins,
            min_depth_m: template.dpt.min_depth_m,
            max_depth_m: template.dpt.max_depth_m,
            preprocess: template.dpt.preprocess,
        }),
    }
}

/// The published ranges of those of `published_taps` that are tapped; none when one is missing.
fn published(ranges: &RangeTable, published_taps: &[usize], taps: &[usize]) -> RangeTable {
    let range = |tap| {
        let index = published_taps
            .iter()
            .position(|published| published == tap)?;
        ranges.0.get(index).copied()
    };
    RangeTable(
        taps.iter()
            .map(range)
            .collect::<Option<_>>()
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Template;

    #[test]
    fn ranges_are_taken_only_for_the_taps_that_they_were_published_for() {
        let giant = Template::find("dinov2-vitg14").unwrap();
        let of = |taps: &[usize]| published(&giant.dpt.ranges, &giant.dpt.taps, taps);
        assert_eq!(of(&[10, 20, 30, 40]), giant.dpt.ranges);
        // The last block's, for the depth head of one layer.
        assert_eq!(of(&[40]).0, giant.dpt.ranges.0[3..]);
        assert!(of(&[39, 40]).is_empty());
        let small = Template::find("dinov2-vits14").unwrap();
        let tasks = tasks(&small, &small.architecture, &BTreeMap::new());
        assert!(tasks.dpt.unwrap().common.ranges.is_empty());
    }
}
