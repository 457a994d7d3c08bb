//! Every example of README.md, docs/ and `--help` is run, page by page, in the order of the page.
//!
//! A page gets a fresh folder with what a reader would have ([`folder`]). Long examples run at a smaller size
//! ([`tables::SMALLER`]); those that nobody can run on a test machine are listed with the reason
//! ([`tables::SKIPPED`]). Every example is in exactly one of the two lots: the test counts them.

#![expect(clippy::unwrap_used, reason = "a test ends where its setup fails")]

mod example;
mod folder;
mod help;
mod markdown;
mod page;
mod tables;

use std::fmt::Write;
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use page::Page;

/// Pages that run at once. Their programs use further cores themselves.
const AT_ONCE: usize = 2;

/// The columns of a terminal of the usual width.
const COLUMNS: usize = 80;

/// README.md, the pages of docs/, and the help of every command of every program.
fn pages() -> Vec<Page> {
    let mut pages = markdown::pages();
    pages.extend(help::pages());
    pages
}

/// A part of the names of the pages that are run; all of them without it.
const PAGES: &str = "SPLITSIM_EXAMPLES";

#[test]
fn every_example_succeeds() {
    let mut pages = pages();
    if let Ok(part) = std::env::var(PAGES) {
        pages.retain(|page| page.name.contains(&part));
        assert!(!pages.is_empty(), "{PAGES}: no page's name has '{part}'");
    }
    let queue = Mutex::new(pages.iter());
    let failures = Mutex::new(Vec::new());
    let ran = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(page) = { queue.lock().unwrap().next() } {
                    let start = Instant::now();
                    let done = page.run();
                    let took = start.elapsed();
                    println!("{}: {} examples in {took:.1?}", page.name, done.ran);
                    done.failures
                        .iter()
                        .for_each(|failure| println!("{failure}"));
                    *ran.lock().unwrap() += done.ran;
                    failures.lock().unwrap().extend(done.failures);
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    let text = failures.iter().fold(String::new(), |mut text, failure| {
        let _ = writeln!(text, "\n{failure}");
        text
    });
    assert!(
        failures.is_empty(),
        "{} examples fail:\n{text}",
        failures.len()
    );
    let examples: usize = pages.iter().map(|page| page.examples.len()).sum();
    let skipped = pages.iter().flat_map(Page::skipped).count();
    assert_eq!(ran.into_inner().unwrap() + skipped, examples);
}

/// Counts the lines that begin an example in the text itself, independently of the parser of examples.
#[test]
fn no_example_is_dropped() {
    let pages = pages();
    for page in &pages {
        let begun = page
            .text
            .lines()
            .filter(|line| example::begins(line))
            .count();
        assert_eq!(
            page.examples.len(),
            begun,
            "{}: {:#?}",
            page.name,
            page.examples
        );
    }
    let examples: usize = pages.iter().map(|page| page.examples.len()).sum();
    assert!(
        examples > 100,
        "only {examples} examples in {} pages",
        pages.len()
    );
}

/// Each entry of the list of skipped examples is still there.
#[test]
fn nothing_is_skipped_for_nothing() {
    let pages = pages();
    for (beginning, reason) in tables::SKIPPED {
        let mut examples = pages.iter().flat_map(|page| &page.examples);
        assert!(
            examples.any(|example| example.starts_with(beginning)),
            "no example begins with '{beginning}' ({reason})"
        );
    }
}

/// An example in a help text must fit into a terminal, whose wrapping would break it.
#[test]
fn examples_of_help_fit_into_a_terminal() {
    for page in help::pages() {
        for line in help::example_lines(&page.text) {
            let width = line.chars().count();
            assert!(width <= COLUMNS, "{}: {width} columns: {line}", page.name);
        }
    }
}
