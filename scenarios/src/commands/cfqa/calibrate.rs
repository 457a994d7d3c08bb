//! `splitsim cfqa calibrate`.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use splitsim_cfqa::Metric;
use splitsim_feature::Task;
use splitsim_lab::{
    Certificate, ClopperPearson, Gate, GateOutcome, Guarantee, Ladders, Roc, RowOutcome, ScoreSet,
    Validity, certify, empirical, split, validity,
};
use splitsim_model::{CalibratedThreshold, Package, Thresholds};

use crate::benchmark::{Manifest, content_digest, read_rows, read_set};
use crate::outputs::PackageTarget;
use crate::{Failure, Output};
use splitsim_cli::{OrRefuse, bounds, names};

/// Find a gate's threshold, with a guarantee, and try it on held-out features.
///
/// The gate starts at the cheapest level and climbs while the score does not pass. The threshold is the
/// most lenient for which it can be shown, on the calibration features, that of the features accepted at
/// most a share ALPHA loses more than TAU, at confidence 1 - DELTA. Theorem and assumptions: docs/cfqa.md.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Calibrate {
    /// A set's folder, or its rows.parquet
    #[arg(value_name = "ROWS")]
    rows: PathBuf,
    /// The codec
    #[arg(long, value_name = "CODEC")]
    codec: String,
    /// The task: cls, seg or dpt
    #[arg(long, value_name = "TASK", value_parser = names::of(&Task::ALL, Task::name))]
    task: Task,
    /// The metric that the gate scores by
    #[arg(long, value_name = "METRIC")]
    metric: String,
    /// The distortion limit: ranks, percentage points of mIoU, or metres
    #[arg(long, value_name = "TAU", allow_negative_numbers = true)]
    tau: f64,
    /// The share of accepted features that may exceed it
    #[arg(long, value_name = "ALPHA", default_value_t = 0.05)]
    alpha: f64,
    /// The probability with which the guarantee may fail
    #[arg(long, value_name = "DELTA", default_value_t = 0.1)]
    delta: f64,
    /// Share of the features that the threshold is found on; the others are held out
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    calibration: f64,
    /// Share of the calibration features that choose which thresholds are tested
    #[arg(long, value_name = "SHARE", default_value_t = 0.25)]
    tuning: f64,
    /// Random divisions on which the guarantee is tried
    #[arg(long, value_name = "N", default_value = "200", value_parser = bounds::SPLITS.parser::<usize>())]
    splits: usize,
    /// Seed of all divisions
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// The package that made the features: the threshold is stored there, for scenarios to use by name
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    #[command(flatten)]
    target: PackageTarget,
}

/// The result of a calibration.
#[derive(Serialize)]
struct Report {
    codec: String,
    task: Task,
    metric: String,
    guarantee: Guarantee,
    calibration_features: usize,
    held_out_features: usize,
    certificate: Certificate,
    /// On the held-out features, at the certified threshold.
    held_out: Option<HeldOut>,
    /// The same of the threshold that just keeps alpha on the calibration features.
    without_guarantee: Option<HeldOut>,
    /// The area under the ROC curve on the held-out features; `null` if all or none are within the limit.
    auc: Option<f64>,
    roc: Option<Roc>,
    /// Over random divisions.
    validity: Validity,
    /// The name in scenarios.
    stored_as: Option<String>,
}

/// A threshold on held-out features.
#[derive(Serialize)]
struct HeldOut {
    threshold: f64,
    gate: GateOutcome,
    risk: Option<f64>,
    /// 95 % limits of the risk.
    risk_limits: [f64; 2],
    rows: RowOutcome,
    false_accept_rate: Option<f64>,
    false_reencode_rate: Option<f64>,
}

/// The package that stores a threshold, and the digest of the rows that it was found on.
struct Destination {
    package: Package,
    rows: String,
}

/// The stream of the seed that divides calibration from held-out features; others divide for validity.
const DIVISION: u64 = u64::MAX;

