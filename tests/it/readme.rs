//! The README's commands do what it shows.
//!
//! In a `console` block a line `$ …` is a command, and what follows are lines of its output, in any
//! place; `…` stands for anything, `exit N` for its exit code (0 without one). The `sh` block with
//! `tombolo serve` starts a gateway, and the commands below it talk to that one. The other `sh`
//! block is the set-up: who runs this test has done it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tombolo::config::Config;
use tombolo::translate::Library;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
const SERVE: &str = "tombolo serve -c tombolo.example.yaml";

#[derive(Debug)]
struct Shown {
    command: String,
    lines: Vec<String>,
    exit: i32,
}

fn read(name: &str) -> String {
    std::fs::read_to_string(format!("{REPOSITORY}/{name}")).unwrap()
}

fn commands(text: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            let command = command.to_owned();
            found.push(Shown { command, lines: Vec::new(), exit: 0 });
        } else if inside {
            let last = found.last_mut().unwrap();
            match line.strip_prefix("exit ") {
                Some(code) => last.exit = code.parse().unwrap(),
                None => last.lines.push(line.to_owned()),
            }
        }
    }
    found
}

/// The lines of the `sh` blocks, without their comments.
fn scripts(text: &str) -> Vec<&str> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside {
            found.push(line.split(" # ").next().unwrap().trim_end());
        }
    }
    found
}

/// Whether an output line is the shown one, where `…` stands for anything.
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

/// A shell for one line, in which `tombolo` is the binary under test, and speaks English.
fn shell(line: &str, folder: &Path) -> Command {
    let binary = env!("CARGO_BIN_EXE_tombolo");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("tombolo() {{ '{binary}' \"$@\"; }}\n{line}")])
        .env("LC_ALL", "C.UTF-8")
        .env_remove("CDC_URL")
        .current_dir(folder);
    shell
}

fn check(Shown { command, lines, exit }: &Shown, folder: &Path) {
    let output = shell(command, folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(*exit), "{command}\n{text}");
    for line in lines {
        let found = text.split(['\n', '\r']).any(|l| fits(line, l));
        assert!(found, "{command}: no line like '{line}' in\n{text}");
    }
}

/// A gateway of the README, at ports of its own.
struct Gateway {
    process: Child,
    http: String,
    mllp: String,
}

impl Gateway {
    /// Starts it and waits until it says that it is ready.
    fn start(folder: &Path) -> Gateway {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tombolo"))
            .args(SERVE.split(' ').skip(1))
            .args(["--lang", "en"])
            .env_remove("CDC_URL")
            .current_dir(folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        let mut gateway = Gateway { process, http: String::new(), mllp: String::new() };
        for line in said.lines() {
            let line = line.unwrap();
            if line == "ready" {
                assert!(!gateway.http.is_empty() && !gateway.mllp.is_empty());
                return gateway;
            }
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["FHIR", url] => gateway.http = host(url),
                ["adt", url] => gateway.mllp = host(url),
                _ => {}
            }
        }
        panic!("`{SERVE}` ended: {:?}", gateway.process.wait());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `host:port` of a URL.
fn host(url: &str) -> String {
    url.split('/').nth(2).unwrap().to_owned()
}

#[test]
fn every_command_says_what_is_shown() {
    let readme = read("README.md");
    let (alone, _) = readme.split_once(SERVE).unwrap();
    let shown = commands(alone);
    assert!(shown.len() >= 8, "{shown:?}");
    for shown in &shown {
        assert!(shown.command.starts_with("tombolo "), "{shown:?}");
        check(shown, Path::new(REPOSITORY));
    }
}

#[test]
fn the_gateway_of_the_readme_does_what_is_shown() {
    if !Command::new("curl").arg("--version").output().is_ok_and(|o| o.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "there is no curl");
        eprintln!("SKIPPED: there is no curl");
        return;
    }
    let readme = read("README.md");
    let at = tempfile::tempdir().unwrap();
    let folder = at.path();
    std::os::unix::fs::symlink(format!("{REPOSITORY}/mappings"), folder.join("mappings")).unwrap();
    let config = read("tombolo.example.yaml")
        .replacen("127.0.0.1:8080", "127.0.0.1:0", 1)
        .replacen("127.0.0.1:2575", "127.0.0.1:0", 1);
    std::fs::write(folder.join("tombolo.example.yaml"), config).unwrap();

    let lines = scripts(&readme);
    let serve = lines.iter().position(|line| *line == SERVE).expect("the README serves");
    for line in lines[..serve].iter().filter(|line| !line.starts_with("cargo ")) {
        assert!(shell(line, folder).status().unwrap().success(), "{line}");
    }
    let gateway = Gateway::start(folder);
    let (_, with_gateway) = readme.split_once(SERVE).unwrap();
    let shown = commands(with_gateway);
    assert!(shown.len() >= 6, "{shown:?}");
    for mut shown in shown {
        shown.command = shown
            .command
            .replace("127.0.0.1:8080", &gateway.http)
            .replace("127.0.0.1:2575", &gateway.mllp);
        check(&shown, folder);
    }
}

#[test]
fn both_languages_show_the_same_commands() {
    let shown = |text: &str| format!("{:?} {:?}", commands(text), scripts(text));
    assert_eq!(shown(&read("README.md")), shown(&read("README.zh-CN.md")));
}

#[test]
fn the_example_configuration_is_right() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("drop/clinic")).unwrap();
    let text = read("tombolo.example.yaml");
    let config = Config::parse(&text, "tombolo.example.yaml", folder.path()).unwrap();
    let mistakes = config.check(&Library::open(&[]).unwrap());
    assert!(mistakes.is_empty(), "{mistakes:?}");
}
