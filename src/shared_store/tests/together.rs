//! What machines do together: follow, add to segments, lease budgets.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, date};
use object_store::memory::InMemory;

use super::*;
use crate::pipeline::SegmentId;

const TODAY: Date = date(2026, 11, 26);

fn entry(text: &str) -> BTreeMap<String, String> {
    BTreeMap::from([("Interests".to_owned(), text.to_owned())])
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
struct Refused(String);

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<SharedStoreError> for Refused {
    fn from(error: SharedStoreError) -> Self {
        Self(error.to_string())
    }
}

#[test]
fn a_machine_follows_what_is_current_and_has_the_other_versions_to_go_back_to() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (_there, there) = models();
    let follower = shared.follower(&there, 10);
    assert!(matches!(follower.look(), Ok(Followed::NoCurrent)));
    let (_here, here, first) = models_with(1);
    publish(&shared, &here, &first).unwrap();
    assert!(matches!(follower.look(), Ok(Followed::Now(version, left)) if version == first && left.is_empty()));
    assert!(matches!(follower.look(), Ok(Followed::Same)));
    let second = version(_here.path(), 2);
    here.activate(&second).unwrap();
    publish(&shared, &here, &second).unwrap();
    assert!(matches!(follower.look(), Ok(Followed::Now(version, _)) if version == second));
    assert_eq!(there.current().unwrap(), second);
    // Back, by way of the machine that only follows, and of one that never had the version.
    shared.activate(&there, &first).unwrap();
    shared.activate(&there, &first).unwrap();
    assert_eq!(shared.see_current().unwrap().current.unwrap().before, Some(second.clone()), "also twice");
    assert_eq!(whole_current(&inner), first);
    let (_new, new) = models();
    shared.activate(&new, &second).unwrap();
    assert_eq!((new.current().unwrap(), whole_current(&inner)), (second.clone(), second));
}

#[test]
fn a_broken_current_version_is_told_once_and_the_machine_keeps_the_one_before() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (here, models_here, first) = models_with(1);
    publish(&shared, &models_here, &first).unwrap();
    let (_there, there) = models();
    let follower = shared.follower(&there, 10);
    follower.look().unwrap();
    let second = version(here.path(), 2);
    publish(&shared, &models_here, &second).unwrap();
    shared.client.put(&format!("models/{second}/encoder.json"), b"{}".to_vec()).unwrap();
    let told = follower.look().unwrap_err();
    assert!(told.is_of_version() && with_causes(&told).contains("encoder.json"), "{}", with_causes(&told));
    assert!(matches!(follower.look(), Ok(Followed::Same)), "it is told once");
    assert_eq!(there.current().unwrap(), first);
    shared.client.put("current", b"nonsense".to_vec()).unwrap();
    assert!(follower.look().unwrap_err().is_of_version());
    assert!(matches!(follower.look(), Ok(Followed::Same)));
    // A training begins all the same: it is what mends it.
    shared.client.delete("current").unwrap();
    publish(&shared, &models_here, &second).unwrap();
    shared.client.put(&format!("models/{second}/encoder.json"), b"{}".to_vec()).unwrap();
    let Begun { seen, left, next_segment_id } = shared.catch_up(&there, 10).unwrap();
    assert_eq!(seen.current.unwrap().version, second);
    assert_eq!(left.len(), 2, "as the current one, and as one of all");
    assert!(next_segment_id > SegmentId::new(0), "its ids are not given again");
    // A new machine has the versions that are whole.
    let (_new, new) = models();
    assert!(shared.follower(&new, 10).look().unwrap_err().is_of_version());
    assert_eq!(new.load_servable().unwrap().version.id, first);
}

#[test]
fn old_versions_leave_the_store_but_for_the_current_one_and_the_one_before_it() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (here, models_here, first) = models_with(1);
    let ids: Vec<VersionId> = std::iter::once(first).chain((2..=5).map(|n| version(here.path(), n))).collect();
    for id in &ids {
        publish(&shared, &models_here, id).unwrap();
    }
    shared.activate(&models_here, &ids[0]).unwrap();
    // A version of the last hour may be on its way to become the current one.
    shared.prune(&models_here, 2, "2026-11-27T00:30:00Z".parse().unwrap()).unwrap();
    assert_eq!(shared.versions().unwrap(), ids);
    shared.prune(&models_here, 2, "2026-11-27T02:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(shared.versions().unwrap(), [ids[0].clone(), ids[4].clone()]);
    assert!(objects(&inner).keys().all(|name| !name.contains(ids[2].as_str())));
    assert_eq!(whole_current(&inner), ids[0]);
}

