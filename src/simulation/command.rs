//! Commands in a simulated sandbox: a few words of a shell are understood, and nothing runs.

use std::collections::BTreeMap;
use std::path::{Component, Path};

/// The status of a shell for a program that is not there.
const NOT_FOUND: i32 = 127;

/// What a command said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
    pub(crate) code: i32,
}

/// Does as if it ran `program`: `echo`, `cat FILE`, `printenv NAME`, `pwd`, `true`, `false`, `exit
/// N`, and `sh -c` with some of them between `;`, or a script of them.
pub(crate) fn execute(
    program: &str,
    arguments: &[String],
    directory: &Path,
    environment: &BTreeMap<String, String>,
) -> Said {
    let mut said = Said::default();
    if let Some(script) = scripted(program, arguments, directory) {
        let arguments = ["-c".to_owned(), script];
        return execute("/bin/sh", &arguments, directory, environment);
    }
    if let [option, script, ..] = arguments
        && matches!(program, "sh" | "bash" | "/bin/sh" | "/bin/bash")
        && option == "-c"
    {
        for line in script.split([';', '\n']).filter(|line| !line.trim().is_empty()) {
            let words: Vec<String> = line.split_whitespace().map(unquoted).collect();
            let Some((program, arguments)) = words.split_first() else { continue };
            one(program, arguments, directory, environment, &mut said);
            if program == "exit" {
                break;
            }
        }
    } else {
        one(program, arguments, directory, environment, &mut said);
    }
    said
}

/// What stands in a script of the workspace: without its comments, the first line among them.
fn scripted(program: &str, arguments: &[String], directory: &Path) -> Option<String> {
    let ("/bin/sh" | "/bin/bash", [path]) = (program, arguments) else { return None };
    let text = std::fs::read_to_string(directory.join(path)).ok()?;
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

fn unquoted(word: &str) -> String {
    word.trim_matches(['"', '\'']).to_owned()
}

fn one(
    program: &str,
    arguments: &[String],
    directory: &Path,
    environment: &BTreeMap<String, String>,
    said: &mut Said,
) {
    let text = arguments.join(" ");
    said.code = 0;
    match program {
        "true" => {}
        "false" => said.code = 1,
        "exit" => said.code = text.parse().unwrap_or(2),
        "pwd" => said.output.extend_from_slice(b"/workspace\n"),
        "echo" => match text.strip_suffix(" >&2") {
            Some(text) => said.errors.extend_from_slice(format!("{text}\n").as_bytes()),
            None => said.output.extend_from_slice(format!("{text}\n").as_bytes()),
        },
        "printenv" => match environment.get(&text) {
            Some(value) => said.output.extend_from_slice(format!("{value}\n").as_bytes()),
            None => said.code = 1,
        },
        "cat" => {
            let plain =
                Path::new(&text).components().all(|part| matches!(part, Component::Normal(_)));
            match std::fs::read(directory.join(&text)) {
                Ok(bytes) if plain => said.output.extend_from_slice(&bytes),
                _ => {
                    said.errors
                        .extend_from_slice(format!("cat: {text}: cannot be read\n").as_bytes());
                    said.code = 1;
                }
            }
        }
        _ => {
            let told = format!("ash: {program}: is not simulated\n");
            said.errors.extend_from_slice(told.as_bytes());
            said.code = NOT_FOUND;
        }
    }
}
