//! The nodes of menu.toml: menus, digits, forks, announcements, hooks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::menus::Known;
use super::{check_time, destinations, number_within, time_within, unknown};
use crate::config::fault::Faults;
use crate::config::reader::{self, Element, Tables};
use crate::config::source::Files;
use crate::config::written::{self, OneOrMany};
use crate::ids::{ListId, MenuId};
use crate::ivr::menu::{Branch, Case, Choice, Condition, Digits, Hook, Like, Line, Menu, Node, Say};

const TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT_LIMITS: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(60));
const RETRIES: u8 = 1;
const DIGITS_TIMEOUT: Duration = Duration::from_secs(8);
const BETWEEN: Duration = Duration::from_secs(4);
const DIGITS_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
const DIGITS_RETRIES: u8 = 2;
const MAX_RETRIES: u8 = 10;
/// Nobody types more, and a record keeps it.
const MAX_DIGITS: u8 = 32;
const HOOK_TIMEOUT: Duration = Duration::from_secs(3);
/// Longer nobody waits for a machine.
const HOOK_LIMITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(30));
/// What longer waits than this could a queue have?
const WAIT_LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
const CHOICE: &str = "exactly one of menu, queue, number, seat, message = true, callback, hang_up = true, refuse, \
                      repeat = true, back = true";

/// All tables with nodes as they are written.
pub struct Written<'a> {
    menus: Tables<'a, written::Menu>,
    digits: Tables<'a, written::Digits>,
    branches: Tables<'a, written::Branch>,
    says: Tables<'a, written::Say>,
    hooks: Tables<'a, written::Hook>,
    /// Those whose names are good and new.
    named: BTreeSet<(&'static str, usize)>,
}

/// Reads the tables and their names: nodes may lead to nodes that come later.
pub fn tables<'a>(files: &'a Files, known: &mut Known<'_>, faults: &mut Faults) -> Written<'a> {
    let file = &files.menu;
    let mut tables = Written {
        menus: reader::array(file, "menu", "id", faults),
        digits: reader::array(file, "digits", "id", faults),
        branches: reader::array(file, "branch", "id", faults),
        says: reader::array(file, "say", "id", faults),
        hooks: reader::array(file, "hook", "id", faults),
        named: BTreeSet::new(),
    };
    let named = &mut tables.named;
    take_names(&mut tables.menus, |menu| &menu.id, named, known, faults);
    take_names(&mut tables.digits, |digits| &digits.id, named, known, faults);
    take_names(&mut tables.branches, |branch| &branch.id, named, known, faults);
    take_names(&mut tables.says, |say| &say.id, named, known, faults);
    take_names(&mut tables.hooks, |hook| &hook.id, named, known, faults);
    let names = tables.digits.good.iter().map(|digits| digits_name(&digits.written).to_string());
    known.digits = names.chain(tables.digits.broken.names.iter().map(|(name, _)| name.clone())).collect();
    tables
}

