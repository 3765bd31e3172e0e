//! Tests: the real CLI against the stand-in Messages API, where a CLI is found.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::BufReader;
use tokio::process::{Child, Command};

use super::messages_api::{MessagesApi, MessagesApiSettings};
use crate::simulation::VERSION;
use crate::simulation::fidelity::{API_ERROR, INTERRUPT, PLAIN, TOOL, compare, lead};
use crate::simulation::host::{ARGUMENTS, Host, SESSION, kinds, result_of};

/// Where the development setup puts the CLI, under the home.
const CACHED: &str = ".cache/ash/claude/node_modules/@anthropic-ai/claude-code-linux-x64/claude";

/// The CLI of this machine; without one, says why the test proves nothing.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
fn claude() -> Option<PathBuf> {
    let path = match std::env::var_os("ASH_TEST_CLAUDE") {
        Some(path) => PathBuf::from(path),
        None => PathBuf::from(std::env::var_os("HOME")?).join(CACHED),
    };
    if path.is_file() {
        return Some(path);
    }
    skip(&format!("no Claude CLI at {} (set ASH_TEST_CLAUDE)", path.display()));
    None
}

/// Straight to stdout: the test harness swallows what passing tests print.
fn skip(reason: &str) {
    writeln!(std::io::stdout(), "SKIP: {reason}").unwrap();
}

struct Real {
    claude: PathBuf,
    api: MessagesApi,
    home: TempDir,
}

impl Real {
    async fn new() -> Option<Self> {
        let claude = claude()?;
        let api = MessagesApi::start(MessagesApiSettings::default()).await.unwrap();
        Some(Self { claude, api, home: tempfile::tempdir().unwrap() })
    }

    fn workspace(&self) -> PathBuf {
        self.home.path().join("workspace")
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test is the parent, with an empty environment"
    )]
    fn start(&self, arguments: &[&str]) -> (Host, Child) {
        std::fs::create_dir_all(self.workspace()).unwrap();
        let mut child = Command::new(&self.claude)
            .args(ARGUMENTS)
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("ANTHROPIC_BASE_URL", self.api.url())
            .env("ANTHROPIC_API_KEY", "sk-ant-dummy")
            .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1")
            .env("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1")
            .env("CLAUDE_CODE_MAX_RETRIES", "1")
            .env("DISABLE_AUTOUPDATER", "1")
            .current_dir(self.workspace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        (Host::over(stdin, BufReader::new(stdout)), child)
    }
}

fn write_to(path: &Path) -> String {
    format!("[[tool:Write:{}]]", json!({"file_path": path, "content": "from a tool"}))
}

#[tokio::test]
async fn the_real_cli_remembers_through_the_stand_in_across_a_resume() {
    let Some(real) = Real::new().await else { return };
    let named = format!("--session-id={SESSION}");
    let (mut host, mut child) = real.start(&[&named, "--permission-mode=acceptEdits"]);
    let result = host.result("my name is Ada").await;
    assert_eq!(result["result"], "Hello from the stand-in model. You said: \"my name is Ada\".");
    let file = real.workspace().join("a.txt");
    let read = format!("[[tool:Read:{}]]", json!({"file_path": file}));
    let result = host.result(&format!("{}{read}", write_to(&file))).await;
    let told = result["result"].as_str().unwrap();
    assert!(told.contains("Read returned:") && told.contains("from a tool"), "{told}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "from a tool");
    host.rest().await;
    child.wait().await.unwrap();

    let (mut host, _child) = real.start(&[&format!("--resume={SESSION}")]);
    let result = host.result("[[recall]]").await;
    let told = result["result"].as_str().unwrap();
    assert!(told.starts_with("Earlier you said: \"my name is Ada\""), "{told}");
    let result = host.result("and who am I?").await;
    let told = result["result"].as_str().unwrap();
    assert!(told.ends_with("Earlier you said: \"my name is Ada\"."), "{told}");

    let seen = real.api.requests();
    let asked: Vec<_> =
        seen.requests.iter().filter(|request| request.path == "/v1/messages").collect();
    assert_eq!(asked.len(), 6, "{asked:#?}");
    assert!(asked.iter().all(|request| request.x_api_key.as_deref() == Some("sk-ant-dummy")));
}

#[tokio::test]
async fn the_real_cli_takes_failures_of_the_stand_in_for_real_ones() {
    let Some(real) = Real::new().await else { return };
    let (mut host, _child) = real.start(&["--include-partial-messages"]);
    for (text, status) in
        [("[[error:403]]", json!(403)), ("[[error:529]]", json!(529)), ("[[drop]]", Value::Null)]
    {
        let result = host.result(text).await;
        assert_eq!(result["is_error"], true, "{text}");
        assert_eq!(result["api_error_status"], status, "{text}");
    }
    for text in ["[[errorN:500:1]][[say:late]]", "[[say:late]][[midstream-error]]"] {
        let result = host.result(text).await;
        assert_eq!(result["is_error"], false, "{text}: {result:#}");
    }
    let lines = host.turn("[[say:half]][[drop-midstream]]").await;
    let told = kinds(&lines);
    assert!(told.iter().any(|kind| kind == "stream_event content_block_delta"), "{told:#?}");
    assert_eq!(result_of(lines)["is_error"], false);
}

#[tokio::test]
async fn the_fake_cli_is_like_the_one_on_this_machine() {
    for (text, interrupt) in [(PLAIN, false), (TOOL, false), (INTERRUPT, true), (API_ERROR, false)]
    {
        let Some(real) = Real::new().await else { return };
        let named = format!("--session-id={SESSION}");
        let arguments = [&*named, "--include-partial-messages", "--permission-mode=acceptEdits"];
        let text = text.replace("$WORKSPACE", &real.workspace().display().to_string());
        let (mut host, _child) = real.start(&arguments);
        let real_lines = lead(&mut host, &text, interrupt).await;
        let version = &real_lines[0]["response"]["response"]["claude_code_version"];
        if *version != json!(VERSION) {
            skip(&format!("the CLI is {version}, and {VERSION} is imitated"));
            return;
        }
        // The fake one must not find the file of the real one.
        std::fs::remove_dir_all(real.workspace()).unwrap();
        std::fs::remove_dir_all(real.home.path().join(".claude")).unwrap();
        std::fs::create_dir(real.workspace()).unwrap();
        let mut fake = Host::fake(real.home.path(), &arguments);
        compare(&real_lines, &lead(&mut fake, &text, interrupt).await);
    }
}
