//! One connection: messages in, answers out, one after the other.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::Door;
use super::frame::{Cut, Frames, HEAD, framed};
use crate::error::Kind;
use crate::fhir::{Issue, Severity};
use crate::flow::{Answer, Arriving, Verdict};
use crate::observe::{Metric, count};

/// Room for what is read at a time.
const READ: usize = 16 << 10;

/// How long a message that has begun may still take when the gateway shuts down.
const GRACE: Duration = Duration::from_secs(5);

/// How long, and how many bytes of, what a refused sender still sends is read and dropped, so that
/// it sees the answer instead of a reset connection.
const FAREWELL: (Duration, usize) = (Duration::from_secs(10), 256 << 20);

/// A connection.
pub(super) struct Connection {
    door: Door,
    socket: TcpStream,
    peer: SocketAddr,
    frames: Frames,
    /// When the message that has begun must be complete.
    deadline: Option<Instant>,
}

/// Why no more bytes come.
enum End {
    /// The sender closed the connection, or it broke.
    Closed,
    /// Nothing came for too long.
    Silent,
    /// The gateway shuts down.
    Shutdown,
}

impl Connection {
    pub fn new(door: Door, socket: TcpStream, peer: SocketAddr) -> Connection {
        let frames = Frames::new(door.config.limit);
        Connection { door, socket, peer, frames, deadline: None }
    }

    /// Works until the sender closes, is silent for too long, or breaks a limit, or the gateway
    /// shuts down.
    pub async fn run(mut self) {
        // Answers are small and waited for.
        drop(self.socket.set_nodelay(true));
        loop {
            while let Some(cut) = self.next_cut() {
                let over = matches!(cut, Cut::TooLong(_));
                let answer = match cut {
                    Cut::Message(bytes) => self.message(bytes).await,
                    Cut::TooLong(head) => self.too_long(head).await,
                };
                if self.say(&answer).await.is_err() {
                    return;
                }
                if over || self.door.shutdown.is_cancelled() {
                    return self.farewell().await;
                }
            }
            if let Err(end) = self.more().await {
                return self.end(end).await;
            }
        }
    }

    fn next_cut(&mut self) -> Option<Cut> {
        let cut = self.frames.cut();
        self.door.trouble("garbage bytes", self.frames.garbage());
        if !self.frames.inside() {
            self.deadline = None;
        } else if self.deadline.is_none() {
            self.deadline = Some(Instant::now() + self.door.config.patience);
        }
        cut
    }

    /// Waits for more bytes.
    async fn more(&mut self) -> Result<(), End> {
        let stopping = self.door.shutdown.is_cancelled();
        let mut until = Instant::now() + self.door.config.idle;
        if let Some(deadline) = self.deadline {
            until = until.min(deadline);
            if stopping {
                until = until.min(Instant::now() + GRACE);
            }
        } else if stopping {
            return Err(End::Shutdown);
        }
        let buffer = self.frames.buffer();
        buffer.reserve(READ);
        let read = timeout_at(until, self.socket.read_buf(buffer));
        let read = tokio::select! {
            read = read => read,
            () = self.door.shutdown.cancelled(), if !stopping => return Ok(()),
        };
        match read {
            Err(_) => Err(End::Silent),
            Ok(Ok(0) | Err(_)) => Err(End::Closed),
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// A message that has begun and will not be complete is kept too.
    async fn end(mut self, end: End) {
        let frames = std::mem::replace(&mut self.frames, Frames::new(0));
        if let Some(rest) = frames.rest() {
            self.door.trouble("truncated", 1);
            let why = match end {
                End::Closed => "the connection was closed inside a message",
                End::Silent => "the rest of the message did not come in time",
                End::Shutdown => "the gateway shut down inside a message",
            };
            let channel = &self.door.inbound.channel().name;
            tracing::warn!(channel, peer = %self.peer, bytes = rest.len(), "{why}");
            let length = rest.len();
            let text =
                format!("{why}: the first {length} bytes of it are kept, up to its last field");
            let issue = Issue::new(Severity::Error, "incomplete", text).spot("message", 0..length);
            let answer = self.door.inbound.keep(self.arriving(rest), vec![issue]).await;
            if !matches!(end, End::Closed) && self.say(&answer).await.is_err() {
                return;
            }
        }
        if !matches!(end, End::Closed) {
            self.farewell().await;
        }
    }

    async fn message(&self, bytes: Vec<u8>) -> Answer {
        count(Metric::MessagesReceived, &[&self.door.inbound.channel().name], 1);
        self.door.inbound.accept(self.arriving(bytes)).await
    }

    /// Refuses before the rest has come; the head is kept, so that people can see whose it was.
    async fn too_long(&self, head: Vec<u8>) -> Answer {
        self.door.trouble("too long", 1);
        let limit = self.door.config.limit;
        let channel = &self.door.inbound.channel().name;
        tracing::warn!(channel, peer = %self.peer, limit, "a message is longer than the limit");
        let text = format!("the message is longer than {limit} bytes, the limit of this channel");
        let refused = Issue::error(Kind::TooLarge, text).spot("message", limit..limit);
        let text = format!("only its first {} bytes are kept (of {HEAD} at most)", head.len());
        let kept = Issue::new(Severity::Information, "incomplete", text);
        self.door.inbound.keep(self.arriving(head), vec![refused, kept]).await
    }

    fn arriving(&self, bytes: Vec<u8>) -> Arriving {
        let acknowledge = self.door.config.acknowledge;
        Arriving { bytes: Arc::from(bytes), peer: self.peer.to_string(), hl7: true, acknowledge }
    }

    /// Sends the answer's messages, if one is wanted.
    async fn say(&mut self, answer: &Answer) -> io::Result<()> {
        let channel = &self.door.inbound.channel().name;
        count(Metric::MessagesAcknowledged, &[channel, code(answer.verdict)], 1);
        let frames: Vec<u8> = answer.messages().into_iter().flat_map(framed).collect();
        timeout(self.door.config.idle, self.socket.write_all(&frames)).await?
    }

    /// Ends our side, and lets the sender read what we said before the connection is gone.
    async fn farewell(mut self) {
        if self.socket.shutdown().await.is_err() {
            return;
        }
        let (time, mut bytes) = FAREWELL;
        let until = Instant::now() + time;
        let mut sink = vec![0; 64 << 10];
        while let Ok(Ok(read @ 1..)) = timeout_at(until, self.socket.read(&mut sink)).await {
            match bytes.checked_sub(read) {
                Some(left) => bytes = left,
                None => return,
            }
        }
    }
}

/// What a verdict is called in HL7 (table 0008).
fn code(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Stored | Verdict::Quarantined => "AA",
        Verdict::Rejected | Verdict::Unavailable => "AE",
        Verdict::Refused => "AR",
    }
}
