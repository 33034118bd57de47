//! Schemas of values, as loose as the readers are: a number is a text with digits, and any text may
//! hold `${...}`.

use serde_json::{Map, Value, json};

/// A mapping with these keys and no others. A key without a schema of its own takes anything.
pub(super) fn object(keys: &[&str], needed: &[&str], of: impl Fn(&str) -> Value) -> Value {
    let properties: Map<String, Value> =
        keys.iter().map(|key| ((*key).to_owned(), of(key))).collect();
    let mut object = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(object) = object.as_object_mut().filter(|_| !needed.is_empty()) {
        object.insert("required".into(), json!(needed));
    }
    object
}

pub(super) fn any_of(schemas: &[Value]) -> Value {
    json!({ "anyOf": schemas })
}

pub(super) fn list_of(schema: Value) -> Value {
    json!({ "type": "array", "items": schema })
}

pub(super) fn one_or_many(schema: Value) -> Value {
    any_of(&[list_of(schema.clone()), schema])
}

/// A mapping whose keys are free.
pub(super) fn map_of(schema: Value) -> Value {
    json!({ "type": "object", "additionalProperties": schema })
}

/// Any scalar: it is taken as it is written.
pub(super) fn text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

/// A text that is known only once its names are filled in.
pub(super) fn named() -> Value {
    json!({ "type": "string", "pattern": "\\$\\{" })
}

pub(super) fn name(description: &str) -> Value {
    json!({ "type": ["string", "number", "boolean"], "description": description })
}

/// `500ms`, `30s`, `1m30s`.
pub(super) fn duration() -> Value {
    json!({
        "type": "string",
        "pattern": "^\\s*([0-9]+\\s*[a-z]+\\s*)+$|\\$\\{",
        "description": "500ms, 30s, 1m30s",
    })
}

/// `512`, `4KiB`, `1MiB`.
pub(super) fn size() -> Value {
    json!({
        "type": ["string", "integer"],
        "pattern": "^[0-9]+\\s*(B|KiB|MiB)?$|\\$\\{",
        "description": "512, 4KiB, 1MiB",
    })
}

pub(super) fn whole() -> Value {
    any_of(&[
        json!({ "type": "integer", "minimum": 0 }),
        json!({ "type": "string", "pattern": "^[0-9]+$|\\$\\{" }),
    ])
}

pub(super) fn url() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z][A-Za-z0-9+.-]*://|\\$\\{" })
}

/// One of these words, or names to fill in. Words of digits are numbers in YAML.
pub(super) fn word(words: &[&str]) -> Value {
    let mut all: Vec<Value> = words.iter().map(|word| json!(word)).collect();
    all.extend(words.iter().filter_map(|word| Some(json!(word.parse::<f64>().ok()?))));
    all.extend(words.iter().filter_map(|word| Some(json!(word.parse::<u64>().ok()?))));
    any_of(&[json!({ "enum": all }), named()])
}
