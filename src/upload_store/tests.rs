use super::*;

/// Every name but those of the notes beside uploads.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| about::upload_of_note(name).is_none());
    names.sort();
    names
}

fn keep(store: &UploadStore, content: &[u8]) -> Stored {
    keep_about(store, content, &About::sent_by(Some("a key".to_owned())))
}

fn keep_about(store: &UploadStore, content: &[u8], about: &About) -> Stored {
    let mut receiving = store.receive(Extension::Csv).unwrap();
    receiving.write(content).unwrap();
    receiving.finish().keep(about).unwrap()
}

fn store(dir: &Path, rules: UploadRules) -> UploadStore {
    let store = UploadStore::new(dir, rules);
    store.start();
    store
}

fn set_age(file: &Path, days: u64) {
    set_time(file, SystemTime::now() - Duration::from_secs(days * 86_400));
}

fn set_time(file: &Path, time: SystemTime) {
    File::options().write(true).open(file).unwrap().set_modified(time).unwrap();
}

/// What a small upload counts for: a block, and one for its note.
const SMALL_BYTES: u64 = 8 << 10;

#[test]
fn the_same_content_is_stored_once_also_after_a_restart_and_anew_where_it_was_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let first = keep(&store(dir.path(), UploadRules::default()), b"one");
    let restarted = store(dir.path(), UploadRules::default());
    let again = keep(&restarted, b"one");
    assert_eq!((first.is_duplicate, again.is_duplicate, first.id), (false, true, again.id));
    assert!(!keep(&restarted, b"other").is_duplicate);
    let kept = names(dir.path());
    assert_eq!(kept.len(), 2);
    for name in &kept {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert!(!keep(&restarted, b"one").is_duplicate);
    // A file of the same name that lacks its end is not the content.
    let [name] = names(dir.path()).try_into().unwrap();
    fs::write(dir.path().join(name), "o").unwrap();
    assert!(!keep(&restarted, b"one").is_duplicate);
}

#[test]
fn an_approved_content_that_comes_again_has_nothing_searched_or_counted_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), UploadRules::default());
    keep_about(&store, b"one", &About::sent_by(None));
    let is_counted = || store.lock().counted.is_some();
    assert!(is_counted());
    assert_eq!((keep(&store, b"one").state, is_counted()), (UploadState::Approved, false), "a note has changed");
    keep(&store, b"two");
    assert_eq!((keep(&store, b"one").state, is_counted()), (UploadState::Approved, true));
    keep_about(&store, b"one", &About::sent_by(Some("trainer".to_owned())).for_training());
    assert!(!is_counted() && store.waiting().unwrap().iter().any(|kept| kept.about.as_ref().unwrap().is_for_training));
}

#[test]
fn an_approved_upload_is_not_the_newest_because_somebody_without_a_key_sends_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), UploadRules::default());
    keep(&store, b"approved");
    let [name] = names(dir.path()).try_into().unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(3_600);
    let file = || File::options().write(true).open(dir.path().join(&name)).unwrap();
    let is_young = || file().metadata().unwrap().modified().unwrap() > long_ago;
    let counts_since = || About::last_counted(&dir.path().join(&name)).unwrap();
    file().set_modified(long_ago).unwrap();
    for _ in 0..2 {
        // It does not expire, though, and it counts as it did.
        assert!(keep_about(&store, b"approved", &About::sent_by(None)).is_duplicate && is_young());
        assert_eq!(counts_since(), long_ago);
    }
    assert!(keep(&store, b"approved").is_duplicate && counts_since() > long_ago);
}

#[test]
fn of_the_same_content_side_by_side_one_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), UploadRules::default());
    let content = vec![b'a'; 1 << 16];
    let kept = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..8).map(|_| scope.spawn(|| keep(&store, &content))).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(kept.iter().filter(|kept| !kept.is_duplicate).count(), 1);
    let [name] = names(dir.path()).try_into().unwrap();
    assert_eq!(fs::read(dir.path().join(name)).unwrap(), content);
}

