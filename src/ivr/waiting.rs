//! In the line: music; the place and the expected wait now and then; once, which keys there are; one apology.
//!
//! A number that was told never grows, and nothing is told while an operator's phone rings.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::languages::Counting;
use super::speech;
use super::words::{Action, KeyLeads, Told, Waiting};
use crate::ids::{Language, Prompt, PromptName};
use crate::moment::Moment;

/// Played once when the line takes long.
pub(super) const SORRY: &str = "sorry";
const KEY_CALLBACK: &str = "key_callback";
const KEY_MESSAGE: &str = "key_message";
const KEY_ELSEWHERE: &str = "key_elsewhere";
const STAR: &str = "star";
const HASH: &str = "hash";
/// What is said of keys; digits are numbers.
pub(super) const KEYS: [&str; 5] = [KEY_CALLBACK, KEY_MESSAGE, KEY_ELSEWHERE, STAR, HASH];

#[derive(Clone, Debug)]
pub struct WaitingMachine {
    settings: Waiting,
    language: Language,
    counting: Counting,
    token: u64,
    announcing: bool,
    /// The place is to be told when what is said is over.
    place_after: bool,
    next_announcement: Option<Moment>,
    apologise_at: Option<Moment>,
    apology_due: bool,
    told_number: usize,
    told_minutes: u64,
    keys: BTreeMap<char, KeyLeads>,
    keys_told: bool,
    actions: VecDeque<Action>,
}

impl WaitingMachine {
    pub fn new(settings: &Waiting, language: Language, counting: Counting, keys: BTreeMap<char, KeyLeads>) -> Self {
        Self {
            settings: settings.clone(),
            language,
            counting,
            token: 0,
            announcing: false,
            place_after: false,
            next_announcement: None,
            apologise_at: None,
            apology_due: false,
            told_number: usize::MAX,
            told_minutes: u64::MAX,
            keys_told: keys.is_empty(),
            keys,
            actions: VecDeque::new(),
        }
    }

    /// Music begins; the place is told as soon as it is known.
    pub fn start(&mut self, now: Moment, place: Option<Told>) {
        self.apologise_at = Some(now + self.settings.apologise_after);
        self.next_announcement = Some(now + self.settings.announce_every);
        self.play(Vec::new());
        if let Some(place) = place {
            self.tell(now, place);
        }
    }

    /// The caller waits in another line. Whoever asked for it hears the place anew; who was moved unasked hears no
    /// greater number than before. The keys are told again if there are any.
    pub fn moved(&mut self, keys: BTreeMap<char, KeyLeads>, asked: bool) {
        if asked {
            (self.told_number, self.told_minutes) = (usize::MAX, u64::MAX);
        }
        self.keys_told = keys.is_empty();
        self.keys = keys;
    }

    /// Something that is said out of turn.
    pub fn say(&mut self, prompt: &str) {
        self.play(vec![Prompt::spoken(self.language, prompt)]);
    }

    /// Something before all else; `then_place`: the place is told afterwards.
    pub fn say_first(&mut self, then_place: bool, prompts: impl Iterator<Item = PromptName>) {
        self.place_after = then_place;
        self.play(prompts.map(|name| Prompt::spoken(self.language, name)).collect());
    }

    /// The answer to [`Action::AskPlace`].
    pub fn tell(&mut self, _now: Moment, place: Told) {
        if place.ringing || self.announcing {
            return;
        }
        let mut prompts = Vec::new();
        if std::mem::take(&mut self.apology_due) {
            prompts.push(Prompt::spoken(self.language, SORRY));
        }
        if place.number <= self.told_number {
            self.told_number = place.number;
            prompts.extend(speech::place(self.counting, place.number));
            prompts.extend(self.wait(place.expected_wait));
        }
        if !std::mem::replace(&mut self.keys_told, true) {
            prompts.extend(self.keys());
        }
        if !prompts.is_empty() {
            self.play(prompts);
        }
    }