impl Calibrate {
    pub(crate) fn run(self) -> Result<Output, Failure> {
        let (ladders, guarantee, destination) = self.prepare().or_refuse()?;
        let mut report = self.report(&ladders, guarantee)?;
        if let (Some(destination), Some(threshold)) = (destination, report.certificate.threshold) {
            self.store(&destination, threshold, &report)?;
            report.stored_as = Some(format!("calibrated:tau={},alpha={}", self.tau, self.alpha));
        }
        let shortfall = report.certificate.threshold.is_none().then(|| {
            format!(
                "no threshold can be certified on {} testing features: it takes {} accepted ones at least, \
                 all of them within the limit, and more where some are not; build more features, or relax \
                 tau, alpha or delta",
                report.certificate.testing_features, report.certificate.needed
            )
        });
        Ok(Output::new(text(&report), &report)?.short_of(shortfall))
    }

    fn prepare(&self) -> Result<(Ladders, Guarantee, Option<Destination>)> {
        let named = || self.rows.display().to_string();
        let guarantee = Guarantee {
            tau: self.tau,
            alpha: self.alpha,
            delta: self.delta,
            tuning: self.tuning,
            seed: self.seed,
        };
        guarantee.check()?;
        ensure!(
            self.calibration > 0.0 && self.calibration < 1.0,
            "--calibration {}: expected a share between 0 and 1",
            self.calibration
        );
        let destination = match &self.model {
            Some(model) => Some(self.destination(model)?),
            None => None,
        };
        let rows = read_rows(&self.rows)?;
        let set = ScoreSet::from_table(&rows).with_context(named)?;
        let ladders =
            Ladders::of(&set, &self.codec, self.task, &self.metric).with_context(named)?;
        Ok((ladders, guarantee, destination))
    }

    fn destination(&self, model: &str) -> Result<Destination> {
        let package = Package::find(model)?;
        self.target.check(&package)?;
        self.metric
            .parse::<Metric>()
            .with_context(|| format!("--metric {}: no gate can score by it", self.metric))?;
        ensure!(
            self.rows.is_dir(),
            "--model needs the folder of a set, whose manifest names the model: {}",
            self.rows.display()
        );
        let (Manifest { identity, .. }, rows) = read_set(&self.rows)?;
        let digest = package.digest().to_string();
        ensure!(
            identity.model_digest == digest,
            "{} was built with another version of model '{}' ({}, the package is {digest}): build it again",
            self.rows.display(),
            identity.model,
            identity.model_digest
        );
        Ok(Destination {
            package,
            rows: content_digest(&rows)?,
        })
    }

    fn report(&self, ladders: &Ladders, guarantee: Guarantee) -> Result<Report> {
        let count = ladders.ladders().len();
        let (known, held_out) = split(count, self.calibration, self.seed, DIVISION);
        let (known, held_out) = (ladders.take(&known), ladders.take(&held_out));
        let certificate = certify(&known, &guarantee)?;
        let roc = Roc::of(&held_out, self.tau);
        Ok(Report {
            codec: self.codec.clone(),
            task: self.task,
            metric: self.metric.clone(),
            guarantee,
            calibration_features: known.ladders().len(),
            held_out_features: held_out.ladders().len(),
            held_out: certificate
                .threshold
                .map(|threshold| self.trial(&held_out, threshold)),
            certificate,
            without_guarantee: empirical(&known, self.tau, self.alpha)
                .map(|threshold| self.trial(&held_out, threshold)),
            auc: roc.as_ref().map(|roc| roc.auc),
            roc,
            validity: validity(ladders, &guarantee, self.calibration, self.splits)?,
            stored_as: None,
        })
    }

    fn trial(&self, ladders: &Ladders, threshold: f64) -> HeldOut {
        const LEVEL: f64 = 0.025;
        let gate = Gate {
            direction: ladders.direction(),
            threshold,
        };
        let outcome = gate.outcome(ladders, self.tau);
        let rows = gate.rows(ladders, self.tau);
        let limits = ClopperPearson::of(outcome.broken, outcome.accepted, LEVEL);
        HeldOut {
            threshold,
            gate: outcome,
            risk: outcome.risk(),
            risk_limits: [limits.lower, limits.upper],
            rows,
            false_accept_rate: rows.false_accept_rate(),
            false_reencode_rate: rows.false_reencode_rate(),
        }
    }