#[test]
fn what_marketers_add_on_one_machine_is_on_all_and_nobody_undoes_what_he_has_not_seen() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let [(_a, a), (_b, b)] = [models(), models()];
    let (zero, one) = (SegmentId::new(0), SegmentId::new(1));
    let anything = |_: Option<&BTreeMap<String, String>>| Ok::<_, Refused>(());
    // What a machine had by itself before is kept.
    a.put_extras(one, entry("cycling"), anything).unwrap();
    let (follower_a, follower_b) = (shared.follower(&a, 10), shared.follower(&b, 10));
    follower_a.look().unwrap();
    follower_a.put_extras(zero, &entry("running"), anything).unwrap();
    follower_b.look().unwrap();
    assert_eq!(b.extras().unwrap(), a.extras().unwrap());
    assert_eq!(b.extras().unwrap(), BTreeMap::from([(zero, entry("running")), (one, entry("cycling"))]));
    // The other machine looks at what is in the store, also before its copy is.
    let unseen = |stored: Option<&BTreeMap<String, String>>| {
        if stored == Some(&entry("cycling")) { Ok(()) } else { Err(Refused("changed".to_owned())) }
    };
    follower_b.put_extras(one, &entry("rowing"), unseen).unwrap();
    assert_eq!(b.extras().unwrap()[&one], entry("rowing"));
    assert_eq!(follower_a.put_extras(one, &entry("tennis"), unseen), Err(Refused("changed".to_owned())));
    follower_a.look().unwrap();
    assert_eq!(a.extras().unwrap()[&one], entry("rowing"));
    // What a machine had that joins later gives way, and is kept.
    let (dir, c) = models();
    c.put_extras(one, entry("chess"), anything).unwrap();
    shared.follower(&c, 10).look().unwrap();
    assert_eq!(c.extras().unwrap(), a.extras().unwrap());
    let kept = fs::read_to_string(dir.path().join("extras.before_sharing.json")).unwrap();
    assert!(kept.contains("chess"), "{kept}");
}

/// A machine that has published two versions, the second after the first.
fn two_versions(shared: &SharedStore) -> (tempfile::TempDir, ModelStore, [VersionId; 2]) {
    let (here, models_here, first) = models_with(1);
    publish(shared, &models_here, &first).unwrap();
    let second = version(here.path(), 2);
    publish(shared, &models_here, &second).unwrap();
    (here, models_here, [first, second])
}

#[test]
fn what_marketers_add_and_a_version_that_is_activated_do_not_wait_for_versions_that_are_pulled() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (_here, models_here, [first, _]) = two_versions(&shared);
    let follower = shared.follower(&models_here, 10);
    let pulling = follower.state.lock().unwrap();
    let anything = |_: Option<&BTreeMap<String, String>>| Ok::<_, Refused>(());
    follower.put_extras(SegmentId::new(0), &entry("running"), anything).unwrap();
    assert_eq!(models_here.extras().unwrap(), BTreeMap::from([(SegmentId::new(0), entry("running"))]));
    follower.activate(&first).unwrap();
    assert_eq!((models_here.current().unwrap(), whole_current(&inner)), (first.clone(), first));
    drop(pulling);
}

#[test]
fn a_machine_goes_back_to_the_stores_version_where_something_else_was_made_current_here() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (_here, models_here, [first, second]) = two_versions(&shared);
    let follower = shared.follower(&models_here, 10);
    follower.look().unwrap();
    models_here.activate(&first).unwrap();
    assert!(matches!(follower.look(), Ok(Followed::Now(version, _)) if version == second));
    assert_eq!(models_here.current().unwrap(), second);
    follower.activate(&first).unwrap();
    assert_eq!((models_here.current().unwrap(), whole_current(&inner)), (first.clone(), first));
}

#[test]
fn a_version_that_is_current_is_never_taken_out_and_who_finds_his_own_made_current_has_published() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (_here, models_here, id) = models_with(1);
    let seen = shared.see_current().unwrap();
    shared.push(&models_here, &id, true).unwrap();
    // An administrator activates it while its training is about to.
    shared.activate(&models_here, &id).unwrap();
    shared.swap_current(&seen, &id).unwrap();
    assert!(!shared.withdraw(&models_here, &id).unwrap());
    assert_eq!(whole_current(&inner), id);
}

#[test]
fn a_version_that_lost_to_another_is_offered_to_nobody_and_leaves_with_the_next_pruning() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (here, models_here, first) = models_with(1);
    publish(&shared, &models_here, &first).unwrap();
    let seen = shared.see_current().unwrap();
    let (_there, there, winner) = models_with(2);
    publish(&shared, &there, &winner).unwrap();
    // Its training is killed before it takes it away again.
    let lost = version(here.path(), 3);
    shared.offer(&models_here, &lost).unwrap();
    assert!(matches!(shared.swap_current(&seen, &lost), Err(SharedStoreError::Swapped { .. })));
    assert!(shared.versions().unwrap().contains(&lost));
    let (_new, new) = models();
    shared.follower(&new, 10).look().unwrap();
    let listed: Vec<VersionId> = new.list().unwrap().into_iter().map(|version| version.id).collect();
    assert_eq!(listed, [first.clone(), winner.clone()]);
    for refused in [shared.activate(&new, &lost), shared.pull(&new, &lost, false).map(|_| ())] {
        assert!(matches!(refused, Err(SharedStoreError::NoSuchVersion { .. })), "{refused:?}");
    }
    assert_eq!(shared.catch_up(&new, 10).unwrap().left.len(), 0);
    shared.prune(&new, 10, "2026-11-27T02:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(shared.versions().unwrap(), [first, winner.clone()]);
    assert_eq!(whole_current(&inner), winner);
    assert!(objects(&inner).keys().all(|name| !name.ends_with("/unpublished")), "{:?}", objects(&inner).keys());
}

