//! The document itself, put together.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::described::{Body, Content, Described};
use super::prose;
use crate::scope::Scope;
use crate::wire::operations::{OPERATIONS, Operation, Route};
use crate::wire::problem::{Code, Problem};

/// Schemas of what comes in and of what goes out: a member may be left out of the one, and is
/// always in the other.
struct Schemas {
    taken: SchemaGenerator,
    answered: SchemaGenerator,
    /// Answers that many operations share.
    problems: Map<String, Value>,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = "/components/schemas".into();
                settings.meta_schema = None;
            })
        };
        Self {
            taken: settings().for_deserialize().into_generator(),
            answered: settings().for_serialize().into_generator(),
            problems: Map::new(),
        }
    }

    /// All of them by name. A type that goes both ways and is not the same has two names.
    fn into_components(mut self) -> Map<String, Value> {
        let mut all = self.answered.take_definitions(true);
        for (name, schema) in self.taken.take_definitions(true) {
            let other = all.insert(name.clone(), schema.clone());
            assert!(
                other.is_none_or(|other| other == schema),
                "`{name}` is taken and answered, in two shapes: give one of them a type of its own"
            );
        }
        all
    }
}

/// The whole document.
pub(super) fn document(described: &[Described]) -> Value {
    let mut schemas = Schemas::new();
    let _problem = schemas.answered.subschema_for::<Problem>();
    let meanings = prose::table("Problem codes");
    let mut paths = Map::new();
    for route in OPERATIONS {
        let Some(described) = described.iter().find(|one| one.operation == route.operation) else {
            continue;
        };
        let path = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = one(route, described, &mut schemas, &meanings);
    }
    let problems = std::mem::take(&mut schemas.problems);
    let licence = json!({ "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" });
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Ash",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Claude-powered agents on your own Linux machines",
            "description": "Agents are deployed, sessions of them are held. Every answer that is not a success is a problem document. Operations with `x-ash-admin-socket` are served over the admin socket only.",
            "license": licence,
        },
        "servers": [{ "url": "/" }],
        "security": [{ "apiKey": [] }],
        "tags": tags(),
        "paths": paths,
        "components": {
            "securitySchemes": { "apiKey": { "type": "http", "scheme": "bearer", "description": "An API key. Its scope is `read`, `use`, `deploy` or `admin`; each includes those before it." } },
            "responses": problems,
            "schemas": schemas.into_components(),
        },
    })
}

fn tags() -> Value {
    let mut tags: Vec<&str> = OPERATIONS.iter().map(|route| tag(route.path)).collect();
    tags.sort_unstable();
    tags.dedup();
    tags.into_iter().map(|name| json!({ "name": name })).collect()
}

