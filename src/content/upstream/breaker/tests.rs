use super::*;

const COOL_DOWN: Duration = Duration::from_secs(30);

fn breaker() -> Breaker {
    Breaker::new("texts", BreakerPolicy { max_faults: 3, cool_down: COOL_DOWN })
}

fn end(breaker: &Breaker, verdicts: &[Verdict], now: Instant) {
    for &verdict in verdicts {
        breaker.admit(1, now).unwrap_or_else(|wait| panic!("paused for {wait:?}")).end(verdict, now);
    }
}

/// Has calls of as many clients fail as end in a pause of all.
fn open(breaker: &Breaker, now: Instant) {
    (101..=103).for_each(|client| breaker.admit(client, now).ok().unwrap().end(Verdict::Fault, now));
}

#[test]
fn only_faults_in_a_row_open_it() {
    use Verdict::{Fault, Sound};
    let (breaker, now) = (breaker(), Instant::now());
    end(&breaker, &[Fault, Fault, Sound, Fault, Fault], now);
    assert!(!breaker.is_paused(now));
    end(&breaker, &[Fault], now);
    assert!(breaker.is_paused(now) && !breaker.is_paused(now + COOL_DOWN));
    assert_eq!(breaker.admit(1, now).err(), Some(COOL_DOWN));
}

#[test]
fn a_time_out_is_a_fault_unless_a_sound_answer_came_while_the_call_ran() {
    let (breaker, began) = (breaker(), Instant::now());
    let admit = |now| breaker.admit(1, now).ok().unwrap();
    let [meanwhile, end_of_calls] = [1, 2].map(|seconds| began + Duration::from_secs(seconds));
    let early: Vec<_> = (0..6).map(|_| admit(began)).collect();
    let late: Vec<_> = (0..3).map(|_| admit(meanwhile)).collect();
    end(&breaker, &[Verdict::Sound], meanwhile);
    early.into_iter().for_each(|pass| pass.end(Verdict::TimedOut, end_of_calls));
    assert!(!breaker.is_paused(end_of_calls));
    late.into_iter().for_each(|pass| pass.end(Verdict::TimedOut, end_of_calls));
    assert!(breaker.is_paused(end_of_calls), "no answer came since these began");
    let now = end_of_calls + COOL_DOWN;
    end(&breaker, &[Verdict::TimedOut], now);
    assert!(breaker.is_paused(now), "nor while the probe ran");
}

#[test]
fn after_the_pause_one_call_probes_and_its_success_closes() {
    let (breaker, now) = (breaker(), Instant::now());
    open(&breaker, now);
    let second = Duration::from_secs(1);
    assert_eq!(breaker.admit(1, now + COOL_DOWN - second).err(), Some(second));
    let now = now + COOL_DOWN;
    let probe = breaker.admit(1, now).ok().unwrap();
    assert_eq!(breaker.admit(1, now).err(), Some(WHILE_PROBING), "one probe at a time");
    assert!(breaker.is_paused(now));
    probe.end(Verdict::Sound, now);
    let both = [breaker.admit(1, now), breaker.admit(1, now)];
    assert!(both.iter().all(Result::is_ok));
}

#[test]
fn a_probe_that_fails_opens_it_again_at_once() {
    let (breaker, now) = (breaker(), Instant::now());
    open(&breaker, now);
    end(&breaker, &[Verdict::Fault], now + COOL_DOWN);
    assert_eq!(breaker.admit(1, now + COOL_DOWN).err(), Some(COOL_DOWN));
}

#[test]
fn each_client_probes_for_itself_and_the_first_sound_answer_ends_the_pause() {
    let (breaker, now) = (breaker(), Instant::now());
    open(&breaker, now);
    let now = now + COOL_DOWN;
    let [hanging, failing, sound] = [1, 2, 3].map(|client| breaker.admit(client, now).ok().unwrap());
    let second = Duration::from_secs(1);
    failing.end(Verdict::TimedOut, now + second);
    assert_eq!(breaker.admit(2, now + second).err(), Some(COOL_DOWN), "its own client waits again");
    assert!(breaker.is_paused(now + second));
    sound.end(Verdict::Sound, now + second);
    hanging.end(Verdict::TimedOut, now + 9 * second);
    assert!(!breaker.is_paused(now + 9 * second), "a sound answer came while it ran");
    assert!((1..=3).all(|client| breaker.admit(client, now + 9 * second).is_ok()));
}

