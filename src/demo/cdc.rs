//! A CDC: takes report cards by `POST /cards`, checks them by its own rules, gives numbers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::post;

use crate::error::{Error, Kind, Result};

/// Towns of the district; a card from elsewhere is refused.
const TOWNS: [&str; 2] = ["53990108", "53990109"];

/// A running CDC.
pub struct Cdc {
    address: SocketAddr,
    cards: Arc<Cards>,
}

/// A card as it was received.
#[derive(Debug, Clone)]
pub struct Card {
    /// The number it was given; empty if it was refused.
    pub number: String,
    /// The patient.
    pub patient: String,
    /// Disease code.
    pub disease: String,
    /// Why it was refused.
    pub reasons: Vec<String>,
}

#[derive(Default)]
struct Cards {
    received: Mutex<Vec<Card>>,
}

impl Cdc {
    /// Starts on a port of its own.
    pub async fn start() -> Result<Cdc> {
        let failed =
            |e: std::io::Error| Error::new(Kind::Unreachable, e.to_string()).at("the CDC's port");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let cards = Arc::new(Cards::default());
        let router = Router::new().route("/cards", post(take)).with_state(Arc::clone(&cards));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Cdc { address, cards })
    }

    /// Where cards go.
    pub fn url(&self) -> String {
        format!("http://{}/cards", self.address)
    }

    /// Everything that was received, in order.
    pub fn cards(&self) -> Vec<Card> {
        self.cards.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn take(State(cards): State<Arc<Cards>>, body: Bytes) -> impl IntoResponse {
    let xml = String::from_utf8_lossy(&body);
    let mut received = cards.received.lock().unwrap_or_else(PoisonError::into_inner);
    let reasons = refusals(&xml);
    let number = match (reasons.is_empty(), element(&xml, "operateType")) {
        (false, _) => String::new(),
        (true, "Add") => format!("53990126{:08}", received.len() + 1),
        (true, _) => element(&xml, "CardId").to_owned(),
    };
    let (code, message) = if reasons.is_empty() {
        ("success", "上报成功".to_owned())
    } else {
        ("fail", reasons.join(";"))
    };
    received.push(Card {
        number: number.clone(),
        patient: element(&xml, "PatientName").to_owned(),
        disease: element(&xml, "DiseaseCode").to_owned(),
        reasons,
    });
    let answer = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><code>{code}</code><CardId>{number}</CardId><message>{message}</message></Response>\n"
    );
    ([(CONTENT_TYPE, "application/xml; charset=utf-8")], answer)
}

/// The CDC's rules; some of them nobody else knows.
fn refusals(xml: &str) -> Vec<String> {
    let mut reasons = Vec::new();
    for (name, label) in [
        ("PatientName", "患者姓名"),
        ("BirthDate", "出生日期"),
        ("OccupationCode", "人群分类"),
        ("OnsetDate", "发病日期"),
        ("DiagnosisDateHour", "诊断日期"),
        ("DiseaseCode", "疾病名称"),
        ("OrgName", "报告单位"),
    ] {
        if element(xml, name).is_empty() {
            reasons.push(format!("{label}不能为空"));
        }
    }
    let town = element(xml, "LivingAddressCode");
    if !TOWNS.contains(&town) {
        reasons.push(format!("现住地址国标编码{town}不存在"));
    }
    let age: u32 = element(xml, "RealAge").parse().unwrap_or(0);
    if age > 14 && matches!(element(xml, "OccupationCode"), "1" | "2") {
        reasons.push("14岁以上(不含)人群分类不能是幼托儿童和散居儿童".to_owned());
    }
    if element(xml, "OnsetDate") > element(xml, "DiagnosisDateHour") {
        reasons.push("发病日期须小于等于诊断时间".to_owned());
    }
    reasons
}

/// The text of the first element of a name.
fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let open = format!("<{name}>");
    let start = xml.find(&open).map(|at| at + open.len());
    let text = start.and_then(|at| xml.get(at..)).and_then(|rest| rest.split('<').next());
    text.unwrap_or("").trim()
}
