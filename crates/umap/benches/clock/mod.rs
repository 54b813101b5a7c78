//! Wall and processor time of the stages of a computation, on several numbers of threads, and how many threads had
//! work. The last is right on a busy machine too: a thread that waits for a processor has work.

use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// A moment, by the clock on the wall and by the processor time that the process has used and waited for.
#[derive(Clone, Copy)]
pub struct Clock {
    wall: Instant,
    cpu: Duration,
    waited: Duration,
}

/// The time between two moments.
#[derive(Clone, Copy)]
pub struct Spent {
    wall: Duration,
    cpu: Duration,
    waited: Duration,
}

impl Clock {
    /// The present moment. A thread that has ended counts no longer.
    pub fn now() -> Self {
        let threads = std::fs::read_dir("/proc/self/task").unwrap();
        let used = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            let mut numbers = text.split(' ').filter_map(|number| number.parse::<u64>().ok());
            Some((numbers.next()?, numbers.next()?))
        });
        let (cpu, waited) = used.fold((0, 0), |sum, used| (sum.0 + used.0, sum.1 + used.1));
        Self { cpu: Duration::from_nanos(cpu), waited: Duration::from_nanos(waited), wall: Instant::now() }
    }

    pub fn until(self, later: Self) -> Spent {
        Spent {
            wall: later.wall - self.wall,
            cpu: later.cpu.saturating_sub(self.cpu),
            waited: later.waited.saturating_sub(self.waited),
        }
    }
}

impl Spent {
    /// How many threads had work, on average.
    fn busy(&self) -> f64 {
        (self.cpu + self.waited).as_secs_f64() / self.wall.as_secs_f64()
    }
}

/// Runs `profile` on each number of threads that the variable `threads` lists, and prints what each stage took: wall
/// time and processor time in seconds, and for all but the first run how many threads had work.
///
/// The last column is how many times faster than on one thread the last run would be on idle processors: the threads
/// with work, less what they work more. By Amdahl's law a stage that is `s` times faster on `t` threads has the serial
/// share `(t/s - 1) / (t - 1)`.
pub fn compare(what: &str, stages: &[&str], threads: &str, profile: impl Fn(&ThreadPool) -> Vec<Spent>) {
    let threads: Vec<usize> =
        std::env::var(threads).map_or(vec![1, 2], |list| list.split(',').map(|t| t.parse().unwrap()).collect());
    let pool = |&threads: &usize| ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let pools: Vec<ThreadPool> = threads.iter().map(pool).collect();
    let runs: Vec<Vec<Spent>> = pools.iter().map(profile).collect();
    print!("{what:<36}");
    for (run, threads) in threads.iter().enumerate() {
        print!(" {:>9} {:>9}", format!("wall {threads}"), format!("cpu {threads}"));
        if run > 0 {
            print!(" {:>6}", "busy");
        }
    }
    println!();
    for (stage, name) in stages.iter().enumerate() {
        print!("{name:<36}");
        for (number, run) in runs.iter().enumerate() {
            print!(" {:>9.3} {:>9.3}", run[stage].wall.as_secs_f64(), run[stage].cpu.as_secs_f64());
            if number > 0 {
                print!(" {:>6.2}", run[stage].busy());
            }
        }
        if let ([first, .., last], Some(&many), Some(1)) = (runs.as_slice(), threads.last(), threads.first()) {
            let more_work = last[stage].cpu.as_secs_f64() / first[stage].cpu.as_secs_f64();
            let (many, faster) = (many as f64, last[stage].busy() / more_work.max(1.0));
            let serial = (many / faster - 1.0) / (many - 1.0);
            print!("  {faster:.2} x faster, {:.0} % serial", 100.0 * serial.max(0.0));
        }
        println!();
    }
}