    /// "To be called back, press nine": every key, by what it is for.
    fn keys(&self) -> Vec<Prompt> {
        let mut keys: Vec<(KeyLeads, char)> = self.keys.iter().map(|(key, leads)| (*leads, *key)).collect();
        keys.sort_unstable();
        let said = |(leads, key): (KeyLeads, char)| {
            let press = match leads {
                KeyLeads::Callback => KEY_CALLBACK,
                KeyLeads::Message => KEY_MESSAGE,
                KeyLeads::Elsewhere => KEY_ELSEWHERE,
            };
            let name = match key {
                '*' => Prompt::spoken(self.language, STAR),
                '#' => Prompt::spoken(self.language, HASH),
                digit => Prompt::spoken(self.counting.language, digit.to_string()),
            };
            [Prompt::spoken(self.language, press), name]
        };
        keys.into_iter().flat_map(said).collect()
    }

    /// Whole minutes, rounded up; nothing below one, nothing above what was told.
    fn wait(&mut self, expected: Option<Duration>) -> Vec<Prompt> {
        let minutes = expected.map_or(0, |wait| wait.as_secs().div_ceil(60));
        if !self.settings.announce_wait || minutes == 0 || minutes > self.told_minutes {
            return Vec::new();
        }
        self.told_minutes = minutes;
        speech::minutes(self.counting, usize::try_from(minutes).unwrap_or(usize::MAX))
    }

    fn play(&mut self, prompts: Vec<Prompt>) {
        self.token += 1;
        self.announcing = !prompts.is_empty();
        self.actions.push_back(Action::Play { token: self.token, prompts, looped: Some(self.settings.music.clone()) });
    }

    pub fn played(&mut self, _now: Moment, token: u64) {
        if token == self.token {
            self.announcing = false;
            if std::mem::take(&mut self.place_after) {
                self.actions.push_back(Action::AskPlace);
            }
        }
    }

    pub fn handle_deadline(&mut self, now: Moment) {
        let mut ask = false;
        if self.apologise_at.is_some_and(|at| at <= now) {
            self.apologise_at = None;
            self.apology_due = true;
            ask = true;
        }
        if self.next_announcement.is_some_and(|at| at <= now) {
            self.next_announcement = Some(now + self.settings.announce_every);
            ask = true;
        }
        if ask {
            self.actions.push_back(Action::AskPlace);
        }
    }

    pub fn next_deadline(&self) -> Option<Moment> {
        self.next_announcement.into_iter().chain(self.apologise_at).min()
    }

    pub fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    /// Runs the line for `until` seconds; `place(second)` answers each question. Returns what was said when.
    fn check(until: u64, place: impl Fn(u64) -> Told) -> Vec<(u64, String)> {
        check_with(BTreeMap::new(), until, place, |_, _| {})
    }

