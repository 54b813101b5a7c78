//! A retraining's progress on standard error: a bar on a terminal, a line a step elsewhere.
//!
//! Or on standard output, as events for another program.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};

use content_portal::pipeline::FitStep;
use content_portal::retrain::RetrainEvent;
use content_portal::trainer;
use indicatif::{ProgressBar, ProgressStyle};

use super::output::{complain, say};

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
        let line = describe(event);
        if let Some(bar) = &self.bar {
            bar.set_message(line);
            bar.set_position((trainer::Progress::from(event).share * 1000.0) as u64);
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != line {
            complain(format_args!("{line}\n"));
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
fn describe(event: &RetrainEvent<'_>) -> String {
    match event {
        RetrainEvent::Reading { file, number, of } => {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            format!("reading {name} ({number} of {of})")
        }
        RetrainEvent::Fitting(FitStep::Neighbours, _) => "finding neighbours".to_owned(),
        RetrainEvent::Fitting(FitStep::Layout, _) => "laying out the map".to_owned(),
        RetrainEvent::Fitting(FitStep::Clustering, _) => "finding segments".to_owned(),
        RetrainEvent::Fitting(FitStep::Scoring, _) => "scoring".to_owned(),
        RetrainEvent::Judging => "judging".to_owned(),
        RetrainEvent::Publishing => "publishing".to_owned(),
    }
}

/// Events as JSON lines on standard output, from any thread.
#[derive(Default)]
pub struct Events {
    last: Mutex<Option<trainer::Progress>>,
}

impl Events {
    /// How much more of the whole must be done for another event of the same step.
    const STRIDE: f32 = 0.01;

    /// Tells of progress, a hundred times in all or so.
    pub fn show(&self, event: &RetrainEvent<'_>) {
        let now = trainer::Progress::from(event);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.step != now.step || now.share - last.share >= Self::STRIDE) {
            *last = Some(now);
            tell(&trainer::Event::Progress(now));
        }
    }

    /// Tells how it ended.
    pub fn end(&self, outcome: trainer::Outcome) {
        tell(&trainer::Event::Ended(outcome));
    }
}

fn tell(event: &trainer::Event) {
    // An event is made of texts and numbers, which JSON can always hold.
    if let Ok(json) = serde_json::to_string(event) {
        say!("{json}");
    }
}
