//! What the kernel keeps a reader process from, whatever code comes to run in it.
//!
//! Two layers, each as far as the kernel has it. Landlock closes every path, TCP and the other processes' signals.
//! seccomp answers `EPERM` to the system calls by which a process opens files, connects, starts programs or reaches
//! other processes. What is open already can still be read and written. Neither can be taken back.

use std::fmt;
use std::io;

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};

/// The newest rights of Landlock that are asked for (Linux 6.15). Older kernels hold those that they know.
const RIGHTS: ABI = ABI::V7;

/// Which of the two layers hold; where one does not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    /// Landlock.
    pub files: Result<(), String>,
    /// seccomp.
    pub calls: Result<(), String>,
}

impl Confinement {
    /// Confines a thread of its own as a reader process confines itself, and ends it.
    ///
    /// # Errors
    /// [`io::Error`] when there can be no thread.
    pub fn try_out() -> io::Result<Self> {
        let thread = std::thread::Builder::new().name("confined".to_owned()).spawn(confine)?;
        thread.join().map_err(|_| io::Error::other("the thread broke down"))
    }
}

impl fmt::Display for Confinement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.files {
            Ok(()) => f.write_str("Landlock closes all files to it")?,
            Err(why) => write!(f, "goes on without Landlock ({why})")?,
        }
        match &self.calls {
            Ok(()) => f.write_str("; seccomp forbids opening, connecting and starting programs"),
            Err(why) => write!(f, "; goes on without seccomp ({why})"),
        }
    }
}

/// Confines the calling thread for good: no file, connection, program or other process beyond what is open already.
/// What the kernel does not have is left out.
pub(super) fn confine() -> Confinement {
    Confinement { files: close_files(), calls: calls::forbid() }
}

