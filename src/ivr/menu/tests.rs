//! Walks as stories: what happens at which second, and what the caller hears and where they end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::ivr::{Action, Entry, Waiting};

fn at(seconds: u64) -> Moment {
    Moment::from_micros(seconds * 1_000_000)
}

fn node(id: &str) -> Destination {
    Destination::to(To::Node(id.into()))
}

fn queue(id: &str) -> Destination {
    Destination::queue(id, None)
}

fn own(names: &[&str]) -> Vec<Saying> {
    names.iter().map(|name| Saying::Own((*name).into())).collect()
}

/// A house with one of everything.
fn settings() -> Settings {
    let mut vip = Numbers::default();
    assert!(vip.add("13900000001") && vip.add("010*"));
    let mut blocked = Numbers::default();
    assert!(blocked.add("13000000000"));
    let in_english = |destination: Destination| Destination { language: Some(Language::EN), ..destination };
    let seat = To::Seat { seat: "8001".into(), otherwise: Some(Box::new(Destination::to(To::Message))) };
    let welcome = Menu {
        prompts: vec![Saying::Fixed(Prompt::spoken(Language::ZH, "greeting")), Saying::Own("choice".into())],
        choices: BTreeMap::from([
            ('1', Choice::To(queue("citizen"))),
            ('2', Choice::To(in_english(node("more")))),
            ('3', Choice::To(node("case"))),
            ('4', Choice::To(Destination::to(seat))),
            ('*', Choice::Repeat),
        ]),
        default: queue("citizen"),
        timeout: Duration::from_secs(5),
        retries: 1,
        wrong: own(&["wrong"]),
    };
    let more = Menu {
        prompts: own(&["more"]),
        choices: BTreeMap::from([('1', Choice::To(queue("english"))), ('#', Choice::Back)]),
        default: Destination::to(To::HangUp),
        timeout: Duration::from_secs(5),
        retries: 0,
        wrong: Vec::new(),
    };
    let case = Digits {
        name: "case".into(),
        prompts: own(&["enter"]),
        least: 3,
        most: 5,
        terminator: Some('#'),
        timeout: Duration::from_secs(8),
        between: Duration::from_secs(4),
        retries: 1,
        wrong: own(&["wrong"]),
        secret: true,
        then: node("ask"),
        otherwise: queue("citizen"),
    };
    let ask = Hook {
        url: "http://127.0.0.1/".into(),
        timeout: Duration::from_secs(3),
        meanwhile: own(&["moment"]),
        prompts: own(&["found"]),
        cases: BTreeMap::from([("open".into(), Destination::to(To::HangUp))]),
        otherwise: queue("citizen"),
    };
    let case_of = |when, then| Case { when, then };
    let door = Branch {
        cases: vec![
            case_of(vec![Condition::Caller("blocked".into())], Destination::to(To::Refuse(Refuse::Rules))),
            case_of(vec![Condition::Caller("vip".into())], queue("vip")),
            case_of(vec![Condition::Schedule { schedule: "office".into(), open: false }], node("closed")),
            case_of(
                vec![Condition::Queue { queue: "citizen".into(), is: Line::LongerThan(Duration::from_secs(300)) }],
                Destination::to(To::Callback("citizen".into())),
            ),
            case_of(
                vec![Condition::Queue { queue: "citizen".into(), is: Line::MoreThan(2) }],
                Destination::to(To::Refuse(Refuse::Busy)),
            ),
        ],
        otherwise: node("welcome"),
    };
    let closed = Say { prompts: own(&["closed"]), to_the_end: true, then: Destination::to(To::Message) };
    let notice = Say { prompts: own(&["notice"]), to_the_end: false, then: node("welcome") };
    let round = Branch { cases: Vec::new(), otherwise: node("round") };
    let nodes = [
        ("welcome", Node::Menu(welcome)),
        ("more", Node::Menu(more)),
        ("case", Node::Digits(case)),
        ("ask", Node::Hook(ask)),
        ("door", Node::Branch(door)),
        ("closed", Node::Say(closed)),
        ("notice", Node::Say(notice)),
        ("round", Node::Branch(round)),
    ];
    Settings {
        menus: Arc::new(Menus {
            nodes: nodes.into_iter().map(|(id, node)| (id.into(), node)).collect(),
            lists: BTreeMap::from([("vip".into(), vip), ("blocked".into(), blocked)]),
            fallback: Some("citizen".into()),
        }),
        waiting: Waiting::default(),
        ..Settings::default()
    }
}

struct Story {
    walker: Walker,
    /// What was said, where it led, what was asked: one word each.
    told: Vec<String>,
    open: bool,
    line: LineState,
    last: u64,
    request: Option<u64>,
}

