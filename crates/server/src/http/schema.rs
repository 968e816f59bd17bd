//! The shapes of requests and answers. Each is derived from its type, once:
//! the same JSON Schema refuses what is wrong and stands in the description,
//! so that the two cannot differ.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use jsonschema::error::ValidationErrorKind as Broken;
use jsonschema::paths::LocationSegment;
use jsonschema::{ValidationError, Validator};
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::error::{ApiError, Code};

/// The largest whole number that every reader of JSON keeps exact (RFC 8259).
const LARGEST_INTEGER: i64 = (1 << 53) - 1;
/// The longest piece of a wrong value that a message shows, in characters.
const LONGEST_SHOWN: usize = 60;
/// The most fields or choices that a message lists.
const MOST_LISTED: usize = 30;
/// How deep a made-up example nests.
const DEEPEST_EXAMPLE: usize = 4;

/// How schemas are derived: JSON Schema 2020-12, every number with its bounds.
pub fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12()
        .with(|settings| settings.meta_schema = None)
        .with_transform(RecursiveTransform(bound_integers))
}

/// Says in bounds what Rust's integer types say in their names.
fn bound_integers(schema: &mut Schema) {
    let Some(format) = schema.get("format").and_then(Value::as_str) else {
        return;
    };
    let (least, most) = match format {
        "uint8" => (0, i64::from(u8::MAX)),
        "uint16" => (0, i64::from(u16::MAX)),
        "uint32" => (0, i64::from(u32::MAX)),
        "uint" | "uint64" => (0, LARGEST_INTEGER),
        "int32" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        "int" | "int64" => (-LARGEST_INTEGER, LARGEST_INTEGER),
        "float" | "double" => {
            schema.remove("format");
            return;
        }
        _ => return,
    };
    schema.remove("format");
    let object = schema.ensure_object();
    object.entry("minimum").or_insert(json!(least));
    object.entry("maximum").or_insert(json!(most));
}

/// The schema of one type, ready to check values with.
pub struct Shape {
    schema: Value,
    validator: Option<Validator>,
}

/// The shape of `T`, made at the first call.
pub fn shape<T: JsonSchema + 'static>() -> Arc<Shape> {
    static SHAPES: OnceLock<RwLock<BTreeMap<TypeId, Arc<Shape>>>> = OnceLock::new();
    let shapes = SHAPES.get_or_init(RwLock::default);
    let known = shapes.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(shape) = known.get(&TypeId::of::<T>()) {
        return shape.clone();
    }
    drop(known);
    let generator = settings().for_deserialize().into_generator();
    let shape = Arc::new(Shape::new(generator.into_root_schema_for::<T>().to_value()));
    let mut shapes = shapes.write().unwrap_or_else(PoisonError::into_inner);
    shapes.insert(TypeId::of::<T>(), shape.clone());
    shape
}

/// Reads a value of the shape of `T`. `name` is what the whole is called, if
/// it is one parameter.
pub fn read<T>(mut value: Value, name: &str) -> Result<T, ApiError>
where
    T: DeserializeOwned + JsonSchema + 'static,
{
    shape::<T>().check(&value, name)?;
    whole_numbers(&mut value);
    // What is left is what no schema can say: the grammar of a filter.
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        let param = match path.as_str() {
            // Flattened fields lose their path; a message may begin with it.
            "." => {
                let begun = message.split(':').next().unwrap_or_default();
                let known = shape::<T>().fields().contains_key(begun);
                if known {
                    begun.to_owned()
                } else {
                    String::new()
                }
            }
            _ => path,
        };
        let param = joined(name, &param);
        ApiError {
            code: Code::InvalidField,
            message,
            param: (!param.is_empty()).then_some(param),
        }
    })
}

