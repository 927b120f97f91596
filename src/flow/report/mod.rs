//! A notifiable diagnosis becomes a report card with a clock.
//!
//! A diagnosis of a hospital whose ICD-10 code is in the dated table makes a `preliminary`
//! Composition and a Task whose deadline stands in `restriction.period.end`. What the card needs and
//! the hospital did not send is listed in `Task.input`. Every commit that touches one of the card's
//! resources looks again; once nothing is missing the Composition turns `final` and is delivered. A
//! diagnosis that changes later makes the card `amended`; one that is withdrawn, `entered-in-error`.

mod card;
mod diseases;

use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use serde::Deserialize;
use serde_json::{Value, json};

use super::gather::{gather, over, read};
use super::judge::mark;
use crate::error::{Error, Kind, Result};
use crate::fhir::bundle::{self, references};
use crate::fhir::{BASE, Issue};
use crate::search::Search;
use crate::store::{Change, Commit, Store};
use crate::translate::put::create;
use crate::translate::reload::Mapping;
use crate::translate::{Library, Party};

pub use diseases::{Disease, Diseases};

/// A flow file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlowFile {
    /// Its name.
    pub flow: String,
    /// For people.
    pub title: String,
    /// Resource type whose changes start it.
    pub watch: String,
    /// Kinds of parties whose resources count.
    pub kinds: Vec<String>,
    /// The dated table of diseases.
    pub diseases: String,
    /// The mapping that writes the card.
    pub mapping: String,
    /// `Composition.type` and title.
    pub r#type: CardType,
    /// `Task.code`.
    pub task: String,
    /// Hours within which a changed diagnosis is reported again.
    pub correction_hours: i64,
}

/// The document type of the card.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardType {
    /// Code system.
    pub system: String,
    /// Code.
    pub code: String,
    /// `Composition.title`.
    pub title: String,
}

/// A party, as this flow needs it.
#[derive(Debug, Clone)]
pub struct Reporter {
    /// Whose resources.
    pub party: Party,
    /// Its kind (`hospital`).
    pub kind: String,
    /// Its 9-digit reporting unit code at the CDC, if it is configured.
    pub unit: Option<String>,
}

/// The flow, ready to run.
pub struct Report {
    file: FlowFile,
    diseases: Diseases,
    mapping: Mapping,
    reporters: Vec<Reporter>,
    receiver: Party,
}

impl Report {
    /// Reads a flow file (`_flows/NAME.yaml` of the library).
    pub fn open(
        library: &Arc<Library>,
        name: &str,
        reporters: Vec<Reporter>,
        receiver: Party,
    ) -> Result<Report> {
        let path = format!("_flows/{name}.yaml");
        let missing = |what: &str| {
            Error::new(Kind::Usage, format!("{what} is not there"))
                .advise("put it into the mappings folder or use an embedded flow")
        };
        let source = library.file(path.as_ref()).ok_or_else(|| missing(&path))?;
        let file: FlowFile = serde_saphyr::from_str(&source.text)
            .map_err(|error| Error::new(Kind::Usage, error.to_string()).at(source.shown.clone()))?;
        let table = library.file(file.diseases.as_ref()).ok_or_else(|| missing(&file.diseases))?;
        let diseases = Diseases::read(&table.text).map_err(|e| e.at(table.shown.clone()))?;
        let mapping = Mapping::open(library, &file.mapping, &receiver).map_err(|diagnostics| {
            let first = diagnostics.first().map_or_else(String::new, |d| d.message.clone());
            Error::new(Kind::Usage, format!("mapping '{}' does not compile: {first}", file.mapping))
                .advise(format!("run: tombolo map check {}", file.mapping))
        })?;
        Ok(Report { file, diseases, mapping, reporters, receiver })
    }

    /// The origin of this flow's own writes.
    pub fn origin(&self) -> String {
        format!("flow:{}", self.file.flow)
    }

    /// Looks at a change, and adds what follows from it to the commit.
    pub async fn look(&self, store: &Store, change: &Change, commit: &mut Commit) -> Result<()> {
        if change.origin == self.origin() || change.origin.starts_with("out:") {
            return Ok(());
        }
        let reference = format!("{}/{}", change.kind, change.id);
        let Some(resource) = read(store, &reference).await? else { return Ok(()) };
        if change.kind == self.file.watch {
            self.diagnosis(store, &resource, commit).await?;
        }
        for card in self.cards_of(store, &reference, &resource).await? {
            let known = commit.writes.iter().any(|w| card::is(&card, &w.kind, &w.id));
            if !known {
                self.look_again(store, &card, change.kind == self.file.watch, commit).await?;
            }
        }
        Ok(())
    }

