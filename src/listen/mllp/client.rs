//! The other end of MLLP: sends messages and reads the acknowledgements.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};
use tokio::time::{Instant, timeout, timeout_at};

use super::frame::{Cut, Frames, framed};

/// The longest acknowledgement that is read.
const LIMIT: usize = 1 << 20;

/// A connection to a receiver.
#[derive(Debug)]
pub struct Client {
    socket: TcpStream,
    frames: Frames,
    patience: Duration,
}

impl Client {
    /// Connects; `patience` is how long it waits for the connection and for each answer.
    pub async fn connect(to: impl ToSocketAddrs, patience: Duration) -> io::Result<Client> {
        let socket = timeout(patience, TcpStream::connect(to)).await??;
        socket.set_nodelay(true)?;
        Ok(Client { socket, frames: Frames::new(LIMIT), patience })
    }

    /// Sends a message and waits for its acknowledgement.
    pub async fn ask(&mut self, message: &[u8]) -> io::Result<Vec<u8>> {
        self.send(message).await?;
        self.answer(self.patience).await
    }

    /// Sends a message.
    pub async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        timeout(self.patience, self.socket.write_all(&framed(message))).await?
    }

    /// The next acknowledgement, if it comes in time; waited for in vain, the connection is as it was.
    pub async fn answer(&mut self, patience: Duration) -> io::Result<Vec<u8>> {
        let until = Instant::now() + patience;
        loop {
            match self.frames.cut() {
                Some(Cut::Message(answer)) => return Ok(answer),
                Some(Cut::TooLong(_)) => return Err(io::ErrorKind::InvalidData.into()),
                None => {
                    let read = self.socket.read_buf(self.frames.buffer());
                    if timeout_at(until, read).await?? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }
}