#[test]
fn an_upload_is_kept_or_gone_whenever_the_syncing_ahead_comes_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), UploadRules::default());
    let receive = |content: &[u8]| {
        let mut receiving = store.receive(Extension::Csv).unwrap();
        receiving.write(content).unwrap();
        receiving.finish()
    };
    let about = About::sent_by(None);
    let in_time = receive(b"in time");
    in_time.sync_ahead()();
    in_time.keep(&about).unwrap();
    let late = receive(b"late");
    let syncing = late.sync_ahead();
    late.keep(&about).unwrap();
    syncing();
    let refused = receive(b"refused");
    let syncing = refused.sync_ahead();
    drop(refused);
    syncing();
    let kept: Vec<_> = names(dir.path()).iter().map(|name| fs::read(dir.path().join(name)).unwrap()).collect();
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&b"in time".to_vec()) && kept.contains(&b"late".to_vec()));
}

#[test]
fn what_is_too_old_goes_and_content_that_was_sent_again_is_young() {
    let dir = tempfile::tempdir().unwrap();
    let rules = UploadRules { keep_for: Some(Duration::from_secs(30 * 86_400)), ..UploadRules::default() };
    let store = store(dir.path(), rules);
    for content in [b"old", b"new", b"met"] {
        keep(&store, content);
    }
    assert!(!store.has_expired(SystemTime::now()).unwrap());
    let other_files = ["customers.csv", ".incoming-1", "20260101T000000Z-0001.csv", "x-0123456789abcdef.csv"];
    for name in other_files {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    for name in names(dir.path()) {
        let path = dir.path().join(name);
        if fs::read(&path).unwrap() != b"new" {
            set_age(&path, 31);
        }
    }
    assert!(keep(&store, b"met").is_duplicate);
    assert!(store.has_expired(SystemTime::now()).unwrap());
    assert_eq!(store.expire(SystemTime::now()).unwrap(), 1);
    let left: Vec<_> = names(dir.path()).iter().map(|name| fs::read(dir.path().join(name)).unwrap()).collect();
    assert_eq!(left.len(), 6);
    assert!(!left.contains(&b"old".to_vec()));
    assert!(!keep(&store, b"old").is_duplicate);
}

#[test]
fn an_upload_of_days_to_come_goes_in_time_as_if_it_had_come_a_day_ago() {
    let dir = tempfile::tempdir().unwrap();
    let rules = UploadRules { keep_for: Some(Duration::from_secs(30 * 86_400)), ..UploadRules::default() };
    let store = store(dir.path(), rules);
    keep(&store, b"sent while the clock was ahead");
    let [name] = names(dir.path()).try_into().unwrap();
    let now = SystemTime::now();
    set_time(&dir.path().join(name), now + Duration::from_secs(2_000 * 86_400));
    assert_eq!(store.expire(now).unwrap(), 0, "the wrong clock may be this one");
    let later = |days: u64| now + Duration::from_secs(days * 86_400 + 60);
    assert_eq!(store.expire(later(28)).unwrap(), 0);
    assert_eq!(store.expire(later(29)).unwrap(), 1);
}

#[test]
fn what_would_be_too_much_is_refused_and_nothing_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let rules =
        UploadRules { min_free_bytes: 0, max_total_bytes: Some(2 * SMALL_BYTES + 100), ..UploadRules::default() };
    let limit = 2 * SMALL_BYTES + 100;
    let store = store(dir.path(), rules);
    for content in [b"0000000000", b"1111111111"] {
        keep(&store, content);
    }
    let send = |about: About| {
        let mut receiving = store.receive(Extension::Csv).unwrap();
        receiving.write(b"one too many").unwrap();
        receiving.finish().keep(&about)
    };
    let with_key = About::sent_by(Some("portal".to_owned()));
    let refused = send(with_key.clone()).unwrap_err();
    assert!(matches!(refused, UploadError::StoreFull { limit_bytes } if limit_bytes == limit));
    assert!(keep(&store, b"0000000000").is_duplicate, "what is kept already takes no more room");
    assert_eq!((store.expire(SystemTime::now()).unwrap(), names(dir.path()).len()), (0, 2));
    send(with_key.for_training()).unwrap();
}