#[test]
fn a_current_that_names_no_version_is_replaced_by_who_looks_at_it() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (_here, models_here, id) = models_with(1);
    for broken in ["<html>", "{}", ""] {
        shared.client.put("current", broken.into()).unwrap();
        let (seen, fault) = shared.look_at_current().unwrap();
        assert!(seen.current.is_none() && fault.is_some_and(|fault| fault.is_of_object()), "{broken}");
        shared.push(&models_here, &id, true).unwrap();
        shared.swap_current(&seen, &id).unwrap();
        assert_eq!(whole_current(&inner), id, "{broken}");
        assert!(shared.swap_current(&seen, &OLD.parse().unwrap()).is_err(), "it is not what was seen any more");
    }
}

#[test]
fn eight_machines_lease_a_day_together_and_never_more_than_it_has() {
    let inner: Arc<InMemory> = Arc::default();
    let slice = |leased: f64| if leased + 0.05 > 1.0 + 1e-9 { 0.0 } else { 0.05 };
    let leased: f64 = std::thread::scope(|threads| {
        let machines = [(); 8].map(|()| {
            let shared = immortal(&inner);
            threads.spawn(move || (0..4).map(|_| shared.lease(TODAY, None, slice).unwrap()).sum::<f64>())
        });
        machines.map(|machine| machine.join().unwrap()).iter().sum()
    });
    assert!((leased - 1.0).abs() < 1e-9, "32 slices were wanted, and 20 are there: {leased}");
    let shared = immortal(&inner);
    assert!((shared.leased(TODAY).unwrap().leased_usd - 1.0).abs() < 1e-9);
    // A key has a budget of its own, and another day one of its own.
    assert!(shared.lease(TODAY, Some("portal"), slice).unwrap() > 0.0);
    assert!(shared.lease(TODAY.tomorrow().unwrap(), None, slice).unwrap() > 0.0);
    shared.forget_leases(TODAY, Some("portal")).unwrap();
    assert!(shared.leased(TODAY).unwrap().keys.is_empty());
    shared.forget_leases(TODAY, None).unwrap();
    assert_eq!(shared.leased(TODAY).unwrap(), Leased::default());
}

#[test]
fn a_machine_that_is_killed_while_it_leases_takes_nothing_from_the_day_that_it_did_not_get() {
    let inner: Arc<InMemory> = Arc::default();
    assert!(store(&inner, 0).lease(TODAY, None, |_| 0.5).is_err());
    assert!(immortal(&inner).lease(TODAY, None, |leased| 1.0 - leased).unwrap() > 0.99);
    immortal(&inner).client.put(&format!("budget/{TODAY}.json"), b"{\"leased_usd\":-1}".to_vec()).unwrap();
    let told = immortal(&inner).lease(TODAY, None, |_| 0.5).unwrap_err().to_string();
    assert!(told.contains("memory://portal/budget/2026-11-26.json"), "{told}");
}

#[test]
fn a_swap_whose_answer_is_lost_is_known_to_have_been_done() {
    let inner: Arc<InMemory> = Arc::default();
    let (_here, models_here, id) = models_with(1);
    immortal(&inner).push(&models_here, &id, true).unwrap();
    let lossy = over(&inner, Mortal { writes_left: AtomicUsize::new(9), loses_answers: true }).1;
    lossy.swap_current(&lossy.see_current().unwrap(), &id).unwrap();
    assert_eq!(whole_current(&inner), id);
}

#[test]
fn a_pruning_that_is_killed_between_any_two_deletions_leaves_the_current_version_whole() {
    let inner: Arc<InMemory> = Arc::default();
    let shared = immortal(&inner);
    let (here, models_here, first) = models_with(1);
    publish(&shared, &models_here, &first).unwrap();
    for id in (2..=4).map(|n| version(here.path(), n)) {
        publish(&shared, &models_here, &id).unwrap();
    }
    let later = "2026-11-28T00:00:00Z".parse().unwrap();
    let mut n_killed = 0;
    while store(&inner, 3).prune(&models_here, 2, later).is_err() {
        n_killed += 1;
        whole_current(&inner);
    }
    assert!(n_killed > 3, "{n_killed}");
    assert_eq!(shared.versions().unwrap().len(), 2);
}