fn take_names<T>(
    tables: &mut Tables<'_, T>,
    id: impl Fn(&T) -> &String,
    named: &mut BTreeSet<(&'static str, usize)>,
    known: &mut Known<'_>,
    faults: &mut Faults,
) {
    for (index, table) in tables.good.iter().enumerate() {
        if known.nodes.take(table, "id", id(&table.written), faults) {
            named.insert((table.name, index));
        }
    }
    known.nodes.also(tables.broken.clone());
}

fn digits_name(digits: &written::Digits) -> &str {
    digits.name.as_ref().unwrap_or(&digits.id)
}

/// The nodes that mean something; the faults say what is wrong with the others.
pub fn read(tables: &Written<'_>, known: &mut Known<'_>, faults: &mut Faults) -> BTreeMap<MenuId, Node> {
    let mut nodes = BTreeMap::new();
    let mut add = |table: (&'static str, usize), id: &str, node: Option<Node>| {
        if tables.named.contains(&table) {
            nodes.extend(node.map(|node| (MenuId::from(id), node)));
        }
    };
    for (index, table) in tables.menus.good.iter().enumerate() {
        add((table.name, index), &table.written.id, menu(table, known, faults).map(Node::Menu));
    }
    for (index, table) in tables.digits.good.iter().enumerate() {
        add((table.name, index), &table.written.id, digits(table, known, faults).map(Node::Digits));
    }
    for (index, table) in tables.branches.good.iter().enumerate() {
        add((table.name, index), &table.written.id, branch(table, known, faults).map(Node::Branch));
    }
    for (index, table) in tables.says.good.iter().enumerate() {
        add((table.name, index), &table.written.id, say(table, known, faults).map(Node::Say));
    }
    for (index, table) in tables.hooks.good.iter().enumerate() {
        add((table.name, index), &table.written.id, hook(table, known, faults).map(Node::Hook));
    }
    nodes
}

impl Written<'_> {
    /// Something about a node, or about what `path` leads to in it.
    pub fn tell(&self, node: &MenuId, path: &[&str], what: String, is_fault: bool, faults: &mut Faults) {
        let mut tell = |place, key| {
            if is_fault { faults.fault(&place, key, what.clone()) } else { faults.warning(&place, key, what.clone()) }
        };
        let id = node.as_str();
        macro_rules! look {
            ($($tables:ident),*) => {
                $(if let Some(table) = self.$tables.good.iter().find(|table| table.written.id == id) {
                    return tell(table.place_of(path), table.key_of(path));
                })*
            };
        }
        look!(menus, digits, branches, says, hooks);
    }

    /// Whether everything that is written could be read: only then can be said what leads nowhere.
    pub fn are_whole(&self, nodes: &BTreeMap<MenuId, Node>) -> bool {
        let written = self.menus.good.len()
            + self.digits.good.len()
            + self.branches.good.len()
            + self.says.good.len()
            + self.hooks.good.len();
        let broken =
            [&self.menus.broken, &self.digits.broken, &self.branches.broken, &self.says.broken, &self.hooks.broken];
        broken.iter().all(|broken| broken.is_empty()) && written == nodes.len()
    }
}

fn menu(menu: &Element<'_, written::Menu>, known: &mut Known<'_>, faults: &mut Faults) -> Option<Menu> {
    let written = &menu.written;
    let prompts = known.sayings(menu, "prompts", &written.prompts, faults);
    let wrong = known.sayings(menu, "wrong", &written.wrong, faults);
    let default = destinations::read(menu, &["default"], &written.default.leads(), known, faults);
    let mut choices = BTreeMap::new();
    for (index, choice) in written.choice.iter().enumerate() {
        let index = index.to_string();
        let place = menu.place_of(&["choice", &index, "key"]);
        let Some(key) = reader::one_key(&choice.key) else {
            faults.fault(
                &place,
                "menu.choice.key",
                format!("found {:?}; one key is meant, \"0\" to \"9\", \"*\" or \"#\"", choice.key),
            );
            continue;
        };
        if let Some(meant) = self::choice(menu, &index, choice, known, faults)
            && choices.insert(key, meant).is_some()
        {
            faults.fault(&place, "menu.choice.key", format!("key {key:?} is there twice"));
        }
    }
    Some(Menu {
        prompts,
        choices,
        default: default?,
        timeout: time_within(menu, "timeout", &written.timeout, TIMEOUT, TIMEOUT_LIMITS, faults),
        retries: written.retries.unwrap_or(RETRIES),
        wrong,
    })
}

fn choice(
    menu: &Element<'_, written::Menu>,
    index: &str,
    choice: &written::Choice,
    known: &mut Known<'_>,
    faults: &mut Faults,
) -> Option<Choice> {
    let path = ["choice", index];
    let leads = choice.leads();
    match (choice.repeat.unwrap_or(false), choice.back.unwrap_or(false), leads.is_empty()) {
        (true, false, true) => Some(Choice::Repeat),
        (false, true, true) => Some(Choice::Back),
        (false, false, _) => destinations::read_or(menu, &path, &leads, known, faults, CHOICE).map(Choice::To),
        _ => {
            menu.fault_at(faults, &path, format!("{CHOICE} is meant"));
            None
        }
    }
}

