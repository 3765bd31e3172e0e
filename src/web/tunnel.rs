//! A connection over the standard input and output of a program, such as ssh(1): the other end is
//! `ashctl proxy-stdio`, which greets once it has the daemon.

use std::ffi::OsString;
use std::io;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, Join};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tower::Service;

use crate::os::process;

/// What the other end says once it is connected to the daemon. What comes before is the shell's there.
pub(crate) const GREETING: &[u8] = b"ashctl proxy-stdio 1\n";

/// Most that the shell of the other end may say before: some greet on every login.
const BEFORE_BYTES_MAX: usize = 64 << 10;

/// How the program ends when there is no such command; what shells agree on.
const STATUS_NO_COMMAND: i32 = 127;
/// How ssh(1) ends when it fails itself.
const STATUS_SSH: i32 = 255;

/// Makes such connections.
#[derive(Debug, Clone)]
pub(crate) struct Tunnel {
    program: &'static str,
    arguments: Arc<[OsString]>,
    /// What of `ashctl`'s own exit statuses mean here.
    statuses: Statuses,
}

/// Exit statuses of the program at the other end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statuses {
    pub(crate) denied: i32,
    pub(crate) unreachable: i32,
}

/// One connection; its end is the program's.
#[derive(Debug)]
pub(crate) struct Piped {
    stream: TokioIo<Join<ChildStdout, ChildStdin>>,
    _program: Child,
}

impl Tunnel {
    pub(crate) fn new(program: &'static str, arguments: Vec<OsString>, statuses: Statuses) -> Self {
        Self { program, arguments: arguments.into(), statuses }
    }

    async fn connect(self) -> io::Result<Piped> {
        let mut program = process::tool(self.program, self.arguments.iter())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::other(format!("{}: {error}", self.program)))?;
        let (Some(input), Some(mut output)) = (program.stdin.take(), program.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        if !greeted(&mut output).await? {
            return Err(self.why(program.wait().await?));
        }
        let stream = TokioIo::new(tokio::io::join(output, input));
        Ok(Piped { stream, _program: program })
    }

    /// Why there was no greeting; the program itself has said more on the standard error.
    fn why(&self, status: ExitStatus) -> io::Error {
        let code = status.code();
        if code == Some(self.statuses.denied) {
            io::ErrorKind::PermissionDenied.into()
        } else if code == Some(self.statuses.unreachable) {
            io::ErrorKind::NotFound.into()
        } else if code == Some(STATUS_NO_COMMAND) {
            io::Error::other("there is no `ashctl`")
        } else if code == Some(STATUS_SSH) {
            io::Error::other(format!("{} could not connect", self.program))
        } else {
            io::Error::other(format!("{} ended with {status} and did not greet", self.program))
        }
    }
}

/// Reads up to the greeting, byte by byte: what comes behind it is the daemon's.
async fn greeted(output: &mut ChildStdout) -> io::Result<bool> {
    let mut said = Vec::new();
    while !said.ends_with(GREETING) {
        match output.read_u8().await {
            Ok(byte) if said.len() < BEFORE_BYTES_MAX => said.push(byte),
            Ok(_too_much) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

impl Service<Uri> for Tunnel {
    type Response = Piped;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Piped>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

impl Connection for Piped {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Piped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Piped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
