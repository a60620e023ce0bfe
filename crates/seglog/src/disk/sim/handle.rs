//! The simulated disk as a program meets it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};

use super::fate::Fate;
use super::state::{State, broken, error_of, full};
use super::{Failure, Sim};
use crate::disk::{Access, Disk, File, Lock};

impl Disk for Sim {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        // Durable as soon as it is made, and nothing can be in it before: so there is nothing to keep.
        self.state().attempt(dir, |_| Ok(()))
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(self.state().room_bytes())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.look()?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        let life = state.life;
        let id = state.attempt(path, |state| {
            if state.names.contains_key(path) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            Ok(state.insert(path))
        })?;
        Ok(self.handle(id, life))
    }

    fn open(&self, path: &Path, _: Access) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        state.look()?;
        let id = state.names.get(path).copied().ok_or(ErrorKind::NotFound)?;
        Ok(self.handle(id, state.life))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().attempt(path, |state| match state.names.remove(path) {
            Some(_) => Ok(()),
            None => Err(ErrorKind::NotFound.into()),
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        let failure = state.plan();
        state.sync_names(Some(dir), &mut Fate::of(failure));
        failure.map_or(Ok(()), |failure| Err(error_of(failure)))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let mut state = self.state();
        state.look()?;
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held { disk: self.clone(), path: path.to_owned(), life: state.life })))
    }
}

impl Sim {
    fn handle(&self, id: u64, life: u64) -> Arc<dyn File> {
        Arc::new(Handle { disk: self.clone(), id, life })
    }
}

/// An open file of one life of the program.
struct Handle {
    disk: Sim,
    id: u64,
    life: u64,
}

impl Handle {
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life == self.life { Ok(state) } else { Err(io::Error::other("the program has ended")) }
    }
}

impl File for Handle {
    fn bytes(&self) -> io::Result<u64> {
        let mut state = self.alive()?;
        state.look()?;
        Ok(state.inodes.get(&self.id).map_or(0, |inode| inode.now.len() as u64))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.alive()?;
        state.look()?;
        let file = state.inodes.get(&self.id).map_or(&[][..], |inode| &inode.now);
        let rest = file.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        let failure = state.plan();
        let room_bytes = state.room_bytes();
        let Some(inode) = state.inodes.get_mut(&self.id) else {
            return Err(broken());
        };
        let growth = (offset + bytes.len() as u64).saturating_sub(inode.now.len() as u64);
        let beyond = growth.saturating_sub(room_bytes).min(bytes.len() as u64) as usize;
        inode.write(offset, &bytes[..bytes.len() - beyond], &mut Fate::of(failure));
        if failure == Some(Failure::Persisted) {
            inode.sync(&mut Fate::Whole);
        }
        let outcome = failure.map_or(Ok(()), |failure| Err(error_of(failure)));
        if beyond > 0 { Err(full()) } else { outcome }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        let failure = state.plan();
        // The kernel reports a failed write-back once and then calls the pages clean: what is not synced now never is.
        if let Some(inode) = state.inodes.get_mut(&self.id) {
            inode.sync(&mut Fate::of(failure));
        }
        if let Some(failure) = failure {
            return Err(error_of(failure));
        }
        state.syncs += 1;
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        let failure = state.plan();
        if Fate::of(failure).happens()
            && let Some(inode) = state.inodes.get_mut(&self.id)
        {
            inode.truncate(bytes);
            if failure == Some(Failure::Persisted) {
                inode.sync(&mut Fate::Whole);
            }
        }
        failure.map_or(Ok(()), |failure| Err(error_of(failure)))
    }
}

/// A lock of one life of the program.
struct Held {
    disk: Sim,
    path: PathBuf,
    life: u64,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}
