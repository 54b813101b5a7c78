use content_portal::config::{ConfigErrors, Loaded};
use content_portal::content::WriterKind;

use super::*;

fn loaded(pairs: &[(&str, &str)], file: &str) -> Loaded<Config> {
    Loaded::from_pairs(pairs, file, Config::read)
}

fn config(pairs: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    loaded(pairs, "").config()
}

#[test]
fn nothing_set_gives_the_documented_defaults() {
    let config = config(&[]).unwrap();
    assert_eq!(config.server.address.to_string(), "127.0.0.1:5000");
    assert_eq!(config.server.allow_origins, ["http://localhost:4200", "http://127.0.0.1:4200"]);
    assert_eq!(config.writer.kind, WriterKind::Auto);
    assert_eq!(config.writer.base_url, "https://api.openai.com/v1");
    assert_eq!((config.writer.model.as_str(), config.writer.image_model.as_str()), ("gpt-4o-mini", "gpt-image-1"));
    assert_eq!(config.writer.prices, None);
    let seconds = [config.writer.timeout, config.writer.deadline, config.writer.image_timeout].map(|t| t.as_secs());
    assert_eq!(seconds, [30, 60, 180]);
    assert_eq!(config.writer.image_dir, PathBuf::from("images"));
    assert_eq!((config.limits.max_unpacked_bytes, config.bounds.memory_bytes), (256 << 20, 1 << 30));
    assert_eq!(config.bounds.time.as_secs(), 8);
    let Settings { max_upload_bytes, max_members, upload_rules, .. } = config.server;
    assert_eq!((max_upload_bytes, config.limits.max_rows, max_members), (50 << 20, 1_000_000, 20_000));
    assert_eq!((upload_rules.keep_for, upload_rules.max_total_bytes), (None, None));
    assert_eq!(upload_rules.min_free_bytes, 256 << 20);
}

#[test]
fn each_field_is_read_from_its_own_variable() {
    let all = [
        ("MODEL_DIR", "the-models"),
        ("BASE_DATA_DIR", "the-data"),
        ("PERSONA_PATH", "the-personas"),
        ("SCHEMA_PATH", "the-schema"),
        ("TRAINING_PATH", "the-training"),
        ("RETRAIN_KEEP", "11"),
        ("RETRAIN_METHOD", "best"),
        ("MAX_ROWS", "12"),
        ("MAX_UNPACKED_MB", "13"),
        ("READER_MEMORY_MB", "140"),
        ("READER_TIMEOUT_S", "15"),
        ("RUST_LOG", "debug"),
    ];
    let Config { paths, limits, bounds, retrain_keep, retrain_method, log_filter, .. } = config(&all).unwrap();
    assert_eq!(retrain_method, Some(RetrainMethod::Best));
    let optional = [paths.personas, paths.schema, paths.training].map(Option::unwrap);
    let paths = [&[paths.models, paths.base_data][..], &optional].concat();
    assert_eq!(paths, ["the-models", "the-data", "the-personas", "the-schema", "the-training"].map(PathBuf::from));
    assert_eq!((retrain_keep.get(), limits.max_rows, limits.max_unpacked_bytes), (11, 12, 13 << 20));
    assert_eq!((bounds.memory_bytes, bounds.time.as_secs()), (140 << 20, 15));
    assert_eq!(log_filter.as_deref(), Some("debug"));
}

#[test]
fn all_mistakes_are_reported_together() {
    let pairs = [
        ("PORT", "high"),
        ("WRITER", "me"),
        ("ALLOW_ORIGINS", "localhost"),
        ("OPENAI_TIMEOUT_S", "0"),
        ("OPENAI_IMAGE_TIMEOUT_S", "0"),
        ("OPENAI_AUTH_HEADER", "api key"),
        ("MAX_UPLOAD_MB", "0"),
        ("READER_MEMORY_MB", "16"),
        ("READER_TIMEOUT_S", "soon"),
        ("PUBLIC_URL", "localhost:5000"),
        ("ADMIN_KEY", "short"),
        ("DAILY_BUDGET_USD", "0"),
        ("RETRAIN_SCHEDULE", "0 2 31 2 *"),
        ("TIME_ZONE", "Atlantis/Capital"),
        ("UPLOAD_KEEP_DAYS", "0"),
        ("UPLOAD_MAX_GB", "-1"),
        ("MIN_FREE_MB", "much"),
    ];
    let mistakes = config(&pairs).unwrap_err().0;
    for (name, _) in pairs {
        assert!(mistakes.iter().any(|m| m.starts_with(name)), "{name} in {mistakes:?}");
    }
}

