use splitsim_codec::container::{Header, Ranges, SymbolDigest};
use splitsim_codec::quantise::BitDepth;
use splitsim_codec::{CodecError, CodecId, Container, Encoded, Ladder};
use splitsim_feature::{FeatureShape, Task, TokenLayout};

use super::*;

/// A codec whose level L adds an error of `errors[L]` to every value, or fails where there is
/// none.
struct FakeCodec {
    ladder: Ladder,
    errors: Vec<Option<f32>>,
}

impl FeatureCodec for FakeCodec {
    fn id(&self) -> CodecId {
        CodecId::Hevc
    }

    fn ladder(&self) -> &Ladder {
        &self.ladder
    }

    fn tables_digest(&self) -> Digest {
        Digest::of(b"fake")
    }

    fn encode_and_decode(&self, feature: &Feature, level: Level) -> Result<Encoded, CodecError> {
        let error = self.errors[level.index()].ok_or(CodecError::NoSuchLevel {
            level: level.index(),
            levels: 0,
        })?;
        let values = feature.values().iter().map(|value| value + error).collect();
        let header = Header {
            codec: CodecId::Hevc,
            task: Task::Cls,
            level,
            shape: feature.shape(),
            depth: BitDepth::TEN,
            ranges: Ranges::Package([0; 8]),
            symbols: SymbolDigest([0; 8]),
        };
        Ok(Encoded {
            container: Container::new(header, vec![level.0; 9].into())?,
            reconstruction: Feature::new(feature.shape(), values)?,
            clamped_points: 0,
            encode: Duration::from_millis(3),
            decode: Duration::from_millis(2),
        })
    }

    fn decode(&self, _: &Container) -> Result<Feature, CodecError> {
        unreachable!("an edge decodes as part of an attempt")
    }
}

fn choose(policy: &str, errors: &[Option<f32>]) -> (Gated, usize) {
    let rung = |level: usize| splitsim_codec::Rung {
        parameter: level as f64,
        label: format!("step {level}"),
    };
    let codec = FakeCodec {
        ladder: Ladder::new((0..errors.len()).map(rung).collect()).unwrap(),
        errors: errors.to_vec(),
    };
    let policy: PolicyConfig = policy.parse().unwrap();
    let recorded = [Metric::Cosine, Metric::Mse];
    let gate = Gate::new(Box::new(codec), &policy, &recorded).unwrap();
    let shape = FeatureShape::new(1, 1, 2, 2).unwrap();
    let feature = Feature::new(shape, vec![1.0, 2.0, 3.0, -4.0]).unwrap();
    let mut heard = 0;
    let conditions = Conditions::default();
    let (decided, gated) = gate.choose(7, &feature, conditions, |index, _| {
        assert_eq!(index, heard);
        heard += 1;
    });
    assert_eq!((decided.frame, decided.attempts.len()), (7, heard));
    let ladder = LadderLen::new(errors.len()).unwrap();
    let mut fresh = policy.resolve(ladder).unwrap();
    assert_eq!(splitsim_policy::replay(&mut fresh, &[decided]), Ok(()));
    (gated, heard)
}

fn shipped(policy: &str, errors: &[Option<f32>]) -> (Choice, usize) {
    match choose(policy, errors) {
        (Gated::Shipped(choice), heard) => (*choice, heard),
        (other, _) => panic!("{other:?}"),
    }
}

#[test]
fn the_bytes_that_passed_are_shipped_and_every_attempt_is_recorded() {
    let errors = [Some(3.0), None, Some(0.5), Some(0.0)];
    let (choice, heard) = shipped("threshold:mse<=1", &errors);
    assert_eq!((heard, choice.shipped), (3, 2));
    assert_eq!(choice.verdict, Verdict::Passed);
    let levels: Vec<u32> = choice
        .attempts
        .iter()
        .map(|attempt| attempt.level)
        .collect();
    assert_eq!(levels, [0, 1, 2]);
    assert!(choice.attempts[1].failed.is_some() && choice.attempts[1].scores.is_empty());
    let shipped = &choice.attempts[2];
    assert_eq!(shipped.label.as_str(), "step 2");
    assert_eq!(shipped.container_bytes, units::Bytes::of(&choice.container));
    let score = |index: usize| {
        (
            shipped.scores[index].metric().as_str(),
            shipped.scores[index].value(),
        )
    };
    assert_eq!(score(0), ("mse", 0.25));
    assert_eq!(score(1).0, "cosine");
    let container = Container::parse(&choice.container, &Default::default()).unwrap();
    assert_eq!(container.header().level, Level(2));
}

#[test]
fn the_best_of_all_is_shipped_when_none_passes() {
    let errors = [Some(3.0), Some(0.5), Some(0.7)];
    let (choice, heard) = shipped("threshold:mse<=0.001", &errors);
    assert_eq!((heard, choice.shipped), (3, 1));
    assert_eq!(choice.verdict, Verdict::BestEffort);
}

