//! A house as its rooms are given it: at the start, and while it is open.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::board::News;
use super::hours::Hours;
use super::keeper::NewHouse;
use super::switchboard::Switchboard;
use super::switches::Flip;
use super::web;
use crate::call;
use crate::config::{self, House, WebRole};
use crate::ids::TrunkId;
use crate::ivr::KeyLeads;
use crate::media::Srtp;
use crate::moment::Moment;
use crate::queue::{Exit, Input};
use crate::records::{Entry, Ticket};
use crate::sip::Numbering;

impl Switchboard {
    /// Everything at once, between two inputs. Nobody is signed out, no call ends: what was begun goes on as it
    /// began.
    pub fn apply(&mut self, now: Moment, new: NewHouse, done: oneshot::Sender<Ticket>) {
        let NewHouse { house, bank, version } = new;
        self.settings.store(Arc::new(web::settings(&house)));
        self.watch.tell(News::House(Box::new(house.clone()), version.number));
        self.calls.set_settings(call_settings(&house));
        let affected = self.doors.set(Hours::of(&house));
        let House { sip, media, queue, app, tls, web, .. } = house;
        for door in affected.gone {
            let by = version.author.clone();
            let note = "it is gone from the files".into();
            self.store.write(Flip { to: call::SwitchTo::Auto, at: now, until: None, by, note }.entry(&door));
        }
        for (door, flip) in affected.renamed {
            self.store.write(flip.entry(&door));
        }
        self.media.set_settings(media, bank.map(Arc::new));
        self.log_input(now, Input::Rules { rules: Arc::new(queue) });
        for change in self.doors.handle_deadline(now) {
            self.take_change(now, change);
        }
        self.locator.set(&sip);
        self.sip.set_settings(now, sip);
        self.sockets.set_peers(self.sip.peers());
        let doors = self.sockets.doors();
        doors.origins.set(&web.origins);
        if let (Some(shown), Some(files)) = (&doors.tls, tls) {
            shown.set_files(files);
        }
        self.drain = app.drain;
        let ticket = self.store.write(Entry::Version(Box::new(version)));
        let _ = done.send(ticket);
    }
}

/// What the calls are told of a house.
pub fn call_settings(house: &House) -> call::Settings {
    let queues = house.queue.queues.iter().map(|(id, rules)| {
        let keys = rules.keys.iter().map(|(key, exit)| (*key, leads(exit))).collect();
        let able = house.queue.operators.iter().filter(|(_, operator)| rules.need.is_met_by(&operator.skills));
        let operators = able.map(|(id, _)| id.clone()).collect();
        let (need, promise) = (rules.need.to_string(), rules.promise());
        let recorded = house.recording.records(id);
        (id.clone(), call::QueueFacts { need, promise, operators, keys, recorded })
    });
    let seat_operators: BTreeMap<_, _> =
        house.queue.operators.iter().filter_map(|(id, rules)| Some((rules.seat.clone()?, id.clone()))).collect();
    let supervisors = house.queue.operators.iter().filter(|(_, rules)| rules.supervisor).map(|(id, _)| id.clone());
    // Who is no operator has no phone, and can still note something.
    let people = house.web.people.iter().filter(|(_, person)| person.roles.contains(&WebRole::Supervisor));
    let people = people.map(|(id, _)| id.as_str().into());
    let switches = house.schedules.iter().filter_map(|(id, schedule)| Some((schedule.switch?, id.clone())));
    call::Settings {
        switches: switches.collect(),
        ivr: house.ivr.clone(),
        queues: queues.collect(),
        formerly: house.queue.formerly.clone(),
        operators: house.queue.operators.keys().cloned().collect(),
        seats: house.queue.seats.iter().cloned().collect(),
        flow_grace: house.sip.flow_grace,
        seat_operators,
        supervisors: supervisors.chain(people).collect(),
        reasons: house.queue.reasons.clone(),
        emergencies: house.emergencies.iter().map(emergency).collect(),
        srtp_of_trunks: house.srtp.trunks.clone(),
        srtp_of_seats: house.srtp.seats.clone(),
        srtp_of_ways: ways(house),
        tones_of_trunks: house.tones.clone(),
        refers: house.sip.trunks.iter().filter(|trunk| trunk.refer).map(|trunk| trunk.id.clone()).collect(),
        direct: house.direct.clone(),
        records_others: house.recording.calls,
        outward: call::Outward {
            allow: house.outward.allow.clone(),
            deny: house.outward.deny.clone(),
            named: house.outward.named.clone(),
            countries: countries(house),
        },
        way_out: house.sip.way_out().map(|trunk| trunk.id.clone()),
    }
}

/// How the sound is encrypted over the trunks by which calls of ours go out.
fn ways(house: &House) -> BTreeMap<TrunkId, Srtp> {
    let out = house.sip.trunks.iter().filter(|trunk| !trunk.to.is_empty());
    let srtp = |id: &TrunkId| house.srtp.trunks.get(id).copied().unwrap_or(house.media.srtp);
    out.map(|trunk| (trunk.id.clone(), srtp(&trunk.id))).collect()
}

/// Whose numbers the trunks bring. One that does not say brings those that lists of numbers have.
fn countries(house: &House) -> Vec<Numbering> {
    let mut all = Vec::new();
    for trunk in &house.sip.trunks {
        let country = trunk.numbering.clone().unwrap_or_else(Numbering::of_china);
        if !all.contains(&country) {
            all.push(country);
        }
    }
    all
}

fn emergency(target: &config::Emergency) -> call::Emergency {
    let way = |(trunk, number): &(Option<TrunkId>, String)| call::Way { trunk: trunk.clone(), number: number.clone() };
    call::Emergency {
        id: target.id.clone(),
        name: target.name.clone(),
        ways: target.ways.iter().map(way).collect(),
        code: target.code.clone(),
        confirm: target.confirm,
        ring: target.ring,
    }
}

/// What callers are told of a key.
fn leads(exit: &Exit) -> KeyLeads {
    match exit {
        Exit::Callback => KeyLeads::Callback,
        Exit::Message => KeyLeads::Message,
        Exit::Queue(_) | Exit::Number(_) => KeyLeads::Elsewhere,
    }
}
