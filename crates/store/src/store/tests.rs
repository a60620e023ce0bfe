#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{self, ErrorKind};

use redb::StorageBackend;

use super::*;

const INBOX: Keyspace = Keyspace::new("inbox");

fn basis() -> Basis<'static> {
    Basis { boot_id: "boot", incarnation: [1; 16], ledger_next: u64::MAX, schema: 1 }
}

/// A disk with so much room for the file.
#[derive(Debug)]
struct Disk {
    file: DataFile,
    room: u64,
}

impl Disk {
    fn holds(&self, end: u64) -> io::Result<()> {
        if end <= self.room { Ok(()) } else { Err(ErrorKind::StorageFull.into()) }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.holds(len)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.holds(offset + data.len() as u64)?;
        self.file.write(offset, data)
    }
}

fn batch(index: u64) -> Batch {
    let mut batch = Batch::new(index);
    for key in 0..50 {
        batch.put(INBOX, [index.to_be_bytes(), [key; 8]].concat(), [7; 50]);
    }
    batch
}

#[test]
fn a_full_disk_costs_nothing_that_was_written() {
    for room in [200_000, 400_000, 600_000, 800_000] {
        let dir = tempfile::tempdir().unwrap();
        let Store { dir: _, file, database, marker, progress, failed } =
            Store::open(dir.path(), &basis()).unwrap().0;
        database.close().unwrap();
        let disk = Disk { file: file.twin().unwrap(), room };
        let database = Database::open(disk, false).unwrap();
        let store = Store { dir: dir.path().to_owned(), file, database, marker, progress, failed };
        let failed = (1..).find_map(|index| store.apply(batch(index)).err().map(|error| (index, error)));
        let (index, error) = failed.unwrap();
        assert!(
            matches!(&error, Error::Redb { operation: "change", .. }) && error.spoils_nothing(),
            "{error:?}"
        );
        assert!(matches!(store.apply(batch(index)), Err(Error::Failed)), "it is not asked again");
        // Whoever reads in that moment is no reason to give it up either.
        let read = caught(&store.dir, "read", || store.database.get(&INBOX.full_key(b"none")));
        match read {
            Ok(value) => assert_eq!(value, None),
            Err(error) => assert!(error.spoils_nothing(), "{error:?}"),
        }
        store.close().unwrap();
        let (store, opened) = Store::open(dir.path(), &basis()).unwrap();
        let Opened::Reused { applied } = opened else { panic!("believed: {opened:?}") };
        let unwritten = (WRITE_EVERY / (50 + BATCH_WEIGHT)) as u64 + 1;
        assert!(applied < index && index <= applied + unwritten, "{applied} of {index}");
        let found = store.scan(INBOX, &Range::prefix(&[], usize::MAX)).unwrap();
        assert_eq!(found.len() as u64, applied * 50, "whole batches alone");
        // With room again it goes on from there.
        (applied + 1..=index).for_each(|index| store.apply(batch(index)).unwrap());
    }
}
