//! The guide "Connect your first system" does what it shows, word for word.
//!
//! A line `` `path` `` names the file that the next block is: `csv` and `yaml` blocks are written,
//! a `diff` block replaces its `-` lines by its `+` lines. In a `console` block a line `$ …` is a
//! command and what follows its whole output, with `exit N` if that is not 0; `…` in a line stands
//! for anything. `tombolo serve &` runs until the end, at a port of its own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

const ADDRESS: &str = "127.0.0.1:8080";

/// A block with the file it is about.
#[derive(Debug, PartialEq)]
struct Block {
    kind: String,
    file: Option<String>,
    lines: Vec<String>,
}

fn guide(name: &str) -> String {
    std::fs::read_to_string(format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut file, mut inside) = (None, false);
    for line in text.lines() {
        if inside {
            inside = line != "```";
            if inside {
                blocks.last_mut().unwrap().lines.push(line.to_owned());
            }
        } else if let Some(kind) = line.strip_prefix("```") {
            inside = true;
            blocks.push(Block { kind: kind.to_owned(), file: file.take(), lines: Vec::new() });
        } else if let Some(name) = line.strip_prefix('`').and_then(|l| l.strip_suffix('`')) {
            file = Some(name.to_owned()).filter(|name| !name.contains(['`', ' ']));
        }
    }
    blocks
}

/// A folder in which the guide is followed.
struct Follower {
    folder: TempDir,
    gateway: Option<(Child, String)>,
}

impl Follower {
    fn file(&self, name: &str, change: impl FnOnce(String) -> String) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, change(old)).unwrap();
    }

    fn follow(&mut self, block: &Block) {
        let named = || block.file.as_deref().expect("the block is of a file");
        match block.kind.as_str() {
            "csv" | "yaml" => self.file(named(), |_| block.lines.join("\n") + "\n"),
            "diff" => self.file(named(), |text| {
                let part = |sign: char| -> String {
                    let mine = block.lines.iter().filter_map(|line| line.strip_prefix(sign));
                    mine.map(|line| format!("{line}\n")).collect()
                };
                let (old, new) = (part('-'), part('+'));
                assert_eq!(text.matches(&old).count(), 1, "{old} in {text}");
                text.replace(&old, &new)
            }),
            "console" => {
                for shown in commands(&block.lines) {
                    self.run(&shown[0], &shown[1..]);
                }
            }
            other => panic!("what is a block of {other}?"),
        }
    }

    /// Runs a command and compares all it says.
    fn run(&mut self, command: &str, wanted: &[String]) {
        let command = command.strip_prefix("$ ").unwrap();
        let said = match command {
            "tombolo serve &" => self.serve(),
            _ => self.shell(command),
        };
        let fits = said.len() == wanted.len() && said.iter().zip(wanted).all(|(s, w)| fits(w, s));
        assert!(fits, "$ {command}\n{}\n--- wanted:\n{}", said.join("\n"), wanted.join("\n"));
    }

    fn shell(&self, command: &str) -> Vec<String> {
        let binary = env!("CARGO_BIN_EXE_tombolo");
        let address = self.gateway.as_ref().map_or(ADDRESS, |(_, address)| address);
        let command = command.replace(ADDRESS, address);
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\ntombolo() {{ '{binary}' \"$@\"; }}\n{command}")])
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap().replace(address, ADDRESS);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let code = output.status.code().unwrap();
        if code != 0 {
            lines.push(format!("exit {code}"));
        }
        lines
    }

    /// Starts the gateway at a free port and gives what it says until it is ready.
    fn serve(&mut self) -> Vec<String> {
        self.file("tombolo.yaml", |text| text.replace(ADDRESS, "127.0.0.1:0"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_tombolo"))
            .args(["--lang", "en", "serve"])
            .current_dir(self.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            lines.push(line.unwrap());
            if lines.last().is_some_and(|line| line == "ready") {
                break;
            }
        }
        let url = lines.iter().find_map(|line| line.trim().strip_prefix("FHIR")).unwrap_or("");
        let address = url.split('/').nth(2).unwrap_or("").to_owned();
        self.gateway = Some((child, address.clone()));
        lines.iter().map(|line| line.replace(&address, ADDRESS)).collect()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some((gateway, _)) = &mut self.gateway {
            let _ = gateway.kill();
            let _ = gateway.wait();
        }
    }
}

/// Each command with its output.
fn commands(lines: &[String]) -> Vec<Vec<String>> {
    let mut commands: Vec<Vec<String>> = Vec::new();
    for line in lines {
        match line.starts_with("$ ") {
            true => commands.push(vec![line.clone()]),
            false => commands.last_mut().expect("a command first").push(line.clone()),
        }
    }
    commands
}

/// Whether a line is the shown one, where `…` stands for anything.
fn fits(shown: &str, line: &str) -> bool {
    let mut rest = line;
    for (n, part) in shown.split('…').enumerate() {
        match rest.find(part) {
            Some(at) if n > 0 || at == 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    shown.ends_with('…') || rest.is_empty()
}

fn has_curl() -> bool {
    Command::new("curl").arg("--version").output().is_ok_and(|o| o.status.success())
}

#[test]
fn the_guide_is_right_word_for_word() {
    if !has_curl() {
        assert!(std::env::var_os("CI").is_none(), "there is no curl");
        eprintln!("SKIPPED: there is no curl");
        return;
    }
    let blocks = blocks(&guide("first-system.md"));
    assert!(blocks.iter().filter(|block| block.kind == "console").count() >= 10);
    let mut follower = Follower { folder: TempDir::new().unwrap(), gateway: None };
    blocks.iter().for_each(|block| follower.follow(block));
    assert!(follower.gateway.is_some(), "the guide connects the system");
}

#[test]
fn both_languages_show_the_same() {
    assert_eq!(blocks(&guide("first-system.md")), blocks(&guide("first-system.zh-CN.md")));
}
