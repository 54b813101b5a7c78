//! Answers that are lost after what was asked is done, objects that are too large, and folders.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use jiff::civil::{Date, date};
use object_store::PutMode;

use super::*;
use crate::pipeline::SegmentId;

const TODAY: Date = date(2026, 11, 26);

/// Does what it is asked, and sometimes says something else.
#[derive(Debug, Default)]
struct Lossy {
    /// What becomes of the next write's answer.
    next: std::sync::Mutex<Option<Lost>>,
    /// Nothing can be read.
    is_cut: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
enum Lost {
    /// There is none.
    Answer,
    /// The write was tried again, and found itself.
    Conflict,
    /// There is none, and nothing can be read either until the next write.
    Connection,
}

#[async_trait]
impl Manner for Lossy {
    async fn put(&self, inner: &InMemory, (location, payload, opts): Put<'_>) -> Result<PutResult> {
        let lost = self.next.lock().unwrap().take();
        self.is_cut.store(matches!(lost, Some(Lost::Connection)), Ordering::SeqCst);
        let done = inner.put_opts(location, payload, opts).await?;
        match lost {
            None => Ok(done),
            Some(Lost::Answer | Lost::Connection) => Err(killed()),
            Some(Lost::Conflict) => {
                Err(Error::Precondition { path: location.to_string(), source: "it was changed".into() })
            }
        }
    }

