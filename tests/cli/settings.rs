//! Settings as people write them: read, shown, or refused with a sentence and exit code 78.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::folder::{Folder, KEY, Server, fixture, get, shown};

/// `EX_CONFIG`.
const MISCONFIGURED: Option<i32> = Some(78);

/// What `settings --json` prints, and its exit code.
fn settings(folder: &Folder, variables: &[(&str, &str)]) -> (Value, Option<i32>) {
    let output = folder.command(&["settings", "--json"]).envs(variables.iter().copied()).output().unwrap();
    (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
}

/// The values of `settings --json` by name.
fn values(report: &Value) -> BTreeMap<String, Value> {
    let settings = report["settings"].as_array().unwrap();
    settings.iter().map(|s| (s["name"].as_str().unwrap().to_owned(), s["value"].clone())).collect()
}

/// Value and source of one setting.
fn setting(report: &Value, name: &str) -> (String, String) {
    let settings = report["settings"].as_array().unwrap();
    let setting = settings.iter().find(|setting| setting["name"] == name).unwrap();
    let text = |key: &str| setting[key].as_str().unwrap_or("–").to_owned();
    (text("value"), text("source"))
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn the_example_and_the_readme_name_every_setting_and_the_example_its_default() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (defaults, code) = settings(&Folder::new(), &[]);
    assert_eq!(code, Some(0));
    let defaults = values(&defaults);

    let folder = Folder::new();
    let example = fs::read_to_string(root.join(".env.example")).unwrap();
    fs::write(folder.path(".env"), &example).unwrap();
    let (report, code) = settings(&folder, &[]);
    assert_eq!(
        (code, &report["warnings"], &report["mistakes"]),
        (Some(0), &Value::Array(vec![]), &Value::Array(vec![]))
    );
    assert_eq!(values(&report), defaults);
    let named = example.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let mut named: Vec<&str> = named.map(|(name, _)| name).collect();
    named.sort_unstable();
    assert_eq!(named, defaults.keys().map(String::as_str).collect::<Vec<_>>());

    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let table = readme.split("\n## Settings\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let first_cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let mut named: Vec<&str> =
        first_cells.flat_map(|cell| cell.split(['`', ',', ' '])).filter(|n| !n.is_empty()).collect();
    named.sort_unstable();
    assert_eq!(named, defaults.keys().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_settings_file_is_read_as_editors_save_it() {
    let folder = Folder::new();
    fs::copy(fixture("bom.env"), folder.path(".env")).unwrap();
    let (report, code) = settings(&folder, &[]);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(setting(&report, "PORT"), ("5000".to_owned(), ".env line 1".to_owned()));
    assert_eq!(setting(&report, "WRITER"), ("offline".to_owned(), ".env line 2".to_owned()));

    fs::write(folder.path(".env"), utf16("# München\r\nPORT=5001\r\n")).unwrap();
    let (report, _) = settings(&folder, &[]);
    assert_eq!(setting(&report, "PORT"), ("5001".to_owned(), ".env line 2".to_owned()));

    fs::write(folder.path(".env"), b"PORT=5001\n# M\xfcnchen\n").unwrap();
    let (report, code) = settings(&folder, &[]);
    assert_eq!(
        (code, &report["mistakes"][0]),
        (MISCONFIGURED, &".env is not text from line 2 on: save it as UTF-8".into())
    );
}

#[test]
fn a_server_starts_on_a_settings_file_with_a_byte_order_mark() {
    let folder = Folder::with_data();
    fs::copy(fixture("bom.env"), folder.path(".env")).unwrap();
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0"));
    assert_eq!(server.until("ready")["writer"], "offline");
}

#[test]
fn quotes_that_no_shell_took_off_are_no_part_of_a_value() {
    let pairs = [("PORT", "\"5001\""), ("ALLOW_ORIGINS", "'https://*.example.com'"), ("OPENAI_API_KEY", "\"sk-a\"")];
    let (report, code) = settings(&Folder::new(), &pairs);
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(setting(&report, "PORT").0, "5001");
    assert_eq!(setting(&report, "ALLOW_ORIGINS").0, "https://*.example.com");
}

#[test]
fn settings_never_shows_a_secret() {
    let folder = Folder::new();
    fs::write(folder.path("keys"), "a-key-of-the-portal\n").unwrap();
    let file = format!(
        "OPENAI_API_KEY={KEY}\nADMIN_KEY='a-key-of-the-administrators'\nAPI_KEYS_FILE=keys\n\
         OPENAI_BASE_URL=https://me:a-password@llm.example/v1?key=a-key-of-mine\nADMIN_KEY {KEY}\n{KEY}\n"
    );
    fs::write(folder.path(".env"), file).unwrap();
    let printed = [&["settings"][..], &["settings", "--json"], &["serve"], &["check"]].map(|args| {
        let output = folder.run(args);
        assert_eq!(output.status.code(), MISCONFIGURED);
        shown(&output)
    });
    assert!(printed[0].contains("(1 key)") && printed[0].contains("API_KEYS_FILE: keys"), "{}", printed[0]);
    for text in printed {
        for secret in [KEY, "very-secret", "a-password", "a-key-of"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        assert!(text.contains(".env line 5 (ADMIN_KEY) is not NAME=value"), "{text}");
        assert!(text.contains(".env line 6 is not NAME=value"), "{text}");
    }
}

#[test]
fn a_name_that_is_almost_a_setting_is_warned_of_by_every_command() {
    let folder = Folder::new();
    fs::write(folder.path(".env"), "OPENAI_APIKEY=sk-a\nCOMPOSE_PROJECT_NAME=portal\n").unwrap();
    for args in [&["settings"][..], &["models", "list"]] {
        let output = folder.run(args);
        assert!(output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("OPENAI_APIKEY is not a setting; did you mean OPENAI_API_KEY?"), "{said}");
        assert!(!said.contains("COMPOSE") && !said.contains("sk-a"), "{said}");
    }
}

#[test]
fn a_door_that_is_meant_to_be_shut_never_opens_unsaid() {
    let folder = Folder::with_data();
    fs::write(folder.path("empty"), "").unwrap();
    for (name, value, sentence) in [
        ("API_KEYS_FILE", "empty", "API_KEYS_FILE: empty is empty"),
        ("API_KEYS", ",", "API_KEYS holds no key"),
        ("ADMIN_KEY_FILE", "empty", "ADMIN_KEY_FILE: empty is empty"),
    ] {
        let output = folder.command(&["serve"]).env("PORT", "0").env(name, value).output().unwrap();
        assert_eq!(output.status.code(), MISCONFIGURED, "{}", shown(&output));
        assert!(shown(&output).contains(sentence), "{}", shown(&output));
    }
}

#[test]
fn every_setting_that_cannot_work_ends_the_start_with_code_78() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let files: [(&str, &[u8]); 5] = [
        ("empty.json", b""),
        ("pointer.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n"),
        ("list.json", b"[]"),
        ("twice.json", br#"{"0": {"Interests": "Tea", "Interests": "Coffee"}}"#),
        ("a-file", b"no folder"),
    ];
    files.iter().for_each(|(name, bytes)| fs::write(folder.path(name), bytes).unwrap());
    for (name, value, sentence) in [
        ("ALLOW_ORIGINS", "https://portal.*.com", "a * may stand alone"),
        ("RUST_LOG", "content_portal=loud", "RUST_LOG must be a filter"),
        ("RUST_LOG", "content_portal=debug,warning", "RUST_LOG: warning is no level; the levels are"),
        ("SCHEMA_PATH", "empty.json", "SCHEMA_PATH empty.json: is empty"),
        ("SCHEMA_PATH", "pointer.json", "is a Git LFS pointer"),
        ("PERSONA_PATH", "empty.json", "PERSONA_PATH empty.json: is empty"),
        ("PERSONA_PATH", "pointer.json", "is a Git LFS pointer"),
        ("PERSONA_PATH", "list.json", "must be a JSON object of cluster ids"),
        ("PERSONA_PATH", "twice.json", "PERSONA_PATH twice.json: has the key Interests twice"),
        ("PERSONA_PATH", "nowhere.json", "PERSONA_PATH nowhere.json: cannot be read"),
        ("PRICES_PATH", "empty.json", "empty.json could not be read: is empty"),
        ("PROMPT_DIR", "nowhere", "PROMPT_DIR"),
        ("UPLOAD_DIR", "a-file/uploads", "UPLOAD_DIR a-file/uploads cannot be written"),
        ("IMAGE_DIR", "a-file", "IMAGE_DIR a-file cannot be written"),
    ] {
        let output = folder.command(&["serve"]).env("PORT", "0").env(name, value).output().unwrap();
        let said = shown(&output);
        assert_eq!(output.status.code(), MISCONFIGURED, "{name}={value}: {said}");
        assert!(said.contains(sentence), "{name}={value}: {said}");
    }
}

#[test]
fn a_folder_that_only_trainings_write_keeps_no_server_from_serving_and_is_named_where_it_retrains() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    fs::write(folder.path("a-file"), "").unwrap();
    let served = |admin_key: &str| {
        let mut command = folder.command(&["serve"]);
        let mut server =
            Server::start(command.env("PORT", "0").env("BASE_DATA_DIR", "a-file").env("ADMIN_KEY", admin_key));
        server.until("ready");
        server.signal("TERM");
        server.ended().1
    };
    assert!(served("a-key-of-the-administrators").contains("BASE_DATA_DIR a-file cannot be written"));
    assert!(!served("").contains("cannot be written"));
}

#[test]
fn files_with_a_byte_order_mark_or_in_utf_16_are_read() {
    let folder = Folder::with_data();
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/customer/schema.json")).unwrap();
    fs::write(folder.path("schema.json"), format!("\u{feff}{schema}")).unwrap();
    let entry = json!({"Interests": "running"});
    let personas = json!({"0": entry, "1": entry, "2": entry, "3": entry}).to_string();
    fs::write(folder.path("personas.json"), utf16(&personas)).unwrap();
    fs::write(folder.path("prices.json"), utf16("{}")).unwrap();
    fs::create_dir(folder.path("prompts")).unwrap();
    fs::write(folder.path("prompts/system.j2"), "\u{feff}Write well.").unwrap();
    let mut command = folder.command(&["segment", fixture("dirty.xlsx").to_str().unwrap(), "--json"]);
    command.env("SCHEMA_PATH", "schema.json").env("PERSONA_PATH", "personas.json");
    let output = command.env("PRICES_PATH", "prices.json").env("PROMPT_DIR", "prompts").output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let clusters = answer["clusters"].as_array().unwrap();
    let segment = clusters.iter().find(|cluster| cluster["cluster_id"].as_i64() >= Some(0)).unwrap();
    assert_eq!(segment["persona"]["Interests"], "running");
    assert!(segment["prompt_used"].as_str().unwrap().starts_with("Write well."));
}

#[test]
fn the_settings_of_the_flask_service_start_the_server_and_name_the_way_over() {
    let folder = Folder::with_data();
    let original = "PORT=0\nOPENAI_API_KEY=\nMODEL_DIR=./model\nPERSONA_PATH=./model/cluster_personas.pkl\n\
                    UPLOAD_DIR=./uploads\nBASE_DATA_DIR=./base_data\nFLASK_ENV=production\nFLASK_DEBUG=0\n\
                    ALLOW_ORIGINS=http://localhost:4200, http://127.0.0.1:4200\n";
    fs::write(folder.path(".env"), original).unwrap();
    fs::create_dir(folder.path("model")).unwrap();
    fs::write(folder.path("model/cluster_personas.pkl"), b"\x80\x04}.").unwrap();
    let mut server = Server::start(&mut folder.command(&["serve"]));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"));
    server.signal("TERM");
    let (code, log) = server.ended();
    assert_eq!(code, Some(0), "{log}");
    for variable in ["PERSONA_PATH ./model/cluster_personas.pkl", "MODEL_DIR ./model"] {
        let line = log.lines().find(|line| line.contains(variable)).unwrap_or_else(|| panic!("{variable} in {log}"));
        assert!(line.contains("WARN") && line.contains("content-portal models import"), "{line}");
    }
}

#[test]
fn a_persona_that_no_customer_of_its_segment_bears_out_is_left_out_and_said() {
    let folder = Folder::with_data();
    folder.ok(&["retrain"]);
    let entry = r#"{"0": {"Top_Locations": ["Atlantis"], "Special_Offer": "Free loaf"}}"#;
    fs::write(folder.path("personas.json"), entry).unwrap();
    let mut command = folder.command(&["segment", fixture("customers_300.xls").to_str().unwrap(), "--json"]);
    let output = command.env("PERSONA_PATH", "personas.json").output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let persona = &answer["clusters"][0]["persona"];
    assert_eq!(persona["Special_Offer"], "Free loaf");
    assert!(!persona["Top_Locations"].to_string().contains("Atlantis"), "{persona}");
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("it says Top_Locations Atlantis, which 0 of its customers have"), "{log}");
}
