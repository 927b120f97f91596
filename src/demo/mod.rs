//! `tombolo demo`: three simulated parties around a real gateway, over real sockets.
//!
//! * [`hospital`]: an HIS that sends GBK messages by MLLP
//! * [`clinic`]: a community clinic that drops GBK files into a folder
//! * [`cdc`]: a CDC that takes report cards by HTTP and refuses what breaks its rules
//! * [`nurse`]: an infection-control nurse's program, a plain FHIR client
//! * [`story`]: what happens, in order, and what everybody holds in the end
//!
//! The parties share nothing with the gateway but sockets and a folder. All persons are invented.

mod cdc;
mod clinic;
mod hospital;
mod nurse;
mod story;

use std::path::Path;

use crate::app::App;
use crate::config::Config;
use crate::error::Result;
use crate::translate::Library;

pub use story::{Ending, play};

/// A gateway with its three neighbours.
pub struct Stage {
    /// The gateway.
    pub app: App,
    /// The CDC.
    pub cdc: cdc::Cdc,
    /// The folder that the clinic drops its files into.
    pub drop: std::path::PathBuf,
}

impl Stage {
    /// Builds the stage in a folder; HTTP on this port (0: any).
    pub async fn build(folder: &Path, port: u16) -> Result<Stage> {
        let cdc = cdc::Cdc::start().await?;
        let drop = folder.join("drop");
        clinic::make_folder(&drop)?;
        let text = configuration(port, &cdc.url(), &drop, folder);
        let config = Config::parse(&text, "demo", folder)?;
        let app = App::start(config, Library::open(&[])?).await?;
        Ok(Stage { app, cdc, drop })
    }

    /// `http://HOST:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.app.address())
    }
}

/// The gateway's configuration: what an integrator would write.
fn configuration(port: u16, cdc: &str, drop: &Path, folder: &Path) -> String {
    format!(
        r#"
listen: 127.0.0.1:{port}
store: "sqlite:{store}"
parties:
  hospital-1: {{ kind: hospital, name: 示例市第一人民医院, uscc: 12539901400000018A, unit: "539901001" }}
  clinic-1: {{ kind: community, name: 示例区测试街道社区卫生服务中心, uscc: "125399014000001496" }}
  cdc: {{ kind: cdc, name: 示例区疾病预防控制中心 }}
inbound:
  adt: {{ party: hospital-1, mllp: "127.0.0.1:0", mappings: [hospital-adt, hospital-oru] }}
  drop: {{ party: clinic-1, files: {{ folder: "{drop}", pattern: "*.csv", interval: 200ms }}, mappings: [htn-followup] }}
outbound:
  cdc-card:
    party: cdc
    when: "Composition?type=HSDB03.02&status=final,amended,entered-in-error"
    mapping: cdc-card
    http: {{ url: "{cdc}" }}
    answer: {{ ok: "Response/code = success", id: Response/CardId, reason: Response/message }}
flows: [report-card]
"#,
        store = folder.join("tombolo.db").display(),
        drop = drop.display(),
    )
}
