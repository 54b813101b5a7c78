//! `assign` as a process: which model it takes, and when it ends.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use arrow_array::RecordBatch;

use super::{TRAINED, batch, rows, run, stream};
use crate::folder::shown;

#[test]
fn a_copy_of_a_version_in_another_folder_places_as_the_version_does() {
    let (folder, version) = (&TRAINED.0, &TRAINED.1);
    let input = stream(&[batch(&rows(), 0)]);
    let expected = run(&[], &input).stdout;
    fs::create_dir_all(folder.path("copied")).unwrap();
    for entry in fs::read_dir(folder.path("models/current")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path("copied").join(entry.file_name())).unwrap();
    }
    for model in ["copied", "models", "models/current", version.id.as_str()] {
        let output = run(&["--model", model], &input);
        assert_eq!(output.status.code(), Some(0), "{model}: {}", shown(&output));
        assert_eq!(output.stdout, expected, "{model}");
    }
}

#[test]
fn an_output_that_nobody_reads_ends_it_without_a_word() {
    let rows = rows();
    let parts: Vec<RecordBatch> = (0..200).map(|_| batch(&rows, 0)).collect();
    let input = stream(&parts);
    let mut command = TRAINED.0.command(&["assign"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let mut start = [0; 64];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut start).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(5), 0), "{}", shown(&output));
}

#[test]
fn it_ends_with_the_process_that_started_it() {
    let folder = &TRAINED.0;
    let pipe = folder.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Open at both ends, so that its input does not end.
    let mut held: File = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    let mut starter = Command::new("sh");
    starter.args(["-c", "\"$0\" assign <pipe & read line", env!("CARGO_BIN_EXE_content-portal")]);
    starter.current_dir(folder.path(".")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut starter = starter.spawn().unwrap();
    held.write_all(&stream(&[batch(&rows(), 0)])[..4_096]).unwrap();
    let mut output = starter.stdout.take().unwrap();
    output.read_exact(&mut [0; 64]).unwrap();
    starter.kill().unwrap();
    starter.wait().unwrap();
    // Ends once nobody holds the other end.
    output.read_to_end(&mut Vec::new()).unwrap();
}
