//! batch: every entry on its own, whatever becomes of the others
//! (<https://hl7.org/fhir/R4/http.html#brules>).

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::super::Api;
use super::super::bundle::BundleText;
use super::super::negotiate::Return;
use super::super::reply::{Answer, Refusal, Reply};
use super::entries::{Entry, place};
use crate::error::Kind;

/// Entries of a batch that are worked on at the same time; they share the store's fsync.
const AT_ONCE: usize = 16;

pub(super) async fn batch(api: &Api, entries: Vec<Result<Entry, Refusal>>) -> Answer {
    let mut answers: Vec<Option<Answer>> = Vec::new();
    answers.resize_with(entries.len(), || None);
    let mut waiting = Vec::new();
    for (index, entry) in entries.into_iter().enumerate() {
        match entry {
            Ok(entry) => waiting.push(entry),
            Err(refusal) => answers[index] = Some(Err(refusal)),
        }
    }
    // The order that transactions have, so that a batch that depends on it does no worse.
    for method in [Method::DELETE, Method::POST, Method::PUT, Method::GET] {
        let (now, later) = waiting.into_iter().partition(|entry| entry.row.method == method);
        waiting = later;
        for (index, answer) in together(api, now).await {
            answers[index] = Some(answer.map_err(|refusal| refusal.at(&place(index))));
        }
    }
    let lost = || Err(Refusal::of(Kind::Internal, "the entry was not worked on"));
    let mut out = BundleText::new("batch-response", None, &[]);
    for answer in answers {
        out.answer(&answer.unwrap_or_else(lost));
    }
    Ok(Reply::json(StatusCode::OK, out.finish()))
}

/// Works on entries side by side.
async fn together(api: &Api, entries: Vec<Entry>) -> Vec<(usize, Answer)> {
    let seats = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for entry in entries {
        let (api, seats) = (api.clone(), seats.clone());
        tasks.spawn(async move {
            let _seat = seats.acquire().await;
            let Entry { index, row, mut call, .. } = entry;
            call.form.prefer.get_or_insert(Return::Minimal);
            (index, row.interaction.answer(&api, call).await)
        });
    }
    let mut answers = Vec::new();
    while let Some(done) = tasks.join_next().await {
        // A panic in one entry is logged by its task, and shows as an entry without an answer.
        answers.extend(done);
    }
    answers
}
