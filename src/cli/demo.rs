//! `tombolo demo`: the whole bridge on one machine.

use std::process::ExitCode;

use super::Global;
use super::tell::Look;
use crate::demo::{Stage, play};
use crate::error::{Error, Kind, Result};

/// Arguments of `tombolo demo`.
#[derive(clap::Args)]
pub struct Args {
    /// Play the story once, print what each party holds, and exit
    #[arg(long)]
    pub once: bool,
    /// The port of the FHIR API; 0 takes any that is free
    #[arg(long, default_value_t = 0)]
    pub port: u16,
}

/// Runs the verb.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let tell = global.tell();
    let folder = std::env::temp_dir().join(format!("tombolo-demo-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .map_err(|e| Error::new(Kind::Usage, e.to_string()).at(folder.display().to_string()))?;
    let played = super::runtime()?.block_on(async {
        let stage = Stage::build(&folder, args.port).await?;
        let url = stage.url();
        tell.say(format_args!(
            "{} {}",
            tell.paint(Look::Bold, "Tombolo"),
            tell.pick((
                "demo: a hospital, a community clinic and a CDC, tied together",
                "演示：把医院、社区卫生服务中心和疾控中心连接起来",
            ))
        ));
        tell.say(format_args!(
            "  FHIR  {}",
            tell.paint(Look::Cyan, format!("{url}/fhir/metadata"))
        ));
        if let Some(mllp) = stage.app.channel("adt") {
            tell.say(format_args!("  MLLP  {}", tell.paint(Look::Cyan, format!("mllp://{mllp}"))));
        }
        tell.say(format_args!("  {}  {}", tell.pick(("files", "文件")), stage.drop.display()));
        let ending = play(&stage, &tell).await?;
        if !args.once {
            try_these(&tell, &url, &stage);
            let interrupted = tokio::signal::ctrl_c().await;
            interrupted.map_err(|e| Error::new(Kind::Internal, e.to_string()))?;
        }
        stage.app.stop().await?;
        Ok::<_, Error>(ending)
    });
    // Everything the demo made is in this folder; nothing of it is worth keeping.
    let removed = std::fs::remove_dir_all(&folder);
    let ending = played?;
    if let Err(error) = removed {
        tell.warning(format_args!("{}: {error}", folder.display()));
    }
    let whole = ending.messages.0 == ending.messages.1
        && ending.accepted.len() == 1
        && ending.rejected.len() == 1
        && ending.files.0.len() == 1
        && ending.files.1.len() == 1;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn try_these(tell: &super::tell::Tell, url: &str, stage: &Stage) {
    tell.say("");
    tell.say(tell.paint(
        Look::Bold,
        tell.pick(("Open or try, until you press Ctrl-C", "可以打开或尝试（按 Ctrl-C 结束）")),
    ));
    for path in [
        "Patient?name=赵",
        "Task?status=accepted,rejected",
        "Observation?code=8480-6",
        "Condition?code=A00.900",
    ] {
        tell.say(format_args!("  {}", tell.paint(Look::Cyan, format!("{url}/fhir/{path}"))));
    }
    if let Some(mllp) = stage.app.channel("adt") {
        let command = format!(
            "tombolo send mllp://{mllp} mappings/hospital-adt/tests/06-a08-tb-confirmed.hl7"
        );
        tell.say(format_args!("  {}", tell.paint(Look::Cyan, command)));
    }
    let command =
        format!("cp mappings/htn-followup/tests/01-followups.csv {}/", stage.drop.display());
    tell.say(format_args!("  {}", tell.paint(Look::Cyan, command)));
}
