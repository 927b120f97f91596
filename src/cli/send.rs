//! `tombolo send`: an HL7 v2 client over MLLP.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use super::tell::{Look, Tell};
use super::{Global, runtime};
use crate::error::{Error, Kind, Result};
use crate::flow::units;
use crate::legacy::hl7v2::ack::Head;
use crate::legacy::{Charsets, Text};
use crate::listen::mllp::client::Client;
use crate::listen::mllp::frame::{Cut, Frames, VT};

/// How long to wait for an acknowledgement that may not be wanted by the message.
const PERHAPS: Duration = Duration::from_secs(2);

/// Arguments of `tombolo send`.
#[derive(clap::Args)]
pub struct Args {
    /// The receiver: mllp://HOST:PORT
    #[arg(value_name = "URL")]
    pub to: String,
    /// Files of messages, one or many in each, in MLLP frames or without; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How long to wait for the connection and for each acknowledgement
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub timeout: Duration,
}

/// Sends each message and prints each acknowledgement; exit 1 if one was refused, 3 if the receiver
/// does not answer.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let tell = global.tell();
    let mut messages = Vec::new();
    for file in &args.files {
        let found = messages_of(&read(file)?);
        if found.is_empty() {
            return Err(Error::new(Kind::Structure, "there is no HL7 message in it")
                .at(file.display().to_string())
                .advise("a message begins with an MSH segment"));
        }
        messages.extend(found.into_iter().map(|message| (file.display().to_string(), message)));
    }
    let refused = runtime()?.block_on(send(&args, &messages, &tell))?;
    let (accepted, sent) = (messages.len() - refused, messages.len());
    let said = match tell.lang {
        super::Lang::En => format!("{accepted} of {sent} messages accepted"),
        super::Lang::Zh => format!("{sent} 条消息，{accepted} 条被接受"),
    };
    tell.note(said);
    Ok(ExitCode::from(u8::from(refused > 0)))
}

/// Gives the number of messages that were refused.
async fn send(args: &Args, messages: &[(String, Vec<u8>)], tell: &Tell) -> Result<usize> {
    let address = args.to.strip_prefix("mllp://").unwrap_or(&args.to).trim_end_matches('/');
    let unreachable = |error: std::io::Error| {
        Error::new(Kind::Unreachable, "the receiver does not answer")
            .at(format!("mllp://{address}"))
            .advise("is the gateway running, and is this the port of an `mllp:` channel?")
            .because(error)
    };
    let mut client = Client::connect(address, args.timeout).await.map_err(unreachable)?;
    let mut refused = 0;
    for (file, message) in messages {
        client.send(message).await.map_err(unreachable)?;
        let mut good = true;
        for wanted in wanted(message) {
            let patience = if wanted == Wanted::Surely { args.timeout } else { PERHAPS };
            match client.answer(patience).await {
                Ok(answer) => good &= accepts(file, &answer, tell),
                Err(e) if e.kind() == std::io::ErrorKind::TimedOut && wanted == Wanted::Perhaps => {
                }
                Err(error) => return Err(unreachable(error)),
            }
            if !good {
                break;
            }
        }
        refused += usize::from(!good);
    }
    Ok(refused)
}

/// Whether an acknowledgement comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Surely,
    Perhaps,
}

/// Which acknowledgements a message asks for (MSH-15, MSH-16).
fn wanted(message: &[u8]) -> Vec<Wanted> {
    let head = Head::read(message, &Charsets::default());
    if !head.is_enhanced() {
        return vec![Wanted::Surely];
    }
    let of = |field: usize| match head.field(field) {
        "" | "NE" => None,
        "AL" => Some(Wanted::Surely),
        _ => Some(Wanted::Perhaps),
    };
    [of(15), of(16)].into_iter().flatten().collect()
}

/// Prints an acknowledgement, and says whether it accepts.
fn accepts(file: &str, answer: &[u8], tell: &Tell) -> bool {
    let text =
        match Text::decode(answer, None, &Charsets { carry_raw: true, ..Charsets::default() }) {
            Ok(text) => text.text.clone(),
            Err(_) => String::from_utf8_lossy(answer).into_owned(),
        };
    let code = text.split('\r').find_map(|line| line.strip_prefix("MSA")?.get(1..3));
    let good = matches!(code, Some("AA" | "CA"));
    let shown = tell.paint(if good { Look::Green } else { Look::Red }, code.unwrap_or("?"));
    tell.say(format!("{file}: {shown}"));
    for line in text.split(['\r', '\n']).filter(|line| !line.is_empty()) {
        tell.say(format!("  {line}"));
    }
    good
}

/// The messages in some bytes: what stands in MLLP frames, or begins with MSH at a line's start.
fn messages_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    if bytes.first() == Some(&VT) {
        let mut frames = Frames::new(bytes.len());
        frames.buffer().extend_from_slice(bytes);
        let cut = std::iter::from_fn(|| frames.cut());
        return cut
            .map(|cut| match cut {
                Cut::Message(message) | Cut::TooLong(message) => message,
            })
            .collect();
    }
    let starts: Vec<usize> = memchr::memmem::find_iter(bytes, b"MSH")
        .filter(|at| *at == 0 || matches!(bytes[at - 1], b'\r' | b'\n'))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    std::iter::zip(&starts, ends).map(|(start, end)| bytes[*start..end].to_vec()).collect()
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(file).map(|content| bytes = content)
    };
    read.map(|()| bytes).map_err(|error| {
        Error::new(Kind::Usage, "the file cannot be read")
            .at(file.display().to_string())
            .because(error)
    })
}

fn time(text: &str) -> Result<Duration, String> {
    units::parse_duration(text).ok_or_else(|| "write it as 500ms, 30s, 5m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_framed_or_not() {
        let two = b"MSH|1\rPID|MSH\r\nMSH|2\r";
        assert_eq!(messages_of(two), [b"MSH|1\rPID|MSH\r\n".to_vec(), b"MSH|2\r".to_vec()]);
        let framed = b"\x0bMSH|1\r\x1c\r\x0bMSH|2\r\x1c\r";
        assert_eq!(messages_of(framed), [b"MSH|1\r".to_vec(), b"MSH|2\r".to_vec()]);
        assert!(messages_of(b"PID|1").is_empty());
    }

    #[test]
    fn a_message_says_which_answers_it_wants() {
        for (conditions, answers) in [
            ("", &[Wanted::Surely][..]),
            ("AL|NE", &[Wanted::Surely]),
            ("NE|NE", &[]),
            ("AL|ER", &[Wanted::Surely, Wanted::Perhaps]),
        ] {
            let message = format!("MSH|^~\\&|A|B|C|D|1||ADT^A04|1|P|2.4|||{conditions}\r");
            assert_eq!(wanted(message.as_bytes()), answers, "{conditions}");
        }
    }
}
