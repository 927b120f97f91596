//! The resources of a report card: names, drafts, the Task and its states.

use serde_json::{Value, json};

use super::{Disease, FlowFile, Reporter, hours_after};
use crate::fhir::{BASE, id};
use crate::translate::Party;

/// References of a card's own resources, made from the diagnosis: a replay finds them again.
pub(super) struct Names {
    pub composition: String,
    pub task: String,
    pub population: String,
    pub unit: Option<String>,
}

impl Names {
    pub(super) fn of(reporter: &Reporter, condition: &Value) -> Names {
        let party = &reporter.party.name;
        let of = condition["id"].as_str().unwrap_or("").to_owned();
        let name = |kind: &str, space: &str, part: &str| {
            format!("{kind}/{}", id::make(party, kind, space, &[part.to_owned()], false))
        };
        Names {
            composition: name("Composition", "report", &of),
            task: name("Task", "report", &of),
            population: name("Observation", "report", &of),
            unit: reporter.unit.as_ref().map(|unit| name("Organization", "nndrs", unit)),
        }
    }
}

fn id_of(reference: &str) -> &str {
    reference.split_once('/').map_or(reference, |(_, id)| id)
}

/// The draft Composition first, then what it needs and nobody else makes.
pub(super) fn draft(
    file: &FlowFile,
    reporter: &Reporter,
    names: &Names,
    condition: &Value,
    encounter: Option<&Value>,
) -> Vec<Value> {
    let mut composition = json!({
        "resourceType": "Composition",
        "id": id_of(&names.composition),
        "status": "preliminary",
        "type": { "coding": [{ "system": file.r#type.system, "code": file.r#type.code }] },
        "title": file.r#type.title,
        "subject": condition["subject"],
        "date": now(),
        "author": [author(condition, encounter)],
        "section": [{
            "title": "诊断",
            "entry": [
                { "reference": format!("Condition/{}", condition["id"].as_str().unwrap_or("")) },
                { "reference": names.population },
            ],
        }],
    });
    if let Some(encounter) = condition.get("encounter") {
        composition["encounter"] = encounter.clone();
    }
    let mut drafts = Vec::new();
    if let (Some(reference), Some(unit)) = (&names.unit, &reporter.unit) {
        composition["custodian"] = json!({ "reference": reference });
        drafts.push(json!({
            "resourceType": "Organization",
            "id": id_of(reference),
            "identifier": [{ "system": format!("{BASE}/sid/nndrs-org"), "value": unit }],
            "name": reporter.party.title,
        }));
    }
    drafts.insert(0, composition);
    drafts
}

/// Who reports: the recorder of the diagnosis, else the attending doctor of the visit.
fn author(condition: &Value, encounter: Option<&Value>) -> Value {
    if let Some(recorder) = condition.get("recorder") {
        return recorder.clone();
    }
    let attending = encounter.and_then(|e| {
        let participants = e["participant"].as_array()?;
        participants.iter().find_map(|p| p.get("individual")).cloned()
    });
    attending.unwrap_or_else(|| json!({ "display": "填卡医生未知" }))
}

/// Final as soon as nothing is missing.
pub(super) fn settled(mut composition: Value, missing: &[(String, Vec<String>)]) -> Value {
    if missing.is_empty() {
        composition["status"] = json!("final");
        touch(&mut composition);
        composition["event"] = json!([{ "period": { "start": today() } }]);
    }
    composition
}

/// A new time of the card: a new version, to be sent.
pub(super) fn touch(composition: &mut Value) {
    composition["date"] = json!(now());
}

/// The Task with its clock.
pub(super) fn task(
    file: &FlowFile,
    receiver: &Party,
    names: &Names,
    condition: &Value,
    disease: &Disease,
    missing: &[(String, Vec<String>)],
) -> Value {
    let diagnosed = condition["recordedDate"].as_str().unwrap_or("");
    let mut period = json!({ "end": hours_after(diagnosed, disease.deadline_hours) });
    if !diagnosed.is_empty() {
        period["start"] = json!(diagnosed);
    }
    let task = json!({
        "resourceType": "Task",
        "id": id_of(&names.task),
        "status": "draft",
        "intent": "order",
        "code": { "coding": [{ "system": format!("{BASE}/CodeSystem/task"), "code": file.task }] },
        "description": format!("{} {}: {} h", disease.card_code, disease.name, disease.deadline_hours),
        "focus": { "reference": names.composition },
        "for": condition["subject"],
        "authoredOn": now(),
        "owner": { "display": receiver.title },
        "restriction": { "period": period },
    });
    with_inputs(task, missing)
}

/// What is missing, as inputs; requested once nothing is.
pub(super) fn with_inputs(mut task: Value, missing: &[(String, Vec<String>)]) -> Value {
    let input = |(slot, paths): &(String, Vec<String>)| {
        let by = if paths.is_empty() { slot.clone() } else { paths.join(" | ") };
        json!({ "type": { "text": slot }, "valueString": by })
    };
    if let Some(map) = task.as_object_mut() {
        map.remove("input");
        if missing.is_empty() {
            map.remove("statusReason");
        } else {
            map.insert("input".to_owned(), missing.iter().map(input).collect());
        }
    }
    let state = task["status"].as_str().unwrap_or("");
    if missing.is_empty() && state == "draft" {
        task["status"] = json!("requested");
    }
    task
}

/// Another state, with its reason.
pub(super) fn with_status(task: Value, status: &str, reason: &str) -> Value {
    let mut task = with_inputs(task, &[]);
    task["status"] = json!(status);
    task["statusReason"] = json!({ "text": reason });
    task["lastModified"] = json!(now());
    task
}

/// A new clock for a correction; a draft again while something is missing.
pub(super) fn corrected(task: Value, hours: i64, missing: &[(String, Vec<String>)]) -> Value {
    let mut task = with_status(task, "draft", "the diagnosis changed: correct the card");
    let start = now();
    task["restriction"] =
        json!({ "period": { "start": start, "end": hours_after(&start, hours) } });
    with_inputs(task, missing)
}

/// The diagnosis a card is about.
pub(super) fn condition_of(composition: &Value) -> Option<String> {
    let sections = composition["section"].as_array()?;
    let entries = sections.iter().filter_map(|s| s["entry"].as_array()).flatten();
    let mut references = entries.filter_map(|e| e["reference"].as_str());
    references.find(|r| r.starts_with("Condition/")).map(str::to_owned)
}

/// Whether a resource is this one.
pub(super) fn is(resource: &Value, kind: &str, id: &str) -> bool {
    resource["resourceType"] == kind && resource["id"] == id
}

/// With milliseconds: two states of one second are two versions.
fn now() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

fn today() -> String {
    jiff::Zoned::now().date().to_string()
}
