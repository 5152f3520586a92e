//! Where names lead, RFC 3263: a task for each trunk that has one looks it up again and again, and tells what it found.
//! The switchboard asks nobody and waits for nobody: it is told.
//!
//! Does not know what the places are for. The only door to hickory-resolver.

mod names;
mod procedure;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::addressing::listener_to;
use super::trunks::locating::rank;
use super::words::{Hop, Listen, Located, NextHop, Place, Settings, Trunk};
use crate::ids::TrunkId;
use names::Names;
use procedure::Unfound;

/// What was found is good for as long as its name servers say, within these bounds: a carrier that moves is found soon,
/// and a server is not asked all the time.
const LEAST: Duration = Duration::from_secs(5);
const MOST: Duration = Duration::from_secs(3600);
/// What was not found is looked for again after so long.
const AGAIN: Duration = Duration::from_secs(15);
/// A trunk leads to no more places.
const MOST_PLACES: usize = 16;
/// What was found and not yet taken.
pub const FOUND: usize = 64;

/// Looks up the names of trunks.
pub struct Locator {
    tell: mpsc::Sender<Located>,
    servers: Vec<SocketAddr>,
    /// `None`: none has been needed yet.
    names: Option<Arc<Names>>,
    listen: Arc<Vec<Listen>>,
    tasks: BTreeMap<TrunkId, (Vec<NextHop>, AbortHandle)>,
}

impl Locator {
    /// Tells `tell`; its tasks run on the runtime in which [`Locator::set`] is called.
    pub fn new(tell: mpsc::Sender<Located>) -> Locator {
        Locator { tell, servers: Vec::new(), names: None, listen: Arc::default(), tasks: BTreeMap::new() }
    }

    /// Other trunks, or other name servers.
    pub fn set(&mut self, settings: &Settings) {
        if self.servers != settings.name_servers {
            self.servers.clone_from(&settings.name_servers);
            self.names = None;
            self.stop(|_, _| true);
        }
        let named: BTreeMap<&TrunkId, &Trunk> = settings
            .trunks
            .iter()
            .filter(|trunk| trunk.to.iter().any(|to| to.literal().is_none()))
            .map(|trunk| (&trunk.id, trunk))
            .collect();
        self.stop(|id, to| named.get(id).is_none_or(|trunk| trunk.to != *to));
        self.listen = Arc::new(settings.listen.clone());
        for (id, trunk) in named {
            if self.tasks.contains_key(id) {
                continue;
            }
            let names = self.names.get_or_insert_with(|| Arc::new(Names::open(&self.servers))).clone();
            let task = keep_looking(id.clone(), trunk.to.clone(), names, self.listen.clone(), self.tell.clone());
            self.tasks.insert(id.clone(), (trunk.to.clone(), tokio::spawn(task).abort_handle()));
        }
    }

    fn stop(&mut self, is_over: impl Fn(&TrunkId, &Vec<NextHop>) -> bool) {
        self.tasks.retain(|id, (to, task)| {
            let stays = !is_over(id, to);
            if !stays {
                task.abort();
            }
            stays
        });
    }
}

impl Drop for Locator {
    fn drop(&mut self) {
        self.stop(|_, _| true);
    }
}

async fn keep_looking(
    trunk: TrunkId,
    to: Vec<NextHop>,
    names: Arc<Names>,
    listen: Arc<Vec<Listen>>,
    tell: mpsc::Sender<Located>,
) {
    loop {
        let (located, good_for) = look(&trunk, &to, &names, &listen).await;
        let wait = match located.fault {
            Some(_) => AGAIN,
            None => good_for.clamp(LEAST, MOST),
        };
        if tell.send(located).await.is_err() {
            return;
        }
        sleep(wait).await;
    }
}

/// Where it leads now, and for how long that is good.
async fn look(trunk: &TrunkId, to: &[NextHop], names: &Names, listen: &[Listen]) -> (Located, Duration) {
    let speaks = |hop: Hop| listener_to(listen, hop.transport, hop.addr).is_some();
    let mut good_for = MOST;
    let mut located =
        Located { trunk: trunk.clone(), to: to.to_vec(), places: Vec::new(), fault: None, is_certain: true };
    for (index, next) in to.iter().enumerate() {
        match procedure::places(names, next, listen).await {
            Ok((places, theirs)) => {
                good_for = good_for.min(theirs);
                let places: Vec<Place> = places.into_iter().filter(|place| speaks(place.hop)).collect();
                if places.is_empty() {
                    located.fault = Some(format!("{next}: no listener of ours leads there"));
                }
                let ranked =
                    |place: Place| Place { rank: rank(index, place.rank.min(u16::MAX.into()) as u16), ..place };
                located.places.extend(places.into_iter().map(ranked));
            }
            Err(Unfound { why, is_certain }) => {
                located.fault = Some(format!("{next}: {why}"));
                located.is_certain &= is_certain;
            }
        }
    }
    located.places.truncate(MOST_PLACES);
    (located, good_for)
}
