//! `tombolo export`: the store's resources as NDJSON, one file per type.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Global;
use crate::error::{Error, Kind, Result};
use crate::search::{MAX_COUNT, PAGE, Search};
use crate::store::Store;

/// Arguments of `tombolo export`.
#[derive(clap::Args)]
pub struct Args {
    /// The folder to write TYPE.ndjson into; it is made if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Runs the verb. The gateway may be running meanwhile.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let tell = global.tell();
    let store = super::open::reading(global)?;
    fs::create_dir_all(&args.folder).map_err(|error| unwritable(&args.folder, error))?;
    super::runtime()?.block_on(async {
        for (kind, _) in store.counts().await?.resources {
            let file = args.folder.join(format!("{kind}.ndjson"));
            let n = export(&store, &kind, &file).await?;
            tell.say(format_args!("{n:>9}  {}", file.display()));
        }
        store.close().await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Writes the current resources of a type; the file appears when it is whole.
async fn export(store: &Store, kind: &str, file: &Path) -> Result<usize> {
    let part = file.with_extension("ndjson.part");
    let fail = |error| unwritable(&part, error);
    let mut out = BufWriter::new(File::create(&part).map_err(fail)?);
    let (mut written, mut next) = (0, None::<String>);
    loop {
        let mut pairs = vec![("_count".to_owned(), MAX_COUNT.to_string())];
        pairs.extend(next.map(|token| (PAGE.to_owned(), token)));
        let page = store.search(&Search::parse(kind, &pairs)?).await?;
        for stored in &page.matches {
            out.write_all(&stored.json).and_then(|()| out.write_all(b"\n")).map_err(fail)?;
        }
        written += page.matches.len();
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    out.flush().map_err(fail)?;
    fs::rename(&part, file).map_err(fail)?;
    Ok(written)
}

fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::new(Kind::Usage, "cannot be written").at(path.display().to_string()).because(error)
}
