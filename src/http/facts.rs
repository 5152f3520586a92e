//! Names and what belongs to them, as the files say, told in JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::words::Names;

/// Names and what belongs to them, as the files say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Facts {
    pub version: u64,
    pub queues: Vec<QueueFacts>,
    pub operators: Vec<OperatorFacts>,
    pub seats: Vec<String>,
    /// For not being ready.
    pub reasons: Vec<String>,
    /// Of the reasons that the files name.
    pub reason_names: BTreeMap<String, Names>,
    pub skill_names: BTreeMap<String, Names>,
    /// Of the nodes of the menus that callers choose.
    pub choice_names: BTreeMap<String, Names>,
    pub emergencies: Vec<Named>,
    /// Given to browsers for their side of a call.
    #[serde(skip)]
    pub ice_servers: Vec<IceServer>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct QueueFacts {
    pub id: String,
    pub name: String,
    pub names: Names,
    pub need: String,
    pub answer_within_ms: u64,
    pub schedule: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct OperatorFacts {
    pub id: String,
    pub name: String,
    pub seat: Option<String>,
    pub supervisor: bool,
    pub skills: BTreeMap<String, u8>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Named {
    pub id: String,
    /// In the house's own language.
    pub name: String,
    pub names: Names,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct IceServer {
    pub urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}