#[test]
fn so_many_uploads_are_kept_however_small_they_are_and_those_that_wait_are_half_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), UploadRules { min_free_bytes: 0, max_files: 4, ..UploadRules::default() });
    let send = |content: &[u8], key: Option<&str>| {
        let mut receiving = store.receive(Extension::Csv).unwrap();
        receiving.write(content).unwrap();
        receiving.finish().keep(&About::sent_by(key.map(str::to_owned)))
    };
    let first = send(b"0", None).unwrap();
    send(b"1", None).unwrap();
    assert!(matches!(send(b"2", None), Err(UploadError::TooManyFiles { limit: 2 })));
    send(b"2", Some("portal")).unwrap();
    send(b"3", Some("portal")).unwrap();
    assert!(matches!(send(b"4", Some("portal")), Err(UploadError::TooManyFiles { limit: 4 })));
    assert!(store.remove(first.id).unwrap());
    send(b"4", Some("portal")).unwrap();
}

#[test]
fn uploads_that_wait_for_approval_leave_half_of_the_room_to_others() {
    let dir = tempfile::tempdir().unwrap();
    let rules = UploadRules { min_free_bytes: 0, max_total_bytes: Some(3 * SMALL_BYTES), ..UploadRules::default() };
    let store = store(dir.path(), rules);
    let without_key = |content: &[u8]| {
        let mut receiving = store.receive(Extension::Csv).unwrap();
        receiving.write(content).unwrap();
        receiving.finish().keep(&About::sent_by(None))
    };
    keep(&store, b"0000000000");
    let waiting = without_key(b"1111111111").unwrap();
    let half = 3 * SMALL_BYTES / 2;
    let refused = without_key(b"2222222222").unwrap_err();
    assert!(matches!(refused, UploadError::StoreFull { limit_bytes } if limit_bytes == half));
    assert!(without_key(b"1111111111").unwrap().is_duplicate);
    keep(&store, b"3333333333");
    store.approve(waiting.id, None).unwrap();
    let [one, other] = [b"0000000000", b"3333333333"].map(|content| keep(&store, content).id);
    assert!(store.remove(one).unwrap() && store.remove(other).unwrap());
    without_key(b"2222222222").unwrap();
}

#[test]
fn names_of_files_that_were_moved_away_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), UploadRules::default());
    for n in 0..1_000_u32 {
        keep(&store, &n.to_le_bytes());
        let [name] = names(dir.path()).try_into().unwrap();
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let n_remembered = store.lock().names.len();
    assert!(n_remembered < 10, "{n_remembered} names");
}

#[test]
fn what_there_is_no_room_for_is_refused_and_asking_takes_no_room_from_others() {
    let dir = tempfile::tempdir().unwrap();
    let most_bytes = disk::free_bytes(dir.path()).unwrap() / 10 * 6;
    let store = store(dir.path(), UploadRules { min_free_bytes: 0, ..UploadRules::default() });
    store.check_room(most_bytes).unwrap();
    store.check_room(most_bytes).unwrap();
    assert!(matches!(store.check_room(2 * most_bytes), Err(UploadError::NoRoom(_))));
    assert_eq!(names(dir.path()), Vec::<String>::new());
}

#[test]
fn what_another_process_left_is_swept_and_what_is_under_way_is_not() {
    let dir = tempfile::tempdir().unwrap();
    for (name, days) in [(".incoming-1", 1), (".incoming-2", 0), (".other", 1)] {
        fs::write(dir.path().join(name), "half").unwrap();
        set_age(&dir.path().join(name), days);
    }
    let [first, second] = [0, 1].map(|_| store(dir.path(), UploadRules::default()));
    let mut slow = first.receive(Extension::Csv).unwrap();
    slow.write(b"rows").unwrap();
    let slow = slow.finish();
    set_age(slow.path(), 1);
    second.sweep().unwrap();
    assert!(slow.path().exists(), "another store of this folder is receiving it");
    slow.keep(&About::sent_by(Some("portal".to_owned()))).unwrap();
    let left = names(dir.path());
    assert_eq!(left[..2], [".incoming-2", ".other"]);
    assert_eq!(left.len(), 3, "{left:?}");
    // A process that was killed a moment ago holds no lock, and an erasure does not wait.
    let _under_way = first.receive(Extension::Csv).unwrap();
    assert_eq!(remove_abandoned(dir.path(), Duration::ZERO).unwrap(), Swept { n_removed: 1, n_left: 1 });
}

