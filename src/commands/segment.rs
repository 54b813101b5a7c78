//! `segment FILE`: the segments of one workbook, with content, without a server.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use content_portal::config::Config;
use content_portal::content::{Campaign, CampaignInput, Written, write_all};
use content_portal::export::{Export, Format};
use content_portal::model_store::ModelStore;
use content_portal::segmentation::{Answer, Grouped, group};
use content_portal::workbook::{ReadRequest, Watch};
use futures::StreamExt;

use super::output::print;
use super::setup;

#[derive(Debug, Args)]
pub struct SegmentArgs {
    /// The workbook: .xlsx, .xls or .csv.
    file: PathBuf,
    /// Print the JSON that POST /upload-excel would answer.
    #[arg(long)]
    json: bool,
    /// Write to this file instead of standard output; a spreadsheet where it ends in .xlsx or .csv.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// What the campaign is for.
    #[arg(long)]
    objective: Option<String>,
    /// The trade.
    #[arg(long)]
    industry: Option<String>,
    /// Awareness, Consideration, Decision or Loyalty.
    #[arg(long)]
    funnel_stage: Option<String>,
    /// High, Moderate or Low.
    #[arg(long)]
    past_engagement: Option<String>,
    /// Instagram, Facebook, LinkedIn, TikTok, Email or Website.
    #[arg(long)]
    platform: Option<String>,
    /// Professional, Fun, Empathetic, Casual or Playful.
    #[arg(long)]
    tone: Option<String>,
    /// Texts a segment, 1 to 10.
    #[arg(long)]
    variants: Option<i64>,
}

/// Groups, writes and prints.
pub fn segment(config: &Config, args: &SegmentArgs) -> anyhow::Result<()> {
    let campaign = args.campaign()?;
    let file = File::open(&args.file).with_context(|| format!("{} cannot be opened", args.file.display()))?;
    let mut version = setup::current_or_trained(config, &ModelStore::new(&config.paths.models))?;
    setup::overlay(&mut version, &setup::persona_entries(config)?);
    let writer = setup::writer(config)?;

    let (schema, today) = (version.model.schema().clone(), setup::today(config));
    let table = setup::reader(config)?
        .read(file, &ReadRequest { schema, today, watch: Watch::default() })
        .with_context(|| args.file.display().to_string())?;
    if let Some(why) = table.cleaning().no_usable_row() {
        bail!("{}: {why}", args.file.display());
    }
    let grouped = group(Arc::new(version), table)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let briefs = grouped.briefs(&campaign);
    let mut written: Vec<_> = runtime.block_on(write_all(&writer, &briefs, config.limits.writers_at_once).collect());
    written.sort_by_key(|&(index, _)| index);
    let written: Vec<Written> = written.into_iter().map(|(_, written)| written).collect();

    if let Some((path, format)) = args.spreadsheet() {
        let unwritable = || format!("{} cannot be written", path.display());
        let out = File::create(path).with_context(unwritable)?;
        return Export::of_table(&grouped, &written)?
            .write(format, out, &std::env::temp_dir())
            .with_context(unwritable);
    }
    let text = if args.json {
        let answer = Answer::new(&grouped, &written, &campaign, config.limits.members, &ToString::to_string);
        serde_json::to_string_pretty(&answer)? + "\n"
    } else {
        readable(&grouped, &written)
    };
    match &args.output {
        Some(path) => fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?,
        None => print(format_args!("{text}")),
    }
    Ok(())
}

impl SegmentArgs {
    /// The spreadsheet to write, where the output's extension is one's.
    fn spreadsheet(&self) -> Option<(&Path, Format)> {
        let path = self.output.as_deref().filter(|_| !self.json)?;
        Some((path, path.extension()?.to_str()?.parse().ok()?))
    }

    fn campaign(&self) -> anyhow::Result<Campaign> {
        let input = CampaignInput {
            objective: self.objective.clone(),
            industry: self.industry.clone(),
            funnel_stage: self.funnel_stage.clone(),
            past_engagement: self.past_engagement.clone(),
            platform: self.platform.clone(),
            tone: self.tone.clone(),
            output: None,
            n_variants: self.variants,
        };
        Campaign::check(&input).map_err(|mistakes| {
            let mistakes: Vec<_> =
                mistakes.iter().map(|m| format!("--{}", m.to_string().replacen('_', "-", 1))).collect();
            anyhow::anyhow!("{}", mistakes.join("\n"))
        })
    }
}

/// The segments as a person reads them.
fn readable(grouped: &Grouped, written: &[Written]) -> String {
    let mut text = String::new();
    let cleaning = grouped.table().cleaning();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} customers, {} rows left out", grouped.table().n_rows(), cleaning.n_dropped());
    for (reason, rows) in &cleaning.dropped {
        let _ = writeln!(text, "  {rows} × {reason}");
    }
    for (group, written) in grouped.groups().iter().zip(written) {
        let name = if group.cluster_id < 0 { "outside".to_owned() } else { format!("segment {}", group.cluster_id) };
        let _ = writeln!(text, "\n== {name}: {} customers ==\n{}", group.rows.len(), group.summary);
        match &written.content {
            Ok(content) => {
                for variant in &content.variants {
                    let _ = writeln!(text, "\n{variant}");
                }
                if let Some(image) = &content.image_prompt {
                    let _ = writeln!(text, "\nImage: {image}");
                }
            }
            Err(error) => {
                let _ = writeln!(text, "\n(not written: {error})");
            }
        }
    }
    text
}
