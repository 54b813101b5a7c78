//! Whatever ends a training, and whatever the disk refuses: the store is whole, and no upload is lost or taken twice.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use content_portal::customer::Dropped;
use content_portal::model_store::StoreError;

use crate::shop::{Shop, customers, ended, names};

/// Moments at which trainings are killed; `RETRAIN_KILLS` sets another number.
const KILLS: usize = 25;

/// Every version is whole, `current` leads to one of them, and each upload is in exactly one place.
fn assert_whole(shop: &Shop, uploads: &BTreeSet<String>) {
    for id in shop.versions() {
        let faults = shop.store.verify(&id).unwrap();
        assert!(faults.is_empty(), "{id}: {faults:?}");
    }
    shop.current();
    let mut found: Vec<String> = names(&shop.path("uploads"));
    for folder in names(&shop.path("base_data")) {
        let taken = names(&shop.path("base_data").join(folder));
        found.extend(taken.iter().filter_map(|name| name.strip_prefix("upload-")).map(str::to_owned));
    }
    // Between link and removal a file has two names; the next training sees that it is one file.
    assert_eq!(&found.into_iter().collect::<BTreeSet<_>>(), uploads);
}

#[test]
fn a_training_that_is_killed_at_any_moment_leaves_the_old_version_or_the_new_one() {
    let n_kills = std::env::var("RETRAIN_KILLS").map_or(KILLS, |n| n.parse().unwrap());
    let mut shop = Shop::with("ABC");
    shop.publish();
    let by_command: &[&str] = &["retrain", "--force", "--min-cluster-size", "20"];
    let by_server: &[&str] = &["retrain", "--events", "--lower-priority", "--force", "--min-cluster-size", "20"];
    let started = std::time::Instant::now();
    assert_eq!(shop.run(by_command).0, Some(0));
    let whole_us = started.elapsed().as_micros() as u64;
    let mut uploads = BTreeSet::new();
    let (mut killed, mut rows) = (0, 3 * 72);
    for kill in 0..n_kills as u64 {
        let name = format!("20260228T{kill:06}Z-0001.csv");
        shop.add(&format!("uploads/{name}"), &customers('D', 3 * kill as usize, 3));
        rows += 3;
        uploads.insert(name);
        let arguments = if kill % 2 == 0 { by_command } else { by_server };
        let mut child = shop.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Spread over the whole training by the golden ratio, and a little beyond its end.
        let moment_us = (kill * 618_034 % 1_000_000) * (whole_us + whole_us / 5) / 1_000_000;
        std::thread::sleep(Duration::from_micros(moment_us));
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_whole(&shop, &uploads);
    }
    assert!(killed > 0, "not one training was still running");
    shop.force = true;
    let report = shop.publish().report;
    assert_whole(&shop, &uploads);
    assert_eq!(report.cleaning.rows_read, rows, "every upload once: {:?}", report.files);
    assert_eq!(report.cleaning.dropped.get(&Dropped::Duplicate), None);
    assert!(names(&shop.path("models/staging")).is_empty() && names(&shop.path("uploads")).is_empty());
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing_half_written() {
    let mut shop = Shop::with("ABC");
    let live = shop.publish().id;
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('D', 0, 72));
    // A file may grow to 16 KB; the map is larger.
    let binary = env!("CARGO_BIN_EXE_content-portal");
    let mut command = shop.command(&[]);
    let limited = format!("trap '' XFSZ; ulimit -f 16; exec {binary} retrain");
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &limited])
        .current_dir(command.get_current_dir().unwrap())
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    let (code, printed) = ended(&mut shell);
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("could not write") && printed.contains(".safetensors"), "{printed}");
    assert_eq!(shop.current().id, live);
    assert_eq!(shop.versions(), [live]);
    assert!(names(&shop.path("models/staging")).is_empty());
    assert_eq!(names(&shop.path("uploads")), ["20260228T000000Z-0001.csv"]);
    command.args(["models", "verify"]);
    assert_eq!(ended(&mut command).0, Some(0));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let mut shop = Shop::with("ABC");
    let live = shop.publish().id;
    // A file in the folder's place: permissions mean nothing to a superuser.
    fs::remove_dir(shop.path("models/staging")).unwrap();
    fs::write(shop.path("models/staging"), "").unwrap();
    let error = shop.retrain().unwrap_err();
    let text = format!("{:#}", std::error::Error::source(&error).unwrap());
    assert!(text.contains("models/staging"), "{text}");
    assert_eq!(shop.current().id, live);
    fs::remove_file(shop.path("models/staging")).unwrap();
    fs::remove_dir_all(shop.path("models")).unwrap();
    fs::write(shop.path("models"), "").unwrap();
    let (code, printed) = shop.run(&["retrain"]);
    assert_eq!(code, Some(1));
    assert!(printed.contains("could not write models"), "{printed}");
}

