//! What a training found, as lines for people.

use content_portal::pipeline::{Refit, Scores, Segment};
use content_portal::retrain::{GateCheck, Matching, Published, PutAway, RetrainReport, Seconds, Verdict};

use super::output::{counted, print_field, print_further, print_line};

/// The version, and what was done after it.
pub fn print_published(published: &Published) {
    print_field!("published", "{}", published.id);
    if published.report.verdict != Verdict::Passed {
        let failed: Vec<_> = published.report.failed().map(GateCheck::sentence).collect();
        print_further!("although {}", failed.join("; "));
    }
    print_put_away(&published.put_away);
    match &published.pruned {
        Ok(pruned) if pruned.is_empty() => {}
        Ok(pruned) => print_field!("pruned", "{}", counted(pruned.len(), "old version")),
        Err(error) => print_field!("pruned", "not: {error}"),
    }
}

/// Where the uploads are.
pub fn print_put_away(put_away: &PutAway) {
    print_field!("uploads", "{} taken over", put_away.moved.len());
    for left in &put_away.left {
        print_further!("{} still waits: {}", left.file, left.why);
    }
}

/// What was read, how good the model is, how long it took.
pub fn print_report(report: &RetrainReport) {
    print_reading(report);
    if let Some(comparison) = &report.comparison {
        print_field!("compared", "{}", comparison.sentence);
        if comparison.best.is_none() {
            print_further!("trained by the settings as they were");
        }
    }
    let Some(scores) = &report.scores else { return };
    if report.everyone_instead {
        print_field!("method", "no segment was found, so there is one of everyone; the next training looks again");
    }
    print_decided_by(scores);
    print_scores(scores);
    report.refit.as_ref().map(print_refit);
    let Seconds { reading, fitting, judging } = report.seconds;
    print_field!("time", "{reading:.2} s reading, {fitting:.2} s fitting, {judging:.2} s judging");
    if report.live.is_some() {
        print_field!("against live", "{}", fates(&report.matching));
    }
    print_field!("segments", "{}", scores.clusters);
}

/// What became of the files and their rows.
fn print_reading(report: &RetrainReport) {
    let cleaning = &report.cleaning;
    print_field!("files", "{} read, {} skipped", report.files.len(), report.skipped.len());
    for skipped in &report.skipped {
        print_further!("{}: {}", skipped.file, skipped.why);
    }
    if report.trained_on_sample {
        print_further!("they are the sample, whose customers are invented; put your own beside it and retrain");
    }
    for file in &report.sample_set_aside {
        print_further!("{} was left out: it is the sample, and there are other files", file);
    }
    for file in &report.unapproved {
        print_further!("{file} was left out: it waits for approval (content-portal uploads approve)");
    }
    print_field!("rows", "{} read, {} dropped", cleaning.rows_read, cleaning.n_dropped());
    for line in cleaning.lines() {
        print_further!("{line}");
    }
    for sheet in &cleaning.sheets {
        print_further!("sheet {}: {}", sheet.place(), sheet.fate());
    }
    for note in &cleaning.notes {
        print_further!("note: {}", note.sentence);
    }
}

/// What became of the segments: `1 segment goes on, 2 are new, none ended`.
fn fates(matching: &Matching) -> String {
    let verb = |n: usize, one: &str, many: &str| match n {
        0 => format!("none {one}"),
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    };
    let mut fates = vec![
        match matching.kept.len() {
            0 => "no segment goes on".to_owned(),
            1 => "1 segment goes on".to_owned(),
            n => format!("{n} segments go on"),
        },
        verb(matching.new.len(), "is new", "are new"),
        verb(matching.vanished.len(), "ended", "ended"),
    ];
    fates.extend((!matching.returned.is_empty()).then(|| verb(matching.returned.len(), "is back", "are back")));
    fates.join(", ")
}

/// What the second training says.
fn print_refit(refit: &Refit) {
    let segments = refit.stability.iter().map(|of| format!("{} {:.0} %", of.cluster_id, of.jaccard * 100.0));
    if !refit.stability.is_empty() {
        print_field!(
            "found again",
            "by a training on four fifths: segment {}",
            segments.collect::<Vec<_>>().join(", ")
        );
    }
    let error = refit.calibration_error().map(|error| format!("; confidence is off by {:.1} points", error * 100.0));
    let outside = refit.outside_share() * 100.0;
    print_field!("of new ones", "{outside:.1} % will be outside{}", error.unwrap_or_default());
}

/// What decides the segments.
pub fn print_decided_by(scores: &Scores) {
    if let Some(decided_by) = &scores.decided_by {
        print_field!("decided by", "{}", decided_by.sentence);
    } else if scores.trustworthiness.is_none() && scores.clusters == 1 {
        print_field!("decided by", "nothing ties the columns together: one segment, everyone");
    }
}

/// The scores, one a line.
pub fn print_scores(scores: &Scores) {
    print_field!("customers", "{} in {}", scores.rows, counted(scores.profiles, "distinct profile"));
    print_field!("outside", "{:.1} % of the customers", scores.noise_share * 100.0);
    let error = scores.silhouette_error.map(|error| format!(" ± {error:.4}, from a sample")).unwrap_or_default();
    print_field!("silhouette", "{}{error}", score(scores.silhouette));
    print_field!("dbcv", "{}", score(scores.dbcv));
    let trusted = scores.trustworthiness.map_or("–".to_owned(), |trusted| format!("{trusted:.4}"));
    print_field!("trustworthiness", "{trusted}");
}

/// The segments, one a line.
pub fn print_segments(segments: &[Segment]) {
    for segment in segments {
        let Segment { cluster_id, customers, share, .. } = segment;
        let (id, share, summary) = (cluster_id.get(), share * 100.0, segment.summary());
        print_line!("  {id:>3}  {customers:>7} customers  {share:>5.1} %  {summary}");
    }
}

/// Three decimals, or a dash where there is no score.
pub fn score(score: Option<f64>) -> String {
    score.map_or("–".to_owned(), |score| format!("{score:.3}"))
}
