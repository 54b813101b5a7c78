//! `uploads`: the kept uploads, listed, shown, approved for training and erased.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Subcommand;
use content_portal::durable;
use content_portal::model_store::ModelStore;
use content_portal::retrain::taken_uploads;
use content_portal::upload_store::{ListedUpload, TrainOn, UploadId, UploadState, UploadStore};

use super::config::Config;
use super::output::{counted, print_field, print_further, print_line};

#[derive(Debug, Subcommand)]
pub enum UploadsCommand {
    /// List the kept uploads that no training has taken yet, the earliest first.
    List,
    /// Show one upload: when it came, with which key, its rows, and whether a training learns from it.
    Show {
        /// The upload, as `uploads list` shows it.
        id: UploadId,
    },
    /// Let trainings learn from an upload that waits for approval.
    Approve {
        /// The uploads, as `uploads list` shows them.
        #[arg(required = true)]
        ids: Vec<UploadId>,
    },
    /// Remove an upload, also one that a training has moved into BASE_DATA_DIR.
    Erase {
        /// The uploads, as `uploads list` shows them.
        #[arg(required = true)]
        ids: Vec<UploadId>,
    },
}

impl UploadsCommand {
    /// Whether it changes something.
    pub fn writes(&self) -> bool {
        matches!(self, Self::Approve { .. } | Self::Erase { .. })
    }
}

/// Runs an `uploads` command.
pub fn uploads(config: &Config, command: &UploadsCommand) -> anyhow::Result<ExitCode> {
    let store = UploadStore::new(&config.server.upload_dir, config.server.upload_rules.clone());
    match command {
        UploadsCommand::List => list(config, &store)?,
        UploadsCommand::Show { id } => show(config, &store, *id)?,
        UploadsCommand::Approve { ids } => {
            let ids = each_once(ids);
            for &id in &ids {
                if store.find(id).context("the uploads cannot be listed")?.is_none() {
                    bail!(no_upload(id));
                }
            }
            for id in ids {
                let upload = store.approve(id, None).with_context(|| format!("{id} was not approved"))?;
                print_field!("approved", "{}", upload.with_context(|| no_upload(id))?.id);
            }
        }
        UploadsCommand::Erase { ids } => erase(config, &store, &each_once(ids))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The ids as they were named, without those that were named before.
fn each_once(ids: &[UploadId]) -> Vec<UploadId> {
    let mut seen = HashSet::new();
    ids.iter().copied().filter(|&id| seen.insert(id)).collect()
}

fn list(config: &Config, store: &UploadStore) -> anyhow::Result<()> {
    let folder = config.server.upload_dir.display();
    let waiting = store.waiting().with_context(|| format!("{folder} cannot be listed"))?;
    if waiting.is_empty() {
        print_line!("no upload waits in {folder}");
        return Ok(());
    }
    print_line!("{:<32}  {:<20}  {:>8}  {:>10}  {:<8}  sent by", "upload", "last sent", "rows", "bytes", "state");
    for upload in &waiting {
        let (id, sent, rows, by) = (upload.id, upload.last_sent_at, rows(upload), sent_by(upload));
        let state = state(upload.state());
        print_line!("{id}  {sent:<20.0}  {rows:>8}  {:>10}  {state:<8}  {by}", upload.size_bytes);
    }
    if config.server.upload_rules.train_on == TrainOn::Off {
        print_line!("\nno training learns from them: TRAIN_ON_UPLOADS is off");
    }
    let n_unapproved = waiting.iter().filter(|upload| upload.state() == UploadState::Waiting).count();
    if n_unapproved > 0 && config.server.upload_rules.train_on == TrainOn::Approved {
        print_line!(
            "\nwaiting for approval: {}; no training learns from them before content-portal uploads approve",
            counted(n_unapproved, "upload")
        );
    }
    Ok(())
}

fn show(config: &Config, store: &UploadStore, id: UploadId) -> anyhow::Result<()> {
    let Some(upload) = store.find(id).context("the uploads cannot be listed")? else {
        let taken = taken(config, id)?;
        if taken.is_empty() {
            bail!(no_upload(id));
        }
        print_field!("upload", "{id}");
        print_field!("state", "a training has taken it");
        for file in taken {
            print_field!("file", "{}", file.display());
        }
        return Ok(());
    };
    print_field!("upload", "{id}");
    print_field!("received", "{:.0}", upload.received_at);
    print_field!("last sent", "{:.0}", upload.last_sent_at);
    print_field!("sent by", "{}", sent_by(&upload));
    if let Some(by) = upload.about.as_ref().and_then(|about| about.approved_by.as_deref()) {
        print_field!("approved by", "{by}");
    }
    print_field!("rows", "{}", rows(&upload));
    print_field!("bytes", "{}", upload.size_bytes);
    print_field!("state", "{}", state(upload.state()));
    print_field!("file", "{}", upload.path.display());
    Ok(())
}

fn erase(config: &Config, store: &UploadStore, ids: &[UploadId]) -> anyhow::Result<()> {
    for &id in ids {
        // Before the lock makes a folder for itself, where this is the wrong place.
        if store.find(id).context("the uploads cannot be listed")?.is_none() && taken(config, id)?.is_empty() {
            bail!(no_upload(id));
        }
    }
    // A training holds this lock from before it lists the uploads until it has moved them.
    let _lock = ModelStore::new(&config.paths.models).lock().context("nothing was erased")?;
    for &id in ids {
        let waited = store.remove(id).with_context(|| format!("{id} was not erased"))?;
        let taken = taken(config, id)?;
        if !waited && taken.is_empty() {
            bail!(no_upload(id));
        }
        for file in &taken {
            let removed = fs::remove_file(file).and_then(|()| durable::sync_folder(durable::folder_of(file)));
            removed.with_context(|| format!("{} was not erased", file.display()))?;
        }
        print_field!("erased", "{id}");
        for file in &taken {
            print_further!("{}", file.display());
        }
        if !taken.is_empty() {
            print_further!("versions that were trained on it stay as they are: content-portal retrain");
        }
    }
    Ok(())
}

/// Where trainings have put the upload.
fn taken(config: &Config, id: UploadId) -> anyhow::Result<Vec<PathBuf>> {
    Ok(taken_uploads(&config.paths.base_data)?.into_iter().filter(|(known, _)| *known == id).map(|(_, f)| f).collect())
}

fn no_upload(id: UploadId) -> String {
    format!("there is no upload {id}: content-portal uploads list shows those that wait")
}

fn state(state: UploadState) -> &'static str {
    match state {
        UploadState::Waiting => "waiting",
        UploadState::Approved => "approved",
    }
}

fn sent_by(upload: &ListedUpload) -> &str {
    match &upload.about {
        Some(about) => about.sent_by.as_deref().unwrap_or("no key"),
        None => "–",
    }
}

fn rows(upload: &ListedUpload) -> String {
    let rows = upload.about.as_ref().and_then(|about| about.rows);
    rows.map_or_else(|| "–".to_owned(), |rows| rows.to_string())
}
