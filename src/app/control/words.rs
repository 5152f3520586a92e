//! What a running hotline can be asked for, and what it answers.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::call::{Order, SwitchTo};
use crate::ids::{CallId, Door, OperatorId};
use crate::moment::Moment;
use crate::sip::TrunkView;
use crate::sip::guard::Ban;

/// A request. One that is added here is answered in `app/keeper.rs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Read the files; let them take effect, or only tell what is different. With `folder`: if they lie there.
    Reload {
        author: String,
        note: String,
        dry_run: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<PathBuf>,
    },
    /// Put back the files of a version (`None`: the one before the present one), and let them take effect.
    Rollback { to: Option<u64>, author: String, note: String },
    /// Open or close a schedule or a queue whatever its hours say, or let it go by them again.
    Switch { door: Door, to: SwitchTo, until: Option<Moment>, author: String, note: String },
    /// Which calls are open?
    Calls,
    /// How do the trunks stand?
    Trunks,
    /// Which households are not heard? `lift`: hear this one again.
    Bans {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lift: Option<IpAddr>,
    },
    /// Write down that the house is open still: what runs on in it can be counted until now.
    Beat,
    /// Somebody asks something of a call.
    Order { call: CallId, by: OperatorId, order: Order },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    Reloaded(Reloaded),
    /// It stands so now.
    Switched {
        door: Door,
        open: bool,
    },
    Calls {
        calls: Vec<OpenCall>,
    },
    /// In the order of the files.
    Trunks {
        trunks: Vec<TrunkView>,
    },
    /// Those that hold, by household, or the one that was lifted.
    Bans {
        bans: Vec<Ban>,
    },
    /// It was taken.
    Done,
    /// Nothing changed. The faults, a line each; the same as `hotline check` reports them; what was done all the same.
    Faults {
        faults: Vec<String>,
        report: String,
        notes: Vec<String>,
    },
    /// It was not done, and not because of the files.
    Refused {
        why: String,
    },
}

/// One open call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCall {
    pub id: CallId,
    pub stage: String,
    pub from: String,
    pub queue: Option<String>,
    pub operator: Option<String>,
}

/// What a reload found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// The folder that was read.
    pub folder: String,
    /// In force now.
    pub version: u64,
    /// Nothing was done.
    pub dry_run: bool,
    /// What was done beside, e.g. where other files were put.
    pub notes: Vec<String>,
    /// What is different, one line each; empty: the configuration is as it was.
    pub changes: Vec<String>,
    /// What is different and takes effect at the next start.
    pub needs_restart: Vec<String>,
    pub warnings: Vec<String>,
}

impl Reloaded {
    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.warnings.clone();
        lines.extend(self.notes.iter().cloned());
        let Reloaded { folder, version, .. } = self;
        lines.extend(self.changes.iter().cloned());
        lines.extend(self.needs_restart.iter().map(|change| format!("needs a restart: {change}")));
        lines.push(match (self.changes.is_empty(), self.needs_restart.is_empty(), self.dry_run) {
            (true, true, _) => format!("{folder}: nothing changed; version {version} stays in force"),
            (true, false, _) => format!("{folder}: nothing else changed; version {version} is in force"),
            (false, _, true) => format!("{folder}: would take effect as version {}", version + 1),
            (false, _, false) => format!("{folder}: in force as version {version}"),
        });
        lines
    }
}