#[test]
fn an_upload_that_has_lost_its_note_waits_until_it_is_approved() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), UploadRules::default());
    let id = keep(&store, b"rows").id;
    let state = || store.find(id).unwrap().unwrap().state();
    assert_eq!(state(), UploadState::Approved);
    let [name] = names(dir.path()).try_into().unwrap();
    fs::remove_file(dir.path().join(format!(".{name}.json"))).unwrap();
    assert_eq!((state(), About::is_approved(&dir.path().join(&name))), (UploadState::Waiting, false));
    assert_eq!(store.approve(id, None).unwrap().unwrap().state(), UploadState::Approved);
    assert_eq!((state(), About::is_approved(&dir.path().join(&name))), (UploadState::Approved, true));
    assert!(About::is_approved(&dir.path().join("customers.csv")), "an operator's own");
}

#[test]
fn who_approved_an_upload_without_a_key_is_noted_and_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), UploadRules::default());
    let id = keep_about(&store, b"rows", &About::sent_by(None)).id;
    let noted = || {
        let about = store.find(id).unwrap().unwrap().about.unwrap();
        (about.sent_by, about.approved_by, about.state)
    };
    assert_eq!(noted(), (None, None, UploadState::Waiting));
    for sender in ["portal", "crm"] {
        keep_about(&store, b"rows", &About::sent_by(Some(sender.to_owned())));
        assert_eq!(noted(), (None, Some("portal".to_owned()), UploadState::Approved));
    }
    store.approve(id, Some("admin")).unwrap();
    assert_eq!(noted().1.as_deref(), Some("portal"));
}

#[test]
fn a_pipe_with_the_name_of_an_upload_is_no_upload_and_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(dir.path(), UploadRules::default());
    let id = keep(&first, b"rows").id;
    let [name] = names(dir.path()).try_into().unwrap();
    fs::remove_file(dir.path().join(&name)).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(dir.path().join(&name)).status().unwrap().success());
    for store in [first, store(dir.path(), UploadRules::default())] {
        assert!(store.waiting().unwrap().is_empty());
        assert!(!keep(&store, b"rows").is_duplicate);
        assert!(store.remove(id).unwrap());
    }
}

#[test]
fn an_upload_is_approved_by_a_key_and_a_note_of_nothing_is_swept() {
    let dir = tempfile::tempdir().unwrap();
    let receive = |store: &UploadStore, key: Option<&str>| {
        let mut receiving = store.receive(Extension::Csv).unwrap();
        receiving.write(b"rows").unwrap();
        receiving.finish().keep(&About::sent_by(key.map(str::to_owned)).with_rows(1)).unwrap()
    };
    let first = receive(&store(dir.path(), UploadRules::default()), None);
    assert_eq!((first.state, first.is_duplicate), (UploadState::Waiting, false));
    let restarted = store(dir.path(), UploadRules::default());
    let [waiting] = restarted.waiting().unwrap().try_into().unwrap();
    assert_eq!((waiting.id, waiting.state(), waiting.about.unwrap().rows), (first.id, UploadState::Waiting, Some(1)));
    assert_eq!(receive(&restarted, None).state, UploadState::Waiting);
    assert_eq!(receive(&restarted, Some("portal")).state, UploadState::Approved);
    assert_eq!(receive(&restarted, None).state, UploadState::Approved, "it was approved before");
    assert_eq!(restarted.find(first.id).unwrap().unwrap().state(), UploadState::Approved);

    // A second file of the same content goes with the first.
    let twin = waiting.path.with_extension("xls");
    fs::write(&twin, "rows").unwrap();
    assert!(restarted.remove(first.id).unwrap() && !restarted.remove(first.id).unwrap());
    assert!(!twin.exists() && !waiting.path.exists());

    assert_eq!(receive(&restarted, None).state, UploadState::Waiting);
    let [waiting] = restarted.waiting().unwrap().try_into().unwrap();
    fs::remove_file(&waiting.path).unwrap();
    let notes = || fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let [note] = notes().try_into().unwrap();
    store(dir.path(), UploadRules::default());
    assert_eq!(notes().len(), 1, "its upload may be on its way");
    set_age(&note, 1);
    store(dir.path(), UploadRules::default());
    assert_eq!(notes(), Vec::<PathBuf>::new());
}
