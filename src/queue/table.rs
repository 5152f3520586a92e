//! Where contacts and offers are kept: places that are used again, so that coming and going does not allocate.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::line::Contact;
use super::offers::Offer;
use super::sorted::Sorted;
use crate::ids::{CallId, OfferId};

/// Contacts by id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Contacts {
    index: Sorted<(CallId, u32)>,
    rooms: Vec<Option<Contact>>,
    vacant: Vec<u32>,
}

impl Contacts {
    fn room(&self, id: CallId) -> Option<usize> {
        self.index.find(|(other, _)| other.cmp(&id)).map(|(_, room)| *room as usize)
    }

    pub fn contains(&self, id: CallId) -> bool {
        self.room(id).is_some()
    }

    pub fn get(&self, id: &CallId) -> Option<&Contact> {
        self.rooms.get(self.room(*id)?)?.as_ref()
    }

    pub fn get_mut(&mut self, id: &CallId) -> Option<&mut Contact> {
        let room = self.room(*id)?;
        self.rooms.get_mut(room)?.as_mut()
    }

    pub fn insert(&mut self, id: CallId, contact: Contact) {
        self.remove(&id);
        let room = self.vacant.pop().unwrap_or_else(|| {
            self.rooms.push(None);
            u32::try_from(self.rooms.len() - 1).unwrap_or(u32::MAX)
        });
        self.rooms[room as usize] = Some(contact);
        self.index.insert((id, room));
    }

    pub fn remove(&mut self, id: &CallId) -> Option<Contact> {
        let room = self.room(*id)?;
        let number = u32::try_from(room).unwrap_or(u32::MAX);
        self.index.remove(&(*id, number));
        self.vacant.push(number);
        self.rooms.get_mut(room)?.take()
    }

    /// In order of their ids, that is of arrival.
    pub fn iter(&self) -> impl Iterator<Item = (&CallId, &Contact)> {
        self.index.iter().filter_map(|(id, room)| Some((id, self.rooms.get(*room as usize)?.as_ref()?)))
    }
}

/// Open offers; their numbers are consecutive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Offers {
    /// Number of the first in `open`.
    first: u64,
    open: VecDeque<Option<Offer>>,
}

impl Offers {
    fn place(&self, id: OfferId) -> Option<usize> {
        usize::try_from(id.0.checked_sub(self.first)?).ok()
    }

    pub fn get(&self, id: OfferId) -> Option<&Offer> {
        self.open.get(self.place(id)?)?.as_ref()
    }

    pub fn contains(&self, id: OfferId) -> bool {
        self.get(id).is_some()
    }

    /// Adds the next: the one after the last that was ever added.
    pub fn push(&mut self, id: OfferId, offer: Offer) {
        if self.open.is_empty() {
            self.first = id.0;
        }
        self.open.push_back(Some(offer));
    }

    pub fn remove(&mut self, id: OfferId) -> Option<Offer> {
        let place = self.place(id)?;
        let offer = self.open.get_mut(place)?.take();
        while self.open.front().is_some_and(Option::is_none) {
            self.open.pop_front();
            self.first += 1;
        }
        offer
    }

    /// In order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (OfferId, &Offer)> {
        (self.first..).map(OfferId).zip(&self.open).filter_map(|(id, offer)| Some((id, offer.as_ref()?)))
    }
}
