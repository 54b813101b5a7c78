//! Wall and processor time of the stages of a computation, on several numbers of threads.

use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// A moment, by the clock on the wall and by the processor time that the process has used.
#[derive(Clone, Copy)]
pub struct Clock {
    wall: Instant,
    cpu: Duration,
}

/// The time between two moments.
#[derive(Clone, Copy)]
pub struct Spent {
    wall: Duration,
    cpu: Duration,
}

impl Clock {
    /// The present moment. A thread that has ended counts no longer.
    pub fn now() -> Self {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let used = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Self { cpu: Duration::from_nanos(used.sum()), wall: Instant::now() }
    }

    pub fn until(self, later: Self) -> Spent {
        Spent { wall: later.wall - self.wall, cpu: later.cpu.saturating_sub(self.cpu) }
    }
}

/// Runs `profile` on each number of threads that the variable `threads` lists, and prints what each stage took: wall
/// time and processor time in seconds, its share of the first run's wall time, and how many times faster each further
/// run was. By Amdahl's law a stage that is `s` times faster on `t` threads has the serial share `(t/s - 1) / (t - 1)`.
pub fn compare(what: &str, stages: &[&str], threads: &str, profile: impl Fn(&ThreadPool) -> Vec<Spent>) {
    let threads: Vec<usize> =
        std::env::var(threads).map_or(vec![1, 2], |list| list.split(',').map(|t| t.parse().unwrap()).collect());
    let pool = |&threads: &usize| ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let pools: Vec<ThreadPool> = threads.iter().map(pool).collect();
    let runs: Vec<Vec<Spent>> = pools.iter().map(profile).collect();
    print!("{what:<36}");
    for threads in &threads {
        print!(" {:>9} {:>9}", format!("wall {threads}"), format!("cpu {threads}"));
    }
    println!("  serial share by the last column");
    for (stage, name) in stages.iter().enumerate() {
        print!("{name:<36}");
        for run in &runs {
            print!(" {:>9.3} {:>9.3}", run[stage].wall.as_secs_f64(), run[stage].cpu.as_secs_f64());
        }
        if let ([first, .., last], Some(&many)) = (runs.as_slice(), threads.last()) {
            let faster = first[stage].wall.as_secs_f64() / last[stage].wall.as_secs_f64();
            let (many, few) = (many as f64, threads[0] as f64);
            let serial = (many / few / faster - 1.0) / (many / few - 1.0);
            print!("  {faster:.2} x faster, {:.0} % serial", 100.0 * serial.max(0.0));
        }
        println!();
    }
}
