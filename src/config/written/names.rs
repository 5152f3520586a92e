//! hotline.toml: `[names]`, as an admin writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What the pages call that of which the files otherwise say an id alone: by id, one text for all languages of the
/// pages, or one for each, e.g. citizen = { zh = "综合诉求", en = "General enquiries" }. 1 to 64 letters each. Records,
/// metrics and commands keep the ids.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct NamesTable {
    /// Of queues. Default {}: the ids.
    pub queue: BTreeMap<String, PageName>,
    /// Of schedules. Default {}: the ids.
    pub schedule: BTreeMap<String, PageName>,
    /// Of what callers choose in the menus, as the wall counts it: of a [[say]], [[digits]], [[branch]], [[hook]] or
    /// [[menu]]. Default {}: the ids.
    pub choice: BTreeMap<String, PageName>,
    /// Of skills. Default {}: the ids.
    pub skill: BTreeMap<String, PageName>,
    /// Of reasons for not being ready. Default {}: the pages have names for the usual ones.
    pub reason: BTreeMap<String, PageName>,
    /// Of those to whom emergencies are handed, where one `name` in their table is not enough. Default {}: that.
    pub emergency: BTreeMap<String, PageName>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a name in quotes, or { zh = \"…\", en = \"…\" }, is meant")]
pub enum PageName {
    Everywhere(String),
    Each(Each),
}

/// A language that is left out has the name of the other.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Each {
    /// On the Chinese pages.
    pub zh: Option<String>,
    /// On the English pages.
    pub en: Option<String>,
}
