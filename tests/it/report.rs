//! The first flow, over real sockets: diagnosis → draft card with a clock → completed through FHIR →
//! sent → answered → corrected.

use serde_json::{Value, json};
use tempfile::TempDir;
use tombolo::app::App;
use tombolo::config::Config;
use tombolo::translate::Library;

use crate::support::fhir::client;
use crate::support::receiver::{Receiver, Say};
use crate::support::until;

const BASE: &str = "http://tombolo.example/fhir";
const TAKEN: &str = "<Response><code>success</code><CardId>5399012603010003</CardId><message>上报成功</message></Response>";
const REFUSED: &str = "<Response><code>fail</code><CardId></CardId><message>现住地址国标编码不存在;工作单位不能为空</message></Response>";

struct Bridge {
    app: App,
    cdc: Receiver,
    base: String,
    _folder: TempDir,
}

impl Bridge {
    async fn start(answers: &[Say]) -> Bridge {
        let cdc = Receiver::start(answers).await;
        let folder = TempDir::new().unwrap();
        let text = format!(
            r#"
listen: 127.0.0.1:0
store: "sqlite:{store}"
parties:
  hospital-1: {{ kind: hospital, name: 示例市第一人民医院, uscc: 12539901400000018A, unit: "539901001" }}
  cdc: {{ kind: cdc, name: 示例区疾病预防控制中心 }}
inbound:
  adt: {{ party: hospital-1, http: true, mappings: [hospital-adt, hospital-oru] }}
outbound:
  cdc-card:
    party: cdc
    when: "Composition?type=HSDB03.02&status=final,amended,entered-in-error"
    mapping: cdc-card
    http: {{ url: "{url}" }}
    answer: {{ ok: "Response/code = success", id: Response/CardId, reason: Response/message }}
flows: [report-card]
"#,
            store = folder.path().join("t.db").display(),
            url = cdc.url,
        );
        let config = Config::parse(&text, "tombolo.yaml", folder.path()).unwrap();
        let app = App::start(config, Library::open(&[]).unwrap()).await.unwrap();
        let base = format!("http://{}", app.address());
        Bridge { app, cdc, base, _folder: folder }
    }

    async fn send(&self, sample: &str) {
        let files = Library::open(&[]).unwrap().tests("hospital-adt");
        let bytes = files.into_iter().find(|(name, _)| name == sample).unwrap().1;
        let sent = client().post(format!("{}/in/adt", self.base)).body(bytes).send().await.unwrap();
        assert!(sent.status().is_success(), "{sample}: {}", sent.text().await.unwrap());
    }

    async fn get(&self, path: &str) -> Value {
        let response = client().get(format!("{}/fhir/{path}", self.base)).send().await.unwrap();
        let text = response.text().await.unwrap();
        serde_json::from_str(&text).unwrap()
    }

    async fn put(&self, path: &str, resource: &Value) {
        let url = format!("{}/fhir/{path}", self.base);
        let put = client().put(url).json(resource).send().await.unwrap();
        let status = put.status();
        assert!(status.is_success(), "{path}: {status} {}", put.text().await.unwrap());
    }

    /// Waits for the only Task to be in a state.
    async fn task(&self, status: &str) -> Value {
        until(self.app.store(), status, async || {
            let found = self.get(&format!("Task?status={status}")).await;
            found["entry"].as_array().and_then(|e| e.first()).map(|e| e["resource"].clone())
        })
        .await
    }

    async fn card(&self, task: &Value) -> Value {
        self.get(task["focus"]["reference"].as_str().unwrap()).await
    }