    /// With keys, and something that happens besides.
    fn check_with(
        keys: BTreeMap<char, KeyLeads>,
        until: u64,
        place: impl Fn(u64) -> Told,
        happens: impl Fn(u64, &mut WaitingMachine),
    ) -> Vec<(u64, String)> {
        let mut machine = WaitingMachine::new(&Waiting::default(), Language::EN, Counting::EN, keys);
        machine.start(at(0), Some(place(0)));
        let mut said = Vec::new();
        for second in 0..=until {
            happens(second, &mut machine);
            if machine.next_deadline().is_some_and(|due| due <= at(second)) {
                machine.handle_deadline(at(second));
            }
            while let Some(action) = machine.poll() {
                match action {
                    Action::AskPlace => machine.tell(at(second), place(second)),
                    Action::Play { token, prompts, looped } => {
                        assert_eq!(looped, Some(Prompt::plain("music")));
                        if !prompts.is_empty() {
                            said.push((second, prompts.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(" ")));
                        }
                        machine.played(at(second), token);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        said
    }

    fn told(number: usize, seconds: u64, ringing: bool) -> Told {
        Told { number, expected_wait: (seconds > 0).then(|| Duration::from_secs(seconds)), ringing }
    }

    fn texts(said: &[(u64, String)]) -> Vec<(u64, &str)> {
        said.iter().map(|(at, text)| (*at, text.as_str())).collect()
    }

    #[test]
    fn the_place_is_told_at_once_and_then_at_the_interval_with_one_apology() {
        let said = check(95, |second| told(3 - second as usize / 40, 119 - second, false));
        assert_eq!(
            texts(&said),
            [
                (0, "position 3 wait_about 2 minutes"),
                (30, "position 3 wait_about 2 minutes"),
                (60, "sorry position 2 wait_about 1 minute"),
                (90, "position 1 wait_about 1 minute"),
            ]
        );
    }

    #[test]
    fn what_is_said_first_is_followed_by_the_place() {
        let first = |second: u64, machine: &mut WaitingMachine| {
            if second == 0 {
                machine.say_first(true, ["notice".into()].into_iter());
            }
        };
        let said = check_with(BTreeMap::new(), 35, |second| told(2, 60, second < 5), first);
        assert_eq!(
            texts(&said),
            [(0, "notice"), (30, "position 2 wait_about 1 minute")],
            "while a phone rings no place"
        );
        let said = check_with(BTreeMap::new(), 5, |_| told(2, 60, false), first);
        assert_eq!(texts(&said).last(), Some(&(0, "position 2 wait_about 1 minute")));
    }

    #[test]
    fn nothing_is_told_while_a_phone_rings() {
        let said = check(100, |second| told(1, 0, second < 80));
        assert_eq!(texts(&said), [(90, "sorry position 1")]);
    }

    #[test]
    fn a_number_that_was_told_never_grows() {
        let said = check(95, |second| if second == 0 { told(2, 60, false) } else { told(5, 300, false) });
        assert_eq!(texts(&said), [(0, "position 2 wait_about 1 minute"), (60, "sorry")]);
        let said = check(35, |second| told(2, 60 + second * 10, false));
        assert_eq!(texts(&said), [(0, "position 2 wait_about 1 minute"), (30, "position 2")]);
    }

    #[test]
    fn keys_are_told_once_and_by_what_they_are_for() {
        let keys = BTreeMap::from([
            ('*', KeyLeads::Elsewhere),
            ('1', KeyLeads::Message),
            ('9', KeyLeads::Callback),
            ('#', KeyLeads::Elsewhere),
        ]);
        let said = check_with(keys, 35, |second| told(4, 0, second < 10), |_, _| {});
        let keys = "key_callback 9 key_message 1 key_elsewhere hash key_elsewhere star";
        assert_eq!(texts(&said), [(30, format!("position 4 {keys}").as_str())], "not while a phone rings");
        let callback = BTreeMap::from([('9', KeyLeads::Callback)]);
        let said = check_with(callback, 65, |_| told(4, 0, false), |_, _| {});
        assert_eq!(texts(&said), [(0, "position 4 key_callback 9"), (30, "position 4"), (60, "sorry position 4")]);
    }

    #[test]
    fn in_another_line_a_greater_number_is_told_only_to_who_asked_for_it() {
        for (asked, expected) in [
            (true, vec![(0, "position 2"), (30, "position 7 key_message 1")]),
            (false, vec![(0, "position 2"), (30, "key_message 1")]),
        ] {
            let said = check_with(
                BTreeMap::new(),
                35,
                |second| told(if second < 20 { 2 } else { 7 }, 0, false),
                |second, machine| {
                    if second == 20 {
                        machine.moved(BTreeMap::from([('1', KeyLeads::Message)]), asked);
                    }
                },
            );
            assert_eq!(texts(&said), expected, "asked: {asked}");
        }
    }

    #[test]
    fn what_is_said_out_of_turn_is_heard_and_the_music_goes_on() {
        let happens = |second: u64, machine: &mut WaitingMachine| {
            if second == 5 {
                machine.say("callback_refused")
            }
        };
        let said = check_with(BTreeMap::new(), 10, |_| told(1, 0, false), happens);
        assert_eq!(texts(&said), [(0, "position 1"), (5, "callback_refused")]);
    }
}
