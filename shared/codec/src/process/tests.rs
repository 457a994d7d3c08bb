use super::*;

struct Shell {
    script: &'static str,
    input: Vec<u8>,
    time_limit: Duration,
    output_limit_bytes: usize,
}

fn shell(script: &'static str) -> Shell {
    Shell {
        script,
        input: Vec::new(),
        time_limit: Duration::from_secs(60),
        output_limit_bytes: 1 << 24,
    }
}

impl Shell {
    fn run(&self) -> Result<Vec<u8>, ProcessError> {
        let arguments = ["-c".to_owned(), self.script.to_owned()];
        let job = Job {
            program: Path::new("/bin/sh"),
            arguments: &arguments,
            input: &self.input,
            time_limit: self.time_limit,
            output_limit_bytes: self.output_limit_bytes,
        };
        job.run()
    }
}

#[test]
fn more_than_a_pipe_holds_goes_through() {
    let input: Vec<u8> = (0..5_000_000u32).map(|n| n as u8).collect();
    let shell = Shell {
        input: input.clone(),
        ..shell("cat")
    };
    assert!(shell.run().unwrap() == input);
}

#[test]
fn input_that_nobody_reads_does_not_block() {
    let shell = Shell {
        input: vec![0; 1 << 20],
        ..shell("echo enough")
    };
    assert_eq!(shell.run().unwrap(), b"enough\n");
}

#[test]
fn a_failing_program_is_quoted() {
    let error = shell("echo out of luck >&2; exit 3").run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "/bin/sh failed (exit status: 3): out of luck"
    );
    assert!(matches!(
        shell("kill -9 $$").run(),
        Err(ProcessError::Failed { .. })
    ));
}

#[test]
fn only_a_program_that_ends_by_itself_has_judged_its_input() {
    for (script, fault) in [
        ("exit 1", Fault::Data),
        // AVERROR_INVALIDDATA, the verdict of ffmpeg's decoders.
        ("echo Invalid data found >&2; exit 183", Fault::Data),
        ("kill -KILL $$", Fault::Machine),
        ("kill -SEGV $$", Fault::Machine),
        ("sh -c 'kill -KILL $$'; exit $?", Fault::Machine),
        ("exec /nonexistent/decoder", Fault::Machine),
        (
            "echo 'Exiting normally, received signal 15.' >&2; exit 255",
            Fault::Machine,
        ),
        ("echo 'Cannot allocate memory' >&2; exit 1", Fault::Machine),
        ("exit 244", Fault::Machine),
    ] {
        let error = shell(script).run().unwrap_err();
        assert_eq!(error.fault(), fault, "{script}: {error}");
    }
    let slow = Shell {
        time_limit: Duration::from_millis(50),
        ..shell("sleep 600")
    };
    assert_eq!(slow.run().unwrap_err().fault(), Fault::Machine);
    let endless = Shell {
        output_limit_bytes: 1000,
        ..shell("yes")
    };
    assert_eq!(endless.run().unwrap_err().fault(), Fault::Data);
}

#[test]
fn only_the_end_of_long_diagnostics_is_kept() {
    let error = shell("yes chatter | head -c 1000000 >&2; echo last >&2; exit 1").run();
    let Err(ProcessError::Failed { stderr, .. }) = error else {
        panic!("{error:?}");
    };
    assert!(stderr.len() <= 2048 && stderr.ends_with("chatter\nlast"));
}

#[test]
fn too_much_output_ends_the_program() {
    let shell = Shell {
        output_limit_bytes: 1000,
        ..shell("yes")
    };
    assert!(matches!(
        shell.run(),
        Err(ProcessError::OutputLimit {
            limit_bytes: 1000,
            ..
        })
    ));
}

#[test]
fn output_up_to_the_limit_is_fine() {
    let shell = Shell {
        output_limit_bytes: 5,
        ..shell("printf 12345")
    };
    assert_eq!(shell.run().unwrap(), b"12345");
}

/// Runs a script whose first line waits for input, which comes only after the limits were set.
fn confined(script: &str, limits: ResourceLimits) -> Result<Vec<u8>, ProcessError> {
    let arguments = ["-c".to_owned(), format!("read go; {script}")];
    let job = Job {
        program: Path::new("/bin/sh"),
        arguments: &arguments,
        input: b"go\n",
        time_limit: Duration::from_secs(60),
        output_limit_bytes: 1 << 20,
    };
    job.run_within(limits)
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_wants_too_much_memory_fails() {
    // `tail` holds what it is to print.
    let script = "head -c 200000000 /dev/zero | tail -c 200000000 | wc -c";
    let limits = |mib: u64| ResourceLimits {
        memory_bytes: Some(mib << 20),
        file_bytes: None,
    };
    assert_eq!(confined(script, limits(1024)).unwrap(), b"200000000\n");
    assert_ne!(confined(script, limits(100)).unwrap(), b"200000000\n");
    let script = "head -c 200000000 /dev/zero | tail -c 200000000 > /dev/null";
    let error = confined(script, limits(100)).unwrap_err();
    assert!(matches!(error, ProcessError::Failed { .. }), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_writes_too_long_a_file_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let script = format!("exec head -c 100000 /dev/zero > {}", file.display());
    let limits = |bytes: u64| ResourceLimits {
        memory_bytes: None,
        file_bytes: Some(bytes),
    };
    confined(&script, limits(100_000)).unwrap();
    let error = confined(&script, limits(50_000)).unwrap_err();
    assert!(matches!(error, ProcessError::Failed { .. }), "{error}");
    assert_eq!(std::fs::metadata(&file).unwrap().len(), 50_000);
}

#[cfg(target_os = "linux")]
#[test]
fn limits_are_those_that_a_program_sees() {
    let limits = ResourceLimits::for_decoding(1 << 20);
    let seen = confined("ulimit -v; ulimit -c", limits).unwrap();
    // In KiB: 1 GiB, and 128 MiB for the samples.
    assert_eq!(seen, b"1179648\n0\n");
}

#[test]
fn a_program_that_closed_its_output_but_stays_is_ended() {
    let shell = Shell {
        time_limit: Duration::from_millis(100),
        ..shell("exec >&- 2>&-; sleep 600")
    };
    assert!(matches!(shell.run(), Err(ProcessError::TimeLimit { .. })));
}

#[test]
fn a_missing_program_is_named_with_the_remedy() {
    let job = Job {
        program: Path::new("/nonexistent/ffmpeg"),
        arguments: &[],
        input: &[],
        time_limit: Duration::from_secs(1),
        output_limit_bytes: 0,
    };
    let message = job.run().unwrap_err().to_string();
    assert!(
        message.contains("/nonexistent/ffmpeg") && message.contains("cargo xtask setup"),
        "{message}"
    );
}
