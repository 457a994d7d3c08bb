use splitsim_feature::Task;

/// An error that explains why a ground truth or head output is invalid, or a
/// performance undefined.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TruthError {
    /// A map without pixels, or no logits.
    #[error("empty {what}")]
    Empty {
        /// The name of the empty value.
        what: &'static str,
    },
    /// A value is NaN or infinite, or a depth negative.
    #[error("{what}: value {value} at flat index {index}, expected {expected}")]
    Value {
        /// The name of the map or vector that holds the value.
        what: &'static str,
        /// Its position in row-major order.
        index: usize,
        /// The value found.
        value: f32,
        /// The permitted values.
        expected: &'static str,
    },
    /// A predicted class that the head does not have.
    #[error("predicted class {class} at flat index {index}, the head has {classes} classes")]
    PredictedClass {
        /// Position in row-major order.
        index: usize,
        /// The class found.
        class: u8,
        /// Classes of the head.
        classes: u8,
    },
    /// A label that no logit belongs to.
    #[error("label {label} has no logit, the head has {classes} classes")]
    LabelBeyondClasses {
        /// The image's label.
        label: u32,
        /// Logits given.
        classes: usize,
    },
    /// A mask of another data set: one of its classes is none of the head's.
    #[error(
        "the mask's class {class} ({pixels} pixels) is none of the head's {classes} classes, 0 to {}; \
         {} marks pixels that are not judged", classes - 1, crate::Mask::IGNORE
    )]
    MaskBeyondClasses {
        /// The greatest class of the mask.
        class: u8,
        /// Pixels of that class.
        pixels: usize,
        /// Classes of the head, at least 1.
        classes: usize,
    },
    /// Truth and prediction differ in size.
    #[error(
        "{what}: prediction is {predicted:?} [height, width], truth {expected:?}: resize the prediction first"
    )]
    Size {
        /// The name of the compared maps.
        what: &'static str,
        /// `[height, width]` of the ground truth.
        expected: [usize; 2],
        /// `[height, width]` of the prediction.
        predicted: [usize; 2],
    },
    /// Predictions of different heads in one accumulation.
    #[error("prediction has {actual} classes, those before it {expected}")]
    ClassCount {
        /// Classes of the predictions so far.
        expected: u8,
        /// Classes of this prediction.
        actual: u8,
    },
    /// The crop is defined for images of another size.
    #[error("the eigen crop is defined for 480x640 images, this one is {actual:?} [height, width]")]
    Crop {
        /// `[height, width]` of the ground truth.
        actual: [usize; 2],
    },
    /// Things of different tasks.
    #[error("{operation}: task {actual}, expected {expected}")]
    Task {
        /// The operation that was to be done.
        operation: &'static str,
        /// The task of the first operand.
        expected: Task,
        /// The task of the second.
        actual: Task,
    },
    /// A predicted depth of which no logarithm can be taken.
    #[error("a predicted depth of {metres} m has no logarithm: clamp it to the head's least depth")]
    NotPositive {
        /// The depth.
        metres: f64,
    },
    /// No pixel of the ground truth can be judged.
    #[error("{what} is undefined: no pixel of the ground truth is valid")]
    NoValidPixel {
        /// The performance asked for.
        what: &'static str,
    },
    /// A number that is no such performance.
    #[error("{value} is no {what}, expected {expected}")]
    Performance {
        /// The performance meant.
        what: &'static str,
        /// The number given.
        value: f64,
        /// The permitted values.
        expected: &'static str,
    },
}
