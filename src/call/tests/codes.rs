//! Feature codes, from whom and for what.

use super::desk::*;
use crate::queue::{By, Input, OperatorState, Output};
use crate::sip::Source;

#[test]
fn feature_codes_are_obeyed_from_seats_alone() {
    let sign_in = Input::SignIn { operator: "1001".into(), seat: "8001".into() };
    let dial = |code: &str, source: Source, states: &[OperatorState]| {
        let mut desk = Desk::new(settings());
        for state in states {
            let (operator, seat) = ("1001".into(), Some("8001".into()));
            desk.queue(Output::Operator { operator, seat, state: state.clone(), next: None });
        }
        desk.ring(code, source);
        desk.durable();
        desk.described(CALLER);
        desk.asked_queue().into_iter().cloned().collect::<Vec<Input>>()
    };
    let seat = || Source::Seat("8001".into());
    let ready = [OperatorState::Ready];
    assert_eq!(dial("*11", seat(), &[]), std::slice::from_ref(&sign_in));
    assert_eq!(dial("*111001", seat(), &[]), [sign_in]);
    assert_eq!(dial("*119999", seat(), &[]), []);
    assert_eq!(dial("*11", Source::Trunk("carrier".into()), &[]), []);
    assert_eq!(dial("*12", seat(), &ready), [Input::SignOut { operator: "1001".into(), by: By::Themselves }]);
    assert_eq!(dial("*13", seat(), &[]), [], "nobody sits there");
    assert_eq!(dial("*13", seat(), &ready), [Input::Ready { operator: "1001".into(), by: By::Themselves }]);
    let meal = Input::NotReady { operator: "1001".into(), reason: "meal".into(), by: By::Themselves };
    assert_eq!(dial("*142", seat(), &ready), [meal]);
    for wrong in ["*140", "*143", "*14x", "*15", "*1", "*é1", "*99"] {
        assert_eq!(dial(wrong, seat(), &ready), [], "{wrong}");
    }
}
