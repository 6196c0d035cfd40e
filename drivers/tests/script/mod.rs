//! What a server from a script does with a connection once it has the request.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[derive(Clone)]
pub(crate) enum Act {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these bytes and then nothing, without closing.
    Hang(Vec<u8>),
    /// Sends these bytes one by one, this far apart, and closes: a slow server.
    Drip(Vec<u8>, Duration),
    /// Sends the first bytes once and the second over and over.
    Flood(Vec<u8>, Vec<u8>),
}

impl Act {
    /// Send errors end the act: the client has had enough.
    pub(crate) async fn perform(self, mut stream: TcpStream) -> io::Result<()> {
        match self {
            Act::Send(bytes) => stream.write_all(&bytes).await,
            Act::Hang(bytes) => {
                stream.write_all(&bytes).await?;
                std::future::pending().await
            }
            Act::Drip(bytes, pause) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await?;
                    if pause.is_zero() {
                        tokio::task::yield_now().await;
                    } else {
                        tokio::time::sleep(pause).await;
                    }
                }
                Ok(())
            }
            Act::Flood(head, bytes) => {
                stream.write_all(&head).await?;
                loop {
                    stream.write_all(&bytes).await?;
                }
            }
        }
    }
}
