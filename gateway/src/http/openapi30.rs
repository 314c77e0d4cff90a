//! The document once more for tools that know no OpenAPI 3.1: the same in 3.0.3.
//!
//! Schemas of 3.1 are JSON Schema 2020-12; those of 3.0 are an older dialect with `nullable`. What 3.0 cannot say
//! is left out, so that whatever the document allows, its copy allows too.

use serde_json::{Map, Value as Json, json};

/// Words of JSON Schema that 3.0 does not have, and that only narrow what is allowed, or only explain.
const UNKNOWN: [&str; 20] = [
    "$schema",
    "$id",
    "$anchor",
    "$comment",
    "$defs",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "patternProperties",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "dependentRequired",
    "dependentSchemas",
    "contains",
    "minContains",
    "maxContains",
    "if",
    "then",
    "else",
];

/// The document of OpenAPI 3.1 as one of 3.0.3.
pub(super) fn to_3_0(document: &Json) -> Json {
    let mut copy = document.clone();
    if let Some(members) = copy.as_object_mut() {
        members.insert("openapi".into(), "3.0.3".into());
        members.remove("webhooks");
        members.remove("jsonSchemaDialect");
    }
    if let Some(info) = copy.get_mut("info").and_then(Json::as_object_mut) {
        info.remove("summary");
        if let Some(licence) = info.get_mut("license").and_then(Json::as_object_mut)
            && let Some(Json::String(name)) = licence.remove("identifier")
        {
            licence.insert("url".into(), format!("https://spdx.org/licenses/{name}.html").into());
        }
    }
    if let Some(schemas) = copy.pointer_mut("/components/schemas").and_then(Json::as_object_mut) {
        schemas.values_mut().for_each(|schema| *schema = schema_to_3_0(schema.take()));
    }
    for part in ["paths", "components"] {
        if let Some(part) = copy.get_mut(part) {
            schemas_below(part);
        }
    }
    copy
}

/// Converts whatever stands under the name `schema`; examples are left as they are.
fn schemas_below(value: &mut Json) {
    match value {
        Json::Object(members) => {
            for (name, member) in members {
                match name.as_str() {
                    "schema" => *member = schema_to_3_0(member.take()),
                    "schemas" | "example" | "examples" => {}
                    _ => schemas_below(member),
                }
            }
        }
        Json::Array(items) => items.iter_mut().for_each(schemas_below),
        _ => {}
    }
}

fn schema_to_3_0(schema: Json) -> Json {
    let mut members = match schema {
        Json::Object(members) => members,
        // `false`: nothing is right.
        Json::Bool(false) => return json!({ "not": {} }),
        _ => return json!({}),
    };
    for word in UNKNOWN {
        members.remove(word);
    }
    if let Some(value) = members.remove("const") {
        let word = type_of(&value);
        members.entry("type").or_insert(word.into());
        members.insert("enum".into(), json!([value]));
    }
    if let Some(Json::Array(examples)) = members.remove("examples")
        && let Some(first) = examples.into_iter().next()
    {
        members.entry("example").or_insert(first);
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        if let Some(limit) = members.get(exclusive).filter(|limit| limit.is_number()).cloned() {
            members.insert(bound.into(), limit);
            members.insert(exclusive.into(), true.into());
        }
    }
    tuples(&mut members);
    below(&mut members);
    types(&mut members);
    null_among_choices(&mut members);
    if let Some(reference) = members.remove("$ref") {
        if members.is_empty() {
            return json!({ "$ref": reference });
        }
        // Beside `$ref` nothing counts in 3.0.
        let mut all = vec![json!({ "$ref": reference })];
        if let Some(Json::Array(more)) = members.remove("allOf") {
            all.extend(more);
        }
        members.insert("allOf".into(), all.into());
    }
    Json::Object(members)
}

/// The schemas within a schema.
fn below(members: &mut Map<String, Json>) {
    for (name, member) in members.iter_mut() {
        match (name.as_str(), member) {
            ("properties", Json::Object(properties)) => {
                properties.values_mut().for_each(|it| *it = schema_to_3_0(it.take()));
            }
            ("allOf" | "anyOf" | "oneOf", Json::Array(choices)) => {
                choices.iter_mut().for_each(|it| *it = schema_to_3_0(it.take()));
            }
            ("items" | "not", inner) => *inner = schema_to_3_0(inner.take()),
            ("additionalProperties", inner) if inner.is_object() => *inner = schema_to_3_0(inner.take()),
            _ => {}
        }
    }
}

/// A list of a fixed shape is a list of any of its items.
fn tuples(members: &mut Map<String, Json>) {
    let Some(Json::Array(items)) = members.remove("prefixItems") else { return };
    let n = items.len();
    let rest = members.remove("items");
    let mut choices: Vec<Json> = Vec::new();
    for item in items {
        if !choices.contains(&item) {
            choices.push(item);
        }
    }
    match rest {
        Some(Json::Bool(false)) => _ = members.entry("maxItems").or_insert(n.into()),
        Some(rest @ Json::Object(_)) => choices.push(rest),
        _ if members.get("maxItems").is_none_or(|most| most.as_u64() != Some(n as u64)) => choices.clear(),
        _ => {}
    }
    let items = match choices.len() {
        0 => json!({}),
        1 => choices.remove(0),
        _ => json!({ "anyOf": choices }),
    };
    members.insert("items".into(), items);
}

