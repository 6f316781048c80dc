//! The document as it is served: what each call says of itself, and what is true of all of them, said in one place.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Content, HeaderBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder, Schema};

use crate::http::Problem;
use crate::web::access::SCHEME;

const JSON: &str = "application/json";
const PROBLEM_JSON: &str = "application/problem+json";

/// What any call may be answered that says nothing else of that status.
const SHARED: [(&str, &str); 7] = [
    ("400", "what was asked can not be read"),
    ("401", "nobody is known here"),
    ("403", "this caller may not, or not from there"),
    ("404", "there is nothing of that name"),
    ("408", "it took too long"),
    ("413", "the body is too large"),
    ("429", "too many requests; come again after `Retry-After`"),
];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "lineside",
        description = "What a gateway knows, and what can be handed in. Errors are problem+json (RFC 9457). \
            Decimals are exact: text in answers, text or numbers in what is handed in. Times are RFC 3339. \
            Lists that grow take `limit` and `after`, and answer `next`. JSON answers to GET carry an ETag."
    ),
    tags(
        (name = "health", description = "Whether it lives and works"),
        (name = "status", description = "The gateway as a whole"),
        (name = "floor", description = "Stations, machines, orders"),
        (name = "judgement", description = "Control charts, watches, alerts"),
        (name = "quality", description = "Inspections, faults, what people change of charts"),
        (name = "hand in", description = "What people and programs report"),
        (name = "engineering", description = "For who connects machines"),
        (name = "access", description = "Who is who, and who did what"),
        (name = "buffer", description = "Records on their way, and dead letters")
    ),
    components(schemas(Problem))
)]
pub struct Document;

/// Says of every call what none has to say of itself.
pub fn complete(document: &mut OpenApi) {
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(SCHEME, SecurityScheme::Http(bearer));
    for (status, description) in SHARED {
        components
            .responses
            .insert(status.to_owned(), problem(description).into());
    }
    for (path, item) in &mut document.paths.paths {
        let has_place = path.contains('{');
        for (operation, is_get) in operations(item) {
            add_shared(operation, has_place, is_get);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool)> {
    let all = [
        (&mut item.get, true),
        (&mut item.post, false),
        (&mut item.put, false),
        (&mut item.patch, false),
        (&mut item.delete, false),
    ];
    all.into_iter()
        .filter_map(|(operation, is_get)| Some((operation.as_mut()?, is_get)))
}

/// Who is on the gateway's own machine may read without being known, where that is open.
fn add_shared(operation: &mut Operation, has_place: bool, is_get: bool) {
    let has_parameters = operation.parameters.as_ref().is_some_and(|all| !all.is_empty());
    let has_body = operation.request_body.is_some();
    let nobody = SecurityRequirement::default();
    let needs_someone = operation.security.iter().flatten().any(|one| *one != nobody);
    let any_role = SecurityRequirement::new::<_, [&str; 0], &str>(SCHEME, []);
    if let Some(who) = operation.security.as_mut().filter(|who| **who == [any_role]) {
        who.push(nobody);
    }
    let responses = &mut operation.responses.responses;
    for (status, _) in SHARED {
        let is_possible = match status {
            "400" => has_parameters || has_body,
            "401" => needs_someone,
            "404" => has_place,
            "413" => has_body,
            _ => true,
        };
        if is_possible {
            responses
                .entry(status.to_owned())
                .or_insert_with(|| RefOr::Ref(Ref::from_response_name(status)));
        }
    }
    for response in responses.values_mut() {
        if let RefOr::T(response) = response {
            rename_problem(response);
        }
    }
    if is_get
        && let Some(RefOr::T(found)) = responses.get_mut("200")
        && found.content.contains_key(JSON)
    {
        let tag = HeaderBuilder::new().description(Some("a tag of the content")).build();
        found.headers.insert("ETag".to_owned(), tag.into());
        let same = ResponseBuilder::new().description("it is as `If-None-Match` says");
        responses.insert("304".to_owned(), same.into());
    }
}

fn problem(description: &str) -> Response {
    let content = Content::new(Some(RefOr::<Schema>::Ref(Ref::from_schema_name("Problem"))));
    ResponseBuilder::new()
        .description(description)
        .content(PROBLEM_JSON, content)
        .build()
}

/// The macro takes every schema for plain JSON.
fn rename_problem(response: &mut Response) {
    let schema = match response.content.get(JSON) {
        Some(RefOr::T(content)) => content.schema.as_ref(),
        _ => None,
    };
    if matches!(schema, Some(RefOr::Ref(at)) if at.ref_location.ends_with("/Problem"))
        && let Some(content) = response.content.shift_remove(JSON)
    {
        response.content.insert(PROBLEM_JSON.to_owned(), content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_tells_its_errors_and_no_answer_is_just_anything() {
        let (_, document) = crate::web::api::calls();
        let json = serde_json::to_value(&document).expect("the document is JSON");
        for (path, item) in json["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let at = format!("{method} {path}");
                assert!(
                    operation["tags"][0].is_string() && operation["summary"].is_string(),
                    "{at}"
                );
                let responses = operation["responses"].as_object().expect("responses");
                assert!(responses.contains_key("403") && responses.contains_key("408"), "{at}");
                for (status, response) in responses
                    .iter()
                    .filter(|(status, _)| !["101", "204", "304"].contains(&status.as_str()))
                {
                    let shared = response["$ref"].as_str().map(|at| at.trim_start_matches('#'));
                    let response = shared.map_or(response, |at| json.pointer(at).expect("what is named is there"));
                    let content = response["content"].as_object().expect("content");
                    let (kind, content) = content.iter().next().expect("one kind");
                    assert_eq!(kind == PROBLEM_JSON, status.as_str() >= "400", "{at} {status}");
                    let is_said = content["schema"].as_object().is_some_and(|schema| !schema.is_empty());
                    assert!(is_said || path.ends_with("openapi.json"), "{at} {status}: {content}");
                }
            }
        }
    }
}
