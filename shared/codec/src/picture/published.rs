use splitsim_feature::Task;
use splitsim_model::ValueRange;

/// The value ranges of the CFQA benchmark's script for HM and VTM (`coding/CFQA`, global extremes of
/// ViT-g features over its data set), one per layer: cls and seg have one, dpt has four.
///
/// Values of other models may lie outside; they are clamped, and counted.
#[must_use]
pub fn published_ranges(task: Task) -> Vec<ValueRange> {
    let table: &[(f32, f32)] = match task {
        Task::Cls => &[(-542.31, 94.15)],
        Task::Seg => &[(-506.97, 105.95)],
        Task::Dpt => &[
            (-2.38, 3.27),
            (-26.44, 5.03),
            (-323.30, 25.05),
            (-504.43, 100.27),
        ],
    };
    let ranges = table.iter().map(|&(min, max)| ValueRange::new(min, max));
    ranges.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_its_layers() {
        let layers = Task::ALL.map(|task| published_ranges(task).len());
        assert_eq!(layers, [1, 1, 4]);
    }
}
