//! The last line on the terminal at start: where the server is, and where its texts come from.

use std::net::SocketAddr;

use content_portal::content::WriterKind;
use content_portal::http::Prepared;

use super::config::Config;
use super::current_model;
use super::health::reachable;

/// The line for a server at `address` that is ready.
pub fn welcome(config: &Config, address: SocketAddr, prepared: &Prepared) -> String {
    let mut line = format!("content-portal is ready at http://{}.", reachable(address));
    match prepared.writer.name() {
        "offline" => {
            let why = match config.writer.kind {
                WriterKind::Offline => "WRITER=offline",
                WriterKind::Auto | WriterKind::Openai => "OPENAI_API_KEY is not set",
            };
            line.push_str(&format!(" Texts come from the offline writer, because {why}."));
        }
        writer => line.push_str(&format!(" Texts come from the {writer} writer.")),
    }
    let base_data = config.paths.base_data.display();
    match &prepared.version {
        None if current_model::may_train(config) => {
            line.push_str(" There is no model yet: upload a first workbook there, with the administrator's key.");
        }
        None => line.push_str(&format!(
            " There is no model yet: put customers into {base_data} and start again, or set ADMIN_KEY and upload them \
             there."
        )),
        Some(version) if version.manifest.is_of_the_sample() => line.push_str(&format!(
            " Segments are those of the sample: put your own customers into {base_data} and retrain."
        )),
        Some(_) => {}
    }
    line
}
