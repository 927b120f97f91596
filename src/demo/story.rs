//! What happens, in order, and what everybody holds in the end.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::nurse::{Facts, Nurse};
use super::{Stage, clinic, hospital};
use crate::cli::tell::{Look, Tell};
use crate::error::{Error, Kind, Result};

/// What the story came to.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// Messages sent by the hospital, and how many were accepted.
    pub messages: (usize, usize),
    /// Resources in the gateway.
    pub resources: u64,
    /// Numbers of cards that the CDC took.
    pub accepted: Vec<String>,
    /// Reasons of cards that it refused.
    pub rejected: Vec<String>,
    /// Files in `done/` and failed reports.
    pub files: (Vec<String>, Vec<String>),
}

/// Plays the story on a stage, and tells it as it happens.
pub async fn play(stage: &Stage, tell: &Tell) -> Result<Ending> {
    let mut ending = Ending::default();
    let nurse = Nurse::new(&stage.url());
    chapter(
        tell,
        (
            "The hospital sends its messages (HL7 v2, GBK, MLLP)",
            "医院发送消息（HL7 v2，GBK，MLLP）",
        ),
    );
    messages(stage, tell, &mut ending).await?;
    chapter(
        tell,
        (
            "Two of the diagnoses are notifiable: report cards are drafted, and their clocks run",
            "其中两例为法定传染病：生成报告卡草稿并开始计时",
        ),
    );
    let tasks = nurse.wait_for("Task?status=draft", 2).await?;
    tasks.iter().for_each(|task| show_task(tell, task));
    chapter(
        tell,
        (
            "The infection-control nurse fills in what the messages did not say, through FHIR",
            "院感护士通过 FHIR 补全消息中没有的内容",
        ),
    );
    for task in &tasks {
        nurse.complete(task, &facts_for(task)).await?;
    }
    nurse.wait_for("Task?status=accepted,rejected", 2).await?;
    chapter(tell, ("The CDC answers", "疾控中心回复"));
    answers(stage, tell, &nurse, &mut ending).await?;
    chapter(
        tell,
        ("The clinic drops two files (CSV, GBK)", "社区卫生服务中心投放两个文件（CSV，GBK）"),
    );
    files(stage, tell, &mut ending).await?;
    ending.resources = resources(&nurse).await?;
    the_end(tell, &ending);
    Ok(ending)
}

fn chapter(tell: &Tell, title: (&'static str, &'static str)) {
    tell.say("");
    tell.say(tell.paint(Look::Bold, tell.pick(title)));
}

async fn messages(stage: &Stage, tell: &Tell, ending: &mut Ending) -> Result<()> {
    let to = stage
        .app
        .channel("adt")
        .ok_or_else(|| Error::new(Kind::Internal, "the channel adt is closed"))?;
    for sent in hospital::send_all(to).await? {
        ending.messages.0 += 1;
        // CA where the sender asks for a commit acknowledgement (MSH-15 AL, MSH-16 NE).
        let good = matches!(&*sent.code, "AA" | "CA");
        ending.messages.1 += usize::from(good);
        let code = tell.paint(if good { Look::Green } else { Look::Red }, &sent.code);
        tell.say(format_args!(
            "  {} {}  {}  → {code}",
            sent.kind,
            sent.control,
            tell.pick(sent.about)
        ));
    }
    Ok(())
}

fn show_task(tell: &Tell, task: &Value) {
    let text =
        |pointer: &str| task.pointer(pointer).and_then(Value::as_str).unwrap_or("").to_owned();
    let inputs = task["input"].as_array().map_or(&[][..], Vec::as_slice);
    let missing: Vec<&str> = inputs.iter().filter_map(|i| i["type"]["text"].as_str()).collect();
    tell.say(format_args!("  {}", text("/description")));
    tell.say(format_args!(
        "    {} {}",
        tell.pick(("deadline:", "时限：")),
        text("/restriction/period/end")
    ));
    tell.say(format_args!("    {} {}", tell.pick(("missing:", "缺少：")), missing.join(" ")));
}

/// The cholera card is filled in rightly; on the other the nurse mistypes the township.
fn facts_for(task: &Value) -> Facts {
    if task["description"].as_str().unwrap_or("").starts_with("0200") {
        return Facts {
            population: "08",
            address: ("53990108", "示例省示例市示例区测试街道样本路8号"),
            class: "1",
            guardian: None,
        };
    }
    Facts {
        population: "01",
        address: ("53990199", "示例省示例市示例区测试街道样本路2号"),
        class: "2",
        guardian: Some("李家长"),
    }
}

