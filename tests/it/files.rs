//! The file-drop door: what is taken, where it goes, what is said about it, and that nothing is
//! stored twice or lost.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tombolo::flow::inbound::Invalid;
use tombolo::legacy::Charset;
use tombolo::listen::config::Files;
use tombolo::listen::files::{Folder, start};
use tombolo::store::Status;

use crate::support::inbound::{a04, channel, clinic, hospital, journal};
use crate::support::{PATIENCE, TestStore, data};

const HEADER: &str = "随访流水号,健康档案编号,姓名,身份证号,随访日期,随访方式,症状,其他症状,收缩压,舒张压,体重,目标体重,身高,体质指数,目标体质指数,心率,其他体征,日吸烟量,目标日吸烟量,日饮酒量,目标日饮酒量,运动次数,运动时长,目标运动次数,目标运动时长,摄盐,目标摄盐,心理调整,遵医行为,辅助检查,服药依从性,药物不良反应,不良反应描述,随访分类,药物1名称,药物1用法,药物1用量,药物2名称,药物2用法,药物2用量,转诊原因,转诊机构及科别,下次随访日期,随访医生";
const ROW: &str = "NUMBER,53990100100100001,张测试,539901196503150014,DATE,1,2,,162,98,78.5,72,172,26.5,24.3,82,,10,0,2,0,2,20,5,30,3,1,2,2,心电图:左室高电压,2,1,,2,苯磺酸氨氯地平片,每日1次,5mg,,,,,,2026-03-02,虚构医生";

/// A GBK file of follow-ups: number and date of each.
pub fn rows(rows: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{HEADER}\r\n");
    for (number, date) in rows {
        text += &ROW.replace("NUMBER", number).replace("DATE", date);
        text += "\r\n";
    }
    Charset::Gbk.encode(&text).unwrap().into_owned()
}

/// A watched folder.
struct Drop {
    at: TestStore,
    folder: TempDir,
    door: Folder,
    running: CancellationToken,
}