    /// What the nurse knows.
    async fn complete(&self, task: &Value, population: &str, class: &str) {
        let card = self.card(task).await;
        let entry =
            |n: usize| card["section"][0]["entry"][n]["reference"].as_str().unwrap().to_owned();
        let id = entry(1).split_once('/').unwrap().1.to_owned();
        let observation = json!({
            "resourceType": "Observation", "id": id, "status": "final",
            "code": { "coding": [{ "system": "urn:oid:2.16.156.10011.2.2.1", "code": "DE02.01.007.00" }] },
            "subject": card["subject"],
            "valueCodeableConcept": { "coding": [{ "system": format!("{BASE}/CodeSystem/population-category"), "code": population }] },
        });
        self.put(&entry(1), &observation).await;
        let subject = card["subject"]["reference"].as_str().unwrap();
        let mut patient = self.get(subject).await;
        patient["address"][0]["text"] = json!("示例省示例市示例区样板镇虚拟村3组");
        patient["address"][0]["extension"] = json!([{
            "url": format!("{BASE}/StructureDefinition/division-code"), "valueString": "53990109",
        }]);
        self.put(subject, &patient).await;
        self.classify(&entry(0), class, Some("2026-02-08")).await;
    }

    async fn classify(&self, case: &str, class: &str, onset: Option<&str>) {
        let mut condition = self.get(case).await;
        if let Some(onset) = onset {
            condition["onsetDateTime"] = json!(onset);
            condition["extension"] = json!([{
                "url": format!("{BASE}/StructureDefinition/case-course"),
                "valueCoding": { "system": format!("{BASE}/CodeSystem/case-course"), "code": "0" },
            }]);
        }
        let system = format!("{BASE}/CodeSystem/case-classification");
        let codings = condition["verificationStatus"]["coding"].as_array_mut().unwrap();
        codings.retain(|c| c["system"] != system.as_str());
        codings.push(json!({ "system": system, "code": class }));
        self.put(case, &condition).await;
    }

    async fn xml(&self, number: usize) -> String {
        let came = self.cdc.wait(number).await;
        String::from_utf8(came[number - 1].body.clone()).unwrap()
    }
}

fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let start = xml.find(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    xml[start + name.len() + 2..].split('<').next().unwrap()
}

fn inputs(task: &Value) -> Vec<&str> {
    let list = task["input"].as_array().map_or(&[][..], Vec::as_slice);
    list.iter().filter_map(|i| i["type"]["text"].as_str()).collect()
}

#[tokio::test]
async fn a_suspected_case_is_reported_and_corrected_when_it_is_confirmed() {
    let bridge = Bridge::start(&[Say::This(200, TAKEN), Say::This(200, TAKEN)]).await;
    bridge.send("05-a04-tb-suspected.hl7").await;

    let task = bridge.task("draft").await;
    assert_eq!(task["restriction"]["period"]["end"], "2026-03-02T10:00:00+08:00", "24 h");
    assert_eq!(task["restriction"]["period"]["start"], "2026-03-01T10:00:00+08:00");
    for slot in ["人群分类", "发病日期", "病例分类", "现住地址国标"] {
        assert!(inputs(&task).contains(&slot), "{slot} in {:?}", inputs(&task));
    }
    let tags = task["meta"]["tag"].to_string();
    assert!(tags.contains("hospital-1") && tags.contains("report-card"), "{tags}");
    assert_eq!(bridge.card(&task).await["status"], "preliminary");
    assert!(bridge.cdc.came().is_empty());

    bridge.complete(&task, "11", "1").await;
    let xml = bridge.xml(1).await;
    for (name, text) in [
        ("operateType", "Add"),
        ("PatientName", "王样本"),
        ("IDCardCode", "539901199012080035"),
        ("DiseaseCode", "2608"),
        ("DiseaseICD10Code", "A16.100"),
        ("DiagnosisTypeName", "1"),
        ("OnsetDate", "2026-02-08"),
        ("DiagnosisDateHour", "2026-03-01 10"),
        ("OccupationCode", "17"),
        ("OrgName", "539901001"),
        ("ReportName", "样本医生"),
        ("RealAge", "35"),
    ] {
        assert_eq!(element(&xml, name), text, "{name} in {xml}");
    }
    let task = bridge.task("accepted").await;
    assert_eq!(task["output"][0]["valueString"], "5399012603010003");
    let card = bridge.card(&task).await;
    assert_eq!(card["status"], "final");
    assert_eq!(card["identifier"]["value"], "5399012603010003");

    // Confirmed: another code, and the local classification contradicts it until it is chosen anew.
    bridge.send("06-a08-tb-confirmed.hl7").await;
    let task = bridge.task("draft").await;
    assert_eq!(inputs(&task), ["病例分类"]);
    assert_eq!(bridge.cdc.came().len(), 1, "neither our write-back nor a half correction is sent");
    let case = card["section"][0]["entry"][0]["reference"].as_str().unwrap().to_owned();
    bridge.classify(&case, "2", None).await;
    let xml = bridge.xml(2).await;
    for (name, text) in [
        ("operateType", "Mod"),
        ("CardId", "5399012603010003"),
        ("DiseaseCode", "2606"),
        ("DiagnosisTypeName", "2"),
        ("OnsetDate", "2026-02-08"),
    ] {
        assert_eq!(element(&xml, name), text, "{name} in {xml}");
    }
    bridge.task("accepted").await;
    assert_eq!(bridge.cdc.came().len(), 2);
    bridge.app.stop().await.unwrap();
}

