//! A community clinic: drops its follow-up exports, CSV in GBK, into a folder.

use std::path::{Path, PathBuf};

use crate::error::{Error, Kind, Result};
use crate::legacy::Charset;

/// The header and one good row of an export.
const HEADER: &str = "随访流水号,健康档案编号,姓名,身份证号,随访日期,随访方式,症状,其他症状,收缩压,舒张压,体重,目标体重,身高,体质指数,目标体质指数,心率,其他体征,日吸烟量,目标日吸烟量,日饮酒量,目标日饮酒量,运动次数,运动时长,目标运动次数,目标运动时长,摄盐,目标摄盐,心理调整,遵医行为,辅助检查,服药依从性,药物不良反应,不良反应描述,随访分类,药物1名称,药物1用法,药物1用量,药物2名称,药物2用法,药物2用量,转诊原因,转诊机构及科别,下次随访日期,随访医生";
const GOOD: &str = "SF20260302001,53990100100100001,张测试,539901196503150014,20260302,1,2/6,,168,102,78,72,172,26.4,24.3,86,,10,0,2,0,2,20,5,30,3,1,2,2,,1,1,,2,苯磺酸氨氯地平片,每日1次,5mg,,,,连续两次出现血压控制不满意,示例市第一人民医院心血管内科,2026-03-16,虚构医生";
/// The same visit on a day that no calendar has.
const BROKEN: &str = "SF20240230001,53990100100100001,张测试,539901196503150014,2024-02-30,1,2/6,,168,102,78,72,172,26.4,24.3,86,,10,0,2,0,2,20,5,30,3,1,2,2,,1,1,,2,苯磺酸氨氯地平片,每日1次,5mg,,,,,,2026-03-16,虚构医生";

/// Makes the folder.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| io(folder, &e))
}

/// Drops the good file and the broken one; gives their names.
pub(super) fn drop_files(folder: &Path) -> Result<[&'static str; 2]> {
    let names = ["高血压随访_202603.csv", "高血压随访_202402.csv"];
    for (name, row) in names.iter().zip([GOOD, BROKEN]) {
        let text = format!("{HEADER}\r\n{row}\r\n");
        let bytes = Charset::Gbk
            .encode(&text)
            .map_err(|c| Error::new(Kind::Internal, format!("'{c}' is not in GBK")))?;
        // Written beside and renamed, as a careful exporter does.
        let part = folder.join(format!("{name}.part"));
        std::fs::write(&part, &bytes).map_err(|e| io(&part, &e))?;
        std::fs::rename(&part, folder.join(name)).map_err(|e| io(&part, &e))?;
    }
    Ok(names)
}

/// Files of a name's beginning in a folder below the drop folder.
pub(super) fn files_in(folder: &Path, below: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join(below)).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    files.sort();
    files
}

fn io(path: &Path, error: &std::io::Error) -> Error {
    Error::new(Kind::Usage, error.to_string()).at(path.display().to_string())
}