#[test]
fn uploads_that_wait_are_not_among_the_files_that_trainings_read() {
    for (uploads, base_data) in [("data", "data"), ("data/../data/uploads", "data"), ("uploads", ".")] {
        let errors = config(&[("UPLOAD_DIR", uploads), ("BASE_DATA_DIR", base_data)]).unwrap_err();
        assert!(errors.to_string().contains("UPLOAD_DIR is within BASE_DATA_DIR"), "{errors}");
    }
    assert!(config(&[("UPLOAD_DIR", "data/uploads"), ("BASE_DATA_DIR", "data/base")]).is_ok());
}

#[test]
fn a_budget_is_a_sum_and_fallbacks_are_a_list() {
    let config = config(&[("DAILY_BUDGET_USD", "2.50"), ("OPENAI_FALLBACK_MODELS", " gpt-4o, ,gpt-4.1 ")]).unwrap();
    assert_eq!(config.writer.budget.unwrap().usd_per_day, 2.5);
    assert_eq!(config.writer.fallback_models, ["gpt-4o", "gpt-4.1"]);
}

#[test]
fn nothing_is_retrained_by_itself_unless_a_schedule_is_set() {
    let schedule = |pairs: &[(&str, &str)]| config(pairs).unwrap().server.schedule;
    for off in ["", "off", "OFF"] {
        assert!(schedule(&[("RETRAIN_SCHEDULE", off)]).is_none(), "{off}");
    }
    let next = |pairs| schedule(pairs).unwrap().next_after("2026-11-22T00:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(next(&[("RETRAIN_SCHEDULE", "quarterly")]).to_string(), "2027-01-01T02:00:00+08:00[Asia/Singapore]");
    let berlin = next(&[("RETRAIN_SCHEDULE", "15 4 * * 1"), ("RETRAIN_TZ", "Europe/Berlin")]);
    assert_eq!(berlin.to_string(), "2026-11-23T04:15:00+01:00[Europe/Berlin]");
}

#[test]
fn one_time_zone_is_set_by_its_new_name_or_its_old_one() {
    let zone = |pairs: &[(&str, &str)]| config(pairs).map(|c| c.server.time_zone.iana_name().unwrap().to_owned());
    assert_eq!(zone(&[]).unwrap(), "Asia/Singapore");
    assert_eq!(zone(&[("TIME_ZONE", "Europe/Berlin")]).unwrap(), "Europe/Berlin");
    assert_eq!(zone(&[("RETRAIN_TZ", "Europe/Berlin")]).unwrap(), "Europe/Berlin");
    assert_eq!(zone(&[("TIME_ZONE", "UTC"), ("RETRAIN_TZ", "UTC")]).unwrap(), "UTC");
    let both = zone(&[("TIME_ZONE", "UTC"), ("RETRAIN_TZ", "Europe/Berlin")]).unwrap_err().0;
    let mistake = "RETRAIN_TZ is the old name of TIME_ZONE, which is set as well: remove RETRAIN_TZ (environment)";
    assert_eq!(both, [mistake]);
    let loaded = loaded(&[], "RETRAIN_TZ=Europe/Berlin\n");
    let setting = loaded.settings.iter().find(|setting| setting.name == "TIME_ZONE").unwrap();
    assert_eq!(setting.source.to_string(), "RETRAIN_TZ, .env line 1");
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn an_empty_value_counts_as_not_set() {
    let config = config(&[("OPENAI_API_KEY", ""), ("PORT", " "), ("MODEL_DIR", "")]).unwrap();
    assert!(config.writer.api_key.is_none());
    assert_eq!(config.paths.models, PathBuf::from("models"));
}

#[test]
fn a_key_never_shows_in_a_debug_print() {
    let config = config(&[("OPENAI_API_KEY", "sk-very-secret")]).unwrap();
    assert!(!format!("{config:?}").contains("very-secret"));
    assert_eq!(config.writer.api_key.unwrap().expose(), "sk-very-secret");
}

#[test]
fn leftover_flask_settings_are_noticed_and_ignored() {
    let loaded = loaded(&[], "FLASK_DEBUG=1\nFLASK_APP=app.py\n");
    assert_eq!(loaded.warnings.len(), 2, "{:?}", loaded.warnings);
    assert!(loaded.warnings.contains(&"FLASK_DEBUG has no meaning here and is ignored".to_owned()));
    assert!(loaded.config().is_ok());
}

#[test]
fn what_was_read_is_remembered_with_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    std::fs::write(&keys, "\u{feff}# of the portal\na-key-of-the-portal\n\"a-key-of-the-shop\", a-key-of-the-app\n")
        .unwrap();
    let pairs =
        [("HOST", "\"0.0.0.0\""), ("API_KEYS_FILE", keys.to_str().unwrap()), ("OPENAI_API_KEY", "sk-very-secret")];
    let loaded = loaded(&pairs, "PORT=5001\nHOST=::1\n");
    let shown = |name: &str| {
        let setting = loaded.settings.iter().find(|setting| setting.name == name).unwrap();
        (setting.value.as_deref().unwrap_or("–"), setting.source.to_string())
    };
    assert_eq!(shown("HOST"), ("0.0.0.0", "environment".to_owned()));
    assert_eq!(shown("PORT"), ("5001", ".env line 1".to_owned()));
    assert_eq!(shown("API_KEYS"), ("(3 keys)", format!("API_KEYS_FILE: {}", keys.display())));
    assert_eq!(shown("OPENAI_API_KEY"), ("(set)", "environment".to_owned()));
    assert_eq!(shown("OPENAI_BASE_URL"), ("https://api.openai.com/v1", "default".to_owned()));
    assert_eq!(shown("ADMIN_KEY"), ("–", "default".to_owned()));
    let config = loaded.config().unwrap();
    assert_eq!(config.server.api_keys.len(), 3);
}

#[test]
fn a_list_of_keys_that_holds_none_opens_no_door() {
    let folder = tempfile::tempdir().unwrap();
    let file = |text: &str| {
        let path = folder.path().join("keys");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mistake = |pairs: &[(&str, &str)]| config(pairs).unwrap_err().0.join("\n");
    for none in [",", " , ,", "\"\",''", "# nobody"] {
        let mistake = mistake(&[("API_KEYS", none)]);
        assert!(mistake.starts_with("API_KEYS holds no key"), "{none}: {mistake}");
    }
    for none in ["", "\n", "\u{feff}", "\"\""] {
        let path = file(none);
        for name in ["API_KEYS_FILE", "ADMIN_KEY_FILE", "OPENAI_API_KEY_FILE"] {
            let mistake = mistake(&[(name, &path)]);
            assert!(mistake.starts_with(&format!("{name}: {path} is empty")), "{none:?}: {mistake}");
        }
    }
    let path = file("# nobody\n,\n");
    assert!(mistake(&[("API_KEYS_FILE", &path)]).starts_with("API_KEYS holds no key"));
    assert!(mistake(&[("API_KEYS", "a-key-of-the-portal a-key-of-the-shop")]).contains("without a blank"));
    // Blank counts as not set, and is warned of.
    let blank = loaded(&[("API_KEYS", ""), ("API_KEYS_FILE", "\"\"")], "");
    assert!(blank.warnings.iter().all(|warning| warning.contains("so no caller needs a key")));
    assert_eq!(blank.warnings.len(), 2);
    assert!(blank.config().unwrap().server.api_keys.is_empty());
}

#[test]
fn a_credential_that_is_empty_is_a_mistake_and_one_that_is_missing_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())];
    assert!(config(&pairs).unwrap().server.api_keys.is_empty());
    std::fs::write(folder.path().join("api_keys"), "").unwrap();
    assert!(config(&pairs).unwrap_err().to_string().contains("api_keys is empty"));
    std::fs::write(folder.path().join("api_keys"), "a-key-of-the-portal").unwrap();
    assert_eq!(config(&pairs).unwrap().server.api_keys.len(), 1);
}

#[test]
fn a_secret_that_is_set_twice_is_taken_from_the_variable_and_said_to_be() {
    let loaded = loaded(&[("ADMIN_KEY", "a-key-of-the-administrators"), ("ADMIN_KEY_FILE", "nowhere")], "");
    assert_eq!(loaded.warnings, ["ADMIN_KEY is set (environment), so the file of ADMIN_KEY_FILE is not read"]);
    assert!(loaded.config().unwrap().server.admin_key.is_some());
}

#[test]
fn a_mistake_says_where_the_setting_was_set() {
    let loaded = loaded(&[("MAX_ROWS", "none")], "PORT=high\nHOST\n");
    assert_eq!(
        loaded.mistakes,
        [
            ".env line 2 (HOST) is not NAME=value",
            "PORT must be a port from 0 to 65535 (.env line 1)",
            "MAX_ROWS must be a whole number of rows, 1 or more (environment)",
        ]
    );
}
