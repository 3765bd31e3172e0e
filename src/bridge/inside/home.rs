//! What the CLI finds in its home when it starts.

use std::fs::{self, File};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use nix::libc;
use serde_json::{Map, Value, json};

use crate::bridge::protocol::{RESTORE_BYTES_MAX, StartFile};
use crate::id::SessionId;

/// Largest `.claude.json` that is read; the CLI's own is some KiB.
const CONFIG_BYTES_MAX: u64 = 16 << 20;

/// Whether the CLI has a transcript of `conversation`, and must be told to resume it. An empty
/// one, of a CLI that was killed as it began, is removed: there is nothing to resume, and the CLI
/// would take the conversation's id for one in use.
pub(super) fn has_conversation(home: &Path, workspace: &Path, conversation: SessionId) -> bool {
    let path = transcript(home, workspace, conversation);
    let Ok(metadata) = fs::symlink_metadata(&path) else { return false };
    if metadata.is_file() && metadata.len() == 0 {
        // If that fails, the CLI says why it cannot start.
        drop(fs::remove_file(path));
        return false;
    }
    metadata.is_file()
}

/// Whether the transcript has a whole line with `entry` in it. A line without its end was torn by
/// a crash.
pub(super) fn has_entry(
    home: &Path,
    workspace: &Path,
    conversation: SessionId,
    entry: &str,
) -> io::Result<bool> {
    let path = transcript(home, workspace, conversation);
    let opened =
        File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = match opened {
        Ok(file) if file.metadata()?.is_file() => file,
        Ok(_) | Err(_) => return Ok(false),
    };
    let mut lines = io::BufReader::with_capacity(1 << 20, file).take(RESTORE_BYTES_MAX as u64 * 2);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let whole = line.ends_with(b"\n");
        if whole && line.windows(entry.len().max(1)).any(|window| window == entry.as_bytes()) {
            return Ok(true);
        }
        line.clear();
    }
    Ok(false)
}

/// Writes the transcript anew, in one step: it is the old one or the new one.
pub(super) fn restore_transcript(
    home: &Path,
    workspace: &Path,
    conversation: SessionId,
    entries: &[Bytes],
) -> io::Result<()> {
    let path = transcript(home, workspace, conversation);
    let folder = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let temporary = path.with_extension("jsonl.ash");
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
    for chunk in entries {
        file.write_all(chunk)?;
    }
    file.sync_all()?;
    fs::rename(&temporary, &path)
}

fn transcript(home: &Path, workspace: &Path, conversation: SessionId) -> PathBuf {
    let slug: String = workspace
        .to_string_lossy()
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character } else { '-' })
        .collect();
    home.join(".claude/projects").join(slug).join(format!("{conversation}.jsonl"))
}

/// Tells the CLI that the workspace is trusted: otherwise it ignores the `permissions.allow`
/// of the agent's settings. What else is in the file stays.
pub(super) fn trust_workspace(home: &Path, workspace: &Path) -> io::Result<()> {
    let path = home.join(".claude.json");
    let mut config = read_config(&path)?;
    if !set_trusted(&mut config, &workspace.to_string_lossy()) {
        return Ok(());
    }
    let temporary = home.join(".claude.json.ash");
    // Left over from a crash, or put there by the agent.
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(&serde_json::to_vec(&config)?)?;
    fs::rename(&temporary, &path)
}

/// Writes the files of one start into `folder`, which is emptied first, and answers the
/// arguments that name them.
pub(super) fn write_start_files(folder: &Path, files: &[StartFile]) -> io::Result<Vec<String>> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    if files.is_empty() {
        return Ok(Vec::new());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let write = |file: &StartFile| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if file.name.starts_with('.') || !file.name.chars().all(plain) {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        let path = folder.join(&file.name);
        let mut written = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
        written.write_all(file.content.as_bytes())?;
        Ok(format!("{}{}", file.argument, path.display()))
    };
    files.iter().map(write).collect()
}

