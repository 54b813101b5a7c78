use std::collections::BTreeMap;
use std::fs;

use super::*;

fn open(dir: &Path) -> Result<Budget, WriterConfigError> {
    Budget::open_at(&dir.join("state"), Some(1.0), Timestamp::now)
}

fn payer(name: &str) -> Payer {
    Payer { name: name.into(), usd_per_day: Some(0.5) }
}

fn at(budget: &Budget, now: fn() -> Timestamp) -> Budget {
    Budget { now, ..budget.clone() }
}

fn morning() -> Timestamp {
    "2999-01-01T06:00:00Z".parse().unwrap()
}

fn next_morning() -> Timestamp {
    "2999-01-02T06:00:00Z".parse().unwrap()
}

async fn until_reset(budget: &Budget, usd: f64) -> Option<Duration> {
    match budget.reserve(usd, None).await {
        Ok(_) => None,
        Err(BudgetError::Spent { until_reset, .. }) => Some(until_reset),
        Err(error) => panic!("{error}"),
    }
}

/// What is left of the day's budget of all, as far as this machine knows.
fn left_usd(budget: &Budget) -> Option<f64> {
    Some((budget.usd_per_day()? - budget.spent_usd().unwrap()).max(0.0))
}

#[tokio::test]
async fn no_more_is_set_aside_than_the_day_has_and_the_next_day_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let budget = at(&open(dir.path()).unwrap(), morning);
    for _ in 0..10 {
        assert_eq!(until_reset(&budget, 0.1).await, None);
    }
    assert_eq!(until_reset(&budget, 0.1).await, Some(Duration::from_secs(18 * 3_600)));
    assert_eq!(until_reset(&at(&budget, next_morning), 1.0).await, None);
    assert!(until_reset(&budget, 0.1).await.is_some(), "a clock that is put back gives no second budget");
}

#[tokio::test]
async fn a_clock_that_was_years_ahead_once_closes_nothing_and_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let far_ahead: fn() -> Timestamp = || "3004-01-01T06:00:00Z".parse().unwrap();
    let budget = at(&open(dir.path()).unwrap(), morning);
    drop(budget.reserve(0.7, None).await.unwrap());
    drop(at(&budget, far_ahead).reserve(1.0, None).await.unwrap());
    let again = Budget::open_at(&dir.path().join("state"), Some(1.0), morning).unwrap();
    assert!(again.has_warned.load(Ordering::Relaxed));
    assert!((left_usd(&again).unwrap() - 0.3).abs() < HARDLY_ANYTHING);
    assert_eq!(until_reset(&again, 0.3).await, None);
    assert!(until_reset(&again, 0.1).await.is_some());
}

#[tokio::test]
async fn a_key_spends_its_own_budget_and_leaves_the_others_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let budget = at(&open(dir.path()).unwrap(), morning);
    drop(budget.reserve(0.4, Some(&payer("portal"))).await.unwrap());
    let spent = budget.reserve(0.2, Some(&payer("portal"))).await.unwrap_err();
    assert_eq!(spent.to_string(), "the day's budget of the key does not cover the call");
    budget.reserve(0.4, Some(&payer("crm"))).await.unwrap().settle(0.1).await.unwrap();
    drop(budget.reserve(0.4, Some(&payer("crm"))).await.unwrap());
    let spent = budget.reserve(0.2, None).await.unwrap_err();
    assert_eq!(spent.to_string(), "the day's budget of all keys does not cover the call");
    let only_keys = Budget { usd_per_day: None, ..budget.clone() };
    drop(only_keys.reserve(9.0, None).await.unwrap());
    assert!(only_keys.reserve(0.2, Some(&payer("portal"))).await.is_err());
    assert_eq!(left_usd(&only_keys), None);
}

#[tokio::test]
async fn a_call_that_cost_less_gives_the_rest_back_and_one_without_a_word_keeps_it() {
    let dir = tempfile::tempdir().unwrap();
    let budget = at(&open(dir.path()).unwrap(), morning);
    budget.reserve(0.9, None).await.unwrap().settle(0.1).await.unwrap();
    drop(budget.reserve(0.5, None).await.unwrap());
    assert!(until_reset(&budget, 0.5).await.is_some());
    assert!((left_usd(&budget).unwrap() - 0.4).abs() < HARDLY_ANYTHING);
    assert_eq!(until_reset(&budget, 0.4).await, None);
    assert!(left_usd(&budget).unwrap() < HARDLY_ANYTHING);
    assert!((left_usd(&at(&budget, next_morning)).unwrap() - 1.0).abs() < HARDLY_ANYTHING);
}

