//! An infection-control nurse's program: a plain FHIR client that looks for draft cards and fills in
//! what the hospital's messages did not say.

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Kind, Result};
use crate::fhir::BASE;

/// Waiting for something takes no longer than this.
const PATIENCE: Duration = Duration::from_secs(20);

/// A FHIR client.
pub(super) struct Nurse {
    base: String,
    http: reqwest::Client,
}

/// What the nurse fills in.
pub(super) struct Facts {
    /// 人群分类, code of the card.
    pub population: &'static str,
    /// Township code and address.
    pub address: (&'static str, &'static str),
    /// 病例分类: 1 疑似 … the local code.
    pub class: &'static str,
    /// The guardian of a child.
    pub guardian: Option<&'static str>,
}

impl Nurse {
    pub(super) fn new(base: &str) -> Nurse {
        Nurse { base: format!("{base}/fhir"), http: reqwest::Client::new() }
    }

    /// Waits until a search has so many matches.
    pub(super) async fn wait_for(&self, query: &str, count: usize) -> Result<Vec<Value>> {
        let start = std::time::Instant::now();
        loop {
            let found = self.search(query).await?;
            if found.len() >= count {
                return Ok(found);
            }
            if start.elapsed() > PATIENCE {
                let what = format!("{} of {count} after {PATIENCE:?}", found.len());
                return Err(Error::new(Kind::Internal, what).at(query.to_owned()));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The resources of a search.
    pub(super) async fn search(&self, query: &str) -> Result<Vec<Value>> {
        let bundle = self.get(query).await?;
        let entries = bundle["entry"].as_array().cloned().unwrap_or_default();
        Ok(entries.into_iter().map(|e| e["resource"].clone()).collect())
    }

    /// How many resources there are of a type.
    pub(super) async fn count(&self, kind: &str) -> Result<u64> {
        let bundle = self.get(&format!("{kind}?_count=1&_total=accurate")).await?;
        Ok(bundle["total"].as_u64().unwrap_or(0))
    }

    /// `GET`.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        let response = self.http.get(format!("{}/{path}", self.base)).send().await;
        answer(path, response).await
    }

    /// Completes the card of a Task.
    pub(super) async fn complete(&self, task: &Value, facts: &Facts) -> Result<()> {
        let card = self.get(text(&task["focus"]["reference"])).await?;
        let entry = |n: usize| text(&card["section"][0]["entry"][n]["reference"]).to_owned();
        let (case, population) = (entry(0), entry(1));
        self.put(&population, observation(&population, &card["subject"], facts)).await?;
        let mut condition = self.get(&case).await?;
        diagnosis(&mut condition, facts);
        self.put(&case, condition).await?;
        let subject = text(&card["subject"]["reference"]).to_owned();
        let mut patient = self.get(&subject).await?;
        home(&mut patient, facts);
        self.put(&subject, patient).await
    }

    async fn put(&self, path: &str, resource: Value) -> Result<()> {
        let response = self.http.put(format!("{}/{path}", self.base)).json(&resource).send().await;
        answer(path, response).await.map(|_| ())
    }
}

async fn answer(
    path: &str,
    response: std::result::Result<reqwest::Response, reqwest::Error>,
) -> Result<Value> {
    let failed =
        |e: reqwest::Error| Error::new(Kind::Unreachable, e.to_string()).at(path.to_owned());
    let response = response.map_err(failed)?;
    let status = response.status();
    let body: Value = response.json().await.map_err(failed)?;
    if status.is_success() {
        return Ok(body);
    }
    let why = text(&body["issue"][0]["details"]["text"]);
    Err(Error::new(Kind::Internal, format!("{status}: {why}")).at(path.to_owned()))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

fn observation(reference: &str, subject: &Value, facts: &Facts) -> Value {
    let id = reference.split_once('/').map_or("", |(_, id)| id);
    json!({
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": { "coding": [{ "system": "urn:oid:2.16.156.10011.2.2.1", "code": "DE02.01.007.00" }] },
        "subject": subject,
        "valueCodeableConcept": { "coding": [{
            "system": format!("{BASE}/CodeSystem/population-category"),
            "code": facts.population,
        }] },
    })
}

fn diagnosis(condition: &mut Value, facts: &Facts) {
    let yesterday = jiff::Zoned::now().date().yesterday();
    condition["onsetDateTime"] = json!(yesterday.map(|d| d.to_string()).unwrap_or_default());
    condition["extension"] = json!([{
        "url": format!("{BASE}/StructureDefinition/case-course"),
        "valueCoding": { "system": format!("{BASE}/CodeSystem/case-course"), "code": "0" },
    }]);
    let local = json!({
        "system": format!("{BASE}/CodeSystem/case-classification"),
        "code": facts.class,
    });
    if let Some(codings) = condition["verificationStatus"]["coding"].as_array_mut() {
        codings.push(local);
    }
}

fn home(patient: &mut Value, facts: &Facts) {
    let (town, address) = facts.address;
    let home = &mut patient["address"][0];
    home["use"] = json!("home");
    home["text"] = json!(address);
    home["extension"] = json!([{
        "url": format!("{BASE}/StructureDefinition/division-code"),
        "valueString": town,
    }]);
    if let Some(name) = facts.guardian {
        patient["contact"] = json!([{
            "relationship": [{ "coding": [{ "code": "N" }] }],
            "name": { "text": name },
        }]);
    }
}
