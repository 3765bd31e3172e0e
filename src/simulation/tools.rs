//! The tools that really do something: `Write` and `Read` inside the working directory. Every
//! other tool is only told about.

use std::io;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};

use super::options::PermissionMode;

/// Largest file `Read` gives back, in bytes; the real tool refuses such files too.
const READ_BYTES_MAX: u64 = 256 << 10;

/// Commands that only look, which the CLI runs without asking.
const HARMLESS_COMMANDS: [&str; 6] = ["cat", "echo", "head", "ls", "pwd", "true"];

/// What a tool gave back.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    /// For the model.
    pub(super) content: String,
    pub(super) is_error: bool,
    /// For the host (`tool_use_result`).
    pub(super) detail: Value,
}

impl Outcome {
    pub(super) fn failure(text: impl Into<String>) -> Self {
        let content = text.into();
        let detail = json!(format!("Error: {content}"));
        Self { content, is_error: true, detail }
    }

    fn success(content: String, detail: Value) -> Self {
        Self { content, is_error: false, detail }
    }
}

/// Whether a tool may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Permission {
    Allowed,
    /// The user decides.
    Asked,
    Denied(String),
}

/// What the permission mode says about a use of a tool.
pub(super) fn permission(mode: PermissionMode, tool: &str, input: &Value) -> Permission {
    let command = input.get("command").and_then(Value::as_str).unwrap_or_default();
    let first_word = command.split_whitespace().next().unwrap_or_default();
    let edits = matches!(tool, "Write" | "Edit" | "NotebookEdit");
    let is_harmless = !edits && (tool != "Bash" || HARMLESS_COMMANDS.contains(&first_word));
    match mode {
        PermissionMode::BypassPermissions | PermissionMode::Auto => Permission::Allowed,
        _ if is_harmless => Permission::Allowed,
        PermissionMode::AcceptEdits if edits => Permission::Allowed,
        PermissionMode::DontAsk => Permission::Denied(format!(
            "Permission to use {tool} has been denied because Claude Code is running in don't \
             ask mode."
        )),
        PermissionMode::Default | PermissionMode::AcceptEdits | PermissionMode::Plan => {
            Permission::Asked
        }
    }
}

/// Uses a tool.
pub(super) async fn use_tool(tool: &str, input: &Value, directory: &Path) -> Outcome {
    match tool {
        "Write" => write(input, directory).await,
        "Read" => read(input, directory).await,
        "Bash" => {
            let command = input.get("command").and_then(Value::as_str).unwrap_or_default();
            let told = format!("(simulated) $ {command}");
            let detail = json!({
                "stdout": told, "stderr": "", "interrupted": false, "isImage": false,
                "noOutputExpected": false,
            });
            Outcome::success(told, detail)
        }
        "StructuredOutput" => {
            let told = "Structured output provided successfully".to_owned();
            Outcome::success(told.clone(), json!(told))
        }
        _ => {
            let told = format!("(simulated) {tool} {input}");
            Outcome::success(told.clone(), json!(told))
        }
    }
}

async fn write(input: &Value, directory: &Path) -> Outcome {
    let Some(content) = input.get("content").and_then(Value::as_str) else {
        return Outcome::failure("Write needs `content`");
    };
    let path = match path_of(input, directory) {
        Ok(path) => path,
        Err(outcome) => return outcome,
    };
    let written = async {
        if let Some(folder) = path.parent() {
            tokio::fs::create_dir_all(folder).await?;
        }
        let existed = tokio::fs::try_exists(&path).await?;
        tokio::fs::write(&path, content).await?;
        Ok::<bool, io::Error>(existed)
    };
    match written.await {
        Ok(existed) => {
            let (done, kind) = if existed { ("updated", "update") } else { ("created", "create") };
            let shown = path.display();
            let detail = json!({
                "type": kind, "filePath": path, "content": content, "structuredPatch": [],
                "originalFile": null, "userModified": false,
            });
            Outcome::success(format!("File {done} successfully at: {shown}"), detail)
        }
        Err(error) => Outcome::failure(format!("{}: {error}", path.display())),
    }
}