#[test]
fn what_a_killed_training_left_is_swept_by_the_next() {
    let mut shop = Shop::with("AB");
    fs::create_dir_all(shop.path("models/staging/4242")).unwrap();
    fs::write(shop.path("models/staging/4242/umap.safetensors"), "half").unwrap();
    fs::write(shop.path("models/.current-next"), "").unwrap();
    assert!(matches!(shop.store.current(), Err(StoreError::NoCurrent { .. })));
    let id = shop.publish().id;
    assert_eq!(shop.current().id, id);
    assert!(names(&shop.path("models/staging")).is_empty());
    assert_eq!(names(&shop.path("models")), [".links.lock", ".writer.lock", "current", "staging", "versions"]);
}

/// The binary, by a process that permissions bind: a superuser gives away the right to pass over them.
fn bound_by_permissions(shop: &Shop, args: &[&str]) -> Command {
    if !rustix::process::geteuid().is_root() {
        return shop.command(args);
    }
    let without = "-dac_override,-dac_read_search";
    let mut command = Command::new("setpriv");
    command
        .args([&format!("--bounding-set={without}"), &format!("--inh-caps={without}")])
        .arg(env!("CARGO_BIN_EXE_content-portal"))
        .args(args)
        .current_dir(shop.path(""))
        .env_clear()
        .env("PATH", "/usr/bin:/bin");
    command
}

const FORCED: [&str; 4] = ["retrain", "--force", "--min-cluster-size", "20"];

/// What a training does whose folder of models cannot be opened, and so not be synced.
fn retrained_without_syncing(shop: &Shop, store: &str) -> (Option<i32>, String) {
    let models = shop.path("models");
    fs::set_permissions(&models, Permissions::from_mode(0o333)).unwrap();
    let ended = ended(bound_by_permissions(shop, &FORCED).env("STORE_URL", store));
    fs::set_permissions(&models, Permissions::from_mode(0o755)).unwrap();
    ended
}

#[test]
fn a_version_whose_name_cannot_be_made_to_last_is_gone_and_the_one_before_is_current() {
    let mut shop = Shop::with("ABC");
    let live = shop.publish().id;
    shop.add("uploads/a.csv", &customers('D', 0, 72));
    let (code, printed) = retrained_without_syncing(&shop, "");
    assert_eq!(code, Some(1), "{printed}");
    assert!(printed.contains("could not write models"), "{printed}");
    assert_eq!(shop.current().id, live);
    assert_eq!(shop.versions(), [live]);
    assert!(names(&shop.path("models/staging")).is_empty());
    assert_eq!(names(&shop.path("uploads")), ["a.csv"]);
}

#[test]
fn a_version_that_the_store_has_as_its_current_one_is_published_also_where_this_machine_cannot_take_it_over() {
    let mut shop = Shop::with("ABC");
    let live = shop.publish().id;
    let store = shop.path("the store");
    fs::create_dir(&store).unwrap();
    let url = format!("file://{}", store.display());
    assert_eq!(shop.run(&["models", "push", &url]).0, Some(0));
    let (code, printed) = retrained_without_syncing(&shop, &url);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("could not be made this machine's"), "{printed}");
    assert_eq!(shop.current().id, live, "what is current here is whole");
    assert_eq!(shop.run(&["models", "pull", &url]).0, Some(0));
    assert_ne!(shop.current().id, live);
    assert_eq!(shop.versions().len(), 2);
}

#[test]
fn a_folder_that_cannot_be_listed_is_named_and_the_others_are_read() {
    let shop = Shop::with("AB");
    let closed = shop.path("base_data/lost+found");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o000)).unwrap();
    let (code, said) = ended(&mut bound_by_permissions(&shop, &FORCED));
    fs::set_permissions(&closed, Permissions::from_mode(0o755)).unwrap();
    assert!(code == Some(0) && said.contains("lost+found") && said.contains("cannot be listed"), "{said}");
}
