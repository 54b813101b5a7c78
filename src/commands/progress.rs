//! A retraining's progress: on standard error a bar on a terminal, one line a step elsewhere; on standard output events
//! for another program.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use content_portal::pipeline::{Comparison, FitStep};
use content_portal::retrain::worker::{Event, Outcome};
use content_portal::retrain::{Progress, Step};
use indicatif::{ProgressBar, ProgressStyle};

use super::output::{harmless, print_error, print_line};

/// Progress for people; shared by threads.
pub struct ProgressView {
    bar: Option<ProgressBar>,
    last_line: Mutex<String>,
}

impl ProgressView {
    /// A bar on a terminal, lines elsewhere.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:32} [{bar:40}] {percent:>3} %  {elapsed}");
            // A template that cannot be parsed costs the looks, not the training.
            ProgressBar::new(1000).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, last_line: Mutex::new(String::new()) }
    }

    /// Shows how far the retraining is.
    pub fn show(&self, progress: &Progress) {
        let line = describe(progress);
        if let Some(bar) = &self.bar {
            bar.set_message(harmless(&line).into_owned());
            bar.set_position((progress.share * 1000.0) as u64);
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != line {
            print_error(format_args!("{line}\n"));
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

/// What is being done.
fn describe(progress: &Progress) -> String {
    if let Some(file) = &progress.file {
        return format!("reading {} ({} of {})", file.name, file.number, file.of);
    }
    let step = match progress.step {
        Step::Starting => "starting",
        Step::Reading => "reading",
        Step::Fitting(FitStep::Neighbours) => "finding neighbours",
        Step::Fitting(FitStep::Layout) => "laying out the map",
        Step::Fitting(FitStep::Clustering) => "finding segments",
        Step::Fitting(FitStep::Scoring) => "scoring",
        Step::Comparing => {
            let left = progress.seconds_left.map(|left| format!(", {} s left", left.div_ceil(10) * 10));
            return format!("comparing ways to train{}", left.unwrap_or_default());
        }
        Step::Judging => "judging",
        Step::Publishing => "publishing",
    };
    step.to_owned()
}

/// Events as JSON lines on standard output; shared by threads.
#[derive(Default)]
pub struct Events {
    last: Mutex<Option<Progress>>,
}

impl Events {
    /// How much more of the whole must be done for another event of the same step.
    const STRIDE: f32 = 0.01;

    /// Reports progress, about a hundred times in all.
    pub fn show(&self, now: Progress) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = |last: &Progress| last.step != now.step || now.share - last.share >= Self::STRIDE;
        if last.as_ref().is_none_or(is_news) {
            *last = Some(now.clone());
            print_event(&Event::Progress(now));
        }
    }

    /// Reports what a comparison found, before a training by it.
    pub fn compared(&self, comparison: &Comparison) {
        print_event(&Event::Compared { comparison: Box::new(comparison.clone()) });
    }

    /// Reports the outcome.
    pub fn end(&self, outcome: Outcome) {
        print_event(&Event::Ended(outcome));
    }
}

fn print_event(event: &Event) {
    // An event is made of texts and numbers, which JSON can always hold.
    if let Ok(json) = serde_json::to_string(event) {
        print_line!("{json}");
    }
}