fn digits(digits: &Element<'_, written::Digits>, known: &mut Known<'_>, faults: &mut Faults) -> Option<Digits> {
    let written = &digits.written;
    let prompts = known.sayings(digits, "prompts", &written.prompts, faults);
    let wrong = known.sayings(digits, "wrong", &written.wrong, faults);
    let (least, most) = match (written.length, written.min, written.max) {
        (Some(length), None, None) => {
            let length = number_within(digits, &["length"], length, (1, MAX_DIGITS), faults);
            (length, length)
        }
        (Some(_), ..) => {
            digits.fault(faults, "length", "either `length` is meant, or `min` and `max`");
            return None;
        }
        (None, least, most) => {
            let most = number_within(digits, &["max"], most.unwrap_or(MAX_DIGITS), (1, MAX_DIGITS), faults);
            let least = least.unwrap_or(1);
            if least == 0 || least > most {
                digits.fault(faults, "min", format!("found {least}; from 1 to {most}, which is `max`, is allowed"));
                return None;
            }
            (least, most)
        }
    };
    let terminator = match written.terminator.as_deref() {
        None | Some("#") => Some('#'),
        Some("*") => Some('*'),
        Some("") => None,
        Some(other) => {
            digits.fault(faults, "terminator", format!("found {other:?}; \"#\", \"*\" and \"\" (none) are allowed"));
            None
        }
    };
    let then = destinations::read(digits, &["then"], &written.then.leads(), known, faults);
    let otherwise = destinations::read(digits, &["otherwise"], &written.otherwise.leads(), known, faults);
    let mut time = |key, written, usual| time_within(digits, key, written, usual, DIGITS_LIMITS, faults);
    let (timeout, between) =
        (time("timeout", &written.timeout, DIGITS_TIMEOUT), time("between", &written.between, BETWEEN));
    let retries = written.retries.unwrap_or(DIGITS_RETRIES);
    Some(Digits {
        name: digits_name(written).to_string(),
        prompts,
        least,
        most,
        terminator,
        timeout,
        between,
        retries: number_within(digits, &["retries"], retries, (0, MAX_RETRIES), faults),
        wrong,
        secret: written.secret.unwrap_or(false),
        then: then?,
        otherwise: otherwise?,
    })
}

fn say(say: &Element<'_, written::Say>, known: &mut Known<'_>, faults: &mut Faults) -> Option<Say> {
    let prompts = known.sayings(say, "prompts", &say.written.prompts, faults);
    let then = destinations::read(say, &["then"], &say.written.then.leads(), known, faults);
    Some(Say { prompts, to_the_end: say.written.to_the_end.unwrap_or(false), then: then? })
}

fn hook(hook: &Element<'_, written::Hook>, known: &mut Known<'_>, faults: &mut Faults) -> Option<Hook> {
    let written = &hook.written;
    let meanwhile = known.sayings(hook, "meanwhile", &written.meanwhile, faults);
    let prompts = known.sayings(hook, "prompts", &written.prompts, faults);
    let mut cases = BTreeMap::new();
    for (index, case) in written.case.iter().enumerate() {
        let index = index.to_string();
        let then = destinations::read(hook, &["case", &index, "then"], &case.then.leads(), known, faults);
        if let Some(then) = then
            && cases.insert(case.answer.clone(), then).is_some()
        {
            let what = format!("{:?} is there twice: the second is never taken", case.answer);
            hook.fault_at(faults, &["case", &index, "answer"], what);
        }
    }
    let otherwise = destinations::read(hook, &["otherwise"], &written.otherwise.leads(), known, faults);
    Some(Hook {
        url: written.url.0.clone(),
        timeout: time_within(hook, "timeout", &written.timeout, HOOK_TIMEOUT, HOOK_LIMITS, faults),
        meanwhile,
        prompts,
        cases,
        otherwise: otherwise?,
    })
}

fn branch(branch: &Element<'_, written::Branch>, known: &mut Known<'_>, faults: &mut Faults) -> Option<Branch> {
    let mut cases = Vec::new();
    let mut whole = true;
    for (index, case) in branch.written.when.iter().enumerate() {
        let index = index.to_string();
        let when = conditions(branch, &["when", &index], case, known, faults);
        let then = destinations::read(branch, &["when", &index, "then"], &case.then.leads(), known, faults);
        match (when, then) {
            (Some(when), Some(then)) => cases.push(Case { when, then }),
            _ => whole = false,
        }
    }
    let otherwise = destinations::read(branch, &["otherwise"], &branch.written.otherwise.leads(), known, faults)?;
    whole.then_some(Branch { cases, otherwise })
}

