//! `segment FILE`: the segments of one workbook, with content, without a server.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IsTerminal, Seek, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use content_portal::content::{Campaign, CampaignInput, Written, write_all};
use content_portal::customer::Keep;
use content_portal::export::{Export, Format, Texts};
use content_portal::segmentation::{Answer, Grouped, group};
use content_portal::workbook::{ReadRequest, Watch};
use futures::StreamExt;

use super::config::Config;
use super::files::{FileId, Input, OutputFile, is_standard};
use super::misconfigured::WrongArgument;
use super::output::{counted, print_all};
use super::{current_model, setup};

#[derive(Debug, Args)]
pub struct SegmentArgs {
    /// The workbook: .xlsx, .xls or .csv; - for standard input.
    file: PathBuf,
    /// Print the JSON that POST /upload-excel would answer: the same as --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write to this file instead of standard output; - for standard output. Never a file that is read.
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// What to write; without it OUT's extension says so: .xlsx, .csv, .json, or .txt, .md and none for text.
    #[arg(long)]
    format: Option<OutputFormat>,
    /// What to keep of the rows: row (always in .xlsx and .csv), identifier (there alone), or both with a comma
    /// between.
    #[arg(long, value_name = "WHAT", default_value = "")]
    keep: Keep,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OutputFormat {
    /// The segments and their content, to be read.
    Text,
    /// The answer of POST /upload-excel.
    Json,
    /// A workbook of the segments and their customers.
    Xlsx,
    /// The customers, separated by commas.
    Csv,
}

/// Groups, writes and prints.
pub fn segment(config: &Config, args: &SegmentArgs) -> anyhow::Result<()> {
    let campaign = args.campaign()?;
    let format = args.format()?;
    let keep = args.keep_in(format)?;
    let input = Input::open(&args.file, config.server.max_upload_bytes)?;
    // Before a model is trained or a text is paid for.
    let output = args.output_file(config, input.id)?;
    let (grouped, written) = segments(config, input, keep, &campaign)?;

    let texts = Texts { written: &written, campaign: &campaign };
    let write = |out: &File| match format {
        OutputFormat::Xlsx => write_spreadsheet(Format::Xlsx, &grouped, texts, out),
        OutputFormat::Csv => write_spreadsheet(Format::Csv, &grouped, texts, out),
        OutputFormat::Json => {
            let answer = Answer::new(&grouped, &written, &campaign, config.server.max_members, &ToString::to_string);
            Ok(writeln!(&*out, "{}", serde_json::to_string_pretty(&answer)?)?)
        }
        OutputFormat::Text => Ok((&*out).write_all(readable(&grouped, &written).as_bytes())?),
    };
    if let Some(output) = output {
        return output.write(write);
    }
    let mut whole = tempfile::tempfile().context("no temporary file can be made")?;
    write(&whole)?;
    whole.rewind()?;
    print_all(whole);
    Ok(())
}

/// The segments of the workbook, and what was written for each.
fn segments(config: &Config, input: Input, keep: Keep, campaign: &Campaign) -> anyhow::Result<(Grouped, Vec<Written>)> {
    let store = setup::store(config);
    let mut version = current_model::current_or_trained(config, &store, &|| ())?;
    setup::warn_of_sample(&version);
    setup::overlay(&mut version, &setup::persona_entries(config)?);
    store.lay_extras(&mut version)?;
    let writer = setup::writer(config)?;

    let (schema, today) = (version.model.schema().clone(), setup::today(config));
    let table = setup::reader(config)?
        .read(input.file, &ReadRequest { schema, today, keep, watch: Watch::default() })
        .with_context(|| input.name.clone())?;
    if let Some(why) = table.cleaning().no_usable_row() {
        bail!("{}: {why}", input.name);
    }
    if let Some(why) = keep.unmet(table.schema(), table.cleaning()) {
        bail!("{} {why}: leave --keep identifier out", input.name);
    }
    let grouped = group(Arc::new(version), table)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let briefs = grouped.briefs(campaign);
    let mut written: Vec<_> = runtime.block_on(async {
        let written = write_all(&writer, &briefs, config.server.writers_at_once).collect().await;
        writer.settled().await;
        written
    });
    written.sort_by_key(|&(index, _)| index);
    Ok((grouped, written.into_iter().map(|(_, written)| written).collect()))
}

fn write_spreadsheet(format: Format, grouped: &Grouped, texts: Texts<'_>, out: &File) -> anyhow::Result<()> {
    Ok(Export::of_table(grouped, Some(texts))?.write(format, out, &std::env::temp_dir())?)
}

impl SegmentArgs {
    /// The output where it is a file; `None` for standard output.
    fn output_file(&self, config: &Config, input: FileId) -> anyhow::Result<Option<OutputFile>> {
        let Some(path) = self.output.as_deref().filter(|path| !is_standard(path)) else { return Ok(None) };
        let paths = &config.paths;
        let settings = [Some(Path::new(".env")), paths.personas.as_deref(), paths.schema.as_deref()];
        let inputs: Vec<FileId> = settings.into_iter().flatten().filter_map(FileId::at).chain([input]).collect();
        OutputFile::at(path, &inputs).map(Some)
    }

