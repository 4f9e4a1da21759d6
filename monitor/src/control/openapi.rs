//! The control API as OpenAPI 3.1, made from the types that it speaks. `docs/schema/openapi.json` is this document.

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::{
    api::{
        Approval, Denial, Enroll, GrantView, HoldView, NotifyTry, Refusal, RulesView, SessionView, Status,
        TargetView, Thaw,
    },
    factors::{FactorRemoval, FactorView, NewFactor, StatementView, WantedStatement},
    suspensions::{Resume, Suspend},
};
use interlock_core::{explanation::Explanation, health::Check};

/// A method of a path: what it does, and the types that it takes and gives.
struct Route {
    method: &'static str,
    path: &'static str,
    says: &'static str,
    /// Names of query parameters, with their types.
    query: &'static [(&'static str, &'static str)],
    takes: Option<fn(&mut SchemaGenerator) -> Value>,
    gives: fn(&mut SchemaGenerator) -> Value,
}

const QUESTION: &[(&str, &str)] = &[
    ("follow", "boolean"),
    ("files", "boolean"),
    ("since", "string"),
    ("until", "string"),
    ("session", "string"),
    ("kind", "string"),
    ("rule", "string"),
    ("alerts", "boolean"),
    ("limit", "integer"),
    ("user", "integer"),
    ("weighty", "boolean"),
];

const ROUTES: &[Route] = &[
    get("/v1/status", "What the daemon is doing", &[], of::<Status>),
    get("/v1/sessions", "Agent sessions", &[], of::<Vec<SessionView>>),
    post("/v1/sessions", "Makes the caller itself a session's root", Some(of::<Enroll>), of::<SessionView>),
    post("/v1/sessions/{id}/freeze", "Stops every process of a session", None, of::<SessionView>),
    post(
        "/v1/sessions/{id}/thaw",
        "Lets a frozen session go on, on probation",
        Some(of::<Thaw>),
        of::<SessionView>,
    ),
    post("/v1/sessions/{id}/kill", "Ends every process of a session", None, of::<SessionView>),
    get(
        "/v1/holds",
        "Holds that wait, oldest first; all: the last decided ones too; peek: without counting them as shown",
        &[("all", "boolean"), ("peek", "boolean")],
        of::<Vec<HoldView>>,
    ),
    post("/v1/holds/{id}/approve", "Lets a held action go on", Some(of::<Approval>), of::<HoldView>),
    post("/v1/holds/{id}/deny", "Refuses a held action", Some(of::<Denial>), of::<HoldView>),
    get("/v1/grants", "What persons had let go on for longer than once", &[], of::<Vec<GrantView>>),
    post("/v1/grants/{id}/revoke", "Takes a grant back", None, of::<Vec<GrantView>>),
    post(
        "/v1/suspensions",
        "Allows everything of a session for a time: break-glass, or a pause",
        Some(of::<Suspend>),
        of::<Vec<SessionView>>,
    ),
    post("/v1/suspensions/end", "Ends that before its time", Some(of::<Resume>), of::<Vec<SessionView>>),
    post(
        "/v1/statements",
        "The text that a key is to sign",
        Some(of::<WantedStatement>),
        of::<StatementView>,
    ),
    get(
        "/v1/factors",
        "Codes and keys of the caller, or of a user for root",
        &[("user", "integer")],
        of::<Vec<FactorView>>,
    ),
    post("/v1/factors", "Adds a code or a key", Some(of::<NewFactor>), of::<Vec<FactorView>>),
    post("/v1/factors/{id}/remove", "Removes one", Some(of::<FactorRemoval>), of::<Vec<FactorView>>),
    get("/v1/notifier", "Whom the notifier tells, and how that goes", &[], of::<Vec<TargetView>>),
    post("/v1/notifier/test", "Sends a test", Some(of::<NotifyTry>), of::<Vec<String>>),
    get("/v1/events", "Events, one JSON object a line: event.json", QUESTION, lines),
    get(
        "/v1/explain/{id}",
        "Why an event or a hold was decided as it was",
        &[("peek", "boolean")],
        of::<Explanation>,
    ),
    post("/v1/rules/reload", "Reads rules and catalogues again", None, of::<RulesView>),
    get("/v1/doctor", "What this machine allows to watch and to stop", &[], of::<Vec<Check>>),
];

type Query = &'static [(&'static str, &'static str)];
type Type = fn(&mut SchemaGenerator) -> Value;

const fn get(path: &'static str, says: &'static str, query: Query, gives: Type) -> Route {
    Route { method: "get", path, says, query, takes: None, gives }
}

const fn post(path: &'static str, says: &'static str, takes: Option<Type>, gives: Type) -> Route {
    Route { method: "post", path, says, query: &[], takes, gives }
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

fn lines(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "string", "description": "application/x-ndjson" })
}

/// The whole document.
pub fn document() -> Value {
    let mut generator = SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into())
        .into_generator();
    let refusal = of::<Refusal>(&mut generator);
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = route.document(&mut generator, &refusal);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Interlock control API",
            "version": "1",
            "description": "HTTP/JSON over the daemon's Unix socket. Who asks is known by the socket's peer credentials.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

impl Route {
    fn document(&self, generator: &mut SchemaGenerator, refusal: &Value) -> Value {
        let mut parameters: Vec<Value> = Vec::new();
        if self.path.contains("{id}") {
            parameters.push(
                json!({ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }),
            );
        }
        parameters.extend(
            self.query
                .iter()
                .map(|(name, kind)| json!({ "name": name, "in": "query", "schema": { "type": kind } })),
        );
        let refused = |says: &str| json!({ "description": says, "content": { "application/json": { "schema": refusal } } });
        let mut document = json!({
            "summary": self.says,
            "parameters": parameters,
            "responses": {
                "200": { "description": "done", "content": { "application/json": { "schema": (self.gives)(generator) } } },
                "403": refused("not permitted"),
                "404": refused("no such thing"),
                "409": refused("too late, or the wrong state"),
                "422": refused("what was sent makes no sense"),
                "503": refused("the daemon stops"),
                "504": refused("no answer within 30 s"),
            },
        });
        if let Some(takes) = self.takes {
            document["requestBody"] =
                json!({ "content": { "application/json": { "schema": takes(generator) } } });
        }
        document
    }
}

/// Routes of the server's own text: axum does not list them.
fn served() -> Vec<(String, String)> {
    let text = include_str!("server.rs");
    let routes = text.split(".route(").skip(1).map(|route| {
        let end = route.find("\n        .").unwrap_or(route.len());
        route.get(..end).unwrap_or_default()
    });
    let mut served = Vec::new();
    for route in routes {
        let path = route.split('"').nth(1).unwrap_or_default();
        for method in ["get", "post", "put", "delete"] {
            if route.contains(&format!("{method}(")) {
                served.push((method.to_owned(), path.to_owned()));
            }
        }
    }
    served.sort();
    served
}

#[test]
fn every_route_of_the_server_is_documented_and_no_other() {
    let mut documented: Vec<_> =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned())).collect();
    documented.sort();
    assert_eq!(served(), documented);
}

#[test]
fn the_query_parameters_of_events_are_those_of_a_question() {
    let question = serde_json::to_value(
        SchemaSettings::default().into_generator().into_root_schema_for::<crate::archive::Question>(),
    );
    let question = question.unwrap();
    let mut known: Vec<_> = question["properties"].as_object().unwrap().keys().cloned().collect();
    let mut documented: Vec<_> = QUESTION.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.sort();
    documented.sort();
    assert_eq!(known, documented);
}
