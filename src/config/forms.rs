//! What a JSON Schema says a value may look like: its forms, references and alternatives looked up.

use serde_json::Value as Json;

/// The forms that a value may have.
#[derive(Clone)]
pub struct Forms<'s> {
    schema: &'s Json,
    each: Vec<&'s Json>,
}

impl<'s> Forms<'s> {
    /// Those of the schema as a whole.
    pub fn of(schema: &'s Json) -> Self {
        Forms { schema, each: resolved(schema, schema) }
    }

    fn from(&self, each: impl Iterator<Item = &'s Json>) -> Self {
        Forms { schema: self.schema, each: each.flat_map(|form| resolved(form, self.schema)).collect() }
    }

    /// Each form by itself.
    pub fn alternatives(&self) -> impl Iterator<Item = Forms<'s>> + '_ {
        self.each.iter().map(|form| Forms { schema: self.schema, each: vec![form] })
    }

    /// Of the elements, where it is a list.
    pub fn items(&self) -> Forms<'s> {
        self.from(self.each.iter().filter_map(|form| form.get("items")))
    }

    /// The keys of a table, with what the schema says of each.
    pub fn properties(&self) -> impl Iterator<Item = (&'s str, &'s Json)> + '_ {
        let each = self.each.iter().filter_map(|form| form.get("properties")?.as_object());
        each.flatten().map(|(key, form)| (key.as_str(), form))
    }

    /// Of one key of a table.
    pub fn key(&self, key: &str) -> Forms<'s> {
        let of_key: Vec<&Json> = self.properties().filter(|(known, _)| *known == key).map(|(_, form)| form).collect();
        self.from(of_key.into_iter())
    }

    /// Of any key, where the names are free.
    pub fn any_key(&self) -> Forms<'s> {
        self.from(self.each.iter().filter_map(|form| form.get("additionalProperties").filter(|form| form.is_object())))
    }

    /// Keys without which the table means nothing.
    pub fn required(&self) -> impl Iterator<Item = &'s str> + '_ {
        self.each.iter().filter_map(|form| form.get("required")?.as_array()).flatten().filter_map(Json::as_str)
    }

    /// Whether it may be a `string`, `integer`, `number`, `boolean`, `array` or `object`.
    pub fn may_be(&self, kind: &str) -> bool {
        self.each.iter().any(|form| match form.get("type") {
            Some(Json::String(known)) => known == kind,
            Some(Json::Array(known)) => known.iter().any(|known| known == kind),
            _ => false,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// The texts that are allowed, where they are listed.
    pub fn words(&self) -> Vec<&'s str> {
        let each = self.each.iter().filter_map(|form| form.get("enum")?.as_array());
        each.flatten().filter_map(Json::as_str).collect()
    }

    /// What is said of the form itself.
    pub fn description(&self) -> Option<&'s str> {
        self.each.iter().find_map(|form| form.get("description")?.as_str())
    }
}

fn resolved<'s>(form: &'s Json, schema: &'s Json) -> Vec<&'s Json> {
    if let Some(alternatives) = form.get("anyOf").and_then(Json::as_array) {
        return alternatives.iter().flat_map(|form| resolved(form, schema)).collect();
    }
    let reference = form.get("$ref").and_then(Json::as_str).and_then(|name| name.strip_prefix('#'));
    match reference.and_then(|pointer| schema.pointer(pointer)) {
        Some(target) => resolved(target, schema),
        None => vec![form],
    }
}
