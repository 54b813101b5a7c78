//! `check`: tries what serving needs, before anybody relies on it.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::process::ExitCode;

use anyhow::anyhow;
use content_portal::content::Probed;
use content_portal::model_store::{ModelStore, Servable, StoreError};
use content_portal::workbook::Confinement;

use super::config::Config;
use super::folders::{self, Folder};
use super::health;
use super::misconfigured::{Misconfigured, is_misconfigured, misconfigured};
use super::output::{counted, print_line};
use super::{current_model, keys, setup};

/// What became of one check: a sentence.
type Outcome = anyhow::Result<String>;

/// Prints one line a check. Exit code 78 where a setting has to change, 1 where something else does.
pub fn check(config: &Config) -> anyhow::Result<ExitCode> {
    let mut outcomes = vec![("settings", Ok("can all be taken; content-portal settings shows them".to_owned()))];
    outcomes.extend(folders::all(config).iter().map(|folder| (folder.variable, try_folder(folder))));
    outcomes.extend(try_keys(config).map(|outcome| ("KEYS_FILE", outcome)));
    outcomes.extend(try_store(config).map(|outcome| ("STORE_URL", outcome)));
    outcomes.push(("model", try_model(config)));
    outcomes.extend(try_writer(config).into_iter().map(|outcome| ("writer", outcome)));
    outcomes.push(("reader", try_reader()));
    outcomes.push(("port", try_port(config)));
    let (mut has_failed, mut has_wrong_setting) = (false, false);
    for (name, outcome) in outcomes {
        match outcome {
            Ok(sentence) => print_line!("{name:<14}ok      {sentence}"),
            Err(error) => {
                print_line!("{name:<14}FAILED  {error:#}");
                has_failed = true;
                has_wrong_setting |= is_misconfigured(&error);
            }
        }
    }
    Ok(match (has_failed, has_wrong_setting) {
        (_, true) => misconfigured(),
        (true, false) => ExitCode::FAILURE,
        (false, false) => ExitCode::SUCCESS,
    })
}

fn try_folder(folder: &Folder<'_>) -> Outcome {
    let Folder { variable, path } = *folder;
    let made = folder.try_out().map_err(|cause| Misconfigured::Folder { variable, path: path.to_owned(), cause })?;
    // What another process has put into one of them meanwhile stays, and the folder with it.
    let _ = made.iter().try_for_each(fs::remove_dir);
    Ok(format!("{}: a file was written and removed", path.display()))
}

/// Reads the keys, where there is a file of them, and tries whether the budget of each covers a call.
fn try_keys(config: &Config) -> Option<Outcome> {
    let keys = keys::of_file(config).transpose()?;
    Some(keys.map_err(Into::into).and_then(|keys| {
        // A writer that cannot be set up is another line's fault.
        let least_call_usd = setup::writer(config).ok().and_then(|writer| writer.least_call_usd());
        keys::check_keys(config, &keys, least_call_usd)?;
        Ok(counted(keys.len(), "key"))
    }))
}

/// Writes into the shared store as servers and trainings do, where there is one, and asks which version is current.
fn try_store(config: &Config) -> Option<Outcome> {
    let asked = setup::shared_store(config).transpose()?.and_then(|shared| {
        shared.try_out()?;
        let tried = format!("{}: an object was written, replaced and removed", shared.url());
        Ok(match shared.see_current()?.current {
            Some(current) => format!("{tried}; {} is current", current.version),
            None => format!("{tried}; no version is in it yet"),
        })
    });
    Some(asked)
}

/// Loads the model, with the marketers' entries laid over it.
fn try_model(config: &Config) -> Outcome {
    setup::schema(config)?;
    setup::training_settings(config)?;
    let entries = setup::persona_entries(config)?;
    let store = ModelStore::new(&config.paths.models);
    let Servable { mut version, fallback_from } = match store.load_servable() {
        Err(StoreError::NoCurrent { .. }) if config.shared.url.is_some() => {
            return Ok("none yet: the first start takes it from the store of STORE_URL, or trains it".to_owned());
        }
        Err(StoreError::NoCurrent { .. }) if current_model::has_nothing(config, &store) => {
            let sentence = current_model::how_to_begin(config);
            return if current_model::may_train(config) { Ok(sentence) } else { Err(anyhow!(sentence)) };
        }
        Err(StoreError::NoCurrent { .. }) => {
            return Ok(format!("none yet: the first start trains one from {}", config.paths.base_data.display()));
        }
        loaded => loaded?,
    };
    setup::overlay(&mut version, &entries);
    version.model.warm_up()?;
    match fallback_from {
        None => Ok(format!("{} loads: {}", version.id, counted(version.model.segments().len(), "segment"))),
        Some(fault) => Err(anyhow!(fault).context(format!("{} loads in place of the current version", version.id))),
    }
}

/// Says what this kernel keeps a reader process from.
fn try_reader() -> Outcome {
    Ok(Confinement::try_out()?.to_string())
}

/// Asks the writer's server for one token of each model.
fn try_writer(config: &Config) -> Vec<Outcome> {
    let ask = || -> anyhow::Result<Vec<Probed>> {
        let writer = setup::writer(config)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(writer.probe()))
    };
    match ask() {
        Ok(probed) if probed.is_empty() => {
            vec![Ok("offline: texts are made here, and no server is asked".to_owned())]
        }
        Ok(probed) => probed.into_iter().map(answered).collect(),
        Err(error) => vec![Err(error)],
    }
}

fn answered(Probed { model, server, outcome }: Probed) -> Outcome {
    match outcome {
        Ok(()) => Ok(format!("{model} at {server} answered with a token")),
        Err(error) => Err(anyhow!(error).context(format!("{model} at {server}"))),
    }
}

fn try_port(config: &Config) -> Outcome {
    let address = config.server.address;
    match TcpListener::bind(address) {
        Ok(_) if address.port() == 0 => Ok("a free one is taken at each start, for PORT is 0".to_owned()),
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            match health::ask(health::reachable(address), "/readyz") {
                Ok((_, answer)) if answer.get("model_version").is_some() || answer.get("code").is_some() => {
                    Ok(format!("{address} is served by a content-portal"))
                }
                _ => Err(anyhow!(error).context(format!("{address} is taken by another program"))),
            }
        }
        Err(error) => Err(anyhow!(error).context(format!("{address} cannot be listened on"))),
    }
}
