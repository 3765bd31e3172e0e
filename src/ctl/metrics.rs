//! `ashctl metrics`: what the daemon counts of itself.

use http::Method;

use super::Context;
use super::failure::Failure;
use super::server::request;
use crate::web::client::{Patience, empty};

pub(crate) async fn run(context: &mut Context) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let request = request(Method::GET, "/metrics", empty());
    let mut answer = server.open(request, Patience::Answer).await?;
    while let Some(chunk) = answer.chunk().await? {
        output.bytes(&chunk)?;
    }
    Ok(())
}
