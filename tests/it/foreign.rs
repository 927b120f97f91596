//! A client by other hands sends the samples of the mappings over MLLP.

use std::process::Command;

use tokio_util::sync::CancellationToken;
use tombolo::listen::config::Mllp;
use tombolo::listen::mllp;

use crate::support::TestStore;
use crate::support::foreign::{python_with_hl7, script};
use crate::support::inbound::{LIBRARY, hospital, journal};

#[tokio::test(flavor = "multi_thread")]
async fn every_sample_is_acknowledged() {
    let Some(python) = python_with_hl7() else { return };
    let at = TestStore::new();
    let config = Mllp::at("127.0.0.1:0".parse().unwrap());
    let door = mllp::start(config, hospital(&at.store), CancellationToken::new()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut samples = Vec::new();
    for mapping in ["hospital-adt", "hospital-oru"] {
        for (name, bytes) in LIBRARY.tests(mapping).into_iter().filter(|(n, _)| n.ends_with(".hl7"))
        {
            let path = folder.path().join(format!("{mapping}-{name}"));
            std::fs::write(&path, bytes).unwrap();
            samples.push(path);
        }
    }
    assert!(samples.len() > 4, "{samples:?}");
    let port = door.address.unwrap().port().to_string();
    let number = samples.len().to_string();
    let mut sender = Command::new(python);
    sender.arg(script("mllp_senders.py")).args(["127.0.0.1", &port, "1", &number]).args(&samples);
    let told = tokio::task::spawn_blocking(move || sender.output()).await.unwrap().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert_eq!(told.lines().count(), samples.len(), "{told}");
    for line in told.lines() {
        assert!(
            line.starts_with("AA ") || line.starts_with("CA "),
            "{line}\n{:#?}",
            journal(&at.store).await
        );
    }
}