/// What an operation is about: the collection in its path.
fn tag(path: &'static str) -> &'static str {
    path.strip_prefix("/api/")
        .unwrap_or(path)
        .trim_matches('/')
        .split('/')
        .next()
        .unwrap_or_default()
}

fn one(
    route: &Route,
    described: &Described,
    schemas: &mut Schemas,
    meanings: &BTreeMap<String, String>,
) -> Value {
    let mut operation = json!({
        "operationId": name(route.operation),
        "tags": [tag(route.path)],
        "summary": described.summary,
        "responses": answers(route, described, schemas, meanings),
    });
    if let Some(prose) = prose::of_operation(route.method, route.path) {
        operation["description"] = prose.into();
    }
    let parameters = parameters(route, described);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(Body { content: kind, required }) = &described.body {
        let content = content(kind, &mut schemas.taken);
        operation["requestBody"] = json!({ "required": required, "content": content });
    }
    if route.open {
        operation["security"] = json!([]);
    } else if route.administrators {
        operation["x-ash-admin-socket"] = true.into();
    } else {
        operation["x-ash-scope"] = route.scope.as_str().into();
    }
    operation
}

/// `GetAgent` as `getAgent`.
fn name(operation: Operation) -> String {
    let name = format!("{operation:?}");
    let (first, rest) = name.split_at(1);
    format!("{}{rest}", first.to_lowercase())
}

fn parameters(route: &Route, described: &Described) -> Vec<Value> {
    let in_path =
        route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut all: Vec<Value> = in_path.map(|name| path_parameter(name, route.path)).collect();
    all.extend(described.parameters.iter().map(|parameter| {
        json!({
            "in": parameter.place, "name": parameter.name, "required": false,
            "schema": parameter.schema, "description": parameter.about,
        })
    }));
    if described.codes.contains(&Code::IdempotencyMismatch) {
        all.push(json!({
            "in": "header", "name": "Idempotency-Key", "required": false,
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
            "description": "A name for this request, chosen by the client: the same request with the same name is done once.",
        }));
    }
    all
}

fn path_parameter(name: &str, path: &str) -> Value {
    let plain = name.trim_start_matches('*');
    let (schema, about) = match plain {
        "name" => (
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[A-Za-z0-9_-]+$" }),
            "The agent's name.".to_owned(),
        ),
        "path" => (
            json!({ "type": "string", "minLength": 1 }),
            "A path in the folder; it may have slashes.".to_owned(),
        ),
        "file" => (json!({ "type": "string" }), "The name of a file.".to_owned()),
        "version" => {
            (json!({ "type": "string" }), "The number of a version, or its id.".to_owned())
        }
        "number" => (
            json!({ "type": "integer", "minimum": 1 }),
            format!("The number of a {}.", tag_singular(path)),
        ),
        "id" => (
            json!({ "type": "string", "format": "uuid" }),
            format!("The id of a {}.", tag_singular(path)),
        ),
        other => (json!({ "type": "string", "format": "uuid" }), format!("The id of a {other}.")),
    };
    json!({ "in": "path", "name": plain, "required": true, "schema": schema, "description": about })
}

fn tag_singular(path: &str) -> String {
    let tag = path.trim_start_matches("/api/").split('/').next().unwrap_or_default();
    tag.trim_end_matches('s').replace('-', " ")
}

fn content(content: &Content, schemas: &mut SchemaGenerator) -> Value {
    match content {
        Content::None => json!({}),
        Content::Json(make) => json!({ "application/json": { "schema": make(schemas) } }),
        Content::Bytes(kind) => {
            json!({ *kind: { "schema": { "type": "string", "format": "binary" } } })
        }
        Content::Events(heading) => {
            let events = prose::table(heading);
            assert!(!events.is_empty(), "docs/api.md has no table of events below `{heading}`");
            // What each event is; `OpenAPI` 3.1 has no word for their sequence.
            let json = json!({ "type": "string", "contentMediaType": "application/json" });
            let text = json!({ "type": "string" });
            let properties = json!({ "id": text, "event": text, "data": json });
            let schema = json!({ "type": "object", "properties": properties });
            json!({ "text/event-stream": { "schema": schema, "x-ash-events": events } })
        }
    }
}

fn answers(
    route: &Route,
    described: &Described,
    schemas: &mut Schemas,
    meanings: &BTreeMap<String, String>,
) -> Value {
    let mut answers: BTreeMap<String, Value> = BTreeMap::new();
    for answer in &described.answers {
        let more = content(&answer.content, &mut schemas.answered);
        let entry = answers.entry(answer.status.to_string()).or_insert_with(|| {
            json!({ "description": match answer.status { 204 => "Nothing more will come.", 304 => "It has not changed.", _ => "Done." } })
        });
        for (kind, schema) in more.as_object().into_iter().flatten() {
            entry["content"][kind] = schema.clone();
        }
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes(route, described) {
        let listed = by_status.entry(code.status()).or_default();
        if !listed.contains(&code) {
            listed.push(code);
        }
    }
    for (status, codes) in by_status {
        let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        let name = format!("{status}-{}", words.join("-"));
        answers.insert(
            status.to_string(),
            json!({ "$ref": format!("#/components/responses/{name}") }),
        );
        schemas.problems.entry(name).or_insert_with(|| problem(status, &words, meanings));
    }
    json!(answers)
}

/// An answer with a status of an error, shared by all operations with the same codes.
fn problem(status: u16, words: &[&str], meanings: &BTreeMap<String, String>) -> Value {
    let meaning =
        |word: &&str| format!("`{word}`: {}.", meanings.get(*word).map_or("", |text| text));
    let text = words.iter().map(meaning).collect::<Vec<_>>().join("\n\n");
    let schema = json!({
        "allOf": [{ "$ref": "#/components/schemas/Problem" }],
        "properties": { "code": { "enum": words } },
    });
    let content = json!({ "application/problem+json": { "schema": schema } });
    let mut answer = json!({ "description": text, "content": content });
    if status == 429 || status == 503 {
        answer["headers"] = json!({ "Retry-After": {
            "description": "Seconds after which it is worth another try.",
            "schema": { "type": "integer", "minimum": 0 },
        } });
    }
    answer
}

/// The problems of an operation: its own, and those that follow from what it is.
fn codes(route: &Route, described: &Described) -> Vec<Code> {
    let mut codes = described.codes.clone();
    let reads = route.method == "GET";
    if !described.parameters.is_empty() || described.body.is_some() || route.path.contains('{') {
        codes.push(Code::BadRequest);
    }
    if described.body.is_some() {
        codes.push(Code::BodyTooLarge);
    }
    if route.path.starts_with("/api/sessions/{id}") {
        codes.push(Code::SessionNotFound);
    }
    if route.path.starts_with("/api/agents/{name}") && !codes.contains(&Code::AgentInvalid) {
        codes.push(Code::AgentNotFound);
    }
    if !route.open {
        codes.push(Code::Unauthorized);
        if route.administrators || route.scope > Scope::Read {
            codes.push(Code::Forbidden);
        }
        codes.extend([
            Code::RateLimited,
            Code::Internal,
            Code::StoreUnavailable,
            Code::ShuttingDown,
        ]);
        if !reads {
            codes.push(Code::DiskFull);
        }
    }
    codes.sort_unstable_by_key(|code| code.as_str());
    codes
}
