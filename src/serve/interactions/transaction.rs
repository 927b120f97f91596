//! transaction: all entries as one, or none (<https://hl7.org/fhir/R4/http.html#trules>).
//!
//! Everything that needs thought is done before the store's writer is entered: identities are
//! given, conditional creates and references are looked up, links between entries are rewritten,
//! every resource is checked. Then there is one commit, in the order DELETE, POST, PUT; what the
//! bundle reads is read after it.

use std::collections::{HashMap, HashSet};

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::super::Api;
use super::super::audit;
use super::super::bundle::BundleText;
use super::super::call::Call;
use super::super::negotiate::Return;
use super::super::reply::{Answer, Refusal, Reply};
use super::super::write::{self, Deed};
use super::batch::batch;
use super::entries::{self, Entry, place};
use super::{Interaction, search, update};
use crate::error::Kind;
use crate::fhir::Issue;
use crate::fhir::bundle::{Links, references, rewrite};
use crate::fhir::reference::Reference;
use crate::store::{Body, Did, Stored, Write, Written};

pub(super) async fn bundle(api: &Api, mut call: Call) -> Answer {
    call.no_parameters()?;
    let (kind, entries) = entries::take(api, &mut call)?;
    match &kind[..] {
        "batch" => batch(api, entries).await,
        "transaction" => transaction(api, &call, all(entries)?).await,
        other => {
            let text = format!("the Bundle's type is `{other}`, expected `transaction` or `batch`");
            Err(Refusal::of(Kind::Structure, text))
        }
    }
}

/// All entries, or everything that is wrong with them.
fn all(entries: Vec<Result<Entry, Refusal>>) -> Result<Vec<Entry>, Refusal> {
    let (mut good, mut refused) = (Vec::with_capacity(entries.len()), None::<Refusal>);
    for entry in entries {
        match (entry, &mut refused) {
            (Ok(entry), _) => good.push(entry),
            (Err(refusal), None) => refused = Some(refusal),
            (Err(refusal), Some(first)) => first.issues.extend(refusal.issues),
        }
    }
    refused.map_or(Ok(good), Err)
}

async fn transaction(api: &Api, call: &Call, entries: Vec<Entry>) -> Answer {
    let prefer = call.form.prefer.unwrap_or(Return::Minimal);
    let mut steps = Vec::with_capacity(entries.len());
    for mut entry in entries {
        entry.call.form.prefer = Some(prefer);
        steps.push(Step::of(entry)?);
    }
    identities(&steps)?;
    find_existing(api, &mut steps).await?;
    let mut links = links(&steps)?;
    find_references(api, &steps, &mut links).await?;
    let mut steps = checked(steps, links).await?;
    try_reads(api, &steps).await?;
    commit(api, call, &mut steps).await?;

    let mut out = BundleText::new("transaction-response", None, &[]);
    for step in &steps {
        out.answer(&step.answer(api).await);
    }
    Ok(Reply::json(StatusCode::OK, out.finish()))
}

/// An entry on its way.
struct Step {
    entry: Entry,
    /// `None` reads.
    deed: Option<Deed>,
    /// The identity it writes.
    id: String,
    /// What a conditional create found: nothing is written.
    found: Option<Stored>,
    /// The earlier entry that has the same condition: it stands for this one.
    same_as: Option<usize>,
    /// What was noticed about its resource.
    issues: Vec<Issue>,
    /// What the commit did.
    written: Option<Written>,
}

impl Step {
    fn of(entry: Entry) -> Result<Step, Refusal> {
        let (deed, id) = match entry.row.interaction {
            Interaction::Create => (Some(Deed::Create), write::new_id()),
            Interaction::Update => (Some(Deed::Update), entry.call.id.clone()),
            Interaction::Delete => (Some(Deed::Delete), entry.call.id.clone()),
            _ => (None, entry.call.id.clone()),
        };
        if deed.is_some() {
            let checked = entry.call.no_parameters().and_then(|()| match deed {
                Some(Deed::Create) => Ok(()),
                _ => entry.call.check_id(),
            });
            checked.map_err(|refusal| refusal.at(&place(entry.index)))?;
        }
        let (found, same_as, issues, written) = (None, None, Vec::new(), None);
        Ok(Step { entry, deed, id, found, same_as, issues, written })
    }

    fn kind(&self) -> &str {
        &self.entry.call.kind
    }

    /// `Type/id` of what it writes or found.
    fn target(&self) -> String {
        let id = self.found.as_ref().map_or(&self.id, |found| &found.id);
        format!("{}/{id}", self.kind())
    }

