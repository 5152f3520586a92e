//! The figures of short stories, worked out by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{CallId, OfferId, QueueId};
use crate::moment::Moment;
use crate::queue::statistics::{INTERVAL, Of, ServiceLevel};
use crate::queue::*;

/// 2026-11-24T00:00:00Z, the beginning of an interval.
const DAY: u64 = 1_795_478_400;

struct House {
    engine: Engine,
    statistics: Statistics,
    offers: BTreeMap<CallId, OfferId>,
}

impl House {
    /// A queue `a` that overflows to `b`; both are served by anna, who is ready.
    fn new() -> Self {
        Self::promising(|_| {})
    }

    /// `b` otherwise.
    fn promising(change: impl FnOnce(&mut QueueRules)) -> Self {
        let a = QueueRules {
            max_wait: Some(Duration::from_secs(60)),
            if_too_long: Some(Exit::Queue("b".into())),
            keys: [('9', Exit::Message), ('8', Exit::Queue("b".into()))].into(),
            short_abandon: Duration::from_secs(3),
            ..QueueRules::plain(parse_need("skill").unwrap())
        };
        let mut b = QueueRules::plain(parse_need("skill and other").unwrap());
        change(&mut b);
        let of = OperatorRules {
            skills: [("skill".into(), 5), ("other".into(), 5)].into(),
            seat: Some("1".into()),
            ..OperatorRules::default()
        };
        let rules = Rules {
            version: 1,
            queues: [("a".into(), a), ("b".into(), b)].into(),
            operators: [("anna".into(), of)].into(),
            seats: ["1".into()].into(),
            ..Rules::default()
        };
        let mut house = House { engine: Engine::new(), statistics: Statistics::new(), offers: BTreeMap::new() };
        house.at(0, Input::Rules { rules: Arc::new(rules) });
        house.at(0, Input::SeatReachable { seat: "1".into(), reachable: true });
        house
    }