async fn answers(stage: &Stage, tell: &Tell, nurse: &Nurse, ending: &mut Ending) -> Result<()> {
    for card in stage.cdc.cards() {
        if card.reasons.is_empty() {
            let word = tell.paint(Look::Green, tell.pick(("accepted", "已接收")));
            tell.say(format_args!("  {} {}  → {word} {}", card.disease, card.patient, card.number));
        } else {
            let word = tell.paint(Look::Yellow, tell.pick(("rejected", "已退回")));
            let reasons = card.reasons.join("; ");
            tell.say(format_args!("  {} {}  → {word}: {reasons}", card.disease, card.patient));
        }
    }
    for task in nurse.search("Task?status=accepted,rejected").await? {
        let number = task["output"][0]["valueString"].as_str();
        let reasons = task["statusReason"]["text"].as_str();
        ending.accepted.extend(number.map(str::to_owned));
        if task["status"] == "rejected" {
            ending.rejected.extend(reasons.map(str::to_owned));
        }
    }
    Ok(())
}

async fn files(stage: &Stage, tell: &Tell, ending: &mut Ending) -> Result<()> {
    let names = clinic::drop_files(&stage.drop)?;
    let start = Instant::now();
    let settled = |name: &str| {
        let below = |folder: &str| clinic::files_in(&stage.drop, folder);
        below("done").into_iter().chain(below("failed")).any(|p| named(&p) == name)
    };
    while !names.iter().all(|name| settled(name)) {
        if start.elapsed() > Duration::from_secs(20) {
            return Err(Error::new(Kind::Internal, "the dropped files were not taken"));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for path in clinic::files_in(&stage.drop, "done") {
        tell.say(format_args!("  {} → {}", named(&path), tell.paint(Look::Green, "done/")));
        ending.files.0.push(named(&path));
    }
    for path in clinic::files_in(&stage.drop, "failed") {
        if path.extension().is_some_and(|e| e == "csv") && names.contains(&named(&path).as_str()) {
            tell.say(format_args!("  {} → {}", named(&path), tell.paint(Look::Yellow, "failed/")));
        }
        if named(&path).ends_with(".report.txt") {
            let report = std::fs::read_to_string(&path).unwrap_or_default();
            let line =
                report.lines().find(|l| l.contains("2024-02-30")).unwrap_or("").trim().to_owned();
            tell.say(format_args!("    {line}"));
            ending.files.1.push(line);
        }
    }
    Ok(())
}

fn named(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

async fn resources(nurse: &Nurse) -> Result<u64> {
    let mut sum = 0;
    for kind in [
        "Patient",
        "Encounter",
        "Condition",
        "Observation",
        "DiagnosticReport",
        "ServiceRequest",
        "Specimen",
        "Practitioner",
        "Location",
        "Organization",
        "Composition",
        "Task",
        "Goal",
        "CarePlan",
        "MedicationStatement",
        "RelatedPerson",
    ] {
        sum += nurse.count(kind).await?;
    }
    Ok(sum)
}

fn the_end(tell: &Tell, ending: &Ending) {
    chapter(tell, ("In the end", "结果"));
    let (sent, acknowledged) = ending.messages;
    let number = ending.accepted.join(", ");
    let reasons = ending.rejected.join("; ");
    let (done, failed) = (ending.files.0.len(), ending.files.1.join("; "));
    let all = sent == acknowledged;
    let lines = match tell.lang {
        crate::cli::tell::Lang::En => vec![
            format!(
                "hospital: {sent} messages received, {} acknowledged",
                if all { "all".to_owned() } else { format!("{acknowledged}") }
            ),
            format!("gateway:  {} resources", ending.resources),
            format!("CDC:      {} card accepted, number {number}", ending.accepted.len()),
            format!("CDC:      {} card rejected: {reasons}", ending.rejected.len()),
            format!("clinic:   {done} follow-up file in done/"),
            format!("clinic:   {} broken file in failed/: {failed}", ending.files.1.len()),
        ],
        crate::cli::tell::Lang::Zh => vec![
            format!(
                "医院：收到 {sent} 条消息，{}确认",
                if all { "全部".to_owned() } else { format!("{acknowledged} 条") }
            ),
            format!("网关：{} 个资源", ending.resources),
            format!("疾控：接收 {} 张报告卡，卡片编号 {number}", ending.accepted.len()),
            format!("疾控：退回 {} 张报告卡：{reasons}", ending.rejected.len()),
            format!("社区：{done} 个随访文件在 done/"),
            format!("社区：{} 个有错误的文件在 failed/：{failed}", ending.files.1.len()),
        ],
    };
    lines.iter().for_each(|line| tell.say(format_args!("  {line}")));
}
