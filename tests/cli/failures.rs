//! Every way not to get an answer.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Reply, Scripted, json, problem};

fn health_list() -> Scripted {
    Scripted::new(|_| json(r#"{"agents":[]}"#))
}

#[test]
fn a_problem_of_each_class_has_its_exit_status() {
    for (status, code, exit) in [
        (400, "bad_request", 5),
        (401, "unauthorized", 6),
        (403, "forbidden", 6),
        (404, "agent_not_found", 4),
        (410, "session_ended", 5),
        (429, "queue_full", 1),
        (500, "internal", 1),
        (503, "too_many_sessions", 1),
        (418, "code_of_tomorrow", 5),
    ] {
        let server = Scripted::new(move |_| problem(status, code, "it is so"));
        let said = ashctl(&server, ["agent", "list"]);
        assert_eq!((said.status, said.stdout.as_str()), (exit, ""), "{code}");
        assert!(said.stderr.starts_with("error: it is so\n"), "{}", said.stderr);
    }
}

#[test]
fn an_answer_of_something_else_is_told_as_such() {
    let server = Scripted::new(|_| Reply::Whole(502, "<html>Bad Gateway</html>".to_owned()));
    let place = server.socket.display().to_string();
    ashctl(&server, ["agent", "list"]).ends(
        7,
        "",
        &format!("error: {place} answered `502 Bad Gateway`\n"),
    );
    let server = Scripted::new(|_| json("<html>Welcome</html>"));
    let said = ashctl(&server, ["agent", "list"]);
    assert_eq!(said.status, 1);
    assert!(
        said.stderr.starts_with("error: the answer of the server is not understood"),
        "{}",
        said.stderr
    );
}

#[test]
fn an_error_text_cannot_rewrite_the_terminal() {
    let server = Scripted::new(|_| problem(400, "bad_request", "no \u{1b}[2J\u{9b}Hway\u{7}"));
    ashctl(&server, ["agent", "list"]).ends(5, "", "error: no way\n");
}

#[test]
fn a_connection_that_is_cut_off_is_a_lost_one() {
    let server = Scripted::new(|_| Reply::Cut);
    let said = ashctl(&server, ["agent", "list"]);
    assert_eq!(said.status, 7);
    assert!(said.stderr.starts_with("error: the connection to "), "{}", said.stderr);
}

#[test]
fn a_socket_that_nobody_listens_on_has_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("stale.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let said = Ashctl::new().args(["agent", "list", "--socket", socket.to_str().unwrap()]).run();
    said.ends(
        7,
        "",
        &format!(
            "error: nothing listens on {}\n\
             hint: start the daemon with `systemctl start ashd`, or name its socket with `--socket`\n",
            socket.display()
        ),
    );
}

#[test]
fn a_socket_of_others_has_a_hint() {
    let server = health_list();
    std::fs::set_permissions(&server.socket, std::fs::Permissions::from_mode(0o000)).unwrap();
    let error = format!(
        "error: no permission to use {}\n\
         hint: join the group `ash` (`adduser USER ash`, then log in again), or use `sudo`\n",
        server.socket.display()
    );
    if !nix::unistd::geteuid().is_root() {
        return ashctl(&server, ["agent", "list"]).ends(6, "", &error);
    }
    // Root may everything, so the program must be somebody else, who may also reach the program.
    use std::os::unix::process::CommandExt as _;
    std::fs::set_permissions(
        server.socket.parent().unwrap(),
        std::fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("ashctl");
    std::fs::copy(env!("CARGO_BIN_EXE_ashctl"), &copy).unwrap();
    let mut ashctl = Ashctl::of(&copy).server(&server).args(["agent", "list"]);
    ashctl.command.uid(65534).gid(65534);
    ashctl.run().ends(6, "", &error);
}

#[test]
fn a_server_over_tcp_gets_the_key_from_a_file_or_the_environment() {
    let server = health_list();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "ash_file\n").unwrap();
    let url = server.url();
    let list = ["agent", "list", "-o", "id", "--server", &url];
    Ashctl::new().args(list).run().succeeds("");
    Ashctl::new().args(list).env("ASH_API_KEY", "ash_env").run().succeeds("");
    let both = [&list[..], &["--api-key-file", file.to_str().unwrap()]].concat();
    Ashctl::new().args(both).env("ASH_API_KEY", "ash_env").run().succeeds("");
    Ashctl::new()
        .args(["agent", "list", "-o", "id"])
        .env("ASH_SERVER_URL", &format!("{url}/"))
        .run()
        .succeeds("");
    let keys: Vec<Option<String>> =
        server.seen().iter().map(|seen| seen.header("authorization").map(str::to_owned)).collect();
    let expected = [None, Some("Bearer ash_env"), Some("Bearer ash_file"), None];
    assert_eq!(keys, expected.map(|key| key.map(str::to_owned)));
    assert_eq!(server.seen()[0].header("host"), Some(server.address.to_string().as_str()));
}

#[test]
fn the_socket_gets_a_valid_host_and_no_key() {
    let server = health_list();
    Ashctl::new()
        .server(&server)
        .env("ASH_API_KEY", "ash_env")
        .args(["agent", "list", "-q", "-o", "id"])
        .run()
        .succeeds("");
    let seen = &server.seen()[0];
    assert_eq!((seen.header("host"), seen.header("authorization")), (Some("localhost"), None));
}

#[test]
fn requests_go_below_the_path_of_a_server() {
    let server = Scripted::answering("GET /team/ash/api/agents", json(r#"{"agents":[]}"#));
    let url = format!("{}/team/ash/", server.url());
    Ashctl::new().args(["agent", "list", "-o", "id", "--server", &url]).run().succeeds("");
}

#[test]
fn a_key_in_clear_text_is_warned_about() {
    let said = Ashctl::new()
        .env("ASH_API_KEY", "ash_env")
        .args(["agent", "list", "--server", "http://ash.invalid:4100"])
        .run();
    assert_eq!(said.status, 7);
    assert!(
        said.stderr.starts_with(
            "warning: the API key crosses the network in clear text; use an `https://` address\n\
             error: http://ash.invalid:4100 cannot be reached: dns error: "
        ),
        "{}",
        said.stderr
    );
}

#[test]
fn an_address_that_is_none_is_a_usage_error() {
    for url in ["ash.example.com", "ftp://x", "http://key@x", "http://x/?a=b", "http://"] {
        let said = Ashctl::new().args(["agent", "list", "--server", url]).run();
        assert_eq!(said.status, 2, "{url}: {said:?}");
        assert!(
            said.stderr.contains(&format!("error: `{url}` is not the address of a server")),
            "{}",
            said.stderr
        );
    }
    let said = Ashctl::new().args(["status", "--server", "http://x", "--socket", "y"]).run();
    assert_eq!(said.status, 2);
    let said =
        Ashctl::new().args(["status", "--api-key-file", "/nowhere"]).env("ASH_SOCKET", "x").run();
    assert_eq!(said.status, 2);
    assert_eq!(Ashctl::new().args(["status", "--socket", &"x".repeat(5000)]).run().status, 2);
}

#[test]
fn a_server_that_speaks_no_tls_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        stream
    });
    let said = Ashctl::new().args(["status", "--server", &url]).run();
    drop(server.join().unwrap());
    assert_eq!(said.status, 7);
    assert!(
        said.stderr.starts_with(&format!("error: no trusted TLS connection to {url}")),
        "{}",
        said.stderr
    );
    assert!(said.stderr.contains("SSL_CERT_FILE"), "{}", said.stderr);
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for arguments in
        [&["fly"][..], &["agent"], &["send", "x"], &["session", "list", "--status", "happy"]]
    {
        assert_eq!(Ashctl::new().args(arguments).run().status, 2, "{arguments:?}");
    }
    for arguments in [&["--help"][..], &["--version"], &["help", "session", "create"]] {
        let said = Ashctl::new().args(arguments).run();
        assert_eq!((said.status, said.stderr.as_str()), (0, ""), "{arguments:?}");
    }
}