#[test]
fn nothing_is_shipped_when_every_attempt_fails() {
    let (Gated::Failed(error), 2) = choose("threshold:mse<=1", &[None, None]) else {
        panic!("two attempts and no result expected");
    };
    let message = error.to_string();
    assert!(
        message.starts_with("no attempt of 2 gave anything to ship: no level 1"),
        "{message}"
    );
}

#[test]
fn without_a_gate_one_attempt_is_made() {
    let (choice, heard) = shipped("always:richest", &[Some(3.0), Some(9.0)]);
    assert_eq!(
        (heard, choice.shipped, choice.verdict),
        (1, 0, Verdict::Ungated)
    );
    assert_eq!(choice.attempts[0].level, 1);
}

/// A gate under a budget that pays for two frames, of 55 bytes each.
fn budgeted() -> Gate {
    let rung = splitsim_codec::Rung {
        parameter: 0.0,
        label: "step 0".to_owned(),
    };
    let codec = FakeCodec {
        ladder: Ladder::new(vec![rung]).unwrap(),
        errors: vec![Some(0.5)],
    };
    let policy: PolicyConfig = "budget:mse<=1,rate=1B/s,burst=130B".parse().unwrap();
    Gate::new(Box::new(codec), &policy, &[]).unwrap()
}

#[test]
fn a_frame_whose_decision_stands_is_paid_for_once() {
    let shape = FeatureShape::new(1, 1, 2, 2).unwrap();
    let feature = Feature::new(shape, vec![1.0, 2.0, 3.0, -4.0]).unwrap();
    let decide = |gate: &mut Gate, frame| {
        let (decided, gated) = gate.choose(frame, &feature, Conditions::default(), |_, _| {});
        gate.observe(&decided);
        (decided, gated)
    };
    let mut live = budgeted();
    let (first, Gated::Shipped(choice)) = decide(&mut live, 0) else {
        panic!("the budget pays for the first");
    };

    // A kill came between the decision and the sending: the frame is made again.
    let mut continued = budgeted();
    continued.resume(std::slice::from_ref(&first));
    let Gated::Shipped(again) = continued.repeat(&first, &feature, |_, _| {}) else {
        panic!("what was decided stands");
    };
    assert_eq!(
        (again.shipped, &again.container),
        (choice.shipped, &choice.container)
    );
    for frame in 1..3 {
        let (of_live, of_continued) = (decide(&mut live, frame), decide(&mut continued, frame));
        assert_eq!(of_live.0.end, of_continued.0.end, "frame {frame}");
        let shipped = matches!(of_continued.1, Gated::Shipped(_));
        assert_eq!(shipped, frame == 1, "the budget pays for two frames");
    }
}

#[test]
fn what_a_policy_drops_is_no_failure() {
    let dropped = choose("bisect:mse<=0.001,fallback=drop", &[Some(3.0), Some(0.5)]);
    assert!(matches!(dropped, (Gated::Dropped { attempts: 1 }, 1)));
}

/// Class token, a register and two patches; the codec adds one to every value.
#[test]
fn registers_are_no_patches_to_the_gate() {
    let rung = splitsim_codec::Rung {
        parameter: 0.0,
        label: "step 0".to_owned(),
    };
    let codec = FakeCodec {
        ladder: Ladder::new(vec![rung]).unwrap(),
        errors: vec![Some(1.0)],
    };
    let policy: PolicyConfig = "threshold:cosine-patch-mean>=0.5".parse().unwrap();
    let gate = Gate::new(Box::new(codec), &policy, &[]).unwrap();
    let shape = FeatureShape::new(1, 1, 4, 2).unwrap();
    let values = vec![5.0, 5.0, 90.0, -90.0, 1.0, 0.0, 3.0, 0.0];
    let feature = Feature::new(shape, values).unwrap();
    let score = |registers| {
        let feature = feature.clone().with_layout(TokenLayout { registers });
        let (_, gated) = gate.choose(0, &feature, Conditions::default(), |_, _| ());
        let Gated::Shipped(choice) = gated else {
            panic!("{gated:?}");
        };
        choice.attempts[0].scores[0].value()
    };
    // Sums of the patches: (4, 0), and (6, 2) once coded.
    let expected = 24.0 / (4.0 * 40.0f64.sqrt());
    assert!((score(1) - expected).abs() < 1e-12);
    // With the register as a patch: (94, -90) and (97, -87).
    let wrong = (94.0 * 97.0 + 90.0 * 87.0) / (16936.0f64.sqrt() * 16978.0f64.sqrt());
    assert!((score(0) - wrong).abs() < 1e-12);
}