    /// A diagnosis: a new card if it is notifiable and has none.
    async fn diagnosis(&self, store: &Store, condition: &Value, commit: &mut Commit) -> Result<()> {
        let Some(reporter) = self.reporter(condition) else { return Ok(()) };
        let Some(disease) = self.disease(condition) else { return Ok(()) };
        if withdrawn(condition) {
            return Ok(());
        }
        let names = card::Names::of(reporter, condition);
        if read(store, &names.composition).await?.is_some() {
            return Ok(());
        }
        let encounter = reference_of(condition, "/encounter");
        let encounter = match encounter {
            Some(reference) => read(store, &reference).await?,
            None => None,
        };
        let mut drafts = card::draft(&self.file, reporter, &names, condition, encounter.as_ref());
        let composition = drafts.remove(0);
        let missing = self.missing(store, &composition, &drafts).await?;
        let composition = card::settled(composition, &missing);
        let task = card::task(&self.file, &self.receiver, &names, condition, disease, &missing);
        for mut made in drafts.into_iter().chain([composition, task]) {
            mark(&mut made, &reporter.party, &self.file.flow);
            commit.writes.push(over(made));
        }
        Ok(())
    }

    /// Cards that a changed resource is part of.
    async fn cards_of(
        &self,
        store: &Store,
        reference: &str,
        resource: &Value,
    ) -> Result<Vec<Value>> {
        let mut cards = Vec::new();
        let patient = if reference.starts_with("Patient/") {
            Some(reference.to_owned())
        } else {
            reference_of(resource, "/subject").or_else(|| reference_of(resource, "/patient"))
        };
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        let query = match (&patient, reference.split('/').next()) {
            (Some(patient), _) => pair("patient", patient),
            (None, Some("Practitioner")) => pair("author", reference),
            _ => return Ok(cards),
        };
        let kind = pair("type", &format!("{}|{}", self.file.r#type.system, self.file.r#type.code));
        let search = Search::parse("Composition", &[query, kind])?;
        for stored in store.search(&search).await?.matches {
            if let Ok(card) = serde_json::from_slice::<Value>(&stored.json) {
                cards.push(card);
            }
        }
        Ok(cards)
    }

    /// A card whose resources changed: completes, corrects or withdraws it.
    async fn look_again(
        &self,
        store: &Store,
        composition: &Value,
        diagnosis: bool,
        commit: &mut Commit,
    ) -> Result<()> {
        let Some(condition) = card::condition_of(composition) else { return Ok(()) };
        let Some(condition) = read(store, &condition).await? else { return Ok(()) };
        let Some(reporter) = self.reporter(&condition) else { return Ok(()) };
        let names = card::Names::of(reporter, &condition);
        let Some(task) = read(store, &names.task).await? else { return Ok(()) };
        let status = |v: &Value| v["status"].as_str().unwrap_or("").to_owned();
        let mut composition = composition.clone();
        let was = (status(&composition), status(&task));
        let disease = self.disease(&condition).filter(|_| !withdrawn(&condition));
        let missing = self.missing(store, &composition, &[]).await?;
        let task = match (was.0.as_str(), was.1.as_str(), disease) {
            // Nothing was sent yet.
            ("preliminary", _, None) => {
                composition["status"] = json!("entered-in-error");
                card::with_status(task, "cancelled", "the diagnosis was withdrawn")
            }
            ("preliminary", ..) => {
                composition = card::settled(composition, &missing);
                card::with_inputs(task, &missing)
            }
            // It is with the CDC, or was refused there.
            ("final" | "amended", "accepted" | "completed" | "rejected" | "draft", None) => {
                composition["status"] = json!("entered-in-error");
                card::with_status(task, "requested", "the diagnosis was withdrawn: delete the card")
            }
            ("final" | "amended", "rejected", Some(_)) if missing.is_empty() => {
                card::touch(&mut composition);
                card::with_status(task, "requested", "corrected after a rejection")
            }
            ("final" | "amended", "accepted" | "completed", Some(_)) if diagnosis => {
                let task = card::corrected(task, self.file.correction_hours, &missing);
                if missing.is_empty() {
                    composition["status"] = json!("amended");
                    card::touch(&mut composition);
                }
                task
            }
            ("final" | "amended", "draft", Some(_)) if missing.is_empty() => {
                composition["status"] = json!("amended");
                card::touch(&mut composition);
                card::with_inputs(task, &missing)
            }
            ("final" | "amended", "rejected" | "draft", Some(_)) => {
                card::with_inputs(task, &missing)
            }
            _ => return Ok(()),
        };
        commit.writes.extend([composition, task].map(over));
        Ok(())
    }

    /// What the card cannot say yet: slot and FHIR paths that would fill it; broken checks.
    async fn missing(
        &self,
        store: &Store,
        composition: &Value,
        drafts: &[Value],
    ) -> Result<Vec<(String, Vec<String>)>> {
        let mut wanted: Vec<Value> = vec![composition.clone()];
        wanted.extend(drafts.iter().cloned());
        let bundle = with_referenced(store, wanted).await?;
        let Some(output) = create(&self.mapping.program(), &bundle).into_iter().next() else {
            return Ok(Vec::new());
        };
        let mut missing = output.missing;
        // The local classification owns the card's code; one that contradicts the diagnosis must be
        // chosen anew.
        let at = "Condition.verificationStatus.";
        let contradicts = |i: &&Issue| {
            i.text.starts_with("lost: ")
                && i.path.as_ref().is_some_and(|p| p.starts_with(at) && p.ends_with(".code"))
        };
        let classified = "病例分类";
        if output.issues.iter().any(|i| contradicts(&i))
            && !missing.iter().any(|(slot, _)| slot == classified)
        {
            missing.push((classified.to_owned(), vec![format!("{at}coding.code")]));
        }
        let broken = output.issues.iter().filter(|i| i.text.starts_with("check: "));
        missing.extend(broken.map(|i| (i.text.clone(), Vec::new())));
        Ok(missing)
    }

    fn reporter(&self, resource: &Value) -> Option<&Reporter> {
        let party = resource["id"].as_str()?.split('.').next()?;
        let mine = |r: &&Reporter| r.party.name == party && self.file.kinds.contains(&r.kind);
        self.reporters.iter().find(mine)
    }

    fn disease(&self, condition: &Value) -> Option<&Disease> {
        let day = condition["recordedDate"].as_str().unwrap_or("");
        let codings = condition["code"]["coding"].as_array()?;
        codings.iter().filter_map(|c| c["code"].as_str()).find_map(|c| self.diseases.find(c, day))
    }
}

/// Resources with what they refer to, as one Bundle.
async fn with_referenced(store: &Store, resources: Vec<Value>) -> Result<Value> {
    let entry = |r: Value| {
        let (kind, id) = (r["resourceType"].as_str().unwrap_or(""), r["id"].as_str().unwrap_or(""));
        json!({ "fullUrl": format!("{BASE}/{kind}/{id}"), "resource": r.clone() })
    };
    let mut roots = Vec::new();
    for resource in &resources {
        references(resource, &mut |text| roots.push(text.to_owned()));
    }
    let mut entries: Vec<Value> = resources.into_iter().map(entry).collect();
    for reference in roots {
        let Some((kind, id)) = reference.split_once('/') else { continue };
        let Some(others) = gather(store, kind, id).await? else { continue };
        for found in others["entry"].as_array().into_iter().flatten() {
            if !entries.iter().any(|e| e["fullUrl"] == found["fullUrl"]) {
                entries.push(found.clone());
            }
        }
    }
    Ok(bundle::of("collection", entries))
}

fn reference_of(resource: &Value, pointer: &str) -> Option<String> {
    resource.pointer(&format!("{pointer}/reference"))?.as_str().map(str::to_owned)
}

/// Refuted, entered in error, or no longer said at all.
fn withdrawn(condition: &Value) -> bool {
    let codings = condition["verificationStatus"]["coding"].as_array();
    codings.is_some_and(|list| {
        list.iter().any(|c| matches!(c["code"].as_str(), Some("refuted" | "entered-in-error")))
    })
}

/// `hours` after a FHIR dateTime, in its own offset; from now if it is no time.
fn hours_after(time: &str, hours: i64) -> String {
    let later = |t: &str| {
        let start: Timestamp = t.parse().ok()?;
        let zone = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%:z", t)
            .ok()
            .and_then(|b| b.offset())
            .unwrap_or(jiff::tz::Offset::UTC);
        let end = start.checked_add(hours.hours()).ok()?;
        Some(end.to_zoned(zone.to_time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    };
    later(time).unwrap_or_else(|| {
        let end = Timestamp::now().checked_add(hours.hours()).unwrap_or(Timestamp::MAX);
        end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    })
}