async fn read(input: &Value, directory: &Path) -> Outcome {
    let path = match path_of(input, directory) {
        Ok(path) => path,
        Err(outcome) => return outcome,
    };
    match tokio::fs::metadata(&path).await {
        Ok(metadata) if metadata.len() > READ_BYTES_MAX => {
            return Outcome::failure(format!(
                "File content exceeds maximum allowed size ({READ_BYTES_MAX} bytes)."
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Outcome::failure(format!(
                "File does not exist. Note: your current working directory is {}.",
                directory.display()
            ));
        }
        Err(error) => return Outcome::failure(format!("{}: {error}", path.display())),
    }
    match tokio::fs::read(&path).await {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let lines = text.lines().count();
            let detail = json!({"type": "text", "file": {
                "filePath": path, "content": text, "numLines": lines, "startLine": 1,
                "totalLines": lines,
            }});
            let numbered: Vec<String> = text
                .lines()
                .enumerate()
                .map(|(number, line)| format!("{}\t{line}", number + 1))
                .collect();
            Outcome::success(numbered.join("\n"), detail)
        }
        Err(error) => Outcome::failure(format!("{}: {error}", path.display())),
    }
}

/// `file_path`, if it stays inside the directory. Links are not looked at: whoever confines the
/// CLI confines this one too.
fn path_of(input: &Value, directory: &Path) -> Result<PathBuf, Outcome> {
    let Some(path) = input.get("file_path").and_then(Value::as_str) else {
        return Err(Outcome::failure("the tool needs `file_path`"));
    };
    let path = directory.join(path);
    let climbs = path.components().any(|part| part == Component::ParentDir);
    if climbs || !path.starts_with(directory) {
        let shown = path.display();
        return Err(Outcome::failure(format!("{shown} is outside of the working directory")));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn write_and_read_stay_inside_the_directory() {
        let outside = tempfile::tempdir().unwrap();
        let directory = outside.path().join("in");
        std::fs::create_dir(&directory).unwrap();
        let file = directory.join("a/b.txt");
        let input = json!({"file_path": file, "content": "one\ntwo"});
        let written = use_tool("Write", &input, &directory).await;
        assert!(!written.is_error, "{written:?}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "one\ntwo");
        let relative = json!({"file_path": "a/b.txt"});
        let read = use_tool("Read", &relative, &directory).await;
        assert_eq!(read.content, "1\tone\n2\ttwo");

        for path in ["../x", "/etc/hostname", "a/../../x"] {
            let input = json!({"file_path": path, "content": ""});
            for tool in ["Write", "Read"] {
                let outcome = use_tool(tool, &input, &directory).await;
                assert!(outcome.content.contains("outside"), "{tool} {path}: {outcome:?}");
            }
        }
        assert!(!outside.path().join("x").exists());
    }

    #[tokio::test]
    async fn a_tool_that_cannot_work_says_so() {
        let directory = tempfile::tempdir().unwrap();
        let missing = json!({"file_path": "none"});
        let read = use_tool("Read", &missing, directory.path()).await;
        assert!(read.is_error && read.content.starts_with("File does not exist."), "{read:?}");
        for (tool, input) in [("Write", missing), ("Read", json!({}))] {
            assert!(use_tool(tool, &input, directory.path()).await.is_error, "{tool}");
        }
    }

    #[test]
    fn the_mode_decides_who_is_asked() {
        let write = json!({"file_path": "a"});
        let echo = json!({"command": "echo hi"});
        let remove = json!({"command": "rm -r ."});
        use PermissionMode::{AcceptEdits, BypassPermissions, Default, DontAsk};
        for (mode, tool, input, expected) in [
            (Default, "Write", &write, Permission::Asked),
            (Default, "Bash", &echo, Permission::Allowed),
            (Default, "Bash", &remove, Permission::Asked),
            (AcceptEdits, "Write", &write, Permission::Allowed),
            (AcceptEdits, "Bash", &remove, Permission::Asked),
            (BypassPermissions, "Bash", &remove, Permission::Allowed),
            (Default, "Read", &write, Permission::Allowed),
        ] {
            assert_eq!(permission(mode, tool, input), expected, "{mode:?} {tool} {input}");
        }
        assert!(matches!(permission(DontAsk, "Write", &write), Permission::Denied(_)));
    }
}
