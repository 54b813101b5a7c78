//! Programs in the reader's place, which do what it never should.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// A shell script that is started as the reader process.
pub struct Impostor(TempDir);

impl Impostor {
    pub fn new(script: &str) -> Self {
        let impostor = Self(tempfile::tempdir().unwrap());
        let written = impostor.0.path().join("written");
        fs::write(&written, format!("#!/bin/sh\necho $$ > {}\n{script}\n", impostor.pid_file().display())).unwrap();
        // Copied by another process: a file that this one has written to may be open in a child that is just starting,
        // and cannot be executed then.
        let mut install = Command::new("install");
        assert!(install.args(["-m", "755"]).arg(&written).arg(impostor.program()).status().unwrap().success());
        impostor
    }

    pub fn program(&self) -> PathBuf {
        self.0.path().join("program")
    }

    pub fn has_started(&self) -> bool {
        fs::read_to_string(self.pid_file()).is_ok_and(|pid| pid.ends_with('\n'))
    }

    /// Whether nothing is left of the process, not even a zombie.
    pub fn is_gone(&self) -> bool {
        let pid = fs::read_to_string(self.pid_file()).unwrap();
        !PathBuf::from(format!("/proc/{}", pid.trim())).exists()
    }

    fn pid_file(&self) -> PathBuf {
        self.0.path().join("pid")
    }
}
