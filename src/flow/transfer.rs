//! One transfer on its way: its records, judged, made durable, answered.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::answer::{self, Question};
use super::audit;
use super::inbound::{Answer, Arriving, Inbound, Verdict};
use super::items::{Item, items, shift, why_broken};
use super::judge::{self, Judged};
use crate::error::{Error, Kind, Result};
use crate::fhir::{Issue, Severity};
use crate::legacy::{File, Record, Span};
use crate::observe::Clock;
use crate::store::{
    Arrival, Body, Carry, Commit, Committed, Journaled, Millis, Outcome, Status, When, Write,
};
use crate::translate::{Program, get};

/// Records larger than this are translated on a thread of their own, so that they do not keep the
/// other connections waiting.
const LARGE: usize = 64 << 10;

/// At most so many records of one transfer wait for the store at a time.
const WINDOW: usize = 64;

/// Sender and control number: the key of repeats.
type Control = Option<(String, String)>;

/// A transfer.
pub(super) struct Transfer {
    inbound: Inbound,
    arriving: Arriving,
    /// The journal entry that this is a replay of.
    replay: Option<i64>,
    received: Millis,
}

/// What the journal keeps of a record.
struct Entry {
    bytes: Arc<[u8]>,
    peer: String,
    control: Control,
    verdict: Verdict,
    /// Places in its issues are those in `bytes`.
    outcome: Outcome,
}

/// A record with all that its commit needs.
struct Ready {
    entry: Entry,
    made: Vec<get::Made>,
    /// Places are those in the transfer.
    issues: Vec<Issue>,
}

/// What became of one record.
struct Settled {
    verdict: Verdict,
    issues: Vec<Issue>,
    answer: Vec<u8>,
    journal: Option<i64>,
    repeat: bool,
}

impl Transfer {
    pub fn new(inbound: &Inbound, arriving: Arriving, replay: Option<i64>) -> Transfer {
        Transfer { inbound: inbound.clone(), arriving, replay, received: Clock::System.now() }
    }

    /// All the way.
    pub async fn take(mut self) -> Answer {
        let (inbound, bytes) = (self.inbound.clone(), self.arriving.bytes.clone());
        let hl7 = self.arriving.hl7;
        let read = move || judge::read(&inbound.channel, &inbound.library, hl7, &bytes);
        let (program, file) = match thinking(self.arriving.bytes.len(), read).await {
            Ok(read) => read,
            Err(error) => {
                let issue = judge::why_unread(&self.inbound, &self.arriving.bytes, &error);
                let channel = &self.inbound.channel;
                let control = answer::control(&self.arriving.bytes, channel.charset);
                let reject = error.kind.facts().ack == "AR";
                let verdict = if reject { Verdict::Refused } else { Verdict::Rejected };
                return self.refuse(verdict, vec![issue], control).await;
            }
        };
        let items = items(&file);
        match items.len() {
            0 => {
                let text = "there is no record in it";
                let issue = Issue::new(Severity::Information, "informational", text);
                self.whole(Verdict::Stored, vec![issue], None).await
            }
            1 => self.each(&program, &file, &items).await,
            many => {
                let Some(replayed) = self.replay.take() else {
                    return self.each(&program, &file, &items).await;
                };
                let answer = self.each(&program, &file, &items).await;
                if answer.verdict == Verdict::Unavailable {
                    return answer;
                }
                self.replay = Some(replayed);
                let text = format!("its {many} records have journal entries of their own now");
                let issue = Issue::new(Severity::Information, "informational", text);
                self.whole(Verdict::Stored, vec![issue], None).await;
                answer
            }
        }
    }

    /// Keeps the whole transfer in the journal as refused.
    pub async fn refuse(self, verdict: Verdict, issues: Vec<Issue>, control: Control) -> Answer {
        self.whole(verdict, issues, control).await
    }

    /// Settles the transfer as a whole, without resources.
    async fn whole(&self, verdict: Verdict, issues: Vec<Issue>, control: Control) -> Answer {
        let mut entry = self.entry(verdict, None, &issues, control);
        entry.outcome.answer = self.words(&entry.bytes, None, verdict, &issues);
        self.sum(vec![self.bare(entry).await], None)
    }