/// All that a case asks; `None` if something of it is wrong.
fn conditions(
    branch: &Element<'_, written::Branch>,
    path: &[&str],
    case: &written::Case,
    known: &mut Known<'_>,
    faults: &mut Faults,
) -> Option<Vec<Condition>> {
    let at = |key| [path, &[key]].concat();
    let mut when = Vec::new();
    let mut whole = true;
    for (key, schedule, open) in [("open", &case.open, true), ("closed", &case.closed, false)] {
        let Some(schedule) = schedule else { continue };
        match known.schedules.named(branch, &at(key), schedule, faults) {
            Some(schedule) => when.push(Condition::Schedule { schedule, open }),
            None => whole = false,
        }
    }
    let mut fault = |key: &'static str, what: String| {
        branch.fault_at(faults, &at(key), what);
        whole = false;
    };
    if let Some(list) = &case.caller {
        if known.lists.contains(list) {
            known.looked_into.insert(list.clone());
            when.push(Condition::Caller(ListId::from(list.as_str())));
        } else {
            fault("caller", known.lists.unknown("list", list));
        }
    }
    if let Some(numbers) = &case.dialled {
        let numbers = many(numbers);
        for number in numbers.iter().filter(|number| !known.numbers.contains(number)) {
            fault("dialled", known.numbers.unknown("number", number));
        }
        when.push(Condition::Dialled(numbers.into_iter().collect()));
    }
    match (&case.digits, &case.like) {
        (Some(name), Some(like)) => {
            if !known.digits.contains(name) {
                fault("digits", unknown("[[digits]] with the name", name, known.digits.iter().map(String::as_str)));
            }
            let like = many(like);
            let is_like = |text: &String| {
                let digits = text.strip_suffix('*').unwrap_or(text);
                text.len() <= usize::from(MAX_DIGITS) && digits.bytes().all(|digit| digit.is_ascii_digit())
            };
            if let Some(wrong) = like.iter().find(|text| text.is_empty() || !is_like(text)) {
                fault("like", format!("found {wrong:?}; digits are meant, and a * for more of them, e.g. \"2026*\""));
            }
            when.push(Condition::Digits {
                name: name.clone(),
                like: like.iter().map(|text| Like::new(text)).collect(),
            });
        }
        (Some(_), None) => fault("digits", "`like` is missing: which digits?".into()),
        (None, Some(_)) => fault("like", "`digits` is missing: under which name were they typed?".into()),
        (None, None) => {}
    }
    let is = match (case.more_than, &case.longer_than, case.state.as_deref()) {
        (None, None, None) => None,
        (Some(callers), None, None) => Some(Line::MoreThan(callers)),
        (None, Some(time), None) => Some(Line::LongerThan(time.0)),
        (None, None, Some("closed")) => Some(Line::Closed),
        (None, None, Some("nobody")) => Some(Line::Nobody),
        (None, None, Some(other)) => {
            fault("state", format!("found {other:?}; \"closed\" and \"nobody\" are allowed"));
            return None;
        }
        _ => {
            fault("queue", "exactly one of more_than, longer_than, state is meant".into());
            return None;
        }
    };
    match (&case.queue, is) {
        (Some(queue), Some(is)) => match known.queues.names.contains(queue) {
            true => when.push(Condition::Queue { queue: queue.as_str().into(), is }),
            false => fault("queue", known.queues.names.unknown("queue", queue)),
        },
        (Some(_), None) => fault("queue", "exactly one of more_than, longer_than, state is missing".into()),
        (None, Some(_)) => fault("queue", "`queue` is missing: whose line?".into()),
        (None, None) => {}
    }
    if let Some(time) = &case.longer_than {
        check_time(branch, &at("longer_than"), time.0, WAIT_LIMITS, faults);
    }
    match known.language(branch, &at("language"), &case.language, faults) {
        Ok(language) => when.extend(language.map(Condition::Language)),
        Err(()) => return None,
    }
    if when.is_empty() && whole {
        branch.fault_at(faults, path, "nothing is asked: it always holds, and `otherwise` is never taken");
        return None;
    }
    whole.then_some(when)
}

fn many(written: &OneOrMany) -> Vec<String> {
    match written {
        OneOrMany::One(text) => vec![text.clone()],
        OneOrMany::Many(texts) => texts.clone(),
    }
}
