//! One caller who takes whatever can be taken, beside a polite one, who must not notice.
//!
//! Each row starts a server of its own, measures the polite caller alone for a third of `ISOLATION_SECONDS`, and then
//! beside the other for all of them; the row `processor` takes 12 seconds at least. Rows are chosen by
//! `ISOLATION_ROWS`, such as `forms,readers`. The server has processor 0 and the load processor 1.

mod attacks;
mod polite;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::report::{Verdict, number};
use crate::service::{Service, Setup, allow_descriptors, stay_on_processor};
use attacks::Attack;
use polite::Polite;

/// What the polite caller's texts and the health check may take, as a multiple of what they take alone.
const TIMES: u32 = 3;
/// Below this, a multiple says nothing: one scheduling turn beside a busy process is longer.
const LEAST: Duration = Duration::from_millis(30);
const UPLOAD_WITHIN: Duration = Duration::from_secs(5);
const MEMORY_KB: u64 = 256 << 10;
/// Memory is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// More than any row opens.
const DESCRIPTORS: usize = 4_000;

pub async fn run() -> Vec<Verdict> {
    let seconds = Duration::from_secs_f64(number("ISOLATION_SECONDS", 15.0));
    let wanted = std::env::var("ISOLATION_ROWS").unwrap_or_default();
    allow_descriptors(DESCRIPTORS);
    stay_on_processor(1);
    let mut verdicts = Vec::new();
    for attack in Attack::ALL {
        if wanted.is_empty() || wanted.split(',').any(|name| name == attack.name()) {
            verdicts.extend(row(attack, seconds).await);
        }
    }
    verdicts
}

async fn row(attack: Attack, seconds: Duration) -> Vec<Verdict> {
    let service = Arc::new(attack.prepare(Setup::new().quiet().on_processor(0)).start());
    attack.lay_out(service.folder());
    let (address, seconds) = (service.address, attack.takes(seconds));
    let tried_out = attack.try_out(address).await;
    // The first requests after a start are slower.
    polite::call_for(address, seconds / 5).await;
    let alone = polite::call_for(address, seconds / 3).await;
    let (quiet_kb, on_disk) = (service.footprint().resident_kb, service.bytes_on_disk());
    let is_over = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn(watch(service.clone(), is_over.clone()));
    let attacking = tokio::spawn(attack.run(address, Instant::now() + seconds));
    let beside = polite::call_for(address, seconds).await;
    is_over.store(true, Ordering::Relaxed);
    let peak_kb = watching.await.unwrap();
    let done = attacking.await.unwrap();
    let grown_kb = service.bytes_on_disk().saturating_sub(on_disk) >> 10;
    println!("  {}: {}", attack.name(), attack.what());
    print!("{done}");
    println!("    alone: {alone}\n    beside: {beside}");
    let mut verdicts = judge(attack, &alone, &beside, peak_kb.saturating_sub(quiet_kb), grown_kb);
    verdicts.extend(tried_out);
    verdicts
}

fn judge(attack: Attack, alone: &Polite, beside: &Polite, more_kb: u64, grown_kb: u64) -> Vec<Verdict> {
    let name = attack.name();
    let verdict =
        |what: String, holds: bool, measured: String| Verdict::new(format!("{name}: {what}"), holds, measured);
    let n_refused = beside.n_refused();
    let slower = |what: &str, alone: Duration, beside: Duration| {
        let holds = beside <= (TIMES * alone).max(LEAST);
        verdict(format!("{what} p99 at most {TIMES} times"), holds, format!("{beside:.1?} after {alone:.1?}"))
    };
    let mut verdicts = vec![
        verdict("the polite caller is answered".to_owned(), n_refused == 0, format!("{n_refused} refusals")),
        slower("texts", alone.texts_p99(), beside.texts_p99()),
        slower("/healthz", alone.health_p99(), beside.health_p99()),
        verdict(
            "uploads p99 within 5 s".to_owned(),
            beside.uploads_p99() <= UPLOAD_WITHIN,
            format!("{:.2?}", beside.uploads_p99()),
        ),
        verdict("memory at most 256 MB more".to_owned(), more_kb <= MEMORY_KB, format!("{} MB more", more_kb >> 10)),
    ];
    if attack == Attack::Pictures {
        let measured = format!("{grown_kb} KB more");
        verdicts.push(verdict("the disk does not fill".to_owned(), grown_kb <= 1 << 10, measured));
    }
    verdicts
}

/// The most memory that the server has until it is over.
async fn watch(service: Arc<Service>, is_over: Arc<AtomicBool>) -> u64 {
    let mut peak_kb = 0;
    while !is_over.load(Ordering::Relaxed) {
        peak_kb = peak_kb.max(service.footprint().resident_kb);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    peak_kb
}