    fn store(&self, destination: &Destination, threshold: f64, report: &Report) -> Result<()> {
        let Destination { package, rows } = destination;
        // A copy has the same weights, under a digest of its own.
        let package = self.target.open(package)?;
        let mut thresholds = Thresholds::read(package.root())?;
        thresholds.put(CalibratedThreshold {
            codec: self.codec.clone(),
            task: self.task,
            metric: self.metric.clone(),
            tau: self.tau,
            alpha: self.alpha,
            delta: self.delta,
            threshold,
            features: report.certificate.testing_features,
            model: package.digest().to_string(),
            rows: rows.clone(),
        });
        Ok(thresholds.write(package.root())?)
    }
}

fn text(report: &Report) -> String {
    let Report {
        codec,
        task,
        metric,
        guarantee,
        certificate,
        validity,
        ..
    } = report;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{metric} on {codec} {task}: at most {} of the accepted beyond {}, at confidence {}",
        guarantee.alpha,
        guarantee.tau,
        1.0 - guarantee.delta
    );
    let _ = writeln!(
        text,
        "features: {} calibration ({} tuning, {} testing), {} held out",
        report.calibration_features,
        certificate.tuning_features,
        certificate.testing_features,
        report.held_out_features
    );
    let _ = match (
        certificate.threshold,
        certificate.p_value,
        certificate.risk_limit,
    ) {
        (Some(threshold), Some(p_value), Some(limit)) => writeln!(
            text,
            "certified threshold: {threshold} (p = {p_value:.4}, risk at most {limit:.4})"
        ),
        (Some(threshold), ..) => writeln!(text, "certified threshold: {threshold}"),
        (None, Some(p_value), _) => {
            writeln!(text, "certified threshold: none (best p = {p_value:.4})")
        }
        (None, None, _) => writeln!(text, "certified threshold: none"),
    };
    let trials = [
        ("held out", &report.held_out),
        ("held out, without guarantee", &report.without_guarantee),
    ];
    for (name, trial) in trials {
        if let Some(trial) = trial {
            describe(&mut text, name, trial);
        }
    }
    let _ = match report.auc {
        Some(auc) => writeln!(text, "AUC, held out: {auc:.4}"),
        None => writeln!(
            text,
            "AUC, held out: undefined, every compressed feature is on one side of the limit"
        ),
    };
    let _ = writeln!(
        text,
        "over {} random divisions: {} certified, alpha broken on held-out features in {}, refuted in {}",
        validity.splits, validity.certified, validity.broken, validity.refuted
    );
    if let Some(name) = &report.stored_as {
        let _ = writeln!(text, "stored; in scenarios: threshold = \"{name}\"");
    }
    text
}

fn describe(text: &mut String, name: &str, trial: &HeldOut) {
    let share = |share: Option<f64>| share.map_or("undefined".to_owned(), |s| format!("{s:.4}"));
    let HeldOut {
        threshold,
        gate,
        rows,
        risk_limits: [low, high],
        ..
    } = trial;
    let _ = writeln!(text, "{name}, threshold {threshold}:");
    let _ = writeln!(
        text,
        "  gate: {} of {} features accepted, {} beyond the limit, risk {} [{low:.4}, {high:.4}], {:.2} \
         attempts per feature",
        gate.accepted,
        gate.features,
        gate.broken,
        share(trial.risk),
        gate.attempts as f64 / gate.features.max(1) as f64
    );
    let _ = writeln!(
        text,
        "  row by row: false accepts {} of {} accepted ({}), false re-encodes {} of {} refused ({})",
        rows.false_accepts,
        rows.accepted,
        share(trial.false_accept_rate),
        rows.false_reencodes,
        rows.refused,
        share(trial.false_reencode_rate)
    );
}

const EXAMPLES: &str = "\
Examples:
  splitsim cfqa calibrate out/cfqa --codec hevc --task seg --metric cosine --tau 1
  splitsim cfqa calibrate out/cfqa --codec hevc --task cls --metric cka --tau 0 --alpha 0.1 \\
      --model tiny-scenes --out models/mine
A scenario then says: metric = \"cka\", threshold = \"calibrated:tau=0,alpha=0.1\"";