/// Handles every right and allows no path.
fn close_files() -> Result<(), String> {
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let rules = Ruleset::default()
            .handle_access(AccessFs::from_all(RIGHTS))?
            .handle_access(AccessNet::from_all(RIGHTS))?
            .scope(Scope::from_all(RIGHTS))?;
        Ok(rules.create()?.restrict_self()?.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => Ok(()),
        Ok(RulesetStatus::NotEnforced) => Err("this kernel has none, or does not let it be used".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod calls {
    /// There is no list for this processor.
    pub(super) fn forbid() -> Result<(), String> {
        Err("there is no list of system calls for this processor".to_owned())
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod calls {
    use std::collections::BTreeMap;
    use std::env::consts::ARCH;

    use seccompiler::{
        BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule, apply_filter, sock_filter,
    };

    /// Files by their names, and mounts.
    const FILES: &[i64] = &[
        libc::SYS_openat,
        libc::SYS_openat2,
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_truncate,
        libc::SYS_unlinkat,
        libc::SYS_renameat2,
        libc::SYS_linkat,
        libc::SYS_symlinkat,
        libc::SYS_mkdirat,
        libc::SYS_mknodat,
        libc::SYS_fchmodat,
        libc::SYS_fchownat,
        libc::SYS_utimensat,
        libc::SYS_setxattr,
        libc::SYS_lsetxattr,
        libc::SYS_removexattr,
        libc::SYS_lremovexattr,
        libc::SYS_mount_setattr,
        libc::SYS_chdir,
        libc::SYS_chroot,
        libc::SYS_pivot_root,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_fsconfig,
        libc::SYS_fsmount,
        libc::SYS_fspick,
        libc::SYS_inotify_init1,
        libc::SYS_fanotify_init,
        libc::SYS_memfd_create,
        libc::SYS_mq_open,
        libc::SYS_mq_unlink,
    ];
    /// Connections, also to the processes of this machine.
    const CONNECTIONS: &[i64] = &[
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_connect,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_shmget,
        libc::SYS_shmat,
        libc::SYS_msgget,
        libc::SYS_semget,
    ];
    /// New processes and threads, and a hold on others.
    const PROCESSES: &[i64] = &[
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_process_madvise,
        libc::SYS_kcmp,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_prlimit64,
        libc::SYS_setpriority,
        libc::SYS_ioprio_set,
        libc::SYS_sched_setaffinity,
        libc::SYS_sched_setattr,
        libc::SYS_sched_setparam,
        libc::SYS_sched_setscheduler,
        libc::SYS_migrate_pages,
        libc::SYS_move_pages,
    ];
    /// Parts of the kernel that a reader has no use for; `io_uring` would open and connect unseen.
    const KERNEL: &[i64] = &[
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_quotactl,
        libc::SYS_acct,
        libc::SYS_syslog,
        libc::SYS_sethostname,
        libc::SYS_setdomainname,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_clock_adjtime,
        libc::SYS_adjtimex,
        libc::SYS_personality,
    ];
    /// `fchmodat2`, `setxattrat`, `removexattrat` and `open_tree_attr`, which have the same numbers on every processor
    /// and no names in some C libraries.
    const NEWER: &[i64] = &[452, 463, 466, 467];
    /// Older calls for the same.
    #[cfg(target_arch = "x86_64")]
    const OLDER: &[i64] = &[
        libc::SYS_renameat,
        libc::SYS_kexec_file_load,
        libc::SYS_open,
        libc::SYS_creat,
        libc::SYS_unlink,
        libc::SYS_rename,
        libc::SYS_link,
        libc::SYS_symlink,
        libc::SYS_mkdir,
        libc::SYS_rmdir,
        libc::SYS_mknod,
        libc::SYS_chmod,
        libc::SYS_chown,
        libc::SYS_lchown,
        libc::SYS_utime,
        libc::SYS_utimes,
        libc::SYS_futimesat,
        libc::SYS_inotify_init,
        libc::SYS_fork,
        libc::SYS_vfork,
        libc::SYS_setrlimit,
        libc::SYS_modify_ldt,
        libc::SYS_ioperm,
        libc::SYS_iopl,
    ];
    /// `renameat` and `kexec_file_load`, for which not every C library has a name here.
    #[cfg(target_arch = "aarch64")]
    const OLDER: &[i64] = &[38, 294];
    /// Signals go to the process itself alone: an abort sends one.
    const SIGNALS: [i64; 3] = [libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill];

    /// Where x86-64 has the calls a second time, for programs with short pointers: none of them is let through.
    const X32_CALLS: u32 = 0x4000_0000;
    /// Instructions of a filter: load a word of the call's description, jump where it is at least so much, return.
    const LOAD: u16 = 0x20;
    const JUMP_IF_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;

    /// Has the kernel refuse those calls to this thread.
    pub(super) fn forbid() -> Result<(), String> {
        let program = program().map_err(|error| error.to_string())?;
        apply_filter(&program).map_err(|error| error.to_string())
    }

    fn program() -> Result<BpfProgram, BackendError> {
        let always = [FILES, CONNECTIONS, PROCESSES, KERNEL, NEWER, OLDER].concat();
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = always.into_iter().map(|call| (call, Vec::new())).collect();
        for call in SIGNALS {
            let this = u64::from(std::process::id());
            let others = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, this)?;
            rules.insert(call, vec![SeccompRule::new(vec![others])?]);
        }
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let refused = u32::from(refuse.clone());
        let listed: BpfProgram =
            SeccompFilter::new(rules, SeccompAction::Allow, refuse, ARCH.try_into()?)?.try_into()?;
        // The first word is the call's number. One of the second set is refused; any other goes through the list.
        let instruction = |code, k, jf| sock_filter { code, jt: 0, jf, k };
        let first =
            [instruction(LOAD, 0, 0), instruction(JUMP_IF_AT_LEAST, X32_CALLS, 1), instruction(RETURN, refused, 0)];
        Ok(first.into_iter().chain(listed).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{self, ErrorKind};
    use std::net::UdpSocket;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;
    use std::process::Command;

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;
    use rustix::fs::XattrFlags;

    use super::{Confinement, calls, close_files};

    /// What a confined thread tries: the kind of error of each.
    fn kind<T>(outcome: io::Result<T>) -> Option<ErrorKind> {
        outcome.err().map(|error| error.kind())
    }

    #[test]
    fn a_thread_whose_calls_are_forbidden_opens_connects_and_starts_nothing() {
        let open = tempfile::tempfile().unwrap();
        let named = tempfile::NamedTempFile::new().unwrap();
        let forbidden = || {
            calls::forbid().unwrap();
            let status = fs::read_to_string("/proc/self/status");
            let another = Pid::from_raw(std::os::unix::process::parent_id().cast_signed());
            let signal = kill(another, Signal::SIGURG).map_err(io::Error::from);
            let tried = [
                kind(status),
                kind(File::create("/tmp/never")),
                kind(UdpSocket::bind(("127.0.0.1", 0))),
                kind(UnixStream::pair()),
                kind(Command::new("true").status()),
                kind(std::thread::Builder::new().spawn(|| ())),
                kind(signal),
                kind(fs::set_permissions(named.path(), fs::Permissions::from_mode(0o777))),
                kind(rustix::fs::setxattr(named.path(), "user.x", b"x", XattrFlags::empty()).map_err(io::Error::from)),
            ];
            // What is open already can be used, and a signal sent to itself: an abort does so.
            (tried, kind(open.metadata()), kind(kill(Pid::this(), Signal::SIGURG).map_err(io::Error::from)))
        };
        let (tried, kept, own) = std::thread::scope(|scope| scope.spawn(forbidden).join().unwrap());
        assert_eq!(tried, [Some(ErrorKind::PermissionDenied); 9]);
        assert_eq!((kept, own), (None, None));
        assert!(fs::read_to_string("/proc/self/status").is_ok(), "the other threads go on as before");
    }

    #[test]
    fn a_thread_without_files_opens_none_where_the_kernel_has_landlock() {
        let tried = || (close_files(), kind(File::open("/proc/self/status")), kind(fs::read_dir("/")));
        let (closed, file, folder) = std::thread::spawn(tried).join().unwrap();
        let expected = closed.is_ok().then_some(ErrorKind::PermissionDenied);
        assert_eq!((file, folder), (expected, expected), "{closed:?}");
    }

    #[test]
    fn a_layer_that_does_not_hold_is_named_with_its_cause() {
        let without = |files: Result<(), &str>, calls: Result<(), &str>| {
            Confinement { files: files.map_err(str::to_owned), calls: calls.map_err(str::to_owned) }.to_string()
        };
        assert_eq!(
            without(Ok(()), Ok(())),
            "Landlock closes all files to it; seccomp forbids opening, connecting and starting programs"
        );
        assert_eq!(
            without(Err("none"), Err("not here")),
            "goes on without Landlock (none); goes on without seccomp (not here)"
        );
    }
}