/// `5.0` is a whole number to JSON Schema, and not to serde.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or_default();
            if float.fract() == 0.0 && float.abs() <= LARGEST_INTEGER as f64 {
                *value = json!(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

fn joined(path: &str, field: &str) -> String {
    match (path.is_empty(), field.is_empty()) {
        (true, _) => field.to_owned(),
        (_, true) => path.to_owned(),
        _ if field.starts_with('[') => format!("{path}{field}"),
        _ => format!("{path}.{field}"),
    }
}

impl Shape {
    /// The shape that a JSON Schema describes.
    pub fn new(schema: Value) -> Self {
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .should_validate_formats(true)
            .build(&schema);
        if let Err(error) = &validator {
            tracing::error!(%error, "a schema of ours is none");
        }
        Self {
            validator: validator.ok(),
            schema,
        }
    }

    /// The whole schema.
    pub fn root(&self) -> &Value {
        &self.schema
    }

    /// A small value of this shape.
    pub fn whole_example(&self) -> Value {
        self.example(&self.schema, 0)
    }

    /// A schema of this shape as that of a parameter, which is a text: of the
    /// alternatives those that a text can be.
    pub fn as_parameter(&self, schema: &Value) -> Value {
        let schema = self.resolved(schema);
        let mut parameter = schema.clone();
        let Some(fields) = parameter.as_object_mut() else {
            return parameter;
        };
        if fields.get("default").is_some_and(Value::is_null) {
            fields.remove("default");
        }
        if let Some(Value::Array(kinds)) = fields.get("type") {
            let kind = ["string", "array", "integer", "number", "boolean"]
                .into_iter()
                .find(|kind| kinds.iter().any(|one| one == kind));
            fields.insert("type".to_owned(), json!(kind));
        }
        let ways: Vec<Value> = branches(schema).map(|one| self.as_parameter(one)).collect();
        fields.remove("$defs");
        let choices: Vec<&Value> = ways.iter().filter_map(|way| way.get("const")).collect();
        if !choices.is_empty() && choices.len() == ways.len() {
            fields.remove("oneOf");
            fields.insert("type".to_owned(), json!("string"));
            fields.insert("enum".to_owned(), json!(choices));
            fields.remove("description");
            return parameter;
        }
        let preferred = ["array", "string", "integer", "number", "boolean"]
            .into_iter()
            .find_map(|kind| ways.iter().find(|way| way["type"] == kind));
        if let Some(Value::Object(way)) = preferred {
            fields.remove("anyOf");
            fields.remove("oneOf");
            for (name, value) in way {
                fields.entry(name).or_insert_with(|| value.clone());
            }
        }
        fields.remove("description");
        parameter
    }

    /// The schemas of the fields, by name.
    pub fn fields(&self) -> Map<String, Value> {
        let fields = self.resolved(&self.schema)["properties"].as_object();
        fields.cloned().unwrap_or_default()
    }

    /// Whether a field has to be there.
    pub fn requires(&self, field: &str) -> bool {
        let required = self.resolved(&self.schema)["required"].as_array();
        required.is_some_and(|required| required.iter().any(|one| one == field))
    }

    /// The JSON types that a schema of this shape takes.
    pub fn kinds(&self, schema: &Value) -> Vec<String> {
        let schema = self.resolved(schema);
        let mut kinds: Vec<String> = match &schema["type"] {
            Value::String(kind) => vec![kind.clone()],
            Value::Array(kinds) => kinds
                .iter()
                .filter_map(|kind| kind.as_str().map(str::to_owned))
                .collect(),
            _ => Vec::new(),
        };
        for branch in branches(schema) {
            kinds.extend(self.kinds(branch));
        }
        kinds
    }

    /// Whether `value` has this shape; if not, which field is wrong, and what
    /// would be right in its own words.
    pub fn check(&self, value: &Value, name: &str) -> Result<(), ApiError> {
        let Some(validator) = &self.validator else {
            return Err(ApiError::internal("a shape that cannot be checked"));
        };
        match validator.iter_errors(value).next() {
            None => Ok(()),
            Some(error) => Err(self.explained(&error, name)),
        }
    }

    fn explained(&self, error: &ValidationError<'_>, name: &str) -> ApiError {
        if let Broken::AnyOf { context } | Broken::OneOfNotValid { context } = error.kind() {
            if let Some(fields) = lacking(context) {
                let (path, _) = self.at(error);
                let param = joined(name, &path);
                let subject = subject(&param);
                let message = format!("{subject} needs {}", one_of(fields));
                let param = (!param.is_empty()).then_some(param);
                return ApiError {
                    param,
                    ..ApiError::new(Code::InvalidField, message)
                };
            }
            if let Some(inner) = telling(error, context) {
                return self.explained(inner, name);
            }
        }
        let (path, schema) = self.at(error);
        let param = joined(name, &path);
        let (param, message) = match error.kind() {
            Broken::Required { property } => {
                let field = property.as_str().unwrap_or_default();
                let wanted = schema
                    .and_then(|schema| self.field(schema, field))
                    .map(|wanted| format!(": it must be {}", self.words(wanted)));
                let param = joined(&param, field);
                let message = format!("{param} is missing{}", wanted.unwrap_or_default());
                (param, message)
            }
            Broken::AdditionalProperties { unexpected } => {
                let field = unexpected.first().map(String::as_str).unwrap_or_default();
                let fields = schema.map(|schema| self.field_names(schema));
                let known = fields.unwrap_or_default().join(", ");
                let param = joined(&param, field);
                let message = format!("{param} is no field here; there are {known}");
                (param, message)
            }
            _ => {
                let wanted = match (error.kind(), schema) {
                    (_, Some(schema)) => self.words(schema),
                    (_, None) => "something else".to_owned(),
                };
                let shown = shown(error.instance());
                let subject = subject(&param);
                let message = format!("{subject} must be {wanted}, not {shown}");
                (param, message)
            }
        };
        ApiError {
            code: Code::InvalidField,
            message,
            param: (!param.is_empty()).then_some(param),
        }
    }

    /// Where an error is, as `lines[0].price`, and the schema of that place.
    fn at(&self, error: &ValidationError<'_>) -> (String, Option<&Value>) {
        let mut path = String::new();
        let mut schema = Some(&self.schema);
        for segment in error.instance_path().iter() {
            match segment {
                LocationSegment::Property(field) => {
                    path = joined(&path, &field);
                    schema = schema.and_then(|schema| self.field(schema, &field));
                }
                LocationSegment::Index(index) => {
                    path = format!("{path}[{index}]");
                    schema = schema.and_then(|schema| self.item(schema));
                }
            }
        }
        (path, schema)
    }

    /// A schema of this shape, looked up where it only refers to another.
    pub fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str().and_then(|at| at.strip_prefix('#'));
        match reference.and_then(|at| self.schema.pointer(at)) {
            Some(target) => self.resolved(target),
            None => schema,
        }
    }

    fn field<'a>(&'a self, schema: &'a Value, name: &str) -> Option<&'a Value> {
        let schema = self.resolved(schema);
        schema["properties"]
            .get(name)
            .or_else(|| branches(schema).find_map(|branch| self.field(branch, name)))
            .or_else(|| {
                schema
                    .get("additionalProperties")
                    .filter(|more| more.is_object())
            })
    }

    fn item<'a>(&'a self, schema: &'a Value) -> Option<&'a Value> {
        let schema = self.resolved(schema);
        schema
            .get("items")
            .or_else(|| branches(schema).find_map(|branch| self.item(branch)))
    }

    fn field_names(&self, schema: &Value) -> Vec<String> {
        let schema = self.resolved(schema);
        let own = schema["properties"].as_object();
        let mut names: Vec<String> = own.into_iter().flat_map(Map::keys).cloned().collect();
        for branch in branches(schema) {
            names.extend(self.field_names(branch));
        }
        names.truncate(MOST_LISTED);
        names
    }

    /// What a value has to be, in words.
    fn words(&self, schema: &Value) -> String {
        let schema = self.resolved(schema);
        if let Some(choices) = schema["enum"].as_array() {
            let choices = choices.iter().filter(|choice| !choice.is_null());
            return one_of(choices.map(plain).collect());
        }
        if let Some(only) = schema.get("const") {
            return plain(only);
        }
        let mut ways: Vec<String> = Vec::new();
        for kind in match &schema["type"] {
            Value::String(kind) => vec![kind.as_str()],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        } {
            if kind != "null" {
                ways.push(self.kind_words(kind, schema));
            }
        }
        for branch in branches(schema) {
            let words = self.words(branch);
            if !words.is_empty() && !ways.contains(&words) {
                ways.push(words);
            }
        }
        ways.join(" or ")
    }

    fn kind_words(&self, kind: &str, schema: &Value) -> String {
        match kind {
            "integer" | "number" => {
                let kind = if kind == "integer" {
                    "a whole number"
                } else {
                    "a number"
                };
                let bound = |name: &str| {
                    let bound = schema.get(name)?.as_f64()?;
                    (bound.abs() < LARGEST_INTEGER as f64).then_some(bound)
                };
                match (bound("minimum"), bound("maximum")) {
                    (Some(least), Some(most)) => format!("{kind} from {least} to {most}"),
                    (Some(least), None) => format!("{kind} of at least {least}"),
                    (None, Some(most)) => format!("{kind} of at most {most}"),
                    (None, None) => kind.to_owned(),
                }
            }
            "boolean" => "true or false".to_owned(),
            "string" if is_time(schema) => {
                format!("a time as {}", plain(&self.example(schema, 0)))
            }
            "string" => {
                let example = schema["examples"].get(0);
                let example = example.map(|example| format!(" as {example}"));
                let length = |name: &str| schema.get(name).and_then(Value::as_u64);
                let length = match (length("minLength"), length("maxLength")) {
                    (Some(least), Some(most)) => format!(" of {least} to {most} characters"),
                    (None, Some(most)) => format!(" of at most {most} characters"),
                    (Some(least), None) => format!(" of at least {least} characters"),
                    (None, None) => String::new(),
                };
                format!("a text{length}{}", example.unwrap_or_default())
            }
            "array" => {
                let count = |name: &str| schema.get(name).and_then(Value::as_u64);
                let count = match (count("minItems"), count("maxItems")) {
                    (Some(least), Some(most)) => format!(" of {least} to {most}"),
                    (None, Some(most)) => format!(" of at most {most}"),
                    (Some(least), None) => format!(" of at least {least}"),
                    (None, None) => String::new(),
                };
                format!("a list{count} as {}", self.example(schema, 0))
            }
            "object" => match self.example(schema, 0) {
                Value::Object(fields) if fields.is_empty() => "an object".to_owned(),
                example => format!("an object like {example}"),
            },
            other => other.to_owned(),
        }
    }

    /// A small value of this schema.
    pub fn example(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.resolved(schema);
        let given = schema["examples"].get(0).or_else(|| schema.get("const"));
        let given = given.or_else(|| schema["enum"].get(0));
        if let Some(given) = given {
            return given.clone();
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.first().and_then(Value::as_str),
            kind => kind.as_str(),
        };
        match kind {
            _ if depth > DEEPEST_EXAMPLE => Value::Null,
            Some("integer" | "number") => {
                let least = schema["minimum"].as_i64().unwrap_or_default();
                json!(least.max(1))
            }
            Some("boolean") => json!(true),
            Some("string") => match schema["format"].as_str() {
                Some("date-time") => json!("2026-05-01T09:30:00Z"),
                _ => json!("text"),
            },
            Some("array") => match schema.get("items") {
                Some(items) => json!([self.example(items, depth + 1)]),
                None => json!([]),
            },
            Some("object") => {
                let required = schema["required"].as_array().into_iter().flatten();
                let required = required.filter_map(Value::as_str);
                let mut example: Map<String, Value> = Map::new();
                for field in required {
                    if let Some(inner) = schema["properties"].get(field) {
                        example.insert(field.to_owned(), self.example(inner, depth + 1));
                    }
                }
                Value::Object(example)
            }
            _ => match branches(schema).next() {
                Some(branch) => self.example(branch, depth + 1),
                None => json!({}),
            },
        }
    }
}

fn is_time(schema: &Value) -> bool {
    schema["format"] == "date-time" || branches(schema).any(is_time)
}

/// The alternatives of a schema, and what else holds of it.
fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"]
        .into_iter()
        .filter_map(|word| schema[word].as_array())
        .flatten()
}