#[tokio::test]
async fn a_call_that_ends_on_the_next_day_takes_nothing_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let budget = at(&open(dir.path()).unwrap(), morning);
    let late = budget.reserve(0.9, None).await.unwrap();
    let next = at(&budget, next_morning);
    assert_eq!(until_reset(&next, 0.5).await, None);
    late.settle(0.0).await.unwrap();
    assert!(until_reset(&next, 0.6).await.is_some());
}

#[tokio::test]
async fn a_call_that_ends_after_a_reset_takes_nothing_from_what_is_spent_since() {
    for (reset, spent_by_all) in [(None, 0.2), (Some("portal"), 0.3)] {
        let dir = tempfile::tempdir().unwrap();
        let budget = at(&open(dir.path()).unwrap(), morning);
        let under_way = budget.reserve(0.3, Some(&payer("portal"))).await.unwrap();
        let day = day_of(morning());
        let today = DaySpending { dir: dir.path().join("state"), day, spending: Spending::default() };
        today.reset(reset).unwrap();
        drop(budget.reserve(0.2, Some(&payer("portal"))).await.unwrap());
        under_way.settle(0.1).await.unwrap();
        let spent = budget.ledger.of(day).unwrap();
        assert!((spent.of_key("portal") - 0.2).abs() < HARDLY_ANYTHING, "{reset:?}: {spent:?}");
        assert!((spent.spent_usd - spent_by_all).abs() < HARDLY_ANYTHING, "{reset:?}: {spent:?}");
    }
}

#[tokio::test]
async fn calls_from_before_a_reset_hold_nothing_after_it() {
    for reset in [None, Some("portal")] {
        let dir = tempfile::tempdir().unwrap();
        let of_all = reset.is_none().then_some(1.0);
        let budget = Budget { usd_per_day: of_all, ..at(&open(dir.path()).unwrap(), morning) };
        let portal = Payer { name: "portal".into(), usd_per_day: reset.map(|_| 1.0) };
        let under_way = budget.reserve(0.9, Some(&portal)).await.unwrap();
        let day = day_of(morning());
        let today = DaySpending { dir: dir.path().join("state"), day, spending: Spending::default() };
        today.reset(reset).unwrap();
        drop(budget.reserve(0.6, Some(&portal)).await.unwrap());
        let refused = budget.reserve(0.5, Some(&portal)).await.unwrap_err();
        assert!(matches!(refused, BudgetError::Spent { .. }), "{reset:?}: nothing comes back: {refused}");
        under_way.settle(0.1).await.unwrap();
        assert!((budget.ledger.of(day).unwrap().of_key("portal") - 0.6).abs() < HARDLY_ANYTHING, "{reset:?}");
    }
}

#[tokio::test]
async fn what_calls_under_way_hold_closes_the_budget_for_a_moment_and_not_for_the_day() {
    let dir = tempfile::tempdir().unwrap();
    let budget = at(&open(dir.path()).unwrap(), morning);
    let is_held = async |usd, payer: Option<&Payer>| match budget.reserve(usd, payer).await.unwrap_err() {
        BudgetError::Held => true,
        BudgetError::Spent { .. } => false,
        error => panic!("{error}"),
    };
    drop(budget.reserve(0.1, None).await.unwrap());
    let under_way = budget.reserve(0.8, None).await.unwrap();
    assert!(is_held(0.2, None).await && is_held(0.2, Some(&payer("portal"))).await);
    assert!(!is_held(0.95, None).await, "it does not fit beside what is spent");
    let other_process = at(&open(dir.path()).unwrap(), morning);
    assert!(until_reset(&other_process, 0.2).await.is_some(), "another process counts it as spent");
    under_way.settle(0.1).await.unwrap();
    assert_eq!(until_reset(&budget, 0.2).await, None);

    let of_key = budget.reserve(0.4, Some(&payer("portal"))).await.unwrap();
    assert!(is_held(0.2, Some(&payer("portal"))).await);
    drop(of_key);
    assert!(!is_held(0.2, Some(&payer("portal"))).await, "without a word it counts as spent");
}