/// Runs a story of `second:event` from a node. Events: keys, `end` of what plays, `-` a deadline, `stale`,
/// `yes`/`no`/`odd` what a hook answers, `nobody` is reached.
fn story(from: &str, start: &str, events: &str, change: impl FnOnce(&mut Story)) -> Story {
    let visitor = Visitor { from: from.into(), to: "12345".into() };
    let line = LineState { waiting: 0, expected_wait: None, open: true, staffed: true };
    let walker = Walker::new(&settings(), visitor, Language::ZH);
    let mut story = Story { walker, told: Vec::new(), open: true, line, last: 0, request: None };
    change(&mut story);
    story.walker.start(at(0), &node(start));
    story.drain(0);
    for step in events.split_whitespace() {
        let (second, event) = step.split_once(':').unwrap();
        let second = second.parse().unwrap();
        story.walker.handle_deadline(at(second));
        story.drain(second);
        let reply = |case: &str| Reply {
            say: vec![
                Utterance::Prompt("found".into()),
                Utterance::Prompt("greeting".into()),
                Utterance::Digits("12".into()),
            ],
            case: Some(case.into()),
        };
        let number = story.request.unwrap_or(0);
        match event {
            "end" => story.walker.played(at(second), story.last),
            "stale" => story.walker.played(at(second), 999),
            "-" => {}
            "yes" => story.walker.replied(at(second), number, Some(reply("open"))),
            "odd" => story.walker.replied(at(second), number, Some(reply("never heard of"))),
            "late" => story.walker.replied(at(second), number + 7, Some(reply("open"))),
            "no" => story.walker.replied(at(second), number, None),
            "nobody" => drop(story.walker.not_reached(at(second))),
            keys => keys.chars().for_each(|key| story.walker.key(at(second), key)),
        }
        story.drain(second);
    }
    story
}