/// Of the alternatives that a value fails the one that it was meant to be: its
/// kind is right, and so is what tells the alternatives apart. `None` where
/// none is any nearer than the others.
fn telling<'a>(
    outer: &ValidationError<'_>,
    context: &'a [Vec<ValidationError<'static>>],
) -> Option<&'a ValidationError<'static>> {
    let own = outer.instance_path().as_str().len();
    let strays = |error: &ValidationError<'_>| {
        let here = error.instance_path().as_str().len() == own;
        match error.kind() {
            Broken::Type { .. } if here => 2,
            Broken::Constant { .. } => 1,
            _ => 0,
        }
    };
    let (stray, nearest) = context
        .iter()
        .filter_map(|errors| {
            let most = errors.iter().map(strays).max()?;
            Some((most, errors.first()?))
        })
        .min_by_key(|(stray, _)| *stray)?;
    (stray == 0).then_some(nearest)
}

/// The fields of which one has to be there, where that is all that the
/// alternatives say.
fn lacking(context: &[Vec<ValidationError<'static>>]) -> Option<Vec<String>> {
    let mut fields: Vec<String> = Vec::new();
    for errors in context {
        match errors.first()?.kind() {
            Broken::Required { property } => {
                let field = plain(property);
                if !fields.contains(&field) {
                    fields.push(field);
                }
            }
            _ => return None,
        }
    }
    (fields.len() > 1).then_some(fields)
}

fn subject(param: &str) -> &str {
    if param.is_empty() { "the body" } else { param }
}

fn one_of(mut choices: Vec<String>) -> String {
    choices.truncate(MOST_LISTED);
    match choices.pop() {
        Some(last) if choices.is_empty() => last,
        Some(last) => format!("{} or {last}", choices.join(", ")),
        None => "nothing".to_owned(),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// A wrong value, cut where nobody would read on.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Line {
        product_id: shop::Id,
        price: Option<shop::Money>,
        #[schemars(range(min = 1, max = 99))]
        quantity: u32,
        #[serde(default)]
        service: Option<shop::Service>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[allow(dead_code)]
    struct Basket {
        lines: Vec<Line>,
        #[serde(default)]
        discount: Option<shop::Discount>,
        #[serde(default)]
        at: Option<shop::Timestamp>,
    }

    #[test]
    fn what_is_wrong_is_said_in_words_of_the_field() {
        let line = |more: Value| {
            let mut line = json!({"product_id": "a", "quantity": 1});
            for (name, value) in more.as_object().unwrap() {
                line[name] = value.clone();
            }
            json!({"lines": [line]})
        };
        for (body, param, said) in [
            (
                json!([]),
                "",
                "the body must be an object like {\"lines\":[",
            ),
            (
                json!({}),
                "lines",
                "lines is missing: it must be a list as [{",
            ),
            (json!({"lines": {}}), "lines", "lines must be a list as"),
            (
                json!({"lines": [["a", 1]]}),
                "lines[0]",
                "must be an object like {\"product_id\":\"c-17\"",
            ),
            (
                line(json!({"quantity": 0})),
                "lines[0].quantity",
                "must be a whole number from 1 to 99, not 0",
            ),
            (
                line(json!({"quantity": "one"})),
                "lines[0].quantity",
                "whole number from 1 to 99, not \"one\"",
            ),
            (
                line(json!({"price": "19.99"})),
                "lines[0].price",
                "must be an object like {\"amount\":1999,\"currency\":\"USD\"}, not \"19.99\"",
            ),
            (
                line(json!({"price": [1999, "USD"]})),
                "lines[0].price",
                "must be an object like {\"amount\":1999,\"currency\":\"USD\"}, not a list",
            ),
            (
                line(json!({"price": {"amount": 1}})),
                "lines[0].price.currency",
                "is missing",
            ),
            (
                line(json!({"price": {"amount": 1, "currency": "dollars"}})),
                "lines[0].price.currency",
                "must be a text",
            ),
            (
                line(json!({"service": "x"})),
                "lines[0].service",
                "support, search, recommend or insight",
            ),
            (
                line(json!({"colour": 1})),
                "lines[0].colour",
                "is no field here; there are",
            ),
            (
                json!({"lines": [], "discount": {"type": "percent", "basis_points": 0}}),
                "discount.basis_points",
                "from 1 to 10000",
            ),
            (
                json!({"lines": [], "at": "yesterday"}),
                "at",
                "must be a time as 2026-05-01T09:30:00Z",
            ),
        ] {
            let error = read::<Basket>(body.clone(), "").unwrap_err();
            assert_eq!(
                error.param.unwrap_or_default(),
                param,
                "{body}: {}",
                error.message
            );
            assert!(error.message.contains(said), "{body}: {}", error.message);
            assert!(!error.message.contains("struct"), "{}", error.message);
        }
        assert!(read::<Basket>(line(json!({"quantity": 5.0, "price": null})), "").is_ok());
    }
}
