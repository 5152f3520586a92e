//! What was dialled: the number of ours that a call is for, however it is written and wherever it stands.

use super::identity::area;
use super::numbers::{Numbering, is_telephone, plain};
use super::{Standing, Trunks};
use crate::sip::endpoint::Endpoint;
use crate::sip::message::uri::unescape;
use crate::sip::message::{Headers, NameAddr, Request, SipUri, Uri};

impl Endpoint {
    /// As the house writes the number, where it is one of ours; else as it stands there.
    pub(in crate::sip) fn dialled(&self, request: &Request, trunk: Option<&Standing>) -> String {
        let told = trunk.filter(|standing| standing.is_registered_as(request.uri.sip()));
        let mut called = told.map(|standing| standing.called(&request.headers)).unwrap_or_default();
        called.push(request.uri.clone());
        let written: Vec<String> = called.iter().filter_map(|uri| self.number_in(uri)).collect();
        let own = |number: &String| self.number_of_ours(number, trunk);
        written.iter().find_map(own).or(written.first()).cloned().unwrap_or_default()
    }

    /// What a URI calls, without what is only there for the eye. A number of some area has that before it, RFC 3966
    /// §5.1.5; one of our whole country stands as it is: a short code is dialled so.
    pub(in crate::sip) fn number_in(&self, uri: &Uri) -> Option<String> {
        let number = plain(&uri.number()?);
        let code = area(uri).filter(|area| !self.trunks.are_in(area)).filter(|_| is_telephone(&number));
        Some(match code {
            Some(area) => self.trunks.numbering(&area).out_of(&area, &number),
            None => number,
        })
    }

    /// The same of a number that somebody at a seat sends a caller to.
    pub(in crate::sip) fn dialled_at_seat(&self, number: &str) -> String {
        let number = plain(number);
        self.number_of_ours(&number, None).cloned().unwrap_or(number)
    }

    /// An area before it is ours in what a carrier brings; a seat that dials another city means that city.
    fn number_of_ours(&self, number: &str, trunk: Option<&Standing>) -> Option<&String> {
        let numbers = &self.settings.numbers;
        let of_china = Numbering::of_china();
        let numbering = trunk.and_then(|standing| standing.trunk.numbering.as_ref()).unwrap_or(&of_china);
        let means = |own: &&String| match trunk {
            Some(_) => numbering.means(number, own),
            None => numbering.is_same(number, own) || self.trunks.any_area_has(number, own),
        };
        numbers.get(number).or_else(|| numbers.iter().find(means))
    }
}

impl Trunks {
    /// Whether that is the code of the country where they are: China, where none says.
    fn are_in(&self, code: &str) -> bool {
        let is_named = |numbering: &Numbering| code.strip_prefix('+') == Some(numbering.country.as_str());
        let mut all = self.all.iter().filter_map(|standing| standing.trunk.numbering.as_ref()).peekable();
        match all.peek() {
            None => is_named(&Numbering::of_china()),
            Some(_) => all.any(is_named),
        }
    }

    /// How numbers are written where an area is, as far as that is known.
    fn numbering(&self, area: &str) -> Numbering {
        let mut all = self.all.iter().filter_map(|standing| standing.trunk.numbering.as_ref());
        let is_there =
            |numbering: &&Numbering| area.strip_prefix('+').is_some_and(|code| code.starts_with(&numbering.country));
        all.find(is_there).cloned().unwrap_or_else(Numbering::of_china)
    }

    /// Whether a number means one of ours within the area where we are.
    fn any_area_has(&self, number: &str, own: &str) -> bool {
        let all = self.all.iter().filter_map(|standing| standing.trunk.numbering.as_ref());
        all.filter(|numbering| numbering.area.is_some()).any(|numbering| numbering.means_nearby(number, own))
    }
}

impl Standing {
    /// Whether it is the address that we registered, which says whom the carrier reaches and not what was dialled.
    fn is_registered_as(&self, asked: Option<&SipUri>) -> bool {
        let account = self.trunk.account.as_ref().filter(|account| account.register.is_some());
        let user = asked.and_then(|asked| asked.user.as_deref()).map(unescape);
        account.zip(user).is_some_and(|(account, user)| account.username == user)
    }

    /// What was dialled for the address that we registered: as the carrier says who may be believed (P-Called-Party-ID,
    /// RFC 7315 §4.2), and as whoever calls does.
    fn called(&self, headers: &Headers) -> Vec<Uri> {
        let by_carrier = headers.get("P-Called-Party-ID").filter(|_| self.trunk.trusted).and_then(NameAddr::parse);
        let both = by_carrier.into_iter().chain(headers.to());
        both.map(|called| called.uri).collect()
    }
}
