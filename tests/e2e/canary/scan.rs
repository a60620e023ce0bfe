//! A search for markers in files and in the memory of a process, in the forms that a program may bring a text into.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use sealpost_domain::view::Direction;

use crate::harness::{Desk, eventually};

/// How much is looked at at once.
const CHUNK: usize = 1 << 20;
/// How much of what stands at a find is told.
const TOLD: usize = 96;

/// What is looked for.
pub(crate) struct Forms {
    patterns: Vec<Vec<u8>>,
    begins: [bool; 256],
}

/// What was looked at, and what was found there.
pub(crate) struct Places {
    pub(crate) bytes: u64,
    pub(crate) found: Vec<String>,
}

impl Forms {
    /// A text as it stands, in small and capital letters, in two bytes a letter, in hexadecimal, as a list of numbers, and
    /// in base64 at each of its three alignments.
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let list = format!("{bytes:?}");
        let mut patterns = vec![
            bytes.to_vec(),
            text.to_lowercase().into(),
            text.to_uppercase().into(),
            wide(text),
            HEXUPPER.encode(bytes).into(),
            HEXLOWER.encode(bytes).into(),
            list.trim_matches(['[', ']']).into(),
        ];
        for shift in 0..3 {
            // The characters that only this text decides.
            let encoded = BASE64.encode(&[&vec![0; shift], bytes].concat());
            let (from, to) = ((shift * 8).div_ceil(6), (shift + bytes.len()) * 8 / 6);
            patterns.push(encoded.as_bytes()[from..to].to_vec());
        }
        Self::exactly(patterns)
    }

    /// These bytes as they stand.
    pub(crate) fn exactly(patterns: Vec<Vec<u8>>) -> Self {
        let mut begins = [false; 256];
        for pattern in &patterns {
            begins[usize::from(pattern[0])] = true;
        }
        Self { patterns, begins }
    }

    fn longest(&self) -> usize {
        self.patterns.iter().map(Vec::len).max().unwrap_or_default()
    }

    fn search(&self, bytes: &[u8], place: &str, found: &mut Vec<String>) {
        for (at, byte) in bytes.iter().enumerate() {
            if self.begins[usize::from(*byte)]
                && self.patterns.iter().any(|pattern| bytes[at..].starts_with(pattern))
            {
                let text = &bytes[at..bytes.len().min(at + TOLD)];
                found.push(format!("{place}: {}", text.escape_ascii()));
            }
        }
    }
}

/// Looks at all files below a folder.
pub(crate) fn files(forms: &Forms, folder: &Path) -> Places {
    let mut places = Places { bytes: 0, found: Vec::new() };
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = match fs::read(&path) {
                Ok(bytes) => bytes,
                // A program at work replaces its files.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => panic!("{}: {error}", path.display()),
            };
            places.bytes += bytes.len() as u64;
            forms.search(&bytes, &path.display().to_string(), &mut places.found);
            forms.search(path.to_string_lossy().as_bytes(), "the name of a file", &mut places.found);
        }
    }
    places
}

/// Looks at all of a process's memory that can be read (proc(5), `maps` and `mem`).
pub(crate) fn memory(forms: &Forms, process: u32) -> Places {
    let mut maps = String::new();
    File::open(format!("/proc/{process}/maps")).unwrap().read_to_string(&mut maps).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut places = Places { bytes: 0, found: Vec::new() };
    let mut chunk = vec![0; CHUNK + forms.longest()];
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (Some(range), Some(access)) = (fields.next(), fields.next()) else { continue };
        // The kernel's own pages cannot be read like this.
        if !access.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vvar_vclock]") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [mut at, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        while at < to {
            let wanted = usize::try_from(to - at).unwrap().min(chunk.len());
            // What the process has given back meanwhile is gone.
            let Ok(read) = memory.read_at(&mut chunk[..wanted], at) else { break };
            places.bytes += read.min(CHUNK) as u64;
            forms.search(&chunk[..read], line, &mut places.found);
            at += read.clamp(1, CHUNK) as u64;
        }
    }
    places
}

/// Waits until a node's memory is seen to hold one of these while a system reads its messages: memory that is given back
/// is wiped.
pub(crate) async fn seen_while_read(forms: &Arc<Forms>, desk: &Desk, direction: Direction, process: u32) {
    eventually("the clear text is seen in the node's memory while it is read", async || {
        let looking = Arc::clone(forms);
        let memory = tokio::task::spawn_blocking(move || memory(&looking, process));
        while !memory.is_finished() {
            desk.messages(direction).await?;
        }
        let places = memory.await.unwrap();
        if places.found.is_empty() { Err(format!("not in {} bytes", places.bytes)) } else { Ok(()) }
    })
    .await;
}

#[test]
fn a_marker_is_found_in_every_form_and_at_every_place() {
    let marker = "CANARY0123456789ab-";
    let forms = Forms::of(marker);
    let finds = |bytes: &[u8]| {
        let mut found = Vec::new();
        forms.search(bytes, "here", &mut found);
        found.len()
    };
    for before in 0..7 {
        let text = format!("{}{marker}kind-field", "x".repeat(before));
        assert_eq!(finds(text.as_bytes()), 1);
        assert_eq!(finds(text.to_lowercase().as_bytes()), 1);
        assert_eq!(finds(text.to_uppercase().as_bytes()), 1);
        assert_eq!(finds(BASE64.encode(text.as_bytes()).as_bytes()), 1, "{before} before, in base64");
        assert_eq!(finds(HEXUPPER.encode(text.as_bytes()).as_bytes()), 1);
        assert_eq!(finds(HEXLOWER.encode(text.as_bytes()).as_bytes()), 1);
        assert_eq!(finds(format!("{:?}", text.as_bytes()).as_bytes()), 1);
    }
    assert_eq!(finds(b"CANARY0123456789aX- is another one"), 0);

    // This process has it too.
    let seen = memory(&forms, std::process::id());
    assert!(!seen.found.is_empty() && seen.bytes > CHUNK as u64, "{} bytes", seen.bytes);
}
