//! Replay: a journal entry goes the way in again, with the mappings there are now.

use super::inbound::{Answer, Inbound};
use crate::error::{Error, Kind, Result};
use crate::store::Store;

/// Takes a journal entry again and gives it its new outcome. `channels` are those of the
/// configuration; the entry's own must be among them. An entry of a message that did not arrive
/// whole is refused: only its sender has the rest.
pub async fn replay(store: &Store, channels: &[Inbound], id: i64) -> Result<Answer> {
    let missing = || Error::new(Kind::NotFound, format!("the journal has no entry {id}"));
    let entry = store.journal(id).await?.ok_or_else(missing)?;
    if entry.arrival.outcome.issues.iter().any(|issue| issue.code == "incomplete") {
        let what = format!("journal entry {id} is a message that did not arrive whole");
        return Err(Error::new(Kind::Rule, what).advise("let its sender send it again"));
    }
    let name = &entry.arrival.channel;
    let inbound = channels.iter().find(|inbound| inbound.channel().name == *name);
    let Some(inbound) = inbound else {
        let what =
            format!("journal entry {id} came by the channel `{name}`, which is not configured");
        return Err(
            Error::new(Kind::Usage, what).advise("put the channel back into the configuration")
        );
    };
    Ok(inbound.again(entry).await)
}
