use splitsim_feature::Task;

/// The true distortion up to which a frame is within its limit, by task.
///
/// The default is a choice for reading: no lost rank for cls, 1 mIoU point for seg, 0.02 m of RMSE for dpt. It
/// judges single frames; the targets of `splitsim model calibrate` bound means and are others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Ranks.
    pub cls: f64,
    /// mIoU points.
    pub seg: f64,
    /// Metres of RMSE.
    pub dpt: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            cls: 0.0,
            seg: 1.0,
            dpt: 0.02,
        }
    }
}

impl Limits {
    /// A task's limit, to be changed.
    pub const fn of_mut(&mut self, task: Task) -> &mut f64 {
        match task {
            Task::Cls => &mut self.cls,
            Task::Seg => &mut self.seg,
            Task::Dpt => &mut self.dpt,
        }
    }

    /// A task's limit.
    #[must_use]
    pub const fn of(&self, task: Task) -> f64 {
        match task {
            Task::Cls => self.cls,
            Task::Seg => self.seg,
            Task::Dpt => self.dpt,
        }
    }
}

/// The unit of a task's distortion.
#[must_use]
pub const fn unit(task: Task) -> &'static str {
    match task {
        Task::Cls => "ranks",
        Task::Seg => "mIoU points",
        Task::Dpt => "m of RMSE",
    }
}

/// The task in words.
#[must_use]
pub const fn title(task: Task) -> &'static str {
    match task {
        Task::Cls => "Classification",
        Task::Seg => "Segmentation",
        Task::Dpt => "Depth",
    }
}

/// Decimals with which a task's distortion is shown.
pub(crate) const fn decimals(task: Task) -> usize {
    match task {
        Task::Cls | Task::Seg => 2,
        Task::Dpt => 4,
    }
}
