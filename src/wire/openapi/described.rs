//! What is said of an operation beside its types.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::wire::operations::Operation;
use crate::wire::problem::Code;

/// Makes a schema and leaves what it refers to with the generator.
type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// An operation as the document tells it.
pub(in crate::wire) struct Described {
    pub(super) operation: Operation,
    /// One sentence.
    pub(super) summary: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    pub(super) codes: Vec<Code>,
}

/// Of the query or a header.
pub(super) struct Parameter {
    pub(super) place: &'static str,
    pub(super) name: &'static str,
    pub(super) schema: Schema,
    pub(super) about: &'static str,
}

pub(super) struct Body {
    pub(super) content: Content,
    pub(super) required: bool,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content: Content,
}

pub(super) enum Content {
    None,
    Json(MakeSchema),
    /// Bytes of this type.
    Bytes(&'static str),
    /// Server-sent events, by the heading in `docs/api.md` that lists them.
    Events(&'static str),
}

/// Begins a description: `summary` is one sentence.
pub(in crate::wire) fn operation(operation: Operation, summary: &'static str) -> Described {
    let (parameters, answers, codes) = (Vec::new(), Vec::new(), Vec::new());
    Described { operation, summary, parameters, body: None, answers, codes }
}

impl Described {
    pub(in crate::wire) fn query(
        self,
        name: &'static str,
        schema: Schema,
        about: &'static str,
    ) -> Self {
        self.parameter("query", name, schema, about)
    }

    pub(in crate::wire) fn header(self, name: &'static str, about: &'static str) -> Self {
        self.parameter("header", name, text(), about)
    }

    fn parameter(
        mut self,
        place: &'static str,
        name: &'static str,
        schema: Schema,
        about: &'static str,
    ) -> Self {
        self.parameters.push(Parameter { place, name, schema, about });
        self
    }

    /// A JSON body, which must be there.
    pub(in crate::wire) fn body<T: JsonSchema>(mut self) -> Self {
        let content = Content::Json(SchemaGenerator::subschema_for::<T>);
        self.body = Some(Body { content, required: true });
        self
    }

    /// A JSON body that may be left out.
    pub(in crate::wire) fn may_have_body<T: JsonSchema>(mut self) -> Self {
        let content = Content::Json(SchemaGenerator::subschema_for::<T>);
        self.body = Some(Body { content, required: false });
        self
    }

    /// A body of bytes of this type.
    pub(in crate::wire) fn takes(mut self, kind: &'static str) -> Self {
        self.body = Some(Body { content: Content::Bytes(kind), required: true });
        self
    }

    /// JSON.
    pub(in crate::wire) fn answers<T: JsonSchema>(self, status: u16) -> Self {
        self.answer(status, Content::Json(SchemaGenerator::subschema_for::<T>))
    }

    /// JSON with an `ETag`, and 304 for a client that has it.
    pub(in crate::wire) fn answers_tagged<T: JsonSchema>(self) -> Self {
        self.answers::<T>(200)
            .answers_nothing(304)
            .header("if-none-match", "The `ETag` of what the client has.")
    }

    /// Bytes of this type, with the status 200.
    pub(in crate::wire) fn sends(self, kind: &'static str) -> Self {
        self.answer(200, Content::Bytes(kind))
    }

    /// Server-sent events; `heading` of `docs/api.md` has the table of them.
    pub(in crate::wire) fn streams(self, heading: &'static str) -> Self {
        self.answer(200, Content::Events(heading))
    }

    /// A status without a body.
    pub(in crate::wire) fn answers_nothing(self, status: u16) -> Self {
        self.answer(status, Content::None)
    }

    fn answer(mut self, status: u16, content: Content) -> Self {
        self.answers.push(Answer { status, content });
        self
    }

    /// Problems beside those that many operations have.
    pub(in crate::wire) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend(codes);
        self
    }
}

pub(in crate::wire) fn text() -> Schema {
    json_schema!({ "type": "string" })
}

pub(in crate::wire) fn flag() -> Schema {
    json_schema!({ "type": "boolean" })
}

pub(in crate::wire) fn uuid() -> Schema {
    json_schema!({ "type": "string", "format": "uuid" })
}

pub(in crate::wire) fn whole<N: serde::Serialize>(least: N, most: N) -> Schema {
    json_schema!({ "type": "integer", "minimum": least, "maximum": most })
}

pub(in crate::wire) fn one_of(words: &[&str]) -> Schema {
    json_schema!({ "type": "string", "enum": words })
}
