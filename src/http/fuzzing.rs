//! What the fuzz target `requests` asks of a caller's bodies; its seeds ask the same in a test.
//!
//! Part of no build that is served. The first byte says what the rest is.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a promise that does not hold has to end the run")]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::http::{HeaderMap, HeaderValue, header};
use jiff::civil::date;
use serde_json::Value;

use super::problem::{ApiError, Problem};
use super::request::body::parse_object;
use super::request::fields::Fields;
use super::request::incoming::label_of;
use super::request::target::cluster_id;
use super::response::public_address::{PublicAddress, host};
use super::routes::images::attachment;
use crate::content::fuzzing::{check_answer, check_prompts};
use crate::content::{Audience, Brief, Campaign};
use crate::customer::{Schema, is_invisible, read_form};
use crate::export::{Export, Format, KeptAnswer};
use crate::pipeline::{Persona, count_traits};

static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| Arc::new(Schema::built_in().unwrap()));

/// Takes a request as its handler does. It is taken or refused, and what it says stays data.
pub fn check_request(input: &[u8]) {
    let Some((kind, body)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(body);
    let outcome = match kind {
        b'g' => generate(body),
        b'f' => form(&text),
        b'e' => export(body),
        b'd' => download(body),
        b'h' => return host_header(body),
        b'n' => return file_name(&text),
        b'm' => return check_answer(&text, &Campaign::default()),
        _ => return,
    };
    if let Err(error) = outcome {
        let document: Value = serde_json::from_str(&Problem::new(error).json("an-id")).unwrap();
        assert!(document["error"].as_str().unwrap().len() < 1_000, "{document}");
    }
}

/// The body of `/generate-promo` and its kin, for a persona, a customer or everyone.
fn generate(body: &[u8]) -> Result<(), ApiError> {
    let mut fields = Fields::new(parse_object(body)?);
    if let Some(inputs) = fields.object("campaign_inputs") {
        fields.add_campaign("campaign_inputs", inputs);
    }
    let _ = cluster_id(&mut fields);
    let persona = fields.object("persona").map(|object| Persona::from_json(&SCHEMA, &object));
    let texts = fields.texts();
    let pairs = texts.iter().map(|(name, text)| (name.as_str(), text.as_str()));
    let customer = read_form(&SCHEMA, pairs, date(2026, 3, 1)).ok().map(|customer| {
        assert!(customer.table.is_whole());
        Persona::of_one(&count_traits(&customer.table, &[0], 0).1)
    });
    let campaign = fields.campaign()?.campaign;
    for persona in [persona, customer, Some(Persona::default())].into_iter().flatten() {
        serde_json::to_string(&persona).unwrap();
        for audience in [Audience::of_persona(&SCHEMA, &persona), Audience::of_customer(&SCHEMA, &persona, None)] {
            check_prompts(&Brief { audience, campaign: campaign.clone() });
        }
    }
    Ok(())
}

/// The text fields beside an uploaded file, one a line.
fn form(text: &str) -> Result<(), ApiError> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let texts: BTreeMap<String, String> = pairs.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    let campaign = Fields::from_texts(texts).campaign()?.campaign;
    check_prompts(&Brief { audience: Audience::default(), campaign });
    Ok(())
}

/// The body of `/segments/export`: whatever is exported, text stays text.
fn export(body: &[u8]) -> Result<(), ApiError> {
    let scratch = std::env::temp_dir();
    let mut bytes = Vec::new();
    Export::of_answer(KeptAnswer::from_json(body)?)?.write(Format::Csv, &mut bytes, &scratch)?;
    let text = std::str::from_utf8(&bytes).unwrap().strip_prefix('\u{feff}').unwrap();
    let mut records = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let cells = records.records().flat_map(|record| record.unwrap().iter().map(str::to_owned).collect::<Vec<_>>());
    for cell in cells.filter(|cell| cell.parse::<f64>().is_err()) {
        // Also where a program splits at something else than commas.
        for piece in cell.split(['\n', '\r', ';', '\t']) {
            let shown = piece.trim_start_matches(|c: char| c == '"' || c.is_whitespace() || is_invisible(c));
            assert!(!shown.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']), "{piece:?} in {text:?}");
        }
    }
    let mut bytes = Vec::new();
    Export::of_answer(KeptAnswer::from_json(body)?)?.write(Format::Xlsx, &mut bytes, &scratch)?;
    let mut book = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    for part in ["xl/worksheets/sheet1.xml", "xl/worksheets/sheet2.xml"] {
        let xml = std::io::read_to_string(book.by_name(part).unwrap()).unwrap();
        assert!(!["<f>", "<f ", "<hyperlink"].iter().any(|element| xml.contains(element)), "{xml}");
    }
    Ok(())
}

/// The body of `/api/proxy-download`: a name that is a hash comes of it, or nothing.
fn download(body: &[u8]) -> Result<(), ApiError> {
    let mut fields = Fields::new(parse_object(body)?);
    let (url, name) = (fields.text(["url"]), fields.text(["name"]));
    fields.end()?;
    for ours in ["http://localhost:5000", "https://portal.example/api"] {
        let Some(image) = url.as_ref().and_then(|(_, url)| PublicAddress(ours.to_owned()).image_at(url)) else {
            continue;
        };
        let (stem, extension) = image.as_str().split_once('.').unwrap();
        let is_hash = stem.len() == 64 && stem.bytes().all(|b| b.is_ascii_hexdigit());
        assert!(is_hash || image.is_poster(), "{image}");
        assert!(stem.len() < 800 && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{image}");
        assert!(["png", "jpg", "webp"].contains(&extension), "{image}");
        let value = attachment(name.as_ref().map_or("image", |(_, name)| name), &image)?;
        let value = value.to_str().unwrap();
        let inner = value.strip_prefix("attachment; filename=\"").unwrap().split_once("\"; filename*=UTF-8''").unwrap();
        assert!(!inner.0.contains(['"', '\\', '/', ';', '%']) && inner.1.is_ascii() && !inner.1.contains([';', ' ']));
    }
    Ok(())
}

/// The `Host` header, which the addresses of pictures are made of.
fn host_header(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    if let Some(host) = host(&HeaderMap::from_iter([(header::HOST, value)])) {
        assert!(!host.as_str().contains(['@', '/', '?', '#', '"', '<', ' ', '\\']), "{host}");
        let ours = PublicAddress(format!("http://{host}"));
        let elsewhere = format!("http://elsewhere.example/images/{}.png", "a".repeat(64));
        assert!(ours.image_at(&elsewhere).is_none() || host.as_str().starts_with("elsewhere.example"));
    }
}

/// What a caller calls a file.
fn file_name(name: &str) {
    let label = label_of(name);
    assert!(!label.trim().is_empty() && label.chars().count() <= 200);
    assert!(!label.contains(|c: char| c.is_control() || "/\\\u{202e}\u{2066}\u{200b}".contains(c)), "{label:?}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_seeds_of_the_fuzz_target_keep_every_promise() {
        crate::seeds::each("requests", super::check_request);
    }
}
