//! A retraining's progress on standard error: a bar on a terminal, a line a step elsewhere.
#![expect(clippy::print_stderr, reason = "progress is for whoever watches, the report for standard output")]

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use content_portal::pipeline::FitStep;
use content_portal::retrain::RetrainEvent;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows events as they come, from any thread.
pub struct Progress {
    bar: Option<ProgressBar>,
    last_line: Mutex<String>,
}

impl Progress {
    /// A bar on a terminal, lines elsewhere.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:32} [{bar:40}] {percent:>3} %  {elapsed}");
            // A template that cannot be parsed costs the looks, not the training.
            ProgressBar::new(1000).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, last_line: Mutex::new(String::new()) }
    }

    /// Shows one event.
    pub fn show(&self, event: &RetrainEvent<'_>) {
        let (line, share) = describe(event);
        if let Some(bar) = &self.bar {
            bar.set_message(line);
            bar.set_position((share * 1000.0) as u64);
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != line {
            eprintln!("{line}");
            *last = line;
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What is being done, and how much of the whole is done.
fn describe(event: &RetrainEvent<'_>) -> (String, f32) {
    match event {
        RetrainEvent::Reading { file, number, of } => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            (format!("reading {name} ({number} of {of})"), 0.05 * (*number as f32) / (*of as f32))
        }
        RetrainEvent::Fitting(FitStep::Neighbours, _) => ("finding neighbours".to_owned(), 0.1),
        RetrainEvent::Fitting(FitStep::Layout, done) => ("laying out the map".to_owned(), 0.15 + 0.7 * done),
        RetrainEvent::Fitting(FitStep::Clustering, _) => ("finding segments".to_owned(), 0.87),
        RetrainEvent::Fitting(FitStep::Scoring, _) => ("scoring".to_owned(), 0.92),
        RetrainEvent::Judging => ("judging".to_owned(), 0.95),
        RetrainEvent::Publishing => ("publishing".to_owned(), 0.97),
    }
}
