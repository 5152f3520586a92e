//! Who may see a call, decided here alone: for the board, the events, the routes of calls and records, and recordings.

use super::roles::Role;
use super::signing::Who;
use super::words::CallNow;
use crate::ids::OperatorId;
use crate::records::Record;

/// How much of an open call somebody sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    Whole,
    /// Without numbers and what was said or typed.
    Wall,
    Nothing,
}

/// The operators whose call it is: who has the caller, whose phones ring for it, who is consulted or in a conference,
/// and supervisors who take part.
pub fn whose(call: &CallNow) -> Vec<&str> {
    let consulted = call.consulting.iter().filter_map(|consulting| consulting.operator.as_ref());
    let supervisors = call.supervised_by.iter().map(|one| &one.operator);
    let all = call.operator.iter().chain(&call.rung).chain(consulted).chain(supervisors);
    let mut whose: Vec<&str> = all.map(String::as_str).collect();
    whose.sort_unstable();
    whose.dedup();
    whose
}

/// What somebody sees of an open call that is theirs, see [`whose`], or of others.
pub fn sight<'a>(who: &Who, mut whose: impl Iterator<Item = &'a str>) -> Sight {
    match () {
        () if who.sees_all() => Sight::Whole,
        () if !who.is(Role::Operator) => Sight::Wall,
        () if whose.any(|operator| operator == who.id) => Sight::Whole,
        () => Sight::Nothing,
    }
}

/// The call as they may see it. `None`: not at all.
pub fn seen(who: &Who, call: CallNow) -> Option<CallNow> {
    match sight(who, whose(&call).into_iter()) {
        Sight::Whole => Some(call),
        Sight::Wall => Some(call.for_the_wall()),
        Sight::Nothing => None,
    }
}

/// Whether they may read the record of a call and what is known of its caller: while it is theirs, and afterwards if
/// they took part. Of recordings the same, as far as the door to them lets anybody in. `open`: as it is now.
pub fn sees_record(who: &Who, open: Option<&CallNow>, record: &Record) -> bool {
    let theirs_now = open.is_some_and(|call| sight(who, whose(call).into_iter()) == Sight::Whole);
    let took_part = || who.is(Role::Operator) && record.took_part(&OperatorId::from(who.id.as_str()));
    who.sees_all() || theirs_now || took_part()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::asks::Whom;
    use crate::http::settings::Person;
    use crate::http::signing::Proof;
    use crate::http::words::{Consulting, Supervised};

    fn who(id: &str, role: Role) -> Who {
        let person = Person { name: id.into(), roles: [role].into(), language: None };
        Who { id: id.into(), person, seat: None, proof: Proof::Password }
    }

    /// 1001 talks and asks 1002, who sits at 8002; 1003 listens; it rang at 1004 and 1005.
    #[test]
    fn those_who_take_part_see_a_call_and_nobody_else_does() {
        let call = CallNow {
            from: Some("138".into()),
            operator: Some("1001".into()),
            rung: vec!["1004".into(), "1005".into()],
            consulting: Some(Consulting {
                to: "seat 8002".into(),
                whom: Whom::Seat("8002".into()),
                operator: Some("1002".into()),
                stage: "ringing".into(),
                caller_hears: false,
            }),
            supervised_by: vec![Supervised { operator: "1003".into(), mode: "listen".into(), stage: "talking".into() }],
            ..CallNow::default()
        };
        assert_eq!(whose(&call), ["1001", "1002", "1003", "1004", "1005"]);
        for (id, role, expected) in [
            ("1001", Role::Operator, Sight::Whole),
            ("1002", Role::Operator, Sight::Whole),
            ("1005", Role::Operator, Sight::Whole),
            ("1006", Role::Operator, Sight::Nothing),
            // What they are called makes no seat theirs.
            ("8002", Role::Operator, Sight::Nothing),
            ("s", Role::Supervisor, Sight::Whole),
            ("a", Role::Admin, Sight::Whole),
            ("1001", Role::Wall, Sight::Wall),
        ] {
            let who = who(id, role);
            assert_eq!(sight(&who, whose(&call).into_iter()), expected, "{id}");
            let shown = seen(&who, call.clone()).map(|call| call.from.is_some());
            let told = match expected {
                Sight::Whole => Some(true),
                Sight::Wall => Some(false),
                Sight::Nothing => None,
            };
            assert_eq!(shown, told, "{id}");
        }
    }

    #[test]
    fn a_record_is_read_by_those_who_took_part_and_while_it_is_open_by_those_whose_call_it_is() {
        let record: Record = serde_json::from_value(serde_json::json!({
            "call_id": crate::ids::CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": null, "arrived_at": 1,
            "choices": "", "wait_ms": 0, "talk_ms": 0, "hold_ms": 0, "operator": "1003", "connected_at": 2,
            "offers": [
                { "operator": "1001", "seat": "1", "at": 1, "outcome": "answered", "ms": 1 },
                { "operator": "1009", "seat": "9", "at": 1, "outcome": "no_answer", "ms": 1 },
            ],
            "transfers": [
                { "kind": "consult", "by": "1001", "to": "seat 2", "operator": "1002", "at": 1, "answered_at": 2,
                  "outcome": "ended" },
                { "kind": "consult", "by": "1001", "to": "seat 8", "operator": "1008", "at": 3, "outcome": "busy" },
            ],
            "supervised": [{ "operator": "1004", "mode": "listen", "at": 1, "ended_at": null }],
        }))
        .unwrap();
        let open = CallNow { rung: vec!["1008".into()], ..CallNow::default() };
        for (id, role, over, now) in [
            ("1001", Role::Operator, true, true),
            ("1002", Role::Operator, true, true),
            ("1003", Role::Operator, true, true),
            ("1004", Role::Operator, true, true),
            ("1008", Role::Operator, false, true),
            ("1009", Role::Operator, false, false),
            ("s", Role::Supervisor, true, true),
            ("a", Role::Admin, true, true),
            ("1001", Role::Wall, false, false),
        ] {
            let who = who(id, role);
            assert_eq!(
                (sees_record(&who, None, &record), sees_record(&who, Some(&open), &record)),
                (over, now),
                "{id}"
            );
        }
    }
}