#[tokio::test]
async fn one_key_s_calls_under_way_hold_at_most_half_of_what_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let budget = at(&open(dir.path()).unwrap(), morning);
    let [greedy, other] = ["greedy", "other"].map(|name| Payer { name: name.into(), usd_per_day: None });
    drop(budget.reserve(0.2, None).await.unwrap());
    // Of 0.8, four may be held by one.
    let mut under_way = Vec::new();
    for _ in 0..4 {
        under_way.push(budget.reserve(0.1, Some(&greedy)).await.unwrap());
    }
    assert!(matches!(budget.reserve(0.1, Some(&greedy)).await, Err(BudgetError::Held)));
    under_way.push(budget.reserve(0.4, Some(&other)).await.unwrap());
    for reservation in under_way {
        reservation.settle(0.01).await.unwrap();
    }
    // One call may hold all that is left.
    drop(budget.reserve(0.7, Some(&greedy)).await.unwrap());
    assert!(matches!(budget.reserve(0.1, Some(&greedy)).await, Err(BudgetError::Spent { .. })));
}

#[tokio::test]
async fn what_was_set_aside_is_known_after_a_restart_and_to_another_process() {
    let dir = tempfile::tempdir().unwrap();
    let first = at(&open(dir.path()).unwrap(), morning);
    drop(first.reserve(0.8, None).await.unwrap());
    let second = at(&open(dir.path()).unwrap(), morning);
    assert!(until_reset(&second, 0.3).await.is_some());
    drop(second.reserve(0.2, None).await.unwrap());
    assert!(until_reset(&first, 0.1).await.is_some());
}

#[tokio::test]
async fn many_calls_at_once_never_set_more_aside_than_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let [one, other] = [(); 2].map(|()| at(&open(dir.path()).unwrap(), morning));
    let reserving = (0..20).map(|n| if n % 2 == 0 { one.reserve(0.2, None) } else { other.reserve(0.2, None) });
    let outcomes = futures::future::join_all(reserving).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5);
}

