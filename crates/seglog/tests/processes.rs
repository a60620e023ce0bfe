//! Two processes and one log: the second owner is refused, a killed one leaves it free, and a reader beside a running
//! writer sees only what was written.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::options;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_seglog::{Capacity, Log, Options, Reader, Record, Writer, open};

/// After so long what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(40);
/// Set for the second process: the directory of the log that it opens.
const SECOND: &str = "SEGLOG_TEST_SECOND";

/// Says on its standard output what came of opening the log, then holds it until it is ended.
fn be_second(dir: &Path) {
    let opened = Log::open(Arc::new(Real), dir, options());
    let word = match &opened {
        Ok(_) => "opened",
        Err(open::Error::Locked { .. }) => "locked",
        Err(_) => "failed",
    };
    let mut said = std::io::stdout();
    write!(said, "\n{word}\n").unwrap();
    said.flush().unwrap();
    // Ends with the pipe, should the first process end before it kills this one.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    drop(opened);
}

/// Starts this very test once more as the second process, and returns what it said.
fn second(dir: &Path) -> (Child, String) {
    let name = "a_second_process_is_refused_and_a_killed_one_leaves_the_log_free";
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(SECOND, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let word = lines.find(|line| ["opened", "locked", "failed"].contains(&line.as_str()));
    (child, word.unwrap())
}

fn end(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_second_process_is_refused_and_a_killed_one_leaves_the_log_free() {
    if let Some(dir) = env::var_os(SECOND) {
        return be_second(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let (log, _) = Log::open(Arc::new(Real), dir.path(), options()).unwrap();
    let (child, word) = second(dir.path());
    assert_eq!(word, "locked");
    end(child);
    drop(log);

    let (child, word) = second(dir.path());
    assert_eq!(word, "opened");
    let refused = Log::open(Arc::new(Real), dir.path(), options()).err().unwrap();
    assert!(matches!(refused, open::Error::Locked { .. }), "{refused}");
    end(child);
    Log::open(Arc::new(Real), dir.path(), options()).unwrap();
}

#[tokio::test]
async fn a_reader_beside_a_running_writer_sees_only_what_was_written() {
    const RECORDS: u64 = 3000;
    let record = |index: u64| {
        Record::new(index.to_le_bytes().to_vec(), vec![1; usize::try_from(index % 700).unwrap()])
    };
    let dir = tempfile::tempdir().unwrap();
    let small = Options { segment_bytes_max: 50_000, ..options() };
    let writer =
        Writer::spawn(Log::open(Arc::new(Real), dir.path(), small).unwrap().0, Capacity::default()).unwrap();
    let appends = std::thread::spawn({
        let writer = writer.clone();
        move || {
            for index in 0..RECORDS {
                // The queue holds all of them.
                writer.enqueue(vec![record(index)]).unwrap();
            }
        }
    });
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (mut looks, mut seen) = (0, 0);
    let started = Instant::now();
    while seen < RECORDS {
        assert!(started.elapsed() < PATIENCE, "{seen} of {RECORDS} records seen after {looks} looks");
        let (reader, recovery) = Reader::open(&disk, dir.path(), 0).unwrap();
        assert!(recovery.mark >= seen, "went back from {seen} to {}", recovery.mark);
        assert!(recovery.mark <= writer.durable(), "called durable before its time");
        for entry in reader.scan(seen).take(usize::try_from(recovery.mark - seen).unwrap()) {
            let entry = entry.unwrap();
            assert_eq!(entry.record, record(entry.index));
        }
        seen = recovery.mark;
        looks += 1;
        // The mark of the last group stands in the frame after it.
        if writer.durable() >= RECORDS && seen < RECORDS {
            writer.append(vec![record(RECORDS)]).await.unwrap();
        }
    }
    appends.join().unwrap();
    writer.close().await.unwrap();
    println!("{looks} looks at {RECORDS} records while they were written");
}