#[tokio::test]
async fn a_rejection_shows_its_reasons_and_a_correction_is_sent_again() {
    let bridge = Bridge::start(&[Say::This(200, REFUSED), Say::This(200, TAKEN)]).await;
    bridge.send("04-a04-cholera.hl7").await;
    let task = bridge.task("draft").await;
    assert_eq!(task["restriction"]["period"]["end"], "2026-03-05T12:05:00+08:00", "2 h");
    bridge.complete(&task, "08", "1").await;
    let task = bridge.task("rejected").await;
    let reasons = task["statusReason"]["text"].as_str().unwrap();
    assert!(
        reasons.contains("现住地址国标编码不存在") && reasons.contains("工作单位不能为空"),
        "{reasons}"
    );
    let card = bridge.card(&task).await;
    assert!(card.get("identifier").is_none(), "a refused card has no number");

    let subject = card["subject"]["reference"].as_str().unwrap().to_owned();
    let mut patient = bridge.get(&subject).await;
    patient["address"][0]["extension"][0]["valueString"] = json!("53990108");
    bridge.put(&subject, &patient).await;
    let xml = bridge.xml(2).await;
    assert_eq!(element(&xml, "LivingAddressCode"), "53990108");
    assert_eq!(element(&xml, "operateType"), "Add", "the CDC does not know the card yet");
    bridge.task("accepted").await;
    bridge.app.stop().await.unwrap();
}

#[tokio::test]
async fn a_childs_card_carries_the_guardians_id_and_name() {
    let bridge = Bridge::start(&[Say::This(200, TAKEN)]).await;
    bridge.send("07-a04-hfmd-guardian-id.hl7").await;
    let task = bridge.task("draft").await;
    bridge.complete(&task, "01", "2").await;
    // A child of six without a guardian is not sent: the check is among the inputs.
    let waiting = until(bridge.app.store(), "the check", async || {
        let task = bridge.get(&format!("Task/{}", task["id"].as_str().unwrap())).await;
        inputs(&task).iter().any(|i| i.starts_with("check: ")).then_some(task)
    })
    .await;
    assert_eq!(inputs(&waiting).len(), 1, "{waiting}");
    assert!(bridge.cdc.came().is_empty());
    let subject = bridge.card(&task).await["subject"]["reference"].as_str().unwrap().to_owned();
    let mut patient = bridge.get(&subject).await;
    patient["contact"] = json!([{
        "relationship": [{ "coding": [{ "code": "N" }] }], "name": { "text": "李家长" },
    }]);
    bridge.put(&subject, &patient).await;
    let xml = bridge.xml(1).await;
    assert_eq!(element(&xml, "IDCardCode"), "53990119900101004X");
    assert_eq!(element(&xml, "GuardianName"), "李家长");
    assert_eq!(element(&xml, "DiseaseCode"), "4000");
    bridge.app.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_not_notifiable_makes_no_card() {
    let bridge = Bridge::start(&[]).await;
    bridge.send("01-a04-outpatient.hl7").await;
    bridge.send("04-a04-cholera.hl7").await;
    // The feed is in order: when the cholera has its card, the hypertension was looked at.
    bridge.task("draft").await;
    let tasks = bridge.get("Task?_total=accurate").await;
    assert_eq!(tasks["total"], 1);
    bridge.app.stop().await.unwrap();
}
