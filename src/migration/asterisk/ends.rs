//! Where a caller ends up: in a line, at a phone, outside.

use super::dialplan::Step;
use super::leads::{Lead, Node, Spot, plain_name};
use super::walk::{Turn, Walk, seconds};
use crate::migration::Report;

/// What comes after a line that comes after a line.
const MAX_ASIDE: u8 = 2;

impl Walk<'_> {
    pub fn queue(&mut self, turn: &Turn<'_>, step: &Step, then: &Spot) -> Option<Lead> {
        let name = step.argument(0)?.to_string();
        if !self.queues.contains(&name) {
            self.report.broken(&step.at, format!("there is no queue {name:?} in queues.conf"));
            return None;
        }
        let (after, left_out) = self.simply(then);
        if left_out {
            self.report.missing(&step.at, "an announcement between the line and what comes after it");
        }
        let at = &step.at;
        let one = self.uses.entry(plain_name(&name)).or_default();
        let timeout = seconds(step.argument(4)).filter(|seconds| *seconds > 0);
        if one.timeout_s.is_none() {
            one.timeout_s = timeout.map(|seconds| (seconds, at.clone()));
        }
        if one.after.is_none() && after != Lead::HangUp {
            one.after = Some((after, at.clone()));
        }
        if one.max_penalty.is_none() {
            one.max_penalty = turn.penalty.clone();
        }
        if one.rule.is_none() {
            one.rule = step.argument(6).map(|rule| (rule.to_string(), at.clone())).or(turn.rule.clone());
        }
        if one.announce.is_none() {
            one.announce = step.argument(3).map(|file| (file.to_string(), at.clone()));
        }
        Some(Lead::Queue { queue: plain_name(&name), language: turn.language.clone() })
    }

    /// Where it ends from there if it needs no menu for it; announcements on the way are left
    /// out, and it is told whether there are any.
    pub fn simply(&mut self, spot: &Spot) -> (Lead, bool) {
        if self.aside >= MAX_ASIDE {
            return (Lead::HangUp, false);
        }
        let mut report = Report::default();
        let mut walk = Walk::new(self.plan, self.queues, self.seats, self.trunks, &mut report);
        walk.aside = self.aside + 1;
        let mut lead = walk.from(spot);
        let mut left_out = 0;
        while let Lead::Node(id) = &lead
            && let Some((.., Node::Say { then, .. })) = walk.nodes.iter().find(|(of, ..)| of == id)
            && left_out < walk.nodes.len()
        {
            lead = then.clone();
            left_out += 1;
        }
        (lead, left_out > 0)
    }

    /// To a phone of the house, or out over a trunk.
    pub fn dial(&mut self, turn: &Turn<'_>, step: &Step) -> Option<Lead> {
        let all = step.argument(0).unwrap_or_default();
        let all = all.replace("${EXTEN}", &turn.spot.extension);
        let first = all.split('&').next().unwrap_or_default();
        if all.contains('&') {
            self.report.approximated(
                &step.at,
                "several phones at once: the first is rung; several are rung by a queue with `ring_at_once`",
            );
        }
        let (_, device) = first.split_once('/')?;
        let (user, trunk) = match (device.split_once('@'), device.split_once('/')) {
            (Some((user, trunk)), _) => (user, Some(trunk)),
            (None, Some((trunk, user))) if self.trunks.contains(trunk) => (user, Some(trunk)),
            _ => (device, None),
        };
        if trunk.is_none() && self.seats.contains(user) {
            return Some(Lead::Seat(user.to_string()));
        }
        let digits = user.strip_prefix('+').unwrap_or(user);
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Lead::Number(user.to_string()));
        }
        self.report.missing(&step.at, format!("Dial({all}) leads to no phone or number that is known here"));
        None
    }
}
