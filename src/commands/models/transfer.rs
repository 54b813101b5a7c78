//! `models push` and `models pull`: a version to a shared store, and from one.

use anyhow::{Context, anyhow};
use clap::Args;
use content_portal::model_store::ModelStore;
use content_portal::shared_store::{SharedStore, StoreUrl};

use super::Wanted;
use crate::commands::config::Config;
use crate::commands::misconfigured::Misconfigured;
use crate::commands::output::{counted, print_field};

/// Which version, and where the store is.
#[derive(Debug, Args)]
pub struct TransferArgs {
    /// The store, such as s3://bucket/prefix or file:///folder; without it that of STORE_URL.
    url: Option<StoreUrl>,
    /// The version, or `current`.
    #[arg(long, value_name = "VERSION", default_value = "current")]
    model: Wanted,
    /// Leave the current version of the other side as it is.
    #[arg(long)]
    aside: bool,
}

impl TransferArgs {
    fn url<'a>(&'a self, config: &'a Config) -> Result<&'a StoreUrl, Misconfigured> {
        self.url.as_ref().or(config.shared.url.as_ref()).ok_or(Misconfigured::NoStore)
    }
}

/// Copies a version to the store, compares what is there of it already, and makes it the current one there: also where
/// what is there names no version. Begins the store where its folder is not there.
pub fn push(config: &Config, store: &ModelStore, args: &TransferArgs) -> anyhow::Result<()> {
    let url = args.url(config)?;
    let id = args.model.id(store)?;
    let (shared, is_new) = SharedStore::begin(url, &config.shared.s3).map_err(Misconfigured::from)?;
    if is_new {
        print_field!("begun", "{}", shared.url());
    }
    // Before the files: this command was given without knowledge of a later change.
    let (seen, fault) = shared.look_at_current()?;
    let pushed = shared.push(store, &id, true).with_context(|| format!("{id} was not pushed"))?;
    shared.mark_as_published(&id)?;
    print_field!("pushed", "{id}");
    print_field!("to", "{}", shared.url());
    print_field!("written", "{}, {}", counted(pushed.n_files, "file"), counted(pushed.n_bytes, "byte"));
    if args.aside {
        return fault.map_or(Ok(()), |fault| Err(anyhow!(fault).context("the version is there")));
    }
    if seen.current.as_ref().is_none_or(|current| current.version != id) {
        shared.swap_current(&seen, &id).context("the version is there, and is not the current one")?;
    }
    if let Some(fault) = fault {
        print_field!("put right", "{}", anyhow!(fault));
    }
    print_field!("current", "{id}");
    Ok(())
}

/// Copies a version from the store and makes it the current one here.
pub fn pull(config: &Config, store: &ModelStore, args: &TransferArgs) -> anyhow::Result<()> {
    let shared = SharedStore::open(args.url(config)?, &config.shared.s3).map_err(Misconfigured::from)?;
    let id = match &args.model {
        Wanted::Version(id) => id.clone(),
        Wanted::Current => shared.current_of_seen(&shared.see_current()?)?,
    };
    let pulled = shared.pull(store, &id, !args.aside).map_err(|error| anyhow!(error).context("nothing was pulled"))?;
    print_field!(if pulled.is_new { "pulled" } else { "here" }, "{id}");
    print_field!("from", "{}", shared.url());
    if !args.aside {
        print_field!("current", "{id}");
    }
    Ok(())
}