    fn read(&self) -> Result<()> {
        if self.is_cut.load(Ordering::SeqCst) { Err(killed()) } else { Ok(()) }
    }
}

fn lossy() -> (Arc<Mannered<Lossy>>, SharedStore) {
    over(&Arc::default(), Lossy::default())
}

#[test]
fn a_lease_whose_answer_was_lost_is_had_all_the_same_and_noted_once() {
    let (store, shared) = lossy();
    let slice = |leased: f64| (1.0 - leased).min(0.25);
    for (key, lost) in
        [(None, Lost::Answer), (None, Lost::Conflict), (Some("crm"), Lost::Answer), (Some("crm"), Lost::Conflict)]
    {
        *store.manner.next.lock().unwrap() = Some(lost);
        assert!((shared.lease(TODAY, key, slice).unwrap() - 0.25).abs() < 1e-9, "{lost:?}");
    }
    // Where it was not known whether it was done, the next lease finds it.
    *store.manner.next.lock().unwrap() = Some(Lost::Connection);
    shared.lease(TODAY, None, slice).unwrap_err();
    store.manner.is_cut.store(false, Ordering::SeqCst);
    assert!((shared.lease(TODAY, None, |_| 0.0).unwrap() - 0.25).abs() < 1e-9);
    assert!((shared.lease(TODAY, None, slice).unwrap() - 0.25).abs() < 1e-9);
    assert!(shared.lease(TODAY, None, slice).unwrap() < 1e-9, "the day is leased");
    let leased = shared.leased(TODAY).unwrap();
    assert!((leased.leased_usd - 1.0).abs() < 1e-9 && (leased.keys["crm"] - 0.5).abs() < 1e-9, "{leased:?}");
    // After a reset everybody begins anew.
    *store.manner.next.lock().unwrap() = Some(Lost::Conflict);
    shared.forget_leases(TODAY, Some("crm")).unwrap();
    assert!((shared.lease(TODAY, Some("crm"), slice).unwrap() - 0.25).abs() < 1e-9);
    shared.forget_leases(TODAY, None).unwrap();
    assert!((shared.lease(TODAY, None, slice).unwrap() - 0.25).abs() < 1e-9);
    assert!((shared.leased(TODAY).unwrap().leased_usd - 0.25).abs() < 1e-9);
}

#[test]
fn what_a_machine_could_not_note_is_leased_to_it_once_more_and_counts_once() {
    let shared = immortal(&Arc::default());
    for key in [None, Some("crm")] {
        let lease = |usd: f64| shared.lease(TODAY, key, |_| usd).unwrap();
        assert!((lease(0.25) - 0.25).abs() < 1e-9);
        shared.give_again(TODAY, key, 0.25);
        assert!((lease(0.0) - 0.25).abs() < 1e-9 && lease(0.0) < 1e-9, "{key:?}");
    }
    let leased = shared.leased(TODAY).unwrap();
    assert!((leased.leased_usd - 0.25).abs() < 1e-9 && (leased.keys["crm"] - 0.25).abs() < 1e-9, "{leased:?}");
}

#[test]
fn what_is_given_back_is_there_for_others_and_what_was_not_is_found_by_the_next_lease() {
    let (store, shared) = lossy();
    let leased_usd = || shared.leased(TODAY).unwrap().leased_usd;
    let near = |usd: f64, other: f64| (usd - other).abs() < 1e-9;
    assert!(near(shared.lease(TODAY, None, |_| 0.8).unwrap(), 0.8) && near(shared.leased_here_usd(TODAY, None), 0.8));
    shared.give_back(TODAY, None, 0.3).unwrap();
    assert!(near(leased_usd(), 0.5) && near(shared.leased_here_usd(TODAY, None), 0.5));
    // Done, and nobody heard so: it is neither given back nor had a second time.
    *store.manner.next.lock().unwrap() = Some(Lost::Connection);
    shared.give_back(TODAY, None, 0.1).unwrap_err();
    store.manner.is_cut.store(false, Ordering::SeqCst);
    assert!(near(leased_usd(), 0.4) && near(shared.lease(TODAY, None, |_| 0.0).unwrap(), 0.0));
    // Not done.
    store.manner.is_cut.store(true, Ordering::SeqCst);
    shared.give_back(TODAY, None, 0.1).unwrap_err();
    store.manner.is_cut.store(false, Ordering::SeqCst);
    assert!(near(shared.leased_here_usd(TODAY, None), 0.3) && near(leased_usd(), 0.4));
    assert!(near(shared.lease(TODAY, None, |_| 0.0).unwrap(), 0.1) && near(leased_usd(), 0.4));
    // What others leased after a reset is theirs.
    shared.forget_leases(TODAY, None).unwrap();
    let other = over(&store.inner, Lossy::default()).1;
    other.lease(TODAY, None, |_| 0.9).unwrap();
    shared.give_back(TODAY, None, 0.2).unwrap();
    assert!(near(leased_usd(), 0.9));
}

#[test]
fn a_change_of_extras_whose_answer_was_lost_is_no_conflict() {
    let (store, shared) = lossy();
    let (_dir, models) = models();
    let (follower, id) = (shared.follower(&models, 10), SegmentId::new(0));
    for (n, lost) in [Lost::Answer, Lost::Conflict, Lost::Answer].into_iter().enumerate() {
        let entry = BTreeMap::from([("Interests".to_owned(), format!("running {n} times"))]);
        let n_looks = std::cell::Cell::new(0);
        *store.manner.next.lock().unwrap() = Some(lost);
        let look = |_: Option<&BTreeMap<String, String>>| {
            n_looks.set(n_looks.get() + 1);
            Ok::<_, anyhow::Error>(())
        };
        follower.put_extras(id, &entry, look).unwrap();
        assert_eq!((n_looks.get(), &models.extras().unwrap()[&id]), (1, &entry));
    }
}

/// Blanks, as many as somebody else may write.
fn put_unchecked(inner: &Arc<InMemory>, name: &str, n_bytes: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let path = Path::from(format!("portal/{name}"));
    runtime.block_on(inner.put(&path, vec![b' '; n_bytes].into())).unwrap();
}

/// Takes every write, whatever its condition.
#[derive(Debug)]
struct Careless {
    /// Whether it heeds `If-None-Match`, and not `If-Match`.
    creates: bool,
}

#[async_trait]
impl Manner for Careless {
    async fn put(&self, inner: &InMemory, (location, payload, mut opts): Put<'_>) -> Result<PutResult> {
        if !(self.creates && opts.mode == PutMode::Create) {
            opts.mode = PutMode::Overwrite;
        }
        inner.put_opts(location, payload, opts).await
    }
}

#[test]
fn a_store_that_does_not_heed_conditions_is_found_out_before_machines_share_it() {
    let inner: Arc<InMemory> = Arc::default();
    immortal(&inner).try_out().unwrap();
    for (creates, header) in [(false, "If-None-Match"), (true, "If-Match")] {
        let told = over(&inner, Careless { creates }).1.try_out().unwrap_err();
        assert!(matches!(told, SharedStoreError::Unconditional { .. }), "{told}");
        assert!(told.to_string().contains(header), "{told}");
    }
    assert!(objects(&inner).is_empty(), "what was tried is taken away");
    assert!(store(&inner, 0).try_out().is_err(), "it cannot be written");
}

#[test]
fn a_picture_that_was_damaged_gives_way_and_the_key_of_posters_does_not() {
    let shared = immortal(&Arc::default());
    for (name, first, then, kept) in [
        ("images/a.png", &b"dama"[..], &b"whole"[..], &b"whole"[..]),
        ("images/posters.key", b"first", b"other", b"first"),
    ] {
        shared.client.put(name, first.to_vec()).unwrap();
        shared.put_picture(name.trim_start_matches("images/"), then).unwrap();
        assert_eq!(shared.client.get(name).unwrap().unwrap().bytes, kept, "{name}");
    }
}

#[test]
fn an_object_that_is_larger_than_its_name_lets_it_be_is_not_read() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    for (name, max) in [("current", 64 << 10), ("images/posters.key", 64 << 10), ("personas.json", 4 << 20)] {
        shared.client.put(name, vec![b' '; max]).unwrap();
        assert_eq!(shared.client.get(name).unwrap().unwrap().bytes.len(), max);
        put_unchecked(&inner, name, max + 1);
        let told = shared.client.get(name).unwrap_err().to_string();
        assert!(told.contains(name) && told.contains(&max.to_string()), "{told}");
    }
    let told = shared.client.create("current", vec![b' '; (64 << 10) + 1]).unwrap_err();
    assert!(matches!(told, SharedStoreError::TooLarge { .. }), "what nobody could read is not written: {told}");
    for name in ["images/0.png", "models/20261126T112645Z-dbee9219/umap.safetensors"] {
        shared.client.put(name, vec![0; 5 << 20]).unwrap();
        assert!(shared.client.get(name).unwrap().is_some());
    }
}

#[test]
fn a_file_that_was_replaced_by_one_of_the_same_length_and_time_is_another_object() {
    let root = tempfile::tempdir().unwrap();
    let url: StoreUrl = format!("file://{}", root.path().display()).parse().unwrap();
    let shared = SharedStore::open(&url, &S3Settings::default()).unwrap();
    shared.client.put("current", b"one".to_vec()).unwrap();
    let seen = shared.client.get("current").unwrap().unwrap();
    let same = shared.client.get_if_changed("current", seen.e_tag.as_deref()).unwrap();
    assert!(matches!(same, client::Change::Same));
    // In place, so that it keeps its number; its time is put back.
    let path = root.path().join("current");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "two").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert!(!shared.client.replace("current", Some(&seen), b"three").unwrap());
    let now = shared.client.get_if_changed("current", seen.e_tag.as_deref()).unwrap();
    assert!(matches!(now, client::Change::Now(object) if object.bytes == b"two"));
}