#[test]
fn faults_of_a_few_clients_pause_them_alone_and_those_of_as_many_clients_as_faults_pause_all() {
    for fault in [Verdict::TimedOut, Verdict::Fault] {
        let (breaker, now, second) = (breaker(), Instant::now(), Duration::from_secs(1));
        end(&breaker, &[fault; 3], now);
        assert_eq!((breaker.admit(1, now).err(), breaker.refuses(2, now)), (Some(COOL_DOWN), false));
        let end_of = |client, verdict, now| breaker.admit(client, now).ok().unwrap().end(verdict, now);
        end_of(2, Verdict::Sound, now + second);
        assert!(!breaker.is_paused(now + second), "a sound answer ends its pause as well");
        end(&breaker, &[fault; 3], now + second);
        let now = now + second + COOL_DOWN;
        let probe = breaker.admit(1, now).ok().unwrap();
        assert_eq!(breaker.admit(1, now).err(), Some(WHILE_PROBING), "it probes for itself");
        drop(probe);
        end(&breaker, &[fault], now);
        assert_eq!(breaker.admit(1, now).err(), Some(COOL_DOWN));
        (0..3).for_each(|_| end_of(2, fault, now));
        assert_eq!((breaker.admit(2, now).err(), breaker.refuses(3, now)), (Some(COOL_DOWN), false));
        // Where no other is answered either, it is the server.
        end_of(3, fault, now);
        assert_eq!(breaker.admit(4, now).err(), Some(COOL_DOWN));
    }
}

#[test]
fn faults_of_several_clients_in_a_row_pause_all() {
    let (breaker, now) = (breaker(), Instant::now());
    open(&breaker, now);
    assert!([1, 101, 102, 103].iter().all(|&client| breaker.refuses(client, now)));
}

#[test]
fn a_server_that_stays_away_is_probed_by_eight_clients_within_one_pause() {
    let (breaker, now) = (breaker(), Instant::now());
    open(&breaker, now);
    let now = now + COOL_DOWN;
    let second = Duration::from_secs(1);
    for client in 0..8 {
        breaker.admit(client, now).ok().unwrap().end(Verdict::Fault, now + second);
    }
    let later = now + 2 * second;
    assert_eq!(breaker.admit(8, later).err(), Some(COOL_DOWN - second));
    let later = now + second + COOL_DOWN;
    assert!(!breaker.is_paused(later) && breaker.admit(8, later).is_ok());
}

#[test]
fn a_probe_whose_caller_goes_away_leaves_the_next_one_to_probe() {
    let (breaker, now) = (breaker(), Instant::now());
    open(&breaker, now);
    let now = now + COOL_DOWN;
    drop(breaker.admit(1, now).ok().unwrap());
    let next = breaker.admit(1, now).ok().unwrap();
    assert!(breaker.admit(1, now).is_err(), "and again one alone");
    next.end(Verdict::Sound, now);
    assert!(!breaker.is_paused(now));
}

#[tokio::test(start_paused = true)]
async fn a_client_s_other_calls_wait_for_what_comes_of_its_probe() {
    for (verdict, is_admitted) in [(Verdict::Sound, true), (Verdict::Fault, false)] {
        let breaker = breaker();
        end(&breaker, &[Verdict::Fault; 3], Instant::now());
        tokio::time::advance(COOL_DOWN).await;
        let now = Instant::now();
        let probe = breaker.admit(1, now).ok().unwrap();
        let mut waiting = Box::pin(breaker.admit_after_probe(1, now + COOL_DOWN));
        assert!(futures::poll!(&mut waiting).is_pending());
        probe.end(verdict, now);
        assert_eq!(waiting.await.is_ok(), is_admitted);
        assert!(breaker.admit_after_probe(2, now).await.is_ok(), "another client's waits for nobody");
    }
}

#[test]
fn a_call_from_before_the_pause_neither_ends_nor_lengthens_it() {
    let (breaker, now) = (breaker(), Instant::now());
    let [early, late] = [breaker.admit(1, now).ok().unwrap(), breaker.admit(1, now).ok().unwrap()];
    open(&breaker, now);
    early.end(Verdict::Sound, now);
    late.end(Verdict::Fault, now + COOL_DOWN / 2);
    assert_eq!(breaker.admit(1, now + COOL_DOWN / 2).err(), Some(COOL_DOWN / 2));
}
