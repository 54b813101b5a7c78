//! The program: `serve` is its default, and `commands` has the others.

#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "content-portal runs on Linux. On macOS and Windows run it in a container (see the Dockerfile), on Windows also in WSL."
);
#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod commands;

/// The system's allocator gives each thread a pool that grows to the most that any work needs, and takes longer the
/// more callers there are. Beside 9,000 callers on one processor this one lets half as many answers more through.
#[cfg(all(feature = "jemalloc", target_os = "linux"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    commands::main()
}