impl Story {
    fn drain(&mut self, second: u64) {
        while let Some(action) = self.walker.poll() {
            match action {
                Action::Play { token, prompts, looped } => {
                    self.last = token;
                    let mut said: Vec<String> = prompts.iter().map(ToString::to_string).collect();
                    said.extend(looped.map(|music| format!("({music})")));
                    self.told.push(if said.is_empty() { "hush".into() } else { said.join("+") });
                }
                Action::Lead { to, language } => self.told.push(format!("{to:?}/{}", language.code())),
                Action::Ask(Question::Schedule(schedule)) => {
                    let answer = Answer::Schedule { schedule, open: self.open };
                    self.walker.answered(at(second), answer);
                }
                Action::Ask(Question::Queue(queue)) => {
                    self.walker.answered(at(second), Answer::Queue { queue, line: self.line });
                }
                Action::CallOut(request) => {
                    self.request = Some(request.number);
                    self.told.push(format!("asks {:?}", request.digits));
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[track_caller]
fn check(from: &str, start: &str, events: &str, told: &[&str]) -> Story {
    let story = story(from, start, events, |_| {});
    assert_eq!(story.told, told, "{start} {events}");
    story
}

const WELCOME: &str = "zh/greeting+zh/choice";
const CITIZEN: &str = "Queue(citizen)/zh";

#[test]
fn a_key_chooses_once_and_no_key_is_the_default() {
    check("x", "welcome", "1:1", &[WELCOME, CITIZEN]);
    check("x", "welcome", "1:1 2:2 3:1", &[WELCOME, CITIZEN]);
    check("x", "welcome", "1:- 9:end 13:- 14:- 15:-", &[WELCOME, CITIZEN]);
    check("x", "welcome", "9:end 13:-", &[WELCOME]);
    check("x", "welcome", "9:end 13:1", &[WELCOME, CITIZEN]);
    check("x", "welcome", "1:stale 30:-", &[WELCOME]);
    let again = "zh/wrong+zh/greeting+zh/choice";
    check("x", "welcome", "1:9 2:1", &[WELCOME, again, CITIZEN]);
    check("x", "welcome", "1:9 2:9", &[WELCOME, again, CITIZEN]);
    check("x", "welcome", "1:# 2:end 7:-", &[WELCOME, again, CITIZEN]);
    let told = check("x", "welcome", "1:* 2:* 3:1", &[WELCOME, WELCOME, WELCOME, CITIZEN]);
    assert_eq!(told.walker.keys(), "**1");
}

#[test]
fn a_choice_can_switch_the_language_and_back_is_where_the_caller_came_from() {
    let told = check("x", "welcome", "1:2 2:1", &[WELCOME, "en/more", "Queue(english)/en"]);
    let path: Vec<&str> = told.walker.path().iter().map(MenuId::as_str).collect();
    assert_eq!((told.walker.keys(), path), ("21", vec!["welcome", "more"]));
    check("x", "welcome", "1:2 2:#", &[WELCOME, "en/more", "zh/greeting+en/choice"]);
    check("x", "more", "2:#", &["zh/more", "zh/more"]);
    check("x", "more", "2:9", &["zh/more", "HangUp/zh"]);
}

#[test]
fn digits_are_complete_by_their_end_by_their_number_or_by_time() {
    let asks = r#"asks {"case": "123"}"#;
    let until_hook = ["zh/enter", "hush", "zh/moment+(music)", asks];
    check("x", "case", "1:123#", &until_hook);
    check("x", "case", "9:end 16:1 17:23 21:-", &["zh/enter", "zh/moment+(music)", asks]);
    let five = r#"asks {"case": "12345"}"#;
    check("x", "case", "1:12345 2:#", &["zh/enter", "hush", "zh/moment+(music)", five]);
    // A star begins anew.
    check("x", "case", "1:99*123#", &["zh/enter", "hush", "hush", "zh/moment+(music)", asks]);
    let again = "zh/wrong+zh/enter";
    check("x", "case", "1:12# 2:12#", &["zh/enter", "hush", again, "hush", CITIZEN]);
    check("x", "case", "1:# 2:123#", &["zh/enter", again, "hush", "zh/moment+(music)", asks]);
    check("x", "case", "9:end 17:- 20:end 28:-", &["zh/enter", again, CITIZEN]);
    let told = check("x", "case", "1:123#", &until_hook);
    let typed = &told.walker.typed()["case"];
    assert_eq!((typed.digits.as_str(), typed.told().as_str()), ("123", "***"));
    assert_eq!(told.walker.keys(), "", "digits are no choices");
}

#[test]
fn a_hook_says_what_it_may_and_goes_on_or_falls_back() {
    let before = ["zh/enter", "hush", "zh/moment+(music)", r#"asks {"case": "123"}"#];
    let with = |more: &[&str]| before.iter().chain(more).map(ToString::to_string).collect::<Vec<_>>();
    for (events, after) in [
        ("1:123# 2:yes 9:end", &["zh/found+zh/1+zh/2", "HangUp/zh"][..]),
        ("1:123# 2:yes 3:5", &["zh/found+zh/1+zh/2", "HangUp/zh"]),
        ("1:123# 2:odd 9:end", &["zh/found+zh/1+zh/2", CITIZEN]),
        ("1:123# 2:no", &[CITIZEN]),
        ("1:123# 4:-", &[CITIZEN]),
        ("1:123# 2:late 3:-", &[]),
        ("1:123# 4:- 5:yes", &[CITIZEN]),
        ("1:123# 2:777", &[]),
    ] {
        assert_eq!(story("x", "case", events, |_| {}).told, with(after), "{events}");
    }
}

#[test]
fn a_branch_takes_the_first_case_that_holds() {
    check("13000000000", "door", "", &["Refuse(Rules)/zh"]);
    check("+8613900000001", "door", "", &["Queue(vip)/zh"]);
    check("+861065139999", "door", "", &["Queue(vip)/zh"]);
    check("13800000000", "door", "", &[WELCOME]);
    let ends = |change: fn(&mut Story)| story("x", "door", "", change).told.pop().unwrap();
    assert_eq!(ends(|story| story.open = false), "zh/closed");
    assert_eq!(ends(|story| story.line.waiting = 3), "Refuse(Busy)/zh");
    assert_eq!(ends(|story| story.line.waiting = 2), WELCOME);
    let waits = |seconds| Some(Duration::from_secs(seconds));
    let story = story("x", "door", "", |story| story.line.expected_wait = waits(301));
    assert_eq!(story.told, ["Callback(citizen)/zh"]);
}

#[test]
fn an_announcement_is_cut_short_by_a_key_that_counts_where_it_leads() {
    check("x", "notice", "3:end", &["zh/notice", WELCOME]);
    check("x", "notice", "1:1", &["zh/notice", WELCOME, CITIZEN]);
    let closed = story("x", "door", "1:5 2:5 9:end", |story| story.open = false);
    assert_eq!(closed.told, ["zh/closed", "Message/zh"], "to the end");
}

#[test]
fn where_nobody_is_reached_the_walk_goes_on() {
    let rings = r#"Seat { seat: 8001, otherwise: Some(Destination { to: Message, language: None }) }/zh"#;
    check("x", "welcome", "1:4 9:nobody", &[WELCOME, rings, "Message/zh"]);
    let mut walker = story("x", "welcome", "1:1", |_| {}).walker;
    assert!(!walker.not_reached(at(9)), "a queue is always reached");
}

#[test]
fn a_walk_without_end_ends_in_the_fallback_queue() {
    check("x", "round", "", &[CITIZEN]);
    let stars = format!("1:{}", "*".repeat(600));
    let story = story("x", "welcome", &stars, |_| {});
    assert_eq!((story.told.len(), story.told.last().unwrap().as_str()), (MAX_STEPS + 1, CITIZEN));
    assert!(story.walker.keys().len() <= 32 && story.walker.path().len() <= 64);
}

#[test]
fn who_is_refused_by_their_number_alone_is_not_answered() {
    let settings = settings();
    let refused = |from: &str, start: &str| {
        let visitor = Visitor { from: from.into(), to: "12345".into() };
        settings.menus.refuse_unanswered(&Entry::To(node(start)), &visitor)
    };
    assert!(refused("+8613000000000", "door"));
    assert!(!refused("13900000001", "door") && !refused("13800000000", "door"));
    assert!(!refused("13000000000", "welcome") && !refused("13000000000", "round"));
}