    fn at(&mut self, second: u64, input: Input) {
        let at = moment(second);
        self.statistics.told(at, &input);
        self.engine.handle(at, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(said) = self.engine.poll_said() {
            if let Output::Offer { offer, contact, .. } = &said.output {
                self.offers.insert(*contact, *offer);
            }
            self.statistics.saw(said.at, &said.output);
        }
    }

    fn until(&mut self, second: u64) {
        self.engine.handle_deadline(moment(second));
        self.drain();
        self.statistics.count_until(moment(second));
    }

    fn join(&mut self, second: u64, contact: u64) {
        let input =
            Input::Join { contact: CallId(contact), queue: "a".into(), caller: None, arrived_at: moment(second) };
        self.at(second, input);
    }

    fn accept(&mut self, second: u64, contact: u64) {
        let offer = self.offers[&CallId(contact)];
        self.at(second, Input::Accepted { offer });
    }

    fn of(&self, of: Of, interval: u64) -> statistics::Contacts {
        let from = moment(interval * 900);
        self.statistics.contacts(&of, from, from + INTERVAL).next().map(|(_, c)| c.clone()).unwrap_or_default()
    }

    fn presence(&self, of: Of, interval: u64) -> statistics::Presence {
        let from = moment(interval * 900);
        self.statistics.presence(&of, from, from + INTERVAL).next().map(|(_, p)| p.clone()).unwrap_or_default()
    }
}

fn moment(second: u64) -> Moment {
    Moment::from_micros((DAY + second) * 1_000_000)
}

#[test]
fn a_busy_quarter_of_an_hour() {
    let mut house = House::new();
    house.join(10, 1);
    house.accept(14, 1);
    house.join(20, 2); // waits for anna
    house.join(21, 3); // gives up after 9 s
    house.join(22, 4); // gives up at once: short
    house.at(24, Input::Leave { contact: CallId(4) });
    house.at(30, Input::Leave { contact: CallId(3) });
    house.at(40, Input::TalkEnded { contact: CallId(1) }); // wrap-up until 50
    house.until(50);
    house.accept(55, 2); // waited 35 s
    house.join(60, 5); // presses a key
    house.at(70, Input::Key { contact: CallId(5), key: '9' });
    house.join(100, 6); // overflows at 160, waits in b
    house.at(200, Input::TalkEnded { contact: CallId(2) });
    house.until(205);
    let a = house.of(Of::Queue("a".into()), 0);
    assert_eq!((a.offered, a.answered, a.answered_within, a.abandoned, a.abandoned_within), (5, 2, 1, 1, 1));
    assert_eq!((a.short_abandoned, a.left_by_key, a.overflowed, a.waiting), (1, 1, 1, 0));
    assert!(a.conserves());
    let b = house.of(Of::Queue("b".into()), 0);
    assert_eq!((b.offered, b.waiting), (1, 1));
    let all = house.of(Of::House, 0);
    assert_eq!((all.offered, all.waiting, all.overflowed), (5, 1, 0));
    assert!(b.conserves() && all.conserves());
    assert_eq!(all.asa(), Some(Duration::from_millis(19_500)), "(4 + 35) / 2");
    assert_eq!(a.service_level(ServiceLevel::Strict), Some(0.2));
    assert_eq!(a.service_level(ServiceLevel::AbandonedCount), Some(0.4));
    assert_eq!(a.service_level(ServiceLevel::AbandonedExcluded), Some(0.25));
    assert_eq!(a.service_level(ServiceLevel::OfAnswered), Some(0.5));
    let (late, causes) = all.ledger();
    assert_eq!(late, all.offered - all.answered_within, "the causes sum to the gap: {causes:?}");
    assert_eq!(causes[&LateCause::GaveUp], 1);
    assert_eq!(causes[&LateCause::AllBusy], 2, "contacts 2 and 6");
    assert_eq!(causes[&LateCause::LeftEarly], 1, "contact 5 left by a key");
}

/// The share so far: of the house, of `a`, of `b`.
fn levels(house: &House) -> [Option<f64>; 3] {
    [Of::House, Of::Queue("a".into()), Of::Queue("b".into())]
        .map(|of| house.of(of, 0).service_level(ServiceLevel::Strict))
}

#[test]
fn who_waits_is_missed_when_their_time_is_up_and_not_before() {
    let mut house = House::new();
    house.join(10, 1);
    assert_eq!(levels(&house), [None; 3], "nothing is known yet");
    house.accept(14, 1);
    house.join(20, 2);
    house.until(34);
    assert_eq!(levels(&house), [Some(1.0), Some(1.0), None], "14 s of 15");
    house.until(36);
    assert_eq!(levels(&house), [Some(0.5), Some(0.5), None]);
    // Who is late takes that along into the other line, at 80.
    house.until(81);
    assert_eq!(levels(&house), [Some(0.5), Some(0.5), Some(0.0)]);
    // A supervisor moves somebody whose time is not up: in the one line they count no more, in the other not yet.
    house.join(90, 3);
    house.at(92, Input::Move { contact: CallId(3), queue: "b".into(), by: By::Themselves });
    assert_eq!(levels(&house), [Some(0.5), Some(0.5), Some(0.0)]);
    let a = house.of(Of::Queue("a".into()), 0);
    assert_eq!((a.offered, a.moved, a.overflowed, a.undecided, a.conserves()), (3, 1, 1, 0, true));
    let all = house.of(Of::House, 0);
    assert_eq!((all.undecided, house.of(Of::Queue("b".into()), 0).undecided), (1, 1));
    assert_eq!(all.ledger().0, all.offered - all.answered_within - all.undecided);
    // Who gives up at once was never offered.
    house.join(95, 4);
    house.at(96, Input::Leave { contact: CallId(4) });
    assert_eq!(house.of(Of::House, 0).undecided, 1);
}

#[test]
fn a_miss_goes_along_with_whom_a_supervisor_moves_and_who_waits_or_gave_up_has_waited_longest() {
    let mut house = House::new();
    house.join(10, 1);
    house.accept(11, 1);
    house.join(20, 2);
    house.join(21, 3);
    house.at(61, Input::Leave { contact: CallId(3) });
    house.at(65, Input::Move { contact: CallId(2), queue: "b".into(), by: By::Themselves });
    let ledger = |house: &House, of: &str| {
        let figures = house.of(Of::Queue(of.into()), 0);
        let gap = figures.offered - figures.answered_within - figures.undecided - figures.moved;
        (figures.ledger().0, gap, figures.conserves())
    };
    assert_eq!(ledger(&house, "a"), (1, 1, true), "contact 3 alone");
    assert_eq!(ledger(&house, "b"), (1, 1, true), "contact 2 was late when it came");
    assert_eq!(house.of(Of::House, 0).longest_wait, Duration::from_secs(40), "contact 3 gave up");
    house.until(80);
    assert_eq!(house.of(Of::House, 0).longest_wait, Duration::from_secs(60), "contact 2 waits");
}

#[test]
fn whom_a_key_or_a_rule_leads_to_another_queue_is_a_miss_of_the_one_and_of_the_other_what_becomes_of_them_there() {
    let mut house = House::new();
    house.join(10, 1);
    house.accept(11, 1);
    let gap = |house: &House, of: Of| {
        let figures = house.of(of, 0);
        (figures.ledger().0, figures.offered - figures.answered_within - figures.undecided - figures.moved)
    };
    // By a key, before their time is up; the other answers in time.
    house.join(20, 2);
    house.at(22, Input::Key { contact: CallId(2), key: '8' });
    house.at(23, Input::TalkEnded { contact: CallId(1) });
    house.until(34);
    house.accept(34, 2);
    assert_eq!((gap(&house, Of::Queue("a".into())), gap(&house, Of::Queue("b".into()))), ((1, 1), (0, 0)));
    // By a rule, when they are late.
    house.join(40, 3);
    house.until(101);
    assert_eq!((gap(&house, Of::Queue("a".into())), gap(&house, Of::Queue("b".into()))), ((2, 2), (1, 1)));
    assert_eq!(gap(&house, Of::House), (1, 1));
}

#[test]
fn who_was_late_already_is_late_in_a_line_that_promises_less() {
    let mut house = House::promising(|b| b.answer_within = Duration::from_secs(120));
    house.join(10, 1);
    house.accept(11, 1);
    house.join(20, 2);
    house.until(80);
    house.at(81, Input::TalkEnded { contact: CallId(1) });
    house.until(92);
    house.accept(92, 2);
    for (of, expected) in [(Of::House, (2, 1)), (Of::Queue("b".into()), (1, 0))] {
        let figures = house.of(of.clone(), 0);
        assert_eq!((figures.answered, figures.answered_within), expected, "{of:?}");
        assert_eq!(figures.ledger().0, figures.offered - figures.answered_within, "{of:?}: each miss has one cause");
    }
}

#[test]
fn while_the_house_is_away_nobody_is_ready() {
    let mut house = House::new();
    house.at(60, Input::RestartedAfter { alive_at: moment(20) });
    house.at(70, Input::SeatReachable { seat: "1".into(), reachable: true });
    house.until(100);
    let presence = house.presence(Of::House, 0);
    // Without a phone she is not signed in either.
    assert_eq!(presence.ready, Duration::from_secs(20 + 30), "{presence:?}");
}

#[test]
fn whom_a_restart_cut_off_did_not_leave_early() {
    let mut house = House::new();
    house.join(10, 1);
    house.accept(11, 1);
    house.join(20, 2);
    house.at(30, Input::RestartedAfter { alive_at: moment(21) });
    let all = house.of(Of::House, 0);
    let causes: Vec<_> = all.late.iter().filter(|(_, count)| **count > 0).map(|(cause, _)| *cause).collect();
    assert_eq!((all.restarted, causes, all.conserves()), (1, vec![LateCause::Restarted], true));
    assert_eq!(all.longest_wait, Duration::from_secs(1), "nobody waited while the house was away");
}

#[test]
fn wrap_up_that_was_over_while_the_house_was_away_lasted_no_longer() {
    let mut house = House::new();
    house.join(10, 1);
    house.accept(11, 1);
    house.at(31, Input::TalkEnded { contact: CallId(1) });
    house.at(100, Input::RestartedAfter { alive_at: moment(33) });
    house.until(101);
    assert_eq!(house.of(Of::House, 0).wrap_up, Duration::from_secs(10));
    let anna = Of::Operator("anna".into());
    let presence = house.statistics.presence(&anna, moment(0), moment(900));
    assert_eq!(presence.map(|(_, of)| of.wrap_up).sum::<Duration>(), Duration::from_secs(10));
}

#[test]
fn a_talk_that_a_crash_cut_lasted_until_the_house_was_seen_last() {
    let mut house = House::new();
    house.join(10, 1);
    house.accept(14, 1);
    house.at(100, Input::RestartedAfter { alive_at: moment(44) });
    let all = house.of(Of::House, 0);
    assert_eq!((all.talk, all.handled), (Duration::from_secs(30), 1));
}

#[test]
fn time_of_operators_is_cut_at_the_borders_and_whole() {
    let mut house = House::new();
    house.at(890, Input::NotReady { operator: "anna".into(), reason: "meal".into(), by: By::Themselves });
    house.at(1200, Input::Ready { operator: "anna".into(), by: By::Themselves });
    house.join(1200, 1);
    house.accept(1205, 1);
    house.at(1260, Input::Held { contact: CallId(1), held: true });
    house.at(1270, Input::Held { contact: CallId(1), held: false });
    house.at(1300, Input::TalkEnded { contact: CallId(1) });
    house.until(1400);
    let anna = Of::Operator("anna".into());
    let presence: Vec<_> =
        house.statistics.presence(&anna, moment(0), moment(9000)).map(|(_, presence)| presence.clone()).collect();
    let seconds = |n| Duration::from_secs(n);
    assert_eq!((presence[0].ready, presence[0].not_ready["meal"]), (seconds(890), seconds(10)));
    assert_eq!((presence[1].not_ready["meal"], presence[1].busy), (seconds(300), seconds(100)));
    assert_eq!((presence[1].wrap_up, presence[1].ready), (seconds(10), seconds(90)));
    assert_eq!(presence.iter().map(statistics::Presence::signed_in).sum::<Duration>(), seconds(1400));
    assert_eq!(presence[1].occupancy(), Some(0.55));
    let all = house.of(Of::House, 1);
    assert_eq!((all.talk, all.hold, all.wrap_up), (seconds(95), seconds(10), seconds(10)));
    assert_eq!(all.aht(), Some(seconds(105)));
}

#[test]
fn the_four_forms_are_those_of_the_field() {
    let contacts = statistics::Contacts {
        offered: 100,
        answered: 90,
        answered_within: 70,
        abandoned: 10,
        abandoned_within: 10,
        ..statistics::Contacts::default()
    };
    let levels: Vec<f64> =
        ServiceLevel::ALL.iter().map(|form| (contacts.service_level(*form).unwrap() * 1000.0).round() / 10.0).collect();
    assert_eq!(levels, [70.0, 80.0, 77.8, 77.8]);
    assert_eq!(statistics::Contacts::default().service_level(ServiceLevel::Strict), None);
}

#[test]
fn who_is_sent_on_to_another_line_visits_it_too_and_each_operator_has_their_own_talk() {
    let mut house = House::new();
    house.statistics = Statistics::running(moment(0));
    house.statistics.new_rules(house.engine.rules());
    house.join(10, 1);
    house.accept(14, 1);
    let queue = QueueId::from("b");
    house.at(74, Input::TalkEnded { contact: CallId(1) });
    house.at(74, Input::PassedOn { contact: CallId(1), queue: queue.clone(), caller: None, since: moment(10) });
    house.until(94); // anna's wrap-up is over at 84, and then she is asked
    house.accept(94, 1);
    house.at(114, Input::TalkEnded { contact: CallId(1) });
    house.until(200);
    let day = |of: Of| house.statistics.today(&of).cloned().unwrap_or_default();
    let counts = |of: Of| {
        let day = day(of);
        (day.offered, day.answered, day.answered_within, day.abandoned, day.ledger().0)
    };
    assert_eq!(counts(Of::House), (2, 2, 1, 0, 1));
    assert_eq!(counts(Of::Queue("a".into())), (1, 1, 1, 0, 0));
    assert_eq!(counts(Of::Queue(queue.clone())), (1, 1, 0, 0, 1), "it waited 20 s there, not 84");
    assert_eq!(day(Of::Queue(queue)).longest_wait, Duration::from_secs(20));
    let anna = day(Of::Operator("anna".into()));
    assert_eq!((anna.answered, anna.answered_within, anna.handled), (2, 1, 2));
    assert_eq!((anna.talk, anna.wrap_up), (Duration::from_secs(80), Duration::from_secs(20)));
    assert!(anna.conserves());
}

#[test]
fn the_running_day_is_the_sum_of_its_intervals_and_begins_anew() {
    let mut house = House::new();
    house.statistics = Statistics::running(moment(0));
    house.statistics.new_rules(house.engine.rules());
    // Who waits for anna: one gives up at once, others later, one in the next interval.
    for (second, contact, lasts) in [(100, 1, 2), (110, 2, 20), (880, 3, 30), (905, 4, 1), (906, 5, 60)] {
        house.join(second, contact);
        house.at(second + lasts, Input::Leave { contact: CallId(contact) });
    }
    house.until(3600);
    let sum = |house: &House, from: u64, of: Of| {
        let mut all = statistics::Contacts::default();
        house.statistics.contacts(&of, moment(from), moment(90_000)).for_each(|(_, contacts)| all += contacts);
        all
    };
    for of in [Of::House, Of::Queue("a".into()), Of::Operator("anna".into())] {
        let day = house.statistics.today(&of).cloned().unwrap_or_default();
        assert_eq!(day, sum(&house, 0, of));
    }
    assert_eq!(house.statistics.today(&Of::House).map(|day| (day.offered, day.abandoned)), Some((3, 3)));
    let recent = |house: &House, second, queue: Option<&str>| {
        house.statistics.recent(moment(second), queue.map(QueueId::from).as_ref()).0
    };
    assert_eq!((recent(&house, 910, None), recent(&house, 910, Some("a"))), (3, 3));
    assert_eq!((recent(&house, 1010, None), recent(&house, 1019, None)), (3, 3), "110 is 15 minutes ago");
    assert_eq!((recent(&house, 1020, None), recent(&house, 1020, Some("b"))), (2, 0));
    assert_eq!(recent(&house, 2000, None), 0);
    house.statistics.begin_day(moment(900), moment(900));
    let day = house.statistics.today(&Of::House).cloned().unwrap_or_default();
    assert_eq!((day.offered, day.abandoned, sum(&house, 0, Of::House)), (1, 1, day.clone()));
    // What was so of yesterday changes today no more.
    house.join(3700, 9);
    house.at(3800, Input::Leave { contact: CallId(9) });
    assert_eq!(house.statistics.today(&Of::House).map(|day| day.offered), Some(2));
}
