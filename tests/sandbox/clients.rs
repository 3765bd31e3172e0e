//! What an agent uses to reach a host: curl, git and Python, unchanged, in a real sandbox, through
//! the bridge's forwarder and egress, to a real server of TLS.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ash::testing::attacks::{Arena, NoArena, SERVER};

use crate::fights::{libexec, say};

/// Serves a folder by HTTPS on 127.0.0.2 and says its port.
const SERVE: &str = r#"
import functools, http.server, ssl, sys
folder, certificate, key = sys.argv[1:]
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// Each line that it prints is checked.
const SCRIPT: &str = r#"
cat > /tmp/ca.pem << 'END'
@CA@
END
curl -sS --cacert /tmp/ca.pem https://server.example/hello.txt
git -c http.sslCAInfo=/tmp/ca.pem clone -q https://server.example/repository.git /tmp/clone
cat /tmp/clone/file
python3 - << 'END'
import ssl, urllib.request
context = ssl.create_default_context(cafile="/tmp/ca.pem")
print(urllib.request.urlopen("https://server.example/hello.txt", context=context).read().decode(), end="")
END
curl -sS --cacert /tmp/ca.pem https://unlisted.example/hello.txt > /dev/null 2>&1 || echo "unlisted: $?"
curl -s -o /dev/null -w 'plain: %{http_code}\n' http://server.example/hello.txt
curl -s --noproxy '*' https://server.example/ || echo "past the proxy: $?"
"#;

#[expect(clippy::disallowed_methods, reason = "the other side of the test is a program")]
fn run(program: &str, arguments: &[&str], folder: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // No settings of the person who runs the test.
    command.env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    command.status().is_ok_and(|status| status.success())
}

/// A certificate for the server's name, and a repository as plain files.
fn lay_out(folder: &Path) -> Result<(), &'static str> {
    let name = format!("subjectAltName=DNS:{SERVER}");
    let certificate = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=server.example",
        "-addext",
        &name,
        "-keyout",
        "key.pem",
        "-out",
        "ca.pem",
    ];
    if !run("openssl", &certificate, folder) {
        return Err("openssl is missing");
    }
    let served = folder.join("served");
    let work = folder.join("work");
    for path in [&served, &work] {
        fs::create_dir(path).expect("the folder is ours");
    }
    fs::write(served.join("hello.txt"), "hello\n").expect("the folder is ours");
    fs::write(work.join("file"), "cloned\n").expect("the folder is ours");
    let name = ["-c", "user.name=a", "-c", "user.email=a@b.example"];
    let repository = served.join("repository.git");
    let repository = repository.to_str().expect("it is text");
    let done = run("git", &["init", "-q", "-b", "main"], &work)
        && run("git", &["add", "file"], &work)
        && run("git", &[&name[..], &["commit", "-q", "-m", "one"]].concat(), &work)
        && run("git", &["clone", "-q", "--bare", ".", repository], &work)
        && run("git", &["update-server-info"], Path::new(repository));
    if done { Ok(()) } else { Err("git is missing") }
}

struct HttpsServer {
    child: Child,
    port: u16,
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "the other side of the test is a program")]
fn serve(folder: &Path) -> Option<HttpsServer> {
    let path = |name: &str| folder.join(name);
    let mut child = Command::new("/usr/bin/python3")
        .args(["-c", SERVE])
        .args([path("served"), path("ca.pem"), path("key.pem")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut line = String::new();
    let read = BufReader::new(child.stdout.take()?).read_line(&mut line);
    let port = read.ok().and_then(|_| line.trim().parse().ok());
    Some(HttpsServer { child, port: port? })
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_and_git_reach_a_listed_host_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    if let Err(missing) = lay_out(folder.path()) {
        return say(&format!("SKIP: {missing}"));
    }
    let Some(server) = serve(folder.path()) else {
        return say("SKIP: /usr/bin/python3 is missing");
    };
    let arena = match Arena::beside(libexec(), &[], server.port).await {
        Ok(arena) => arena,
        Err(NoArena::Impossible(reason)) => return say(&format!("SKIP: {reason}")),
        Err(NoArena::Failed(reason)) => panic!("{reason}"),
    };
    let authority = fs::read_to_string(folder.path().join("ca.pem")).unwrap();
    let (status, said) = arena.run(&SCRIPT.replace("@CA@", &authority)).await.unwrap();
    assert_eq!(
        said, "hello\ncloned\nhello\nunlisted: 56\nplain: 403\npast the proxy: 6\n",
        "{status:?}"
    );
}
