//! The ways through the menus: nodes that nothing leads to, cases that are never taken, circles.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::nodes::Written;
use crate::config::fault::Faults;
use crate::ids::MenuId;
use crate::ivr::Entry;
use crate::ivr::menu::{Menus, Node, To};

pub fn check(numbers: &BTreeMap<String, Entry>, menus: &Menus, written: &Written<'_>, faults: &mut Faults) {
    for (id, node) in &menus.nodes {
        never_taken(id, node, written, faults);
    }
    // Where something could not be read, what leads where is not known.
    if !written.are_whole(&menus.nodes) {
        return;
    }
    let reached = reached(numbers, menus);
    for id in menus.nodes.keys().filter(|id| !reached.contains(*id)) {
        written.tell(id, &["id"], format!("nothing leads to {:?}", id.as_str()), true, faults);
    }
    let mut told = BTreeSet::new();
    for id in menus.nodes.keys() {
        for waits in [false, true] {
            let Some(circle) = circle(id, menus, waits) else { continue };
            if !told.insert(circle.iter().cloned().collect::<BTreeSet<_>>()) {
                continue;
            }
            let way = circle.iter().chain([id]).map(MenuId::as_str).collect::<Vec<_>>().join(" → ");
            let what = if waits {
                format!("who presses nothing goes round in a circle: {way}")
            } else {
                format!("leads round in a circle in which no key is awaited: {way}")
            };
            written.tell(id, &["id"], what, !waits, faults);
        }
    }
}

fn reached<'a>(numbers: &'a BTreeMap<String, Entry>, menus: &'a Menus) -> BTreeSet<&'a MenuId> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&MenuId> = Vec::new();
    let to = |to: &'a To| match to {
        To::Node(id) => Some(id),
        _ => None,
    };
    for entry in numbers.values() {
        if let Entry::To(destination) = entry {
            next.extend(destination.and_otherwise().into_iter().filter_map(|way| to(&way.to)));
        }
    }
    while let Some(id) = next.pop() {
        if reached.insert(id)
            && let Some(node) = menus.nodes.get(id)
        {
            next.extend(node.leads().into_iter().filter_map(|way| to(&way.to)));
        }
    }
    reached
}

/// A case after one that holds whenever it does.
fn never_taken(id: &MenuId, node: &Node, written: &Written<'_>, faults: &mut Faults) {
    let Node::Branch(branch) = node else { return };
    for (index, case) in branch.cases.iter().enumerate() {
        let before =
            branch.cases[..index].iter().position(|before| before.when.iter().all(|one| case.when.contains(one)));
        if let Some(before) = before {
            let what = format!("is never taken: case {} of this branch holds whenever this one does", before + 1);
            written.tell(id, &["when", &index.to_string()], what, true, faults);
        }
    }
}

/// The shortest way from a node back to itself by what needs no key; `waits`: also by waiting for one in vain.
fn circle(from: &MenuId, menus: &Menus, waits: bool) -> Option<Vec<MenuId>> {
    let mut came: BTreeMap<&MenuId, &MenuId> = BTreeMap::new();
    let mut next = VecDeque::from([from]);
    while let Some(here) = next.pop_front() {
        for there in keyless(here, menus, waits) {
            if there == from {
                let mut way = vec![here.clone()];
                let mut at = here;
                while at != from {
                    at = came.get(at)?;
                    way.push(at.clone());
                }
                way.reverse();
                return Some(way);
            }
            if !came.contains_key(there) {
                came.insert(there, here);
                next.push_back(there);
            }
        }
    }
    None
}

/// Where a caller who presses nothing is led from a node.
fn keyless<'a>(id: &MenuId, menus: &'a Menus, waits: bool) -> Vec<&'a MenuId> {
    let Some(node) = menus.nodes.get(id) else { return Vec::new() };
    let leads = match node {
        Node::Menu(menu) if waits => menu.default.and_otherwise(),
        Node::Digits(digits) if waits => digits.otherwise.and_otherwise(),
        Node::Menu(_) | Node::Digits(_) => Vec::new(),
        // Somebody is rung in vain before it goes on `otherwise`.
        Node::Branch(_) | Node::Say(_) | Node::Hook(_) if waits => node.leads(),
        Node::Branch(branch) => branch.cases.iter().map(|case| &case.then).chain([&branch.otherwise]).collect(),
        Node::Say(say) => vec![&say.then],
        Node::Hook(hook) => hook.cases.values().chain([&hook.otherwise]).collect(),
    };
    let to = leads.into_iter().filter_map(|way| match &way.to {
        To::Node(id) => Some(id),
        _ => None,
    });
    to.collect()
}