#[tokio::test]
async fn a_reservation_that_comes_too_late_for_its_call_is_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let budget = at(&open(dir.path()).unwrap(), morning);
    // Another process has the file.
    let lock = fs::File::open(dir.path().join("state").join(".budget.lock")).unwrap();
    lock.lock().unwrap();
    let late = tokio::time::timeout(Duration::from_millis(50), budget.reserve(0.9, None)).await;
    assert!(late.is_err(), "its call gave up");
    lock.unlock().unwrap();
    loop {
        match budget.reserve(0.8, None).await {
            Ok(_) => break,
            Err(BudgetError::Held) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((left_usd(&budget).unwrap() - 0.2).abs() < HARDLY_ANYTHING);
}

/// What all machines together have leased, and what one could not give back while the lessor was away.
#[derive(Debug, Default)]
struct Leased(std::sync::Mutex<BTreeMap<(Date, Option<String>), f64>>, std::sync::Mutex<f64>, AtomicBool);

impl Lessor for Leased {
    fn lease(&self, lease: &Lease) -> io::Result<f64> {
        let mut leased = self.0.lock().unwrap();
        let leased = leased.entry((lease.day, lease.key.clone())).or_default();
        let granted = lease.grant(*leased);
        *leased += granted;
        Ok(granted)
    }

    fn give_again(&self, day: Date, key: Option<&str>, usd: f64) {
        *self.0.lock().unwrap().get_mut(&(day, key.map(str::to_owned))).unwrap() -= usd;
    }

    fn returnable_usd(&self, _: Date, _: Option<&str>) -> f64 {
        f64::INFINITY
    }

    fn give_back(&self, day: Date, key: Option<&str>, usd: f64) -> io::Result<()> {
        let mut owed = self.1.lock().unwrap();
        *owed += usd;
        if self.2.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        *self.0.lock().unwrap().entry((day, key.map(str::to_owned))).or_default() -= std::mem::take(&mut *owed);
        Ok(())
    }
}

#[tokio::test]
async fn machines_that_lease_their_slices_spend_the_day_together_and_no_more() {
    let lessor = Arc::new(Leased::default());
    let dirs = [(); 8].map(|()| tempfile::tempdir().unwrap());
    let machine = |dir: &tempfile::TempDir| {
        let budget = at(&open(dir.path()).unwrap(), morning);
        Budget { lessor: Some(lessor.clone()), ..budget }
    };
    let machines = dirs.each_ref().map(machine);
    let reserving = (0..400).map(|n| machines[n % 8].reserve(0.01, None));
    let outcomes = futures::future::join_all(reserving).await;
    let n_reserved = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(n_reserved, 100, "a slice is five calls, and nothing of the day is left over");
    let leased: f64 = lessor.0.lock().unwrap().values().sum();
    assert!((leased - 1.0).abs() < HARDLY_ANYTHING);
    // What a call did not cost is there again for the machine that paid it, also after a restart.
    let (n, reserved) = outcomes.into_iter().enumerate().find(|(_, outcome)| outcome.is_ok()).unwrap();
    reserved.unwrap().settle(0.0).await.unwrap();
    assert_eq!(until_reset(&machine(&dirs[n % 8]), 0.01).await, None);
    assert!(until_reset(&machines[(n + 1) % 8], 0.01).await.is_some());
}

#[tokio::test]
async fn calls_under_way_lease_three_slices_at_most_and_what_they_did_not_cost_is_given_back() {
    let lessor = Arc::new(Leased::default());
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [busy, other] = dirs.each_ref().map(|dir| {
        let budget = at(&open(dir.path()).unwrap(), morning);
        Budget { lessor: Some(lessor.clone()), ..budget }
    });
    let leased_usd = || lessor.0.lock().unwrap().values().sum::<f64>();
    let reserving = (0..200).map(|_| busy.reserve(0.01, None));
    let (under_way, refused): (Vec<_>, Vec<_>) =
        futures::future::join_all(reserving).await.into_iter().partition(Result::is_ok);
    assert!(refused.iter().all(|refused| matches!(refused, Err(BudgetError::Held))));
    assert_eq!(under_way.len(), 15);
    assert!((leased_usd() - 0.15).abs() < HARDLY_ANYTHING);
    // A call that costs more than that is made where no other is under way.
    drop(other.reserve(0.8, None).await.unwrap());
    for reservation in under_way {
        reservation.unwrap().settle(0.0001).await.unwrap();
    }
    while leased_usd() > 0.9 + HARDLY_ANYTHING {
        busy.reserve(0.01, None).await.unwrap().settle(0.0).await.unwrap();
    }
    assert_eq!(until_reset(&other, 0.1).await, None);
    // What it kept is spent by itself, and then the day is over for both.
    while until_reset(&busy, 0.01).await.is_none() {}
    let spent_usd = busy.spent_usd().unwrap() + other.spent_usd().unwrap();
    assert!(leased_usd() < 1.0 + HARDLY_ANYTHING && spent_usd < 1.0 + HARDLY_ANYTHING, "{spent_usd}");
}

#[tokio::test]
async fn what_a_process_leaves_unused_of_its_slices_is_given_back_at_its_end() {
    let (lessor, dir) = (Arc::new(Leased::default()), tempfile::tempdir().unwrap());
    let budget = Budget { lessor: Some(lessor.clone()), ..at(&open(dir.path()).unwrap(), morning) };
    budget.reserve(0.01, Some(&payer("portal"))).await.unwrap().settle(0.002).await.unwrap();
    let leased = || lessor.0.lock().unwrap().values().copied().collect::<Vec<f64>>();
    assert!(leased().iter().sum::<f64>() > 0.07, "a slice of all and one of the key: {:?}", leased());
    budget.settled().await;
    assert!(leased().iter().all(|usd| (usd - 0.002).abs() < HARDLY_ANYTHING), "{:?}", leased());
    drop(budget.reserve(0.01, Some(&payer("portal"))).await.unwrap());
}

#[tokio::test]
async fn at_the_end_of_a_process_nothing_leaves_the_ledger_while_the_lessor_does_not_answer() {
    let (lessor, dir) = (Arc::new(Leased::default()), tempfile::tempdir().unwrap());
    let budget = Budget { lessor: Some(lessor.clone()), ..at(&open(dir.path()).unwrap(), morning) };
    budget.reserve(0.01, Some(&payer("portal"))).await.unwrap().settle(0.002).await.unwrap();
    let leased = || {
        let spending = budget.ledger.of(day_of(morning())).unwrap();
        (spending.leased(None), spending.leased(Some("portal")))
    };
    let before = leased();
    lessor.2.store(true, Ordering::SeqCst);
    budget.settled().await;
    assert_eq!(leased(), before);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_given_back_is_given_back_by_a_later_call() {
    let (lessor, dir) = (Arc::new(Leased::default()), tempfile::tempdir().unwrap());
    let budget = Budget { lessor: Some(lessor.clone()), ..at(&open(dir.path()).unwrap(), morning) };
    let leased_usd = || lessor.0.lock().unwrap().values().sum::<f64>();
    let reserving = (0..15).map(|_| budget.reserve(0.01, None));
    let under_way = futures::future::join_all(reserving).await;
    lessor.2.store(true, Ordering::SeqCst);
    for reservation in under_way {
        reservation.unwrap().settle(0.0001).await.unwrap();
    }
    drop(budget.leasing.clone().lock_owned().await);
    assert!((leased_usd() - 0.15).abs() < HARDLY_ANYTHING, "{}", leased_usd());
    lessor.2.store(false, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(5)).await;
    budget.reserve(0.01, None).await.unwrap().settle(0.0001).await.unwrap();
    drop(budget.leasing.clone().lock_owned().await);
    assert!(leased_usd() < 0.1 + HARDLY_ANYTHING, "{}", leased_usd());
}

#[tokio::test]
async fn keys_hold_half_of_what_is_left_while_a_quarter_is_free_and_an_eighth_for_certain() {
    // On one machine of several its calls under way hold at most 0.15 of the day.
    for (is_leased, of_each) in [(false, [50, 25, 12]), (true, [7, 4, 1])] {
        let dir = tempfile::tempdir().unwrap();
        let lessor = is_leased.then(|| Arc::new(Leased::default()) as Arc<dyn Lessor>);
        let budget = Budget { lessor, ..at(&open(dir.path()).unwrap(), morning) };
        let mut under_way = Vec::new();
        for (name, n_calls) in ["greedy", "second", "polite"].into_iter().zip(of_each) {
            let payer = Payer { name: name.into(), usd_per_day: None };
            for _ in 0..n_calls {
                under_way.push(budget.reserve(0.01, Some(&payer)).await.unwrap());
            }
            assert!(matches!(budget.reserve(0.01, Some(&payer)).await, Err(BudgetError::Held)), "{is_leased} {name}");
        }
    }
}

#[tokio::test]
async fn a_call_that_costs_more_than_a_slice_leases_what_it_needs_and_a_lost_machine_loses_its_slice_alone() {
    let lessor = Arc::new(Leased::default());
    let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [lost, other] = dirs.each_ref().map(|dir| {
        let budget = at(&open(dir.path()).unwrap(), morning);
        Budget { lessor: Some(lessor.clone()), ..budget }
    });
    drop(lost.reserve(0.01, None).await.unwrap());
    drop(lost);
    drop(other.reserve(0.9, None).await.unwrap());
    assert!(until_reset(&other, 0.2).await.is_some());
    drop(other.reserve(0.05, None).await.unwrap());
    assert!(until_reset(&other, 0.01).await.is_some(), "0.05 went with the machine that was lost");
    // Keys have slices of their own budgets.
    let next = at(&other, next_morning);
    assert!(next.reserve(0.6, Some(&payer("portal"))).await.is_err());
    drop(next.reserve(0.5, Some(&payer("portal"))).await.unwrap());
    assert!(next.reserve(0.01, Some(&payer("portal"))).await.is_err());
    drop(next.reserve(0.3, Some(&payer("crm"))).await.unwrap());
}

#[tokio::test]
async fn a_slice_that_cannot_be_noted_is_not_lost_to_all_machines() {
    let lessor = Arc::new(Leased::default());
    let dir = tempfile::tempdir().unwrap();
    let budget = Budget { lessor: Some(lessor.clone()), ..at(&open(dir.path()).unwrap(), morning) };
    let leased_usd = || lessor.0.lock().unwrap().values().sum::<f64>();
    drop(budget.reserve(0.05, None).await.unwrap());
    // The ledger can be read and not written.
    let in_the_way = dir.path().join("state").join("budget.json.part");
    fs::create_dir(&in_the_way).unwrap();
    for _ in 0..20 {
        let unnoted = budget.reserve(0.01, Some(&payer("portal"))).await.unwrap_err();
        assert!(matches!(unnoted, BudgetError::File(_)), "{unnoted}");
        assert!((leased_usd() - 0.05).abs() < HARDLY_ANYTHING, "{}", leased_usd());
    }
    fs::remove_dir(&in_the_way).unwrap();
    drop(budget.reserve(0.01, Some(&payer("portal"))).await.unwrap());
}

/// A lessor that answers when it is let, and then what it is told.
#[derive(Debug)]
struct Slow {
    leased: Leased,
    asked: tokio::sync::mpsc::UnboundedSender<()>,
    answers: std::sync::Mutex<std::sync::mpsc::Receiver<io::Result<()>>>,
}

impl Lessor for Slow {
    fn lease(&self, lease: &Lease) -> io::Result<f64> {
        self.asked.send(()).unwrap();
        self.answers.lock().unwrap().recv().unwrap()?;
        self.leased.lease(lease)
    }

    fn give_again(&self, day: Date, key: Option<&str>, usd: f64) {
        self.leased.give_again(day, key, usd);
    }

    fn returnable_usd(&self, _: Date, _: Option<&str>) -> f64 {
        0.0
    }

    fn give_back(&self, day: Date, key: Option<&str>, usd: f64) -> io::Result<()> {
        self.leased.give_back(day, key, usd)
    }
}

type Asked = tokio::sync::mpsc::UnboundedReceiver<()>;
type Answers = std::sync::mpsc::Sender<io::Result<()>>;

/// A machine whose lessor is slow; what it is asked, and what it answers.
fn with_a_slow_lessor(dir: &Path) -> (Budget, Arc<Slow>, Asked, Answers) {
    let ((asked, n_asked), (answer, answers)) = (tokio::sync::mpsc::unbounded_channel(), std::sync::mpsc::channel());
    let slow = Arc::new(Slow { leased: Leased::default(), asked, answers: std::sync::Mutex::new(answers) });
    let budget = at(&open(dir).unwrap(), morning);
    (Budget { lessor: Some(slow.clone()), ..budget }, slow, n_asked, answer)
}

#[tokio::test]
async fn a_slice_whose_call_gave_up_while_it_was_leased_is_spent_by_the_next_call() {
    let dir = tempfile::tempdir().unwrap();
    let (budget, slow, mut asked, answer) = with_a_slow_lessor(dir.path());
    for _ in 0..20 {
        let call = budget.clone();
        let call = tokio::spawn(async move { call.reserve(0.01, None).await.map(drop) });
        asked.recv().await.unwrap();
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        answer.send(Ok(())).unwrap();
        // The next calls wait for the lease that is under way, and ask for none of their own.
        for _ in 0..5 {
            drop(budget.reserve(0.01, None).await.unwrap());
        }
    }
    assert!(asked.try_recv().is_err());
    let leased: f64 = slow.leased.0.lock().unwrap().values().sum();
    assert!((leased - 1.0).abs() < HARDLY_ANYTHING && left_usd(&budget).unwrap() < HARDLY_ANYTHING);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_while_nothing_can_be_leased_are_told_together_and_a_later_one_asks_again() {
    let dir = tempfile::tempdir().unwrap();
    let (budget, _slow, mut asked, answer) = with_a_slow_lessor(dir.path());
    answer.send(Err(io::ErrorKind::TimedOut.into())).unwrap();
    let calls = futures::future::join_all((0..50).map(|_| budget.reserve(0.01, None))).await;
    let is_unknown = |call: &Result<_, _>| matches!(call, Err(BudgetError::Lease(_) | BudgetError::LeaseLately));
    assert!(calls.iter().all(is_unknown));
    assert_eq!((asked.recv().await, asked.try_recv().is_err()), (Some(()), true), "it is asked once");
    tokio::time::advance(Duration::from_secs(5)).await;
    answer.send(Ok(())).unwrap();
    drop(budget.reserve(0.9, None).await.unwrap());
    // What is spent is told as soon, and what is left is had all the same.
    answer.send(Ok(())).unwrap();
    assert!(until_reset(&budget, 0.5).await.is_some());
    assert!(until_reset(&budget, 0.6).await.is_some());
    answer.send(Ok(())).unwrap();
    assert_eq!(until_reset(&budget, 0.1).await, None);
    assert_eq!(std::iter::from_fn(|| asked.try_recv().ok()).count(), 3);
}

#[test]
fn a_file_that_is_no_ledger_is_named_and_left_as_it_is() {
    for faulty in ["", "{}", r#"{"day": "2026-01-01", "spent_usd": -1}"#, r#"{"day": 1, "spent_usd": 1}"#] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state").join("budget.json");
        fs::create_dir(dir.path().join("state")).unwrap();
        fs::write(&path, faulty).unwrap();
        assert!(open(dir.path()).unwrap_err().to_string().contains("budget.json"), "{faulty}");
        assert_eq!(fs::read_to_string(&path).unwrap(), faulty);
    }
}