/// `type` is one word in 3.0.
fn types(members: &mut Map<String, Json>) {
    match members.remove("type") {
        Some(Json::String(word)) if word == "null" => be_null(members),
        Some(Json::Array(words)) => {
            let n = words.len();
            let mut words: Vec<Json> = words.into_iter().filter(|word| word != "null").collect();
            let has_null = words.len() < n;
            match words.len() {
                0 => be_null(members),
                1 => {
                    members.insert("type".into(), words.remove(0));
                    if has_null {
                        members.insert("nullable".into(), true.into());
                    }
                }
                _ => {
                    let mut choices: Vec<Json> = words.into_iter().map(|word| json!({ "type": word })).collect();
                    choices.extend(has_null.then(null));
                    let choice = json!({ "anyOf": choices });
                    if let Some(Json::Array(all)) = members.get_mut("allOf") {
                        all.push(choice);
                    } else if members.contains_key("anyOf") {
                        members.insert("allOf".into(), json!([choice]));
                    } else {
                        members.extend(choice.as_object().cloned().unwrap_or_default());
                    }
                }
            }
        }
        Some(other) => _ = members.insert("type".into(), other),
        None => {}
    }
}

/// Nothing but null, for which 3.0 has no type.
fn null() -> Json {
    json!({ "type": "string", "nullable": true, "enum": [null] })
}

fn be_null(members: &mut Map<String, Json>) {
    members.extend(null().as_object().cloned().unwrap_or_default());
}

/// `anyOf: [X, null]` is a nullable X where X has a type of its own. Of a reference it stays a choice: beside `nullable`
/// there must be a `type`, and a schema that is referred to would go on refusing null.
fn null_among_choices(members: &mut Map<String, Json>) {
    let Some(Json::Array(choices)) = members.get_mut("anyOf") else { return };
    let mut others = choices.iter().filter(|choice| **choice != null());
    let (Some(only), None) = (others.next(), others.next()) else { return };
    if choices.len() != 2 || !only["type"].is_string() || !only["enum"].is_null() {
        return;
    }
    let only = only.clone();
    members.remove("anyOf");
    members.insert("nullable".into(), true.into());
    // A description that stands beside the choice goes before that of X.
    for (name, member) in only.as_object().into_iter().flatten() {
        members.entry(name.clone()).or_insert_with(|| member.clone());
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null | Json::String(_) => "string",
        Json::Bool(_) => "boolean",
        Json::Number(number) if number.is_f64() => "number",
        Json::Number(_) => "integer",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: Json, expected: Json) {
        assert_eq!(schema_to_3_0(schema.clone()), expected, "{schema}");
    }

    #[test]
    fn each_word_that_3_0_lacks_is_said_in_its_own_words() {
        let nothing = null();
        check(json!({"type": ["string", "null"]}), json!({"type": "string", "nullable": true}));
        check(
            json!({"const": "a", "description": "A."}),
            json!({"type": "string", "enum": ["a"], "description": "A."}),
        );
        check(json!({"const": 3}), json!({"type": "integer", "enum": [3]}));
        check(json!({"type": "string", "examples": ["a", "b"]}), json!({"type": "string", "example": "a"}));
        check(
            json!({"type": "number", "exclusiveMinimum": 0}),
            json!({"type": "number", "minimum": 0, "exclusiveMinimum": true}),
        );
        check(json!({"$ref": "#/x"}), json!({"$ref": "#/x"}));
        check(json!({"$ref": "#/x", "description": "X."}), json!({"allOf": [{"$ref": "#/x"}], "description": "X."}));
        check(
            json!({"anyOf": [{"$ref": "#/x"}, {"type": "null"}], "description": "X."}),
            json!({"anyOf": [{"$ref": "#/x"}, nothing], "description": "X."}),
        );
        check(
            json!({"anyOf": [{"type": "string"}, {"type": "null"}], "description": "X."}),
            json!({"type": "string", "nullable": true, "description": "X."}),
        );
        check(
            json!({"type": ["string", "integer", "null"]}),
            json!({"anyOf": [{"type": "string"}, {"type": "integer"}, nothing]}),
        );
        check(
            json!({"type": ["integer", "string"], "minimum": 1}),
            json!({"anyOf": [{"type": "integer"}, {"type": "string"}], "minimum": 1}),
        );
        check(
            json!({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2, "maxItems": 2}),
            json!({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}, "minItems": 2, "maxItems": 2}),
        );
        check(
            json!({"type": "object", "properties": {"const": {"type": ["object", "null"]}, "any": true}, "additionalProperties": false}),
            json!({"type": "object", "properties": {"const": {"type": "object", "nullable": true}, "any": {}}, "additionalProperties": false}),
        );
    }

    #[test]
    fn schemas_are_found_wherever_they_stand_and_examples_are_left_alone() {
        let example = json!({"type": ["a", "null"], "schema": {"const": 1}});
        let media = |schema: Json| json!({"content": {"application/json": {"schema": schema, "example": example}}});
        let document = json!({
            "openapi": "3.1.0",
            "info": {"title": "T", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
            "webhooks": {},
            "paths": {"/x": {"get": {"responses": {"200": media(json!({"const": true}))}}}},
            "components": {"schemas": {"X": {"type": ["boolean", "null"]}}},
        });
        let copy = to_3_0(&document);
        assert_eq!(copy["openapi"], "3.0.3");
        let licence = json!({"name": "Apache-2.0", "url": "https://spdx.org/licenses/Apache-2.0.html"});
        assert_eq!((&copy["info"]["license"], &copy["webhooks"]), (&licence, &Json::Null));
        let expected = media(json!({"type": "boolean", "enum": [true]}));
        assert_eq!(copy["paths"]["/x"]["get"]["responses"]["200"], expected);
        assert_eq!(copy["components"]["schemas"]["X"], json!({"type": "boolean", "nullable": true}));
    }
}
