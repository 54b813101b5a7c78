use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;

fn requests(all: usize) -> Slots {
    Slots::new(Shares::of_requests(all))
}

const A_WHILE: Duration = Duration::from_secs(1);

fn client(n: u8) -> Client {
    Client::Key([n; 32])
}

async fn take(slots: &Slots, n: u8) -> Result<Slot, NoSlot> {
    slots.take(client(n), sleep(A_WHILE)).await
}

#[tokio::test(start_paused = true)]
async fn one_client_never_has_more_than_half_of_the_slots() {
    let slots = requests(4);
    let mine = [take(&slots, 1).await.unwrap(), take(&slots, 1).await.unwrap()];
    assert_eq!(take(&slots, 1).await.unwrap_err(), NoSlot::ShareTaken);
    let _other = take(&slots, 2).await.unwrap();
    drop(mine);
    assert!(take(&slots, 1).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn taken_slots_are_taken_for_every_client_until_one_is_free() {
    let slots = requests(2);
    let first = take(&slots, 1).await.unwrap();
    let _second = take(&slots, 2).await.unwrap();
    assert_eq!(take(&slots, 3).await.unwrap_err(), NoSlot::Full);
    drop(first);
    assert!(take(&slots, 3).await.is_ok());
    assert_eq!(slots.lock().clients.len(), 1, "clients without requests are forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_queued_request_gets_the_slot_as_soon_as_it_is_free_and_in_turn() {
    let slots = requests(1);
    let started = Instant::now();
    let visits = (1..=3).map(|n| {
        let slots = slots.clone();
        async move {
            let slot = take(&slots, n).await.unwrap();
            let since = started.elapsed();
            sleep(A_WHILE / 4).await;
            drop(slot);
            since
        }
    });
    let since = futures::future::join_all(visits).await;
    assert_eq!(since, [0, 1, 2].map(|quarters| quarters * A_WHILE / 4));
}

#[tokio::test(start_paused = true)]
async fn no_client_waits_behind_the_many_requests_of_another() {
    let slots = requests(4);
    let started = Instant::now();
    let visit = |n: u8| {
        let slots = slots.clone();
        async move {
            let slot = slots.take(client(n), sleep(100 * A_WHILE)).await.unwrap();
            let since = started.elapsed();
            sleep(A_WHILE).await;
            drop(slot);
            since
        }
    };
    let many = futures::future::join_all((0..100).map(|_| visit(1)));
    let one = async {
        sleep(A_WHILE / 2).await;
        visit(2).await
    };
    let (many, one) = tokio::join!(many, one);
    assert_eq!(one, A_WHILE / 2);
    assert_eq!(many.iter().max().copied(), Some(49 * A_WHILE));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_disconnects_while_it_queues_leaves_nothing_behind() {
    let slots = requests(1);
    let slot = take(&slots, 1).await.unwrap();
    assert!(tokio::time::timeout(A_WHILE / 2, take(&slots, 2)).await.is_err());
    drop(slot);
    let state = slots.lock();
    assert_eq!((state.clients.len(), state.n_taken), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn several_clients_leave_a_quarter_to_newcomers() {
    let slots = requests(32);
    let mut held = Vec::new();
    for n in [1, 2] {
        while let Some(slot) = slots.try_take(client(n)) {
            held.push((n, slot));
        }
    }
    let of = |n: u8| held.iter().filter(|(one, _)| *one == n).count();
    assert_eq!((of(1), of(2)), (16, 8));
    let of_newcomers: Vec<usize> =
        (3..6).map(|n| std::iter::from_fn(|| slots.try_take(client(n))).collect::<Vec<_>>().len()).collect();
    assert_eq!(of_newcomers, [4, 4, 4], "given back at once");
}

#[tokio::test(start_paused = true)]
async fn a_network_that_has_its_share_waits_and_those_behind_it_do_not() {
    let slots = requests(8);
    let at = |site: u8, n: u8| Client::at(format!("2001:db8:{site}:{n}::1").parse().unwrap());
    let mut mine: Vec<_> = (1..=8).filter_map(|n| slots.try_take(at(1, n))).collect();
    assert_eq!(mine.len(), 4);
    let started = Instant::now();
    let waiting = async { slots.take(at(1, 9), sleep(100 * A_WHILE)).await.map(|_| started.elapsed()) };
    let behind = async {
        sleep(A_WHILE / 2).await;
        slots.try_take(at(2, 1)).is_some()
    };
    let freeing = async {
        sleep(A_WHILE).await;
        mine.pop();
    };
    assert_eq!(tokio::join!(waiting, behind, freeing), (Ok(A_WHILE), true, ()));
}

#[tokio::test(start_paused = true)]
async fn what_a_client_used_is_remembered_however_many_others_wait() {
    let slots = Slots::new(Shares { all: 1, of_one: 1, own: 1, reserve: 0 });
    let slot = take(&slots, 1).await.unwrap();
    sleep(A_WHILE).await;
    slot.work(|| ());
    let held = take(&slots, 2).await.unwrap();
    let many = u32::try_from(MANY_CLIENTS).unwrap();
    let crowd = (0..=many).map(|n| slots.take(Client::at(std::net::Ipv4Addr::from_bits(n).into()), sleep(A_WHILE)));
    let crowd = futures::future::join_all(crowd.map(|one| async move { one.await.is_ok() }));
    let freeing = async {
        sleep(A_WHILE / 2).await;
        drop(held);
    };
    let (served, ()) = tokio::join!(crowd, freeing);
    assert!(served.into_iter().all(|is_served| is_served));
    assert!(slots.lock().clients.contains_key(&client(1)));
}

#[tokio::test(start_paused = true)]
async fn who_has_fewer_slots_is_next_and_then_who_used_the_processor_less() {
    let slots = Slots::new(Shares { all: 2, of_one: 2, own: 1, reserve: 0 });
    let (first, second) = (take(&slots, 1).await.unwrap(), take(&slots, 1).await.unwrap());
    let visit = |n: u8| {
        let slots = slots.clone();
        async move {
            let slot = slots.take(client(n), sleep(100 * A_WHILE)).await.unwrap();
            sleep(A_WHILE).await;
            slot.work(|| ());
            (n, Instant::now())
        }
    };
    let order = async |visits: Vec<u8>| {
        let mut ends = futures::future::join_all(visits.into_iter().map(visit)).await;
        ends.sort_by_key(|(_, end)| *end);
        ends.into_iter().map(|(n, _)| n).collect::<Vec<_>>()
    };
    let (ends, ()) = tokio::join!(order(vec![1, 2, 3]), async {
        sleep(A_WHILE).await;
        drop(first);
        sleep(A_WHILE / 2).await;
        drop(second);
    });
    assert_eq!(ends, [2, 1, 3], "1 came first, and had a slot when the first one was free");
    let first = [take(&slots, 4).await.unwrap(), take(&slots, 4).await.unwrap()];
    let (ends, ()) = tokio::join!(order(vec![1, 5, 3]), async {
        sleep(A_WHILE).await;
        let [one, other] = first;
        drop(one);
        sleep(A_WHILE / 2).await;
        drop(other);
    });
    assert_eq!(ends[0], 5, "5 has used nothing");
    assert!(slots.lock().clients.len() >= 4, "what was used is remembered for a while");
}

#[test]
fn one_client_may_use_every_processor_and_leaves_room_beside() {
    for processors in [1, 2, 4, 16] {
        let slots = Slots::new(Shares::of_processors(processors));
        let mine: Vec<_> = std::iter::from_fn(|| slots.try_take(client(1))).collect();
        let others: Vec<_> = std::iter::from_fn(|| slots.try_take(client(2))).collect();
        assert_eq!((mine.len(), others.is_empty()), (processors, false), "{processors}");
        assert!(slots.try_take(client(3)).is_some(), "{processors}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_other_processes_computed_for_a_client_counts_beside_the_clock() {
    let slots = Slots::new(Shares { all: 1, of_one: 1, own: 1, reserve: 0 });
    let next = async |slots: &Slots| {
        let held = take(slots, 9).await.unwrap();
        let order = Mutex::new(Vec::new());
        let wait = async |n: u8| {
            let slot = slots.take(client(n), sleep(100 * A_WHILE)).await.unwrap();
            order.lock().unwrap().push(n);
            drop(slot);
        };
        tokio::join!(wait(1), wait(2), async {
            sleep(A_WHILE).await;
            drop(held);
        });
        order.into_inner().unwrap()[0]
    };
    let work = async |n: u8, beyond_us: i64| {
        let slot = take(&slots, n).await.unwrap();
        sleep(A_WHILE).await;
        slot.work(|| count_beyond_clock(beyond_us));
    };
    let a_while = i64::try_from(A_WHILE.as_micros()).unwrap();
    work(1, 3 * a_while).await;
    work(2, 0).await;
    assert_eq!(next(&slots).await, 2, "both held a slot as long, and four threads worked for 1");
    work(2, 3 * a_while).await;
    work(2, -a_while).await;
    assert_eq!(next(&slots).await, 1, "what a process waited for its turn is not held against anybody");
}
