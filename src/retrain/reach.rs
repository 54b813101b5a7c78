//! Whether a training fits in this machine's memory: asked before it starts, so that nobody waits for what cannot end.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::RetrainError;
use crate::customer::CustomerTable;
use crate::pipeline::{Encoded, FitParams, TrainingSize};

/// Where the kernel tells of memory.
const MEMINFO: &str = "/proc/meminfo";
const OWN_GROUP: &str = "/proc/self/cgroup";
const GROUPS: &str = "/sys/fs/cgroup";

/// Estimates a training on `customers`, says so in the log, and refuses one that needs more memory than there is.
///
/// # Errors
/// [`RetrainError::TooLarge`]; [`RetrainError::Fit`] where a parameter breaks a rule.
pub(super) fn check(customers: &Encoded<'_>, params: &FitParams) -> Result<(), RetrainError> {
    let size = TrainingSize::of(customers, params)?;
    let free_bytes = free_memory_bytes();
    tracing::info!(
        event = "training_estimated",
        profiles = size.profiles,
        features = size.features,
        neighbours = size.neighbours,
        memory_bytes = size.memory_bytes,
        processor_seconds = size.processor_seconds,
        free_memory_bytes = free_bytes,
        "the training will take about {size}"
    );
    match free_bytes {
        Some(free_bytes) if size.memory_bytes > free_bytes => Err(RetrainError::TooLarge { size, free_bytes }),
        _ => Ok(()),
    }
}

/// Refuses a comparison of ways to train on `table` that needs more memory than there is: it trains on every processor
/// at once.
///
/// # Errors
/// [`RetrainError::ComparisonTooLarge`]; [`RetrainError::Fit`] where the customers cannot be encoded.
pub(super) fn check_comparison(table: &CustomerTable, params: &FitParams) -> Result<(), RetrainError> {
    let at_once = rayon::current_num_threads();
    let size_bytes = TrainingSize::of(&Encoded::of(table)?, params)?.comparison_bytes(at_once);
    match free_memory_bytes() {
        Some(free_bytes) if size_bytes > free_bytes => {
            Err(RetrainError::ComparisonTooLarge { size_bytes, at_once, free_bytes })
        }
        _ => Ok(()),
    }
}

/// Memory that this process may still take: the machine's, its control groups' and its own limit; `None` where nothing
/// says so.
fn free_memory_bytes() -> Option<u64> {
    let machine = fs::read_to_string(MEMINFO).ok().and_then(|text| available(&text));
    let own = getrlimit(Resource::As).current;
    let group = fs::read_to_string(OWN_GROUP).ok().and_then(|text| free_in_groups(Path::new(GROUPS), &text));
    [machine, own, group].into_iter().flatten().min()
}

/// What `/proc/meminfo` says is available, with what can be swapped out.
fn available(meminfo: &str) -> Option<u64> {
    let kilobytes = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let swap = kilobytes("SwapFree").unwrap_or(0);
    Some(kilobytes("MemAvailable")?.saturating_add(swap).saturating_mul(1_024))
}

/// The least that is free in the control group of a process and in those around it (cgroup v2); `None` where none has a
/// limit.
fn free_in_groups(root: &Path, own: &str) -> Option<u64> {
    let path = own.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folder: PathBuf = root.join(path.trim_start_matches('/'));
    let groups = folder.ancestors().take_while(|group| group.starts_with(root));
    groups.filter_map(free_in_group).min()
}

fn free_in_group(group: &Path) -> Option<u64> {
    let number = |file: &str| fs::read_to_string(group.join(file)).ok()?.trim().parse::<u64>().ok();
    let limit = number("memory.max")?;
    let used = number("memory.current").unwrap_or(0);
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let cached = stat.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse::<u64>().ok());
    Some(limit.saturating_sub(used.saturating_sub(cached.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_what_the_machine_can_still_give() {
        let meminfo = "MemTotal: 100 kB\nMemFree:  5 kB\nMemAvailable:  50 kB\nSwapFree:  7 kB\n";
        assert_eq!(available(meminfo), Some(57 * 1_024));
        assert_eq!(available("MemTotal: 100 kB"), None);
        assert!(free_memory_bytes().is_some_and(|free| free > 0));
    }

    #[test]
    fn the_tightest_of_the_control_groups_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| fs::write(root.path().join(file), text).unwrap();
        fs::create_dir_all(root.path().join("a/b")).unwrap();
        let free = || free_in_groups(root.path(), "1:name=x:/\n0::/a/b\n");
        assert_eq!(free(), None);
        write("a/memory.max", "1000\n");
        write("a/memory.current", "700\n");
        write("a/memory.stat", "anon 100\ninactive_file 200\n");
        assert_eq!(free(), Some(500));
        write("a/b/memory.max", "max\n");
        assert_eq!(free(), Some(500));
        write("a/b/memory.max", "400\n");
        assert_eq!(free(), Some(400));
        write("memory.max", "50\n");
        assert_eq!(free(), Some(50));
    }
}