    /// What to write: what was asked for, or what the output's extension says.
    fn format(&self) -> Result<OutputFormat, WrongArgument> {
        let named = self.output.as_deref().filter(|path| !is_standard(path) && !is_device(path));
        let extension = named.and_then(Path::extension).unwrap_or_default();
        let extension = extension.to_string_lossy().to_ascii_lowercase();
        let format = match (self.format, extension.as_str()) {
            (Some(format), _) => format,
            (None, _) if self.json => OutputFormat::Json,
            (None, "xlsx") => OutputFormat::Xlsx,
            (None, "csv") => OutputFormat::Csv,
            (None, "json") => OutputFormat::Json,
            (None, "txt" | "md" | "") => OutputFormat::Text,
            // Text under another program's name would open as a broken file.
            (None, other) => {
                return Err(WrongArgument(format!(
                    "what a file that ends in .{other} is to hold is not known: use .xlsx or .csv, .json, or .txt or \
                     .md for text; or say it with --format"
                )));
            }
        };
        let is_standard_output = self.output.as_deref().is_none_or(is_standard);
        if format == OutputFormat::Xlsx && is_standard_output && io::stdout().is_terminal() {
            return Err(WrongArgument("a workbook is nothing to show on a terminal: name a file with -o".to_owned()));
        }
        Ok(format)
    }

    /// What to keep of the rows for an output of this kind.
    fn keep_in(&self, format: OutputFormat) -> Result<Keep, WrongArgument> {
        let wrong = |why: &str| Err(WrongArgument(why.to_owned()));
        match format {
            OutputFormat::Xlsx | OutputFormat::Csv => Ok(Keep { row: true, ..self.keep }),
            OutputFormat::Json if !self.keep.identifier => Ok(self.keep),
            OutputFormat::Json => wrong("identifiers are kept in a spreadsheet alone: write .xlsx or .csv"),
            OutputFormat::Text if !self.keep.is_anything() => Ok(self.keep),
            OutputFormat::Text => wrong("--keep is for customers, and the text lists none: write .xlsx, .csv or JSON"),
        }
    }

    fn campaign(&self) -> Result<Campaign, WrongArgument> {
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
            let of_flag = |mistake: String| {
                // The API's name of the one field that has a shorter flag.
                let mistake = mistake.strip_prefix("n_").unwrap_or(&mistake);
                format!("--{}", mistake.replacen('_', "-", 1))
            };
            let mistakes: Vec<_> = mistakes.iter().map(|mistake| of_flag(mistake.to_string())).collect();
            WrongArgument(mistakes.join("\n"))
        })
    }
}

/// Whether a path is there and no file, such as `/dev/stdout` or a pipe: its name says nothing of what is written.
fn is_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| !found.is_file())
}

/// The segments as a person reads them.
fn readable(grouped: &Grouped, written: &[Written]) -> String {
    let mut text = String::new();
    let cleaning = grouped.table().cleaning();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{}, {} left out",
        counted(grouped.table().n_rows(), "customer"),
        counted(cleaning.n_dropped(), "row")
    );
    for line in cleaning.lines() {
        let _ = writeln!(text, "  {line}");
    }
    for sheet in cleaning.sheets.iter().filter(|_| cleaning.sheets.len() > 1) {
        let _ = writeln!(text, "  sheet {}: {}", sheet.place(), sheet.fate());
    }
    for note in &cleaning.notes {
        let _ = writeln!(text, "  note: {}", note.sentence);
    }
    for (group, written) in grouped.groups().iter().zip(written) {
        let name = if group.cluster_id < 0 { "outside".to_owned() } else { format!("segment {}", group.cluster_id) };
        let _ = writeln!(text, "\n== {name}: {} ==\n{}", counted(group.rows.len(), "customer"), group.summary);
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
