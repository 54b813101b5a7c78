//! Keys, the audit log and the budget as an operator has them: by commands, files and signals.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::folder::{Folder, Server, get_with, send, shown};

/// A new key: the key itself, and the line for the file.
fn new_key(folder: &Folder, args: &[&str]) -> (String, String) {
    let printed = folder.ok(&[&["keys", "new"], args].concat());
    let part = |name: &str| printed.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    (part("key "), part("line "))
}

fn started(folder: &Folder, variables: &[(&str, &str)]) -> (Server, String) {
    let mut server = Server::start(folder.command(&["serve"]).env("PORT", "0").envs(variables.iter().copied()));
    let address = server.until("listening")["address"].as_str().unwrap().to_owned();
    server.until("ready");
    (server, address)
}

fn status(address: &str, path: &str, key: &str) -> String {
    get_with(address, path, &format!("Authorization: Bearer {key}\r\n"))[9..12].to_owned()
}

#[test]
fn a_new_key_is_good_once_its_line_is_in_the_file_and_until_it_is_out() {
    let folder = Folder::with_data();
    let (portal, line) = new_key(&folder, &["portal", "--rights", "read,generate", "--expires", "2999-12-31"]);
    assert!(
        portal.len() >= 64 && !line.contains(&portal) && line.contains(r#""rights":["read","generate"]"#),
        "{line}"
    );
    let (crm, more) = new_key(&folder, &["crm", "--rights", "train", "--rate", "60", "--budget", "2.5"]);
    assert_ne!(portal, crm);
    fs::write(folder.path("keys.jsonl"), format!("# ours\n{line}\n")).unwrap();
    let (mut server, address) = started(&folder, &[("KEYS_FILE", "keys.jsonl"), ("DAILY_BUDGET_USD", "1")]);
    assert_eq!([status(&address, "/segments", &portal), status(&address, "/models", &portal)], ["200", "403"]);
    assert_eq!([status(&address, "/models", &crm), status(&address, "/segments", "")], ["401", "401"]);

    // The first budget of a key as well.
    let expired = line.replace("3000-01-01", "2020-01-01").replace("2999-12-31", "2019-12-31").replace("portal", "old");
    fs::write(folder.path("keys.jsonl"), format!("{more}\n{expired}\n")).unwrap();
    server.signal("HUP");
    assert_eq!(server.until("keys_reloaded")["n_keys"], 1, "one of two has expired");
    assert_eq!([status(&address, "/segments", &portal), status(&address, "/models", &crm)], ["401", "200"]);
    fs::write(folder.path("keys.jsonl"), "no key").unwrap();
    server.signal("HUP");
    assert!(server.until("keys_not_reloaded")["causes"].as_str().unwrap().contains("line 1"));
    assert_eq!(status(&address, "/models", &crm), "200", "the keys before stay");

    let (_, little) = new_key(&folder, &["till", "--rights", "generate", "--budget", "0.0053"]);
    fs::write(folder.path("keys.jsonl"), format!("{line}\n{more}\n{little}\n")).unwrap();
    let listed = folder.command(&["keys", "list"]).env("KEYS_FILE", "keys.jsonl").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for said in
        ["portal", "read,generate", "until 3000-01-01", "crm", "60 requests a minute", "2.50 USD a day", " 0.0053 USD"]
    {
        assert!(listed.contains(said), "{said} in {listed}");
    }
    for wrong in [
        &["a name", "--rights", "read"][..],
        &["portal", "--rights", "all"],
        &["portal"],
        &["a", "--rights", "read", "--budget", "0"],
        &["a", "--rights", "read", "--expires", "2020-01-01"],
    ] {
        assert_eq!(folder.run(&[&["keys", "new"], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn a_name_that_the_file_has_is_refused_for_a_new_key() {
    let folder = Folder::new();
    let again = |name: &str| {
        let mut command = folder.command(&["keys", "new", name, "--rights", "read"]);
        command.env("KEYS_FILE", "keys.jsonl").output().unwrap()
    };
    // The first key is made before its file.
    assert!(again("portal").status.success(), "{}", shown(&again("portal")));
    let (_, line) = new_key(&folder, &["portal", "--rights", "read"]);
    fs::write(folder.path("keys.jsonl"), line).unwrap();
    assert_eq!(again("portal").status.code(), Some(1));
    assert!(shown(&again("portal")).contains("has a key portal already"), "{}", shown(&again("portal")));
    assert!(again("crm").status.success());
}

#[test]
fn a_budget_that_never_buys_a_call_is_refused_wherever_it_is_given() {
    let folder = Folder::with_data();
    // Nothing is sent to it.
    let model = [("OPENAI_API_KEY", "sk-a-key"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"), ("PORT", "0")];
    let refused = |args: &[&str], more: &[(&str, &str)]| {
        let mut command = folder.command(args);
        let output = command.envs(model).envs(more.iter().copied()).output().unwrap();
        assert!(shown(&output).contains("USD a day is less than one call may cost (0.00"), "{}", shown(&output));
        output.status.code()
    };
    assert_eq!(refused(&["keys", "new", "crm", "--rights", "generate", "--budget", "0.003"], &[]), Some(1));
    // Made where calls cost nothing.
    let (_, line) = new_key(&folder, &["crm", "--rights", "generate", "--budget", "0.003"]);
    fs::write(folder.path("keys.jsonl"), line).unwrap();
    for settings in [("KEYS_FILE", "keys.jsonl"), ("DAILY_BUDGET_USD", "0.003")] {
        assert_eq!(refused(&["serve"], &[settings]), Some(78), "{settings:?}");
        assert_eq!(refused(&["check"], &[settings]), Some(78), "{settings:?}");
    }
}

#[test]
fn keys_that_cannot_be_told_apart_or_read_end_the_start() {
    let folder = Folder::with_data();
    let (key, line) = new_key(&folder, &["portal", "--rights", "read"]);
    fs::write(folder.path("good"), &line).unwrap();
    fs::write(folder.path("twice"), format!("{line}\n{line}")).unwrap();
    let same = "a-key-of-the-administrators";
    for (variables, said) in [
        (
            &[("ADMIN_KEY", same), ("API_KEYS", &format!("another-key-of-ours,{same}"))][..],
            "ADMIN_KEY is one of API_KEYS",
        ),
        (&[("ADMIN_KEY", "short")], "ADMIN_KEY must be at least 16 characters long"),
        (&[("KEYS_FILE", "nowhere")], "KEYS_FILE nowhere: cannot be read"),
        (&[("KEYS_FILE", "twice")], "the key portal is there twice"),
        (&[("KEYS_FILE", "good"), ("ADMIN_KEY", &key)], "the key portal is there twice"),
        (&[("AUDIT_LOG", "no/such/folder/audit.jsonl")], "AUDIT_LOG no/such/folder/audit.jsonl"),
        (&[("AUDIT_LOG", "/dev/full")], "AUDIT_LOG /dev/full: it is a device, not a file"),
    ] {
        let output = folder.command(&["serve"]).env("PORT", "0").envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{}", shown(&output));
        assert!(shown(&output).contains(said) && !shown(&output).contains(&key), "{}", shown(&output));
        assert!(shown(&output).matches("cannot be read").count() <= 1, "{}", shown(&output));
    }
}

#[test]
fn log_and_audit_log_name_the_key_and_no_more_of_the_address_than_they_should() {
    let folder = Folder::with_data();
    let (key, line) = new_key(&folder, &["portal", "--rights", "read"]);
    fs::write(folder.path("keys.jsonl"), line).unwrap();
    for (addresses, shown_as) in [("truncated", "203.0.113.0"), ("whole", "203.0.113.77")] {
        let variables = [
            ("KEYS_FILE", "keys.jsonl"),
            ("AUDIT_LOG", "audit.jsonl"),
            ("LOG_ADDRESSES", addresses),
            ("TRUSTED_PROXIES", "127.0.0.1"),
        ];
        let (mut server, address) = started(&folder, &variables);
        for key in [key.as_str(), "a-key-that-is-wrong"] {
            let lines = format!("Authorization: Bearer {key}\r\nX-Forwarded-For: 203.0.113.77\r\n");
            get_with(&address, "/segments", &lines);
        }
        let answered = server.until("answered");
        // The log does not repeat a method that a client made up.
        send(&address, &format!("{} /segments", "INVENTED".repeat(2_000)), "X-Forwarded-For: 203.0.113.77\r\n\r\n");
        assert_eq!((&answered["key"], &answered["address"]), (&"portal".into(), &shown_as.into()), "{answered}");
        server.signal("TERM");
        let (code, log) = server.ended();
        assert!(code == Some(0) && log.contains("wrong_keys") && !log.contains("a-key-that-is-wrong"), "{log}");
        assert!(log.contains(r#""method":"other""#) && !log.contains("INVENTED"), "{log}");
        let audit = fs::read_to_string(folder.path("audit.jsonl")).unwrap();
        let last: Vec<Value> = audit.lines().rev().take(3).map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(last.iter().all(|line| line["address"] == shown_as), "{audit}");
        let states: Vec<&str> = last.iter().map(|line| line["key_state"].as_str().unwrap()).collect();
        assert!(states.contains(&"good") && states.contains(&"wrong"), "{audit}");
    }
}

#[test]
fn an_audit_log_that_cannot_be_written_is_said_and_holds_nothing_up() {
    let folder = Folder::with_data();
    assert!(std::process::Command::new("mkfifo").arg(folder.path("pipe")).status().unwrap().success());
    let reader = fs::File::options().read(true).write(true).open(folder.path("pipe")).unwrap();
    let (mut server, address) = started(&folder, &[("AUDIT_LOG", "pipe")]);
    // A pipe that nobody reads takes nothing.
    drop(reader);
    assert!(get_with(&address, "/segments", "").starts_with("HTTP/1.1 200"));
    let lost = server.until("audit_lines_lost");
    assert_eq!((&lost["n_lines"], &lost["level"]), (&1.into(), &"ERROR".into()));
    assert!(get_with(&address, "/segments", "").starts_with("HTTP/1.1 200"));
    assert!(get_with(&address, "/metrics", "").contains("\ncontent_portal_audit_lines_lost_total "));
}

#[test]
fn an_audit_log_that_was_moved_away_is_begun_anew() {
    let folder = Folder::with_data();
    let (server, address) = started(&folder, &[("AUDIT_LOG", "audit.jsonl")]);
    let written = |name: &str| fs::read_to_string(folder.path(name)).unwrap_or_default().lines().count();
    get_with(&address, "/segments", "");
    while written("audit.jsonl") == 0 {
        std::thread::yield_now();
    }
    fs::rename(folder.path("audit.jsonl"), folder.path("audit.jsonl-20261126")).unwrap();
    get_with(&address, "/segments", "");
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    assert_eq!((written("audit.jsonl"), written("audit.jsonl-20261126")), (1, 1));
}

#[test]
fn the_audit_log_keeps_so_many_files_of_so_many_megabytes() {
    let folder = Folder::with_data();
    let variables = [
        ("AUDIT_LOG", "audit.jsonl"),
        ("AUDIT_LOG_MAX_MB", "1"),
        ("AUDIT_LOG_FILES", "2"),
        ("API_KEYS", "a-key-of-the-portal"),
    ];
    let (server, address) = started(&folder, &variables);
    // Some 600 bytes a line: more than two files of them.
    let head = "HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a-key-of-the-portal\r\n\r\n";
    let request = format!("GET /models/{}/report {head}", "x".repeat(240));
    let mut stream = TcpStream::connect(&address).unwrap();
    for _ in 0..60 {
        stream.write_all(request.repeat(100).as_bytes()).unwrap();
        let mut n_answers = 0;
        let mut bytes = [0; 64 << 10];
        while n_answers < 100 {
            let n_bytes = stream.read(&mut bytes).unwrap();
            assert!(n_bytes > 0, "the connection ended");
            n_answers += String::from_utf8_lossy(&bytes[..n_bytes]).matches("admin_closed").count();
        }
    }
    server.signal("TERM");
    assert_eq!(server.ended().0, Some(0));
    let size = |name: &str| fs::metadata(folder.path(name)).map(|file| file.len()).unwrap_or_default();
    assert!((900 << 10..=1 << 20).contains(&size("audit.jsonl.1")), "{}", size("audit.jsonl.1"));
    assert!(size("audit.jsonl") > 0 && size("audit.jsonl.2") == 0);
}

#[test]
fn the_budget_is_shown_by_key_and_can_be_set_to_nothing() {
    let folder = Folder::new();
    fs::create_dir(folder.path("state")).unwrap();
    let (_, line) = new_key(&folder, &["portal", "--rights", "generate", "--budget", "2.5"]);
    fs::write(folder.path("keys.jsonl"), line).unwrap();
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let ledger = format!(
        r#"{{"days": {{"{today}": {{"spent_usd": 1.5, "keys": {{"portal": 0.5, "ADMIN_KEY": 1.0}}}}, "2999-01-01": {{"spent_usd": 7}}}}}}"#
    );
    fs::write(folder.path("state/budget.json"), ledger).unwrap();
    let budget = |args: &[&str]| {
        let mut command = folder.command(&[&["budget"], args].concat());
        let output = command.env("KEYS_FILE", "keys.jsonl").env("DAILY_BUDGET_USD", "10").output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let shown_first = budget(&["show"]);
    assert!(shown_first[0].ends_with("1.5000 USD of 10.0000 USD"), "{shown_first:?}");
    assert!(shown_first.contains(&"portal 0.5000 USD of 2.5000 USD".to_owned()), "{shown_first:?}");
    assert!(shown_first.contains(&"ADMIN_KEY 1.0000 USD no limit".to_owned()), "{shown_first:?}");
    assert!(shown_first.last().unwrap().contains("2999-01-01"), "{shown_first:?}");
    budget(&["reset", "--key", "portal"]);
    let after_key = budget(&["show"]);
    assert!(after_key[0].contains("1.5000 USD") && after_key.contains(&"portal 0.0000 USD of 2.5000 USD".to_owned()));
    budget(&["reset"]);
    assert!(budget(&["show"])[0].contains(" 0.0000 USD of 10.0000 USD"));
}

#[test]
fn a_budget_is_shown_without_making_or_writing_anything() {
    let folder = Folder::new();
    let said = folder.ok(&["budget", "show"]);
    assert!(said.contains(" 0.0000 USD  no limit"), "{said}");
    assert_eq!(fs::read_dir(folder.path("")).unwrap().count(), 0);
}

#[test]
fn a_host_name_is_answered_once_the_settings_name_it() {
    let folder = Folder::with_data();
    let (_server, address) = started(&folder, &[("ALLOW_HOSTS", "intranet, *.example.org")]);
    let asked = |host: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer[9..12].to_owned()
    };
    assert_eq!(["intranet", "a.example.org", "evil.example"].map(asked), ["200", "200", "421"]);
    let foreign = "Origin: https://evil.example\r\nContent-Length: 0\r\n\r\n";
    assert!(send(&address, "POST /generate-post", foreign).contains("foreign_origin"));
}

#[test]
fn a_pipe_in_the_place_of_a_file_of_the_state_is_refused_and_nothing_waits_for_it() {
    for (pipe, args) in [
        ("erased.json", &["customers", "erase", "--id", "5"][..]),
        ("identifiers.key", &["customers", "erase", "--id", "5"]),
        ("budget.json", &["budget", "show"]),
        ("budget.json", &["budget", "reset"]),
    ] {
        let folder = Folder::with_data();
        fs::create_dir(folder.path("state")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(folder.path("state").join(pipe)).status().unwrap();
        assert!(made.success());
        let refused = folder.fails(args);
        assert!(refused.contains(pipe) && refused.contains("it is not a regular file"), "{args:?}: {refused}");
    }
}

#[test]
fn a_damaged_budget_is_refused_with_the_way_out() {
    let folder = Folder::with_data();
    fs::create_dir(folder.path("state")).unwrap();
    for damaged in ["{\"days\"", r#"{"day": "2026-11-26", "spent_usd": 1e300}"#] {
        fs::write(folder.path("state/budget.json"), damaged).unwrap();
        for args in [["budget", "show"], ["budget", "reset"]] {
            let refused = folder.fails(&args);
            assert!(refused.contains("budget.json") && refused.contains("move the damaged file away"), "{refused}");
        }
    }
}

#[test]
fn what_a_command_cannot_be_asked_for_is_an_error_and_changes_nothing() {
    let folder = Folder::with_data();
    let refused = folder.run(&["budget", "reset", "--key", "nosuch"]);
    assert_eq!(refused.status.code(), Some(1), "{}", shown(&refused));
    assert!(shown(&refused).contains("no key \"nosuch\""), "{}", shown(&refused));
    // A key that has spent nothing yet is one all the same.
    let (_, line) = new_key(&folder, &["portal", "--rights", "read"]);
    fs::write(folder.path("keys.jsonl"), line).unwrap();
    let reset =
        folder.command(&["budget", "reset", "--key", "portal"]).env("KEYS_FILE", "keys.jsonl").output().unwrap();
    assert!(reset.status.success(), "{}", shown(&reset));
    for wrong in [["--min-cluster-size", "0%"], ["--n-neighbors", "0"], ["--min-dist", "7"], ["--min-samples", "0"]] {
        let refused = folder.run(&[&["retrain"], &wrong[..]].concat());
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}: {}", shown(&refused));
    }
    assert!(folder.versions().is_empty());
}
