//! The reference that is served: the `OpenAPI` document, and a page that shows it.

/// `docs/openapi.json`; a test makes it of the operations and compares.
pub(crate) const OPENAPI: &str = include_str!("../../docs/openapi.json");

#[cfg(test)]
pub(super) fn described() -> Vec<super::openapi::Described> {
    use super::openapi::operation;
    use super::operations::Operation;
    use super::problem::Code;
    vec![
        operation(Operation::ShowReference, "Shows this reference as a page.").sends("text/html"),
        operation(Operation::ReadReference, "Sends the OpenAPI document.")
            .sends("application/json")
            .sends("text/css")
            .sends("text/javascript")
            .refuses(&[Code::NotFound]),
    ]
}
