//! The README's commands do what it shows.
//!
//! In a `console` block a line `$ …` is a command, and what follows are lines of its output, in any
//! place; `…` stands for anything, `exit N` for its exit code (0 without one).

use std::process::Command;

use tombolo::config::Config;
use tombolo::translate::Library;

#[derive(Debug)]
struct Shown {
    command: String,
    lines: Vec<String>,
    exit: i32,
}

fn read(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
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

#[test]
fn every_command_says_what_is_shown() {
    let shown = commands(&read("README.md"));
    assert!(shown.len() >= 8, "{shown:?}");
    for Shown { command, lines, exit } in shown {
        let arguments = command.strip_prefix("tombolo ").expect("only our own command is shown");
        let output = Command::new(env!("CARGO_BIN_EXE_tombolo"))
            .args(arguments.split(' '))
            .args(["--lang", "en"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{command}\n{text}");
        for line in lines {
            let found = text.split(['\n', '\r']).any(|l| fits(&line, l));
            assert!(found, "{command}: no line like '{line}' in\n{text}");
        }
    }
}

#[test]
fn both_languages_show_the_same_commands() {
    let shown = |name| format!("{:?}", commands(&read(name)));
    assert_eq!(shown("README.md"), shown("README.zh-CN.md"));
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
