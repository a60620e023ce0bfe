//! The reference: one TLS stream of the same number of bytes, with the certificates and the cipher suite of hub and node,
//! in writes of the size of a batch. Nothing is framed, checked or kept.

use std::time::{Duration, Instant};

use anyhow::ensure;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::net::Net;

const WRITE_BYTES: usize = 64 << 10;

/// How long so many bytes take from one end to the other.
pub(super) async fn stream(net: &Net, bytes: u64) -> anyhow::Result<Duration> {
    let [node, hub] = net.ends(1)?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (config, _) = hub.server(&[])?;
        let mut stream = TlsAcceptor::from(config).accept(stream).await?;
        let block = vec![7; WRITE_BYTES];
        let mut left = usize::try_from(bytes)?;
        // Begins when the other end is ready.
        stream.read_u8().await?;
        while left > 0 {
            let written = left.min(WRITE_BYTES);
            stream.write_all(&block[..written]).await?;
            left -= written;
        }
        stream.shutdown().await?;
        anyhow::Ok(())
    });
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (config, _) = node.client(&[])?;
    let name = ServerName::try_from("127.0.0.1")?;
    let mut stream = TlsConnector::from(config).connect(name, stream).await?;
    let begun = Instant::now();
    stream.write_u8(1).await?;
    let (mut block, mut received) = (vec![0; WRITE_BYTES], 0);
    loop {
        let read = stream.read(&mut block).await?;
        if read == 0 {
            break;
        }
        received += u64::try_from(read)?;
    }
    let elapsed = begun.elapsed();
    serving.await??;
    ensure!(received == bytes, "of {bytes} bytes {received} came");
    Ok(elapsed)
}
