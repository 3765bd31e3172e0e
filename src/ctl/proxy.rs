//! `ashctl proxy-stdio`: the other end of `--host`. It greets when it has the daemon, and then is a
//! pipe in both directions.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::exit::Exit;
use super::failure::Failure;
use super::server::Server;
use crate::web::client::ClientError;
use crate::web::tunnel::GREETING;

/// Bytes that are passed on at once.
const CHUNK_BYTES: usize = 64 << 10;

pub(crate) fn run(server: &Server) -> Result<(), Failure> {
    let Some(path) = &server.socket else {
        return Err(Failure::usage("only an admin socket is connected with"));
    };
    let place = server.place().to_owned();
    let cannot = |error: io::Error| match error.kind() {
        io::ErrorKind::PermissionDenied => ClientError::Denied { place: place.clone() }.into(),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            Failure::from(ClientError::NobodyListens { place: place.clone() })
        }
        _ => Failure::new(Exit::Failure, format!("{place} cannot be connected with: {error}")),
    };
    let mut down = UnixStream::connect(path).map_err(cannot)?;
    let mut up = down.try_clone().map_err(cannot)?;
    std::thread::spawn(move || {
        // Whoever goes away has said all that there was to say.
        let _how_it_ended = pass(&mut io::stdin().lock(), &mut up);
        let _gone = up.shutdown(Shutdown::Write);
    });
    let mut stdout = io::stdout().lock();
    let greeted = stdout.write_all(GREETING).and_then(|()| stdout.flush());
    let _how_it_ended = greeted.and_then(|()| pass(&mut down, &mut stdout));
    Ok(())
}

/// Passes bytes on as they come.
fn pass(from: &mut impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let bytes = match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        to.write_all(chunk.get(..bytes).unwrap_or_default())?;
        to.flush()?;
    }
}
