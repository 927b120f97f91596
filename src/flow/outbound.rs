//! Which change goes to which target, what is sent, and what the answer changes.

use serde_json::{Value, json};

use super::gather::{gather, over, read};
use crate::error::{Error, Kind, Result};
use crate::fhir::{BASE, query};
use crate::search::Search;
use crate::store::{Change, Commit, Delivery, Outgoing, Store};
use crate::translate::put::{Output, create};
use crate::translate::reload::Mapping;

/// An outbound channel: changes that match a search are written by a mapping.
pub struct Route {
    /// Its name in the configuration.
    pub name: String,
    /// Resource type of the root.
    pub kind: String,
    /// The rest of `when:`, as query pairs.
    pub pairs: Vec<(String, String)>,
    /// What writes the record.
    pub mapping: Mapping,
}

/// What a target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It took the record; the number it gave it, if any.
    Accepted(Option<String>),
    /// It refused the record, with its reasons.
    Rejected(String),
}

impl Route {
    /// A channel with `when: Composition?type=…&status=…`.
    pub fn new(name: &str, when: &str, mapping: Mapping) -> Result<Route> {
        let (kind, pairs) = query::split(when)?;
        Search::parse(kind, &pairs)?;
        Ok(Route { name: name.to_owned(), kind: kind.to_owned(), pairs, mapping })
    }

    /// The origin of what answers of this channel change.
    pub fn origin(&self) -> String {
        format!("out:{}", self.name)
    }

    /// Adds a delivery to the commit if the change matches. What an answer changed is not sent again.
    pub async fn look(&self, store: &Store, change: &Change, commit: &mut Commit) -> Result<()> {
        if change.kind != self.kind || change.origin == self.origin() {
            return Ok(());
        }
        let mut pairs = self.pairs.clone();
        pairs.push(("_id".to_owned(), change.id.clone()));
        let found = store.search(&Search::parse(&self.kind, &pairs)?).await?;
        if found.matches.is_empty() {
            return Ok(());
        }
        commit.outbox.push(Outgoing {
            target: self.name.clone(),
            key: format!("{}/{}", change.kind, change.id),
            kind: change.kind.clone(),
            id: change.id.clone(),
            version: change.version,
            context: Value::Null,
        });
        Ok(())
    }

    /// The record to send: written by the mapping from the root and what it refers to.
    pub async fn render(&self, store: &Store, delivery: &Delivery) -> Result<Output> {
        let (kind, id) = (&delivery.outgoing.kind, &delivery.outgoing.id);
        let bundle = gather(store, kind, id)
            .await?
            .ok_or_else(|| Error::new(Kind::Gone, format!("{kind}/{id} is not there any more")))?;
        let output =
            create(&self.mapping.program(), &bundle).into_iter().next().unwrap_or_default();
        if output.bytes.is_empty() {
            let reason = output.issues.first().map_or_else(String::new, |i| i.text.clone());
            return Err(Error::new(Kind::Rule, format!("{kind}/{id} cannot be written: {reason}")));
        }
        Ok(output)
    }

    /// What an answer changes: the number the receiver gave becomes the Composition's identifier,
    /// and the Task that is about it is accepted or rejected with the reasons.
    pub async fn written_back(
        &self,
        store: &Store,
        delivery: &Delivery,
        answer: &Answer,
    ) -> Result<Commit> {
        let (kind, id) = (&delivery.outgoing.kind, &delivery.outgoing.id);
        let mut commit = Commit { origin: self.origin(), ..Commit::default() };
        let root = format!("{kind}/{id}");
        if let (Answer::Accepted(Some(number)), Some(mut resource)) =
            (answer, read(store, &root).await?)
        {
            resource["identifier"] =
                json!({ "system": format!("{BASE}/sid/nndrs-card"), "value": number });
            commit.writes.push(over(resource));
        }
        let focus = [("focus".to_owned(), root)];
        for stored in store.search(&Search::parse("Task", &focus)?).await?.matches {
            if let Ok(task) = serde_json::from_slice::<Value>(&stored.json) {
                commit.writes.push(over(answered(task, answer)));
            }
        }
        Ok(commit)
    }
}

fn answered(mut task: Value, answer: &Answer) -> Value {
    let now = jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    task["lastModified"] = json!(now);
    match answer {
        Answer::Accepted(number) => {
            task["status"] = json!("accepted");
            if let Some(map) = task.as_object_mut() {
                map.remove("statusReason");
            }
            if let Some(number) = number {
                let kind = json!({ "text": "卡片编号" });
                task["output"] = json!([{ "type": kind, "valueString": number }]);
            }
        }
        Answer::Rejected(reasons) => {
            task["status"] = json!("rejected");
            task["statusReason"] = json!({ "text": reasons });
        }
    }
    task
}