    /// Whether it is a write of the commit.
    fn writes(&self) -> Option<Deed> {
        self.deed.filter(|_| self.found.is_none() && self.same_as.is_none())
    }

    /// Adds where in the Bundle a refusal comes from.
    fn refuse(&self, refusal: Refusal) -> Refusal {
        refusal.at(&place(self.entry.index))
    }

    /// The answer after the commit.
    async fn answer(&self, api: &Api) -> Answer {
        let call = &self.entry.call;
        match (self.deed, &self.written) {
            (Some(deed), Some(written)) => {
                write::reply(api, call, deed, written, &self.issues).await
            }
            (Some(_), None) => Err(Refusal::of(Kind::Internal, "the store wrote nothing")),
            (None, _) => self.entry.row.interaction.answer(api, call.clone()).await,
        }
    }
}

/// Refuses a Bundle that writes one identity twice: which one should win?
fn identities(steps: &[Step]) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    for step in steps.iter().filter(|step| step.deed.is_some()) {
        let target = step.target();
        if seen.contains(&target) {
            let text = format!("{target} is written by two entries of the transaction");
            return Err(step.refuse(Refusal::new(StatusCode::BAD_REQUEST, "duplicate", text)));
        }
        seen.insert(target);
    }
    Ok(())
}

/// Looks up what conditional creates are about.
async fn find_existing(api: &Api, steps: &mut [Step]) -> Result<(), Refusal> {
    let mut first = HashMap::new();
    for (n, step) in steps.iter_mut().enumerate() {
        let condition = step.entry.call.conditions.if_none_exist.as_deref();
        let (Some(Deed::Create), Some(condition)) = (step.deed, condition) else { continue };
        let key = (step.kind().to_owned(), condition.to_owned());
        if let Some(earlier) = first.get(&key) {
            step.same_as = Some(*earlier);
            continue;
        }
        let found = only(api, step.kind(), condition).await;
        step.found = found.map_err(|refusal| step.refuse(refusal))?;
        first.insert(key, n);
    }
    Ok(())
}

/// The one resource that matches a search, if any; several are refused.
async fn only(api: &Api, kind: &str, condition: &str) -> Result<Option<Stored>, Refusal> {
    let mut search = search::condition(kind, condition)?;
    search.count = 2;
    let mut page = api.store.search(&search).await?;
    if page.matches.len() > 1 {
        let text = format!("several resources match `{kind}?{condition}`, expected at most one");
        return Err(Refusal::of(Kind::Precondition, text));
    }
    Ok(page.matches.pop())
}

/// What each `fullUrl` comes to mean.
fn links(steps: &[Step]) -> Result<Links, Refusal> {
    let mut links = Links::new();
    for step in steps.iter().filter(|step| step.deed.is_some()) {
        let Some(url) = &step.entry.full_url else { continue };
        let target = step.same_as.map_or_else(|| step.target(), |first| steps[first].target());
        if links.insert(url.clone(), target).is_some() {
            let text = format!("the fullUrl `{url}` is that of two entries");
            return Err(step.refuse(Refusal::new(StatusCode::BAD_REQUEST, "duplicate", text)));
        }
    }
    Ok(links)
}

/// Looks up references that are searches (`Patient?identifier=…`): each must match one resource.
async fn find_references(api: &Api, steps: &[Step], links: &mut Links) -> Result<(), Refusal> {
    for step in steps.iter().filter(|step| step.writes().is_some()) {
        let mut found = Vec::new();
        references(&step.entry.call.body, &mut |text| {
            if is_conditional(text) {
                found.push(text.to_owned());
            }
        });
        for reference in found {
            if links.contains_key(&reference) {
                continue;
            }
            let (kind, condition) = reference.split_once('?').unwrap_or((&reference, ""));
            let target = only(api, kind, condition).await.and_then(|found| {
                found.ok_or_else(|| {
                    let text = format!("nothing matches the reference `{reference}`");
                    Refusal::of(Kind::Precondition, text)
                })
            });
            let target = target.map_err(|refusal| step.refuse(refusal))?;
            links.insert(reference, format!("{}/{}", target.kind, target.id));
        }
    }
    Ok(())
}

/// Whether a reference is a search for its target.
fn is_conditional(reference: &str) -> bool {
    let parsed = Reference::parse(reference);
    matches!(parsed, Ok(Reference::Conditional { query, .. }) if query.contains('='))
}

