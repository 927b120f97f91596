//! The rules of the house, read from the sources: arrows between rooms point down, doors are
//! strangers, rooms keep to their trade, files stay readable.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms by layer, in reading order. Within a layer a room may use those before it; the doors
/// may not use each other; the key ring knows everything.
const LAYERS: &[&[&str]] = &[
    &["error", "observe", "yaml", "fhir", "legacy"],
    &["translate", "validate", "search"],
    &["store"],
    &["flow"],
    &["listen", "deliver", "serve"],
    &["config", "app", "cli", "demo"],
];
const DOORS: usize = 4;
const KEY_RING: usize = 5;

/// Most lines of a source file. About 400 are meant; this is where it stops.
const MOST_LINES: usize = 700;

/// Libraries that belong to some rooms only.
const TRADES: &[(&str, &[&str], &str)] = &[
    (
        "rusqlite",
        &["store", "error", "cli"],
        "only the store knows SQL, and `cli` opens database files",
    ),
    ("axum", &["listen", "serve", "demo"], "only doors know HTTP"),
    ("hyper", &["serve"], "only doors know HTTP"),
    ("reqwest", &["deliver", "cli", "demo"], "only doors know HTTP"),
    ("clap", &["cli"], "only the command line reads arguments"),
];

/// What is not for rooms of words and thought.
const IMPURE: &[&str] = &["async fn", "tokio::", "std::net", "std::fs", "std::thread"];

/// Rooms of layers 0 and 1 that may, with the reason.
const MAY: &[(&str, &str)] = &[
    ("translate/library", "reads folders of mappings, when it is opened"),
    ("translate/reload", "looks at folders of mappings again"),
    ("translate/laws", "proves on all cores, since a person or a reload waits for it"),
    ("fhir/definitions", "reads packages, when the tables are made"),
];

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for file in sources() {
        let Some((layer, place)) = place_of(&file.room) else {
            assert!(
                matches!(&file.room[..], "lib" | "main"),
                "a room without a layer: {}",
                file.room
            );
            continue;
        };
        for used in used_rooms(&file.code()) {
            let (to, to_place) = place_of(&used).expect("used rooms are rooms");
            let fine = match to.cmp(&layer) {
                _ if used == file.room => true,
                std::cmp::Ordering::Less => true,
                std::cmp::Ordering::Equal => {
                    layer == KEY_RING || (layer != DOORS && to_place < place)
                }
                std::cmp::Ordering::Greater => false,
            };
            if !fine {
                wrong.push(format!("{}: uses `{used}`", file.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rooms_keep_to_their_trade() {
    let mut wrong = Vec::new();
    for file in sources() {
        let code = file.code();
        for (library, rooms, reason) in TRADES {
            if code.contains(&format!("{library}::")) && !rooms.contains(&&file.room[..]) {
                wrong.push(format!("{}: uses {library}, but {reason}", file.name));
            }
        }
        let pure =
            place_of(&file.room).is_some_and(|(layer, _)| layer <= 1) && file.room != "observe";
        if pure && !MAY.iter().any(|(part, _)| file.name.contains(part)) {
            let found = IMPURE.iter().filter(|word| code.contains(**word));
            wrong.extend(found.map(|word| format!("{}: `{word}` in a pure room", file.name)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_say_what_they_are_and_stay_readable() {
    let mut wrong = Vec::new();
    for file in sources().into_iter().chain(tests()) {
        if !file.text.starts_with("//! ") {
            wrong.push(format!("{}: does not begin with `//!`", file.name));
        }
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            wrong.push(format!("{}: {lines} lines, at most {MOST_LINES}", file.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_left_undone() {
    // Written apart, so that this file does not find itself.
    let words =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("dbg", "!("), concat!("#[ign", "ore")];
    let mut wrong = Vec::new();
    for file in sources().into_iter().chain(tests()) {
        let found = words.iter().filter(|word| file.text.contains(**word));
        wrong.extend(found.map(|word| format!("{}: {word}", file.name)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let paths = [concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/")];
    let mut wrong = Vec::new();
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches", "mappings", "profiles", "conformance", "docs"] {
        walk(&root().join(folder), &mut files);
    }
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    files.extend(top.filter(|path| path.extension().is_some_and(|e| e == "md" || e == "toml")));
    for path in files {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let found = paths.iter().filter(|part| text.contains(**part));
        wrong.extend(found.map(|part| format!("{}: {part}", path.display())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

struct Source {
    /// Relative to the repository.
    name: String,
    /// `store` of `src/store/writer.rs` and of `src/store.rs`.
    room: String,
    text: String,
}

impl Source {
    /// The text without comments and without the unit tests at its end.
    fn code(&self) -> String {
        if self.name.ends_with("/tests.rs") || self.name.contains("/tests/") {
            return String::new();
        }
        let text = self.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.collect::<Vec<_>>().join("\n")
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let files = read("src");
    assert!(files.len() > 30, "the sources were not found");
    files
}

fn tests() -> Vec<Source> {
    read("tests")
}

fn read(folder: &str) -> Vec<Source> {
    let mut files = Vec::new();
    walk(&root().join(folder), &mut files);
    files.retain(|path| path.extension().is_some_and(|e| e == "rs"));
    files.sort();
    let source = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let inside = name.split('/').nth(1).unwrap();
        let room = inside.trim_end_matches(".rs").to_owned();
        Source { room, text: fs::read_to_string(&path).unwrap(), name }
    };
    files.into_iter().map(source).collect()
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { walk(&path, files) } else { files.push(path) }
    }
}

fn place_of(room: &str) -> Option<(usize, usize)> {
    let within = |rooms: &&[&str]| rooms.iter().position(|known| *known == room);
    LAYERS.iter().enumerate().find_map(|(layer, rooms)| Some((layer, within(rooms)?)))
}

/// The rooms that code names as `crate::room` or in `crate::{room, …}`.
fn used_rooms(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        let names: Vec<&str> = match after.strip_prefix('{') {
            Some(list) => top_level(list),
            None => vec![after],
        };
        for name in names {
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            if place_of(&name[..end]).is_some() {
                used.insert(name[..end].to_owned());
            }
        }
    }
    used
}

/// The items of `a::{b, c}, d}`, without what is within inner braces.
fn top_level(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(list[start..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(list[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    items
}

#[test]
fn the_reader_of_imports_reads_them() {
    let code = "use crate::{deliver, listen::{self, http}, fhir::query as q};\nlet x = crate::store::Store;";
    let used: Vec<String> = used_rooms(code).into_iter().collect();
    assert_eq!(used, ["deliver", "fhir", "listen", "store"]);
}