impl Drop {
    async fn new() -> Drop {
        let (at, folder) = (TestStore::new(), tempfile::tempdir().unwrap());
        let config = Files { pattern: "*.csv".into(), limit: 100_000, ..Files::of(folder.path()) };
        let door = Folder::open(config, clinic(&at.store)).await.unwrap();
        Drop { at, folder, door, running: CancellationToken::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn drop(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Looks twice: the first time a file is only noticed.
    async fn take(&mut self) -> usize {
        self.door.look(&self.running).await + self.door.look(&self.running).await
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8(fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// Names in a folder, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        names(&self.path(folder))
    }

    async fn observations(&self) -> u64 {
        let counts = self.at.store.counts().await.unwrap();
        counts.resources.iter().find(|(kind, _)| kind == "Observation").map_or(0, |(_, n)| *n)
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_good_file_is_stored_and_moved_to_done() {
    let mut drop = Drop::new().await;
    let content = rows(&[("SF1", "2026-02-16"), ("SF2", "20260302")]);
    drop.drop("随访.csv", &content);
    assert_eq!(drop.take().await, 1);
    assert_eq!(drop.names(""), ["done", "failed"]);
    assert_eq!(drop.names("done"), ["随访.csv"]);
    assert_eq!(fs::read(drop.path("done/随访.csv")).unwrap(), content);
    assert!(drop.observations().await > 1);
    let entries = journal(&drop.at.store).await;
    let peers: Vec<&str> = entries.iter().map(|e| &*e.arrival.peer).collect();
    assert_eq!(peers, ["随访.csv line 2", "随访.csv line 3"]);
    assert_eq!(entries[1].arrival.bytes.as_ref(), rows(&[("SF2", "20260302")]));
}

#[tokio::test]
async fn bad_rows_are_reported_and_set_apart_and_good_ones_stored() {
    let mut drop = Drop::new().await;
    let days =
        [("SF1", "2026-02-16"), ("SF2", "2024-02-30"), ("SF3", "2026-03-20"), ("SF4", "gestern")];
    drop.drop("a.csv", rows(&days));
    drop.take().await;
    assert_eq!(drop.names(""), ["done", "failed"]);
    let failed = ["a.csv", "a.csv.rejected.csv", "a.csv.report.json", "a.csv.report.txt"];
    assert_eq!(drop.names("failed"), failed);
    let report = drop.read("failed/a.csv.report.txt");
    assert!(report.starts_with("a.csv: 2 of 4 records stored, the others are refused"), "{report}");
    for part in ["line 3", "2024-02-30", "line 5", "gestern", "随访日期 bytes"] {
        assert!(report.contains(part), "{part}: {report}");
    }
    let json = drop.read("failed/a.csv.report.json");
    assert!(json.contains("OperationOutcome") && json.contains("2024-02-30"), "{json}");
    let rejected = fs::read(drop.path("failed/a.csv.rejected.csv")).unwrap();
    assert_eq!(rejected, rows(&[days[1], days[3]]));

    let entries = journal(&drop.at.store).await;
    let statuses: Vec<Status> = entries.iter().map(|e| e.arrival.outcome.status).collect();
    assert_eq!(statuses, [Status::Done, Status::Failed, Status::Done, Status::Failed]);
    let bad = &entries[1].arrival;
    assert_eq!(bad.bytes.as_ref(), rows(&[days[1]]));
    let spot = bad.outcome.issues.iter().find_map(|i| i.spot.clone()).unwrap();
    assert_eq!(&bad.bytes[spot.bytes], b"2024-02-30");

    // Corrected and dropped again, the rest is stored too.
    let before = drop.observations().await;
    let text = Charset::Gbk.encode("2024-02-30").unwrap().into_owned();
    assert!(rejected.windows(text.len()).any(|w| w == text));
    drop.drop("a.rejected.csv", rows(&[("SF2", "2024-02-29"), ("SF4", "2026-03-21")]));
    drop.take().await;
    assert_eq!(drop.names("done"), ["a.rejected.csv"]);
    assert_eq!(drop.observations().await, before * 2);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_at_all_is_kept_with_its_reason() {
    let mut drop = Drop::new().await;
    drop.drop("no.csv", "nothing,we,know\r\n1,2,3\r\n");
    drop.drop("long.csv", vec![b'x'; 100_001]);
    assert_eq!(drop.take().await, 2);
    let report = drop.read("failed/no.csv.report.txt");
    assert!(report.starts_with("no.csv: refused") && report.contains("no mapping"), "{report}");
    let report = drop.read("failed/long.csv.report.txt");
    assert!(report.contains("100001 bytes") && report.contains("100000"), "{report}");
    assert_eq!(drop.at.store.counts().await.unwrap().journal, [0, 2, 0]);
}

#[tokio::test]
async fn a_file_that_is_still_written_is_left_alone() {
    let mut drop = Drop::new().await;
    let content = rows(&[("SF1", "2026-02-16")]);
    for name in [".a.csv", "a.csv.tmp", "~a.csv", "a.txt"] {
        drop.drop(name, &content);
    }
    drop.drop("grows.csv", &content[..500]);
    assert_eq!(drop.door.look(&drop.running).await, 0);
    drop.drop("grows.csv", &content);
    assert_eq!(drop.door.look(&drop.running).await, 0);
    assert_eq!(journal(&drop.at.store).await.len(), 0);
    assert_eq!(drop.door.look(&drop.running).await, 1);
    assert_eq!(drop.names("done"), ["grows.csv"]);
    assert_eq!(drop.names("").len(), 6);
}

#[tokio::test]
async fn the_same_name_or_the_same_file_again_loses_and_doubles_nothing() {
    let mut drop = Drop::new().await;
    let content = rows(&[("SF1", "2026-02-16")]);
    drop.drop("a.csv", &content);
    drop.take().await;
    let (stored, change) = (drop.observations().await, *drop.at.store.watch().borrow());
    // As after a crash between storing and moving.
    drop.drop("a.csv", &content);
    drop.take().await;
    assert_eq!(drop.names("done"), ["a-2.csv", "a.csv"]);
    assert_eq!((drop.observations().await, *drop.at.store.watch().borrow()), (stored, change));
}

#[tokio::test]
async fn when_the_store_is_gone_the_file_waits() {
    let mut drop = Drop::new().await;
    drop.drop("a.csv", rows(&[("SF1", "2026-02-16")]));
    drop.at.store.close().await.unwrap();
    assert_eq!(drop.take().await, 0);
    assert_eq!(drop.names(""), ["a.csv", "done", "failed"]);
}

#[tokio::test]
async fn a_row_that_comes_twice_in_a_file_ends_as_the_later_one() {
    let mut drop = Drop::new().await;
    drop.drop(
        "a.csv",
        rows(&[("SF1", "2026-02-16"), ("SF1", "2026-02-17"), ("SF1", "2026-02-18")]),
    );
    drop.take().await;
    let changes = drop.at.store.changes(0, 100).await.unwrap();
    let observation = changes.iter().find(|c| c.kind == "Observation").unwrap();
    let stored = drop.at.store.read("Observation", &observation.id).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&stored.json).contains("2026-02-18"));
}

#[tokio::test]
async fn hl7_files_can_be_dropped_too() {
    let (at, folder) = (TestStore::new(), tempfile::tempdir().unwrap());
    let mut door = Folder::open(Files::of(folder.path()), hospital(&at.store)).await.unwrap();
    fs::write(folder.path().join("a.hl7"), a04("F1", &[])).unwrap();
    let running = CancellationToken::new();
    assert_eq!(door.look(&running).await + door.look(&running).await, 1);
    assert_eq!(names(&folder.path().join("done")), ["a.hl7"]);
}

#[tokio::test]
async fn the_door_looks_by_itself_until_it_is_closed() {
    let (at, folder) = (TestStore::new(), tempfile::tempdir().unwrap());
    let config =
        Files { interval: std::time::Duration::from_millis(1), ..Files::of(folder.path()) };
    let shutdown = CancellationToken::new();
    let running = start(config, clinic(&at.store), shutdown.clone()).await.unwrap();
    fs::write(folder.path().join("a.csv"), rows(&[("SF1", "2026-02-16")])).unwrap();
    let moved = async {
        while !folder.path().join("done/a.csv").exists() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, moved).await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(PATIENCE, running.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_a_usage_error() {
    let at = TestStore::new();
    let error = Folder::open(Files::of("/nowhere/at/all"), clinic(&at.store)).await.err().unwrap();
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    assert_eq!(error.kind.facts().exit, 2);
}

#[tokio::test]
async fn a_table_is_taken_record_by_record_and_its_places_are_those_of_its_bytes() {
    let Some(path) = data::shared("china-samples/cdc/crb_cards.dbf") else { return };
    let at = TestStore::new();
    let folder = tempfile::tempdir().unwrap();
    let config = Files { pattern: "*.dbf".into(), ..Files::of(folder.path()) };
    let cards = channel(&at.store, "cards", "cdc-1", &["cdc-card-dbf"], Invalid::Reject);
    let mut door = Folder::open(config, cards).await.unwrap();
    let mut bytes = fs::read(path).unwrap();
    // The name of the second card is cut in the middle of a character.
    let (header, width) = (0x2E1, 0xF4);
    let name = header + width + 22;
    assert_eq!(bytes[name..name + 4], [0xC0, 0xEE, 0xCA, 0xBE]);
    bytes[name + 1] = b' ';
    fs::write(folder.path().join("a.dbf"), &bytes).unwrap();
    let running = CancellationToken::new();
    door.look(&running).await;
    door.look(&running).await;
    let failed = ["a.dbf", "a.dbf.rejected.dbf", "a.dbf.report.json", "a.dbf.report.txt"];
    assert_eq!(names(&folder.path().join("failed")), failed);
    let report = fs::read_to_string(folder.path().join("failed/a.dbf.report.txt")).unwrap();
    assert!(report.starts_with("a.dbf: 2 of 3 records stored"), "{report}");
    assert!(report.contains("row 2: ") && report.contains("HZXM"), "{report}");
    let rejected = fs::read(folder.path().join("failed/a.dbf.rejected.dbf")).unwrap();
    let second = &bytes[header + width..header + 2 * width];
    assert_eq!((rejected[4], &rejected[header..]), (1, &[second, b"\x1A"].concat()[..]));
    let entries = journal(&at.store).await;
    let statuses: Vec<Status> = entries.iter().map(|e| e.arrival.outcome.status).collect();
    assert_eq!(statuses, [Status::Done, Status::Failed, Status::Done]);
    let bad = &entries[1].arrival;
    assert_eq!(bad.bytes.as_ref(), rejected);
    let spot = bad.outcome.issues.iter().find_map(|i| i.spot.clone()).unwrap();
    assert_eq!(bad.bytes[spot.bytes.start], 0xC0, "{spot:?}");
}