/// Rewrites links and checks every resource, away from the async threads.
async fn checked(mut steps: Vec<Step>, links: Links) -> Result<Vec<Step>, Refusal> {
    let work = move || {
        let mut wrong: Option<Refusal> = None;
        for step in &mut steps {
            if let Err(refusal) = check(step, &links) {
                let refusal = step.refuse(refusal);
                match &mut wrong {
                    None => wrong = Some(refusal),
                    Some(first) => first.issues.extend(refusal.issues),
                }
            }
        }
        wrong.map_or(Ok(steps), Err)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(Refusal::of(Kind::Internal, "the Bundle could not be checked")))
}

fn check(step: &mut Step, links: &Links) -> Result<(), Refusal> {
    let Some(deed) = step.writes().filter(|deed| *deed != Deed::Delete) else { return Ok(()) };
    let mut resource = step.entry.call.take_resource()?;
    if deed == Deed::Update {
        update::same_id(&resource, &step.id)?;
    }
    rewrite(&mut resource, links);
    step.issues = write::check(&resource)?;
    step.entry.call.body = resource;
    Ok(())
}

/// Tries what the Bundle reads before anything is written, so that a read that cannot be answered
/// fails the transaction; what the Bundle itself writes is left to the read after the commit.
async fn try_reads(api: &Api, steps: &[Step]) -> Result<(), Refusal> {
    let written: HashMap<String, Deed> =
        steps.iter().filter_map(|step| Some((step.target(), step.deed?))).collect();
    for step in steps.iter().filter(|step| step.deed.is_none()) {
        match written.get(&step.target()) {
            Some(Deed::Delete) => {
                let text = format!("{} is deleted by the same transaction", step.target());
                return Err(step.refuse(Refusal::of(Kind::NotFound, text)));
            }
            Some(_) => {}
            None => {
                let tried = step.entry.row.interaction.answer(api, step.entry.call.clone()).await;
                tried.map_err(|refusal| step.refuse(refusal))?;
            }
        }
    }
    Ok(())
}

/// Writes everything at once.
async fn commit(api: &Api, call: &Call, steps: &mut [Step]) -> Result<(), Refusal> {
    let order = |method: &Method| match *method {
        Method::DELETE => 0,
        Method::POST => 1,
        _ => 2,
    };
    let mut turn: Vec<usize> = (0..steps.len()).filter(|n| steps[*n].writes().is_some()).collect();
    turn.sort_by_key(|n| order(&steps[*n].entry.row.method));
    let mut writes = Vec::with_capacity(turn.len());
    let mut targets = Vec::with_capacity(turn.len());
    for n in &turn {
        targets.push(steps[*n].target());
        writes.push(steps[*n].write()?);
    }
    if !writes.is_empty() {
        let event = audit::event("transaction", &targets, call.peer, api.clock.now());
        let committed = write::commit(api, writes, event).await.map_err(|error| {
            let about = |n: &&usize| error.place.as_deref() == Some(&steps[**n].target());
            match turn.iter().find(about) {
                Some(n) => steps[*n].refuse(Refusal::from(error)),
                None => Refusal::from(error),
            }
        })?;
        for (n, written) in turn.into_iter().zip(committed.written) {
            steps[n].written = Some(written);
        }
    }
    for n in 0..steps.len() {
        let step = &steps[n];
        let kept = match (&step.found, step.same_as) {
            (Some(found), _) => Some(kept(found)),
            (None, Some(first)) => {
                steps[first].written.clone().map(|it| Written { did: Did::Kept, ..it })
            }
            (None, None) => continue,
        };
        steps[n].written = kept;
    }
    Ok(())
}

impl Step {
    fn write(&mut self) -> Result<Write, Refusal> {
        let conditions = &self.entry.call.conditions;
        let resource = std::mem::replace(&mut self.entry.call.body, Value::Null);
        let (body, when) = match self.deed {
            Some(Deed::Delete) | None => (Body::Delete, conditions.for_delete()),
            Some(Deed::Create) => (Body::Replace(resource), conditions.for_create_in_transaction()),
            Some(Deed::Update) => {
                let when = conditions.for_update().map_err(|refusal| self.refuse(refusal))?;
                (Body::Replace(resource), when)
            }
        };
        Ok(Write { kind: self.kind().to_owned(), id: self.id.clone(), body, when })
    }
}

/// What a conditional create found, as if it had been written.
fn kept(found: &Stored) -> Written {
    let Stored { kind, id, version, updated, .. } = found.clone();
    Written { kind, id, version, updated, did: Did::Kept }
}