fn read_config(path: &Path) -> io::Result<Map<String, Value>> {
    let opened =
        File::options().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(error),
    };
    let mut text = Vec::new();
    file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(serde_json::from_slice(&text)?)
}

/// Whether `config` had to be changed.
fn set_trusted(config: &mut Map<String, Value>, workspace: &str) -> bool {
    fn object<'a>(parent: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
        let member = parent.entry(name).or_insert_with(|| json!({}));
        if !member.is_object() {
            *member = json!({});
        }
        member.as_object_mut().expect("it was just made one")
    }
    let project = object(object(config, "projects"), workspace);
    let trusted = Value::Bool(true);
    project.insert("hasTrustDialogAccepted".to_owned(), trusted.clone()) != Some(trusted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(home: &Path) -> Value {
        serde_json::from_slice(&fs::read(home.join(".claude.json")).unwrap()).unwrap()
    }

    #[test]
    fn an_empty_transcript_is_none_and_does_not_stay() {
        let home = tempfile::tempdir().unwrap();
        let workspace = Path::new("/workspace");
        let conversation = SessionId::new();
        let path = transcript(home.path(), workspace, conversation);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        assert!(!has_conversation(home.path(), workspace, conversation));
        assert!(!path.exists());
        fs::write(&path, "{}\n").unwrap();
        assert!(has_conversation(home.path(), workspace, conversation));
        assert!(path.exists());
    }

    #[test]
    fn the_files_of_a_start_replace_those_of_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("start");
        let file = |name: &str| StartFile {
            argument: "--mcp-config=".to_owned(),
            name: name.to_owned(),
            content: "{}".to_owned(),
        };
        assert_eq!(write_start_files(&folder, &[]).unwrap(), Vec::<String>::new());
        write_start_files(&folder, &[file("old.json")]).unwrap();
        let named = write_start_files(&folder, &[file("mcp.json")]).unwrap();
        assert_eq!(named, [format!("--mcp-config={}/mcp.json", folder.display())]);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        for name in ["../x", "", ".hidden", "a/b"] {
            assert!(write_start_files(&folder, &[file(name)]).is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_workspace_is_trusted_and_the_rest_stays() {
        let home = tempfile::tempdir().unwrap();
        let workspace = Path::new("/workspace");
        trust_workspace(home.path(), workspace).unwrap();
        let trusted = json!({"hasTrustDialogAccepted": true});
        assert_eq!(config(home.path()), json!({"projects": {"/workspace": trusted}}));

        let mut before =
            json!({"userID": "u", "projects": {"/other": {"a": 1}, "/workspace": {"b": 2}}});
        fs::write(home.path().join(".claude.json"), before.to_string()).unwrap();
        trust_workspace(home.path(), workspace).unwrap();
        before["projects"]["/workspace"]["hasTrustDialogAccepted"] = Value::Bool(true);
        assert_eq!(config(home.path()), before);
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".claude.json");
        for odd in ["[]", "{", ""] {
            fs::write(&path, odd).unwrap();
            assert!(trust_workspace(home.path(), Path::new("/workspace")).is_err(), "{odd}");
            assert_eq!(fs::read_to_string(&path).unwrap(), odd);
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert!(trust_workspace(home.path(), Path::new("/workspace")).is_err());
    }

    #[test]
    fn a_conversation_exists_if_its_transcript_is_not_empty() {
        let home = tempfile::tempdir().unwrap();
        let id = SessionId::new();
        let workspace = Path::new("/srv/my.agent_1");
        assert!(!has_conversation(home.path(), workspace, id));
        let directory = home.path().join(".claude/projects/-srv-my-agent-1");
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join(format!("{id}.jsonl"));
        fs::write(&path, "").unwrap();
        assert!(!has_conversation(home.path(), workspace, id));
        fs::write(&path, "{}\n").unwrap();
        assert!(has_conversation(home.path(), workspace, id));
    }
}
