//! prompts.toml as an admin writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;

/// prompts.toml: what each prompt says in each language, e.g. greeting.zh = "您好". The file may be empty.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "its names are free and read one by one; as a whole it is only the schema")]
pub struct PromptsFile(BTreeMap<String, Texts>);

/// A text for each language, e.g. { zh = "您好", en = "Hello" }.
#[derive(JsonSchema)]
#[schemars(transparent)]
#[expect(dead_code, reason = "see above")]
pub struct Texts(BTreeMap<String, String>);