    /// Every record, a window at a time. Two that touch the same resource are not in one window, so
    /// that the later one wins.
    async fn each(&self, program: &Arc<Program>, file: &File, items: &[Item<'_>]) -> Answer {
        let mut settled: Vec<Settled> = Vec::with_capacity(items.len());
        let mut window = Vec::new();
        let mut touched = HashSet::new();
        for n in 0..items.len() {
            let ready = self.ready(program, file, items, n).await;
            let ids: Vec<_> = ready.made.iter().map(|m| (m.kind.clone(), m.id.clone())).collect();
            if window.len() == WINDOW || ids.iter().any(|id| touched.contains(id)) {
                let kept = self.commit(program, std::mem::take(&mut window)).await;
                let unavailable = kept.iter().any(|s| s.verdict == Verdict::Unavailable);
                settled.extend(kept);
                touched.clear();
                if unavailable {
                    return self.sum(settled, Some((file, items)));
                }
            }
            touched.extend(ids);
            window.push(ready);
        }
        settled.extend(self.commit(program, window).await);
        self.sum(settled, Some((file, items)))
    }

    /// One record with all that its commit needs.
    async fn ready(
        &self,
        program: &Arc<Program>,
        file: &File,
        items: &[Item<'_>],
        n: usize,
    ) -> Ready {
        let item = &items[n];
        let Judged { status, made, mut issues } = match item.what {
            Ok(record) => self.judge(program, record.clone()).await,
            Err(error) => {
                let issues = vec![why_broken(file, item.span, error)];
                Judged { status: Status::Failed, made: Vec::new(), issues }
            }
        };
        let record = item.what.ok();
        let verdict = verdict_of(status);
        let control = record.and_then(control_of);
        let mut entry = self.entry(verdict, Some(called(program)), &issues, control);
        let alone = items.len() == 1;
        if !alone {
            entry.bytes = file.alone(item.span).into();
        }
        entry.outcome.answer = self.words(&entry.bytes, record, verdict, &issues);
        if !alone {
            let name = item.called(file, n);
            entry.move_places(shift(file, items, n));
            entry.peer = format!("{} {name}", entry.peer);
            for issue in &mut issues {
                issue.text = format!("{name}: {}", issue.text);
            }
        }
        Ready { entry, made, issues }
    }

    async fn judge(&self, program: &Arc<Program>, record: Record) -> Judged {
        let (channel, program) = (self.inbound.channel.clone(), program.clone());
        let size = (record.span().end - record.span().start) as usize;
        thinking(size, move || judge::judge(&channel, &program, &record)).await
    }

    /// Makes records durable together.
    async fn commit(&self, program: &Program, window: Vec<Ready>) -> Vec<Settled> {
        if let [_] = window[..] {
            let mut one = Vec::with_capacity(1);
            for ready in window {
                let (kept, commit) = self.everything(program, ready);
                let result = self.inbound.store.commit(commit).await;
                one.push(self.told(kept, result).await);
            }
            return one;
        }
        let mut waiting = JoinSet::new();
        for (n, ready) in window.into_iter().enumerate() {
            let (kept, commit) = self.everything(program, ready);
            let store = self.inbound.store.clone();
            waiting.spawn(async move { (n, kept, store.commit(commit).await) });
        }
        let mut done = waiting.join_all().await;
        done.sort_by_key(|(n, ..)| *n);
        let mut settled = Vec::with_capacity(done.len());
        for (_, kept, result) in done {
            settled.push(self.told(kept, result).await);
        }
        settled
    }

    /// What the store's word on a record means to its sender.
    async fn told(&self, ready: Kept, result: Result<Committed>) -> Settled {
        match result {
            Ok(committed) => self.stored(ready, committed.journal),
            Err(error) if error.kind == Kind::Unreachable => self.unavailable(&ready.bytes, &error),
            Err(error) => {
                let channel = &self.inbound.channel.name;
                tracing::error!(channel, %error, "a message could not be stored");
                let mut issues = ready.issues;
                issues.push(Issue::from(&error));
                let mut entry = self.entry(Verdict::Rejected, None, &issues, ready.control);
                entry.bytes = ready.bytes;
                entry.outcome.answer = self.words(&entry.bytes, None, Verdict::Rejected, &issues);
                self.bare(entry).await
            }
        }
    }

    /// Writes a journal entry and nothing else.
    async fn bare(&self, entry: Entry) -> Settled {
        let kept = Kept::of(&entry, entry.outcome.issues.clone());
        let audit = self.audit(&entry);
        let commit = Commit { audit: vec![audit], ..self.journalled(entry) };
        match self.inbound.store.commit(commit).await {
            Ok(committed) => self.stored(kept, committed.journal),
            Err(error) => self.unavailable(&kept.bytes, &error),
        }
    }

    /// It is in the journal.
    fn stored(&self, kept: Kept, journal: Option<Journaled>) -> Settled {
        let (verdict, repeat) = (kept.verdict, false);
        let settled = Settled {
            verdict,
            issues: kept.issues,
            answer: kept.answer,
            journal: self.replay,
            repeat,
        };
        match journal {
            None => settled,
            Some(Journaled::New(id)) => Settled { journal: Some(id), ..settled },
            Some(Journaled::Repeat(first)) => {
                let Outcome { status, issues, answer, .. } = first.arrival.outcome;
                let verdict = verdict_of(status);
                Settled { verdict, issues, answer, journal: Some(first.id), repeat: true }
            }
            Some(Journaled::Clash(first)) => {
                let what = format!(
                    "another message with this control number came before (journal entry {first})"
                );
                self.failed(&kept.bytes, Verdict::Rejected, Issue::error(Kind::Duplicate, what))
            }
        }
    }

    /// The store cannot take it.
    fn unavailable(&self, bytes: &[u8], error: &Error) -> Settled {
        let channel = &self.inbound.channel.name;
        tracing::error!(channel, %error, "the store cannot take a message");
        let what = "the gateway cannot store anything now: send the message again later";
        self.failed(bytes, Verdict::Unavailable, Issue::error(Kind::Unreachable, what))
    }

    fn failed(&self, bytes: &[u8], verdict: Verdict, issue: Issue) -> Settled {
        let issues = vec![issue];
        let answer = self.words(bytes, None, verdict, &issues);
        Settled { verdict, issues, answer, journal: None, repeat: false }
    }

    /// Everything that one record changes.
    fn everything(&self, program: &Program, ready: Ready) -> (Kept, Commit) {
        let Ready { entry, made, issues } = ready;
        let audit = self.audit(&entry);
        let kept = Kept::of(&entry, issues);
        let mut carry = Vec::new();
        let mut writes = Vec::new();
        if entry.outcome.status == Status::Done {
            let root = program.rules.first().map(|rule| &*rule.kind);
            for made in made {
                if Some(&*made.kind) == root {
                    let (kind, id, bytes) =
                        (made.kind.clone(), made.id.clone(), entry.bytes.clone());
                    carry.push(Carry { kind, id, mapping: called(program), bytes });
                }
                writes.push(write(made));
            }
        }
        (kept, Commit { writes, carry, audit: vec![audit], ..self.journalled(entry) })
    }

    /// A commit with nothing but the journal entry; of a replay, its new outcome.
    fn journalled(&self, entry: Entry) -> Commit {
        let Entry { bytes, peer, control, outcome, .. } = entry;
        let channel = self.inbound.channel.name.clone();
        let commit = Commit { origin: format!("in:{channel}"), ..Commit::default() };
        match self.replay {
            Some(id) => Commit { resettle: Some((id, outcome)), ..commit },
            None => {
                let received = self.received;
                let arrival = Arrival { channel, peer, received, bytes, control, outcome };
                Commit { journal: Some(arrival), ..commit }
            }
        }
    }

    /// The entry of the whole transfer.
    fn entry(
        &self,
        verdict: Verdict,
        mapping: Option<String>,
        issues: &[Issue],
        control: Control,
    ) -> Entry {
        let Arriving { bytes, peer, .. } = &self.arriving;
        let status = match verdict {
            Verdict::Stored => Status::Done,
            Verdict::Quarantined => Status::Quarantined,
            Verdict::Rejected | Verdict::Refused | Verdict::Unavailable => Status::Failed,
        };
        let outcome = Outcome { status, mapping, issues: issues.to_vec(), answer: Vec::new() };
        Entry { bytes: bytes.clone(), peer: peer.clone(), control, verdict, outcome }
    }

    /// The answer to some bytes, read or not.
    fn words(
        &self,
        bytes: &[u8],
        record: Option<&Record>,
        verdict: Verdict,
        issues: &[Issue],
    ) -> Vec<u8> {
        let Arriving { hl7, acknowledge, .. } = self.arriving;
        let charset = self.inbound.channel.charset;
        let question = Question { bytes, record, hl7, charset, acknowledge };
        answer::write(&question, verdict, issues)
    }

    fn audit(&self, entry: &Entry) -> serde_json::Value {
        audit::arrival(&self.inbound.channel, &entry.peer, self.received, &entry.outcome)
    }

    /// The answer to the whole transfer.
    fn sum(&self, mut settled: Vec<Settled>, read: Option<(&File, &[Item<'_>])>) -> Answer {
        let records = read.map_or(1, |(_, items)| items.len());
        let verdict = settled.iter().map(|s| s.verdict).max().unwrap_or(Verdict::Stored);
        let refused = |n: &usize| settled[*n].verdict >= Verdict::Rejected;
        let refused: Vec<usize> = (0..settled.len()).filter(refused).collect();
        let some = !refused.is_empty() && refused.len() < records;
        let (issues, bytes) = match &mut settled[..] {
            [one] if records == 1 => {
                (std::mem::take(&mut one.issues), std::mem::take(&mut one.answer))
            }
            all => {
                let issues: Vec<Issue> = all.iter_mut().flat_map(|s| s.issues.drain(..)).collect();
                let bytes = self.words(&self.arriving.bytes, None, verdict, &issues);
                (issues, bytes)
            }
        };
        Answer {
            verdict,
            issues,
            bytes,
            journal: settled.iter().filter_map(|s| s.journal).collect(),
            repeat: !settled.is_empty() && settled.iter().all(|s| s.repeat),
            records,
            stored: settled.iter().filter(|s| s.verdict == Verdict::Stored).count(),
            rejected: read.filter(|_| some).map(|(file, items)| {
                let spans: Vec<Span> = refused.iter().map(|n| items[*n].span).collect();
                file.only(&spans)
            }),
        }
    }
}

impl Entry {
    /// Moves the places of its issues from the transfer into its own bytes.
    fn move_places(&mut self, by: usize) {
        for spot in self.outcome.issues.iter_mut().filter_map(|issue| issue.spot.as_mut()) {
            let Range { start, end } = spot.bytes;
            spot.bytes = start.saturating_sub(by)..end.saturating_sub(by);
        }
    }
}

/// What is still needed of a record while the store has it.
struct Kept {
    verdict: Verdict,
    issues: Vec<Issue>,
    bytes: Arc<[u8]>,
    control: Control,
    answer: Vec<u8>,
}

impl Kept {
    fn of(entry: &Entry, issues: Vec<Issue>) -> Kept {
        Kept {
            verdict: entry.verdict,
            issues,
            bytes: entry.bytes.clone(),
            control: entry.control.clone(),
            answer: entry.outcome.answer.clone(),
        }
    }
}

/// Runs thinking work: at once if it is small, else on a thread of its own.
async fn thinking<T: Send + 'static>(size: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if size <= LARGE {
        return work();
    }
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// The sender and control number that a record carries.
fn control_of(record: &Record) -> Control {
    let control = record.about("control").filter(|control| !control.is_empty())?;
    let sender = record.about("sender").unwrap_or_default();
    Some((sender.into_owned(), control.into_owned()))
}

fn verdict_of(status: Status) -> Verdict {
    match status {
        Status::Done => Verdict::Stored,
        Status::Failed => Verdict::Rejected,
        Status::Quarantined => Verdict::Quarantined,
    }
}

/// `name@version`.
fn called(program: &Program) -> String {
    format!("{}@{}", program.name, program.version)
}

fn write(made: get::Made) -> Write {
    let when = if made.create_only { When::Missing } else { When::Always };
    let body = Body::Merge(made.resource, made.merge);
    Write { kind: made.kind, id: made.id, body, when }
}
