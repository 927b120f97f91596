//! A hospital's HIS: sends its messages, GBK without saying so, by MLLP.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::{Error, Kind, Result};
use crate::translate::Library;

/// What the hospital sends: mapping, sample, and what it is about.
const MESSAGES: [(&str, &str, (&str, &str)); 6] = [
    (
        "hospital-adt",
        "01-a04-outpatient.hl7",
        ("an outpatient with hypertension", "门诊高血压患者"),
    ),
    ("hospital-adt", "02-a01-inpatient.hl7", ("the same patient is admitted", "同一患者入院")),
    ("hospital-oru", "01-biochem.hl7", ("a laboratory report", "生化检验报告")),
    ("hospital-oru", "02-tb-sputum.hl7", ("a sputum report", "痰结核分枝杆菌检查报告")),
    ("hospital-adt", "04-a04-cholera.hl7", ("a diagnosis of cholera", "诊断霍乱")),
    (
        "hospital-adt",
        "07-a04-hfmd-guardian-id.hl7",
        (
            "a child with hand-foot-mouth disease, under its guardian's ID card",
            "手足口病患儿，登记的是家长身份证",
        ),
    ),
];

/// A message and the answer to it.
pub(super) struct Sent {
    /// `ADT^A04`.
    pub kind: String,
    /// MSH-10.
    pub control: String,
    /// What it is about, in both languages.
    pub about: (&'static str, &'static str),
    /// MSA-1.
    pub code: String,
}

/// Sends all messages over one connection and reads each acknowledgement.
pub(super) async fn send_all(to: SocketAddr) -> Result<Vec<Sent>> {
    let library = Library::open(&[])?;
    let failed =
        |e: std::io::Error| Error::new(Kind::Unreachable, e.to_string()).at(to.to_string());
    let mut stream = TcpStream::connect(to).await.map_err(failed)?;
    let mut sent = Vec::new();
    for (mapping, sample, about) in MESSAGES {
        let samples = library.tests(mapping);
        let found = samples.into_iter().find(|(name, _)| name == sample).map(|(_, bytes)| bytes);
        let message = today(found.unwrap_or_default());
        let mut frame = vec![0x0b];
        frame.extend(&message);
        frame.extend([0x1c, 0x0d]);
        stream.write_all(&frame).await.map_err(failed)?;
        let answer = answer(&mut stream).await.map_err(failed)?;
        sent.push(Sent {
            kind: field(&message, "MSH", 8),
            control: field(&message, "MSH", 9),
            about,
            code: field(&answer, "MSA", 1),
        });
    }
    Ok(sent)
}

/// The diagnosis is made now, so that the report's clock runs.
fn today(message: Vec<u8>) -> Vec<u8> {
    let now = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::get("Asia/Shanghai").unwrap_or(jiff::tz::TimeZone::UTC));
    let now = now.strftime("%Y%m%d%H%M%S").to_string();
    let mut message = message;
    for old in ["20260305100500", "20260303090000"] {
        let at = message.windows(old.len()).position(|w| w == old.as_bytes());
        if let Some(at) = at {
            message[at..at + old.len()].copy_from_slice(now.as_bytes());
        }
    }
    message
}

async fn answer(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    loop {
        match stream.read_u8().await? {
            0x0b => answer.clear(),
            0x1c => {
                stream.read_u8().await?;
                return Ok(answer);
            }
            byte => answer.push(byte),
        }
    }
}

/// A field by position; delimiters are ASCII, and these fields are too.
fn field(message: &[u8], segment: &str, n: usize) -> String {
    let text: String = message.iter().map(|b| char::from(*b)).collect();
    let line = text.split(['\r', '\n']).find(|line| line.starts_with(segment));
    line.and_then(|line| line.split('|').nth(n)).unwrap_or("").to_owned()
}
