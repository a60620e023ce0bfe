//! Generates Rust from `proto/sealpost/v1` without `protoc`.

use std::path::{Path, PathBuf};
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let files = ["alert", "directory", "envelope", "gateway", "hub", "ledger"]
        .map(|name| root.join("sealpost/v1").join(name).with_extension("proto"));
    let descriptors = protox::compile(files, [&root])?;

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    // `Bytes` shares the buffer that came from the network: a body is not copied when it is parsed.
    tonic_prost_build::configure().bytes(".").compile_fds(descriptors)?;
    Ok(())
}
