//! The rules of the queues in the admin's words.

use super::{FORMERLY, Meaning, QUEUE, list};
use crate::config::scalars::time_text;
use crate::queue::{Ageing, CallbackFirst, CallbackRules, Choose, Exit, Preference, QueueRules, Rules, Step};

impl Meaning {
    pub(super) fn rules(&mut self, rules: &Rules) {
        let Rules {
            // Counted by the house.
            version: _,
            queues,
            formerly,
            // Told of as operators and seats.
            operators: _,
            seats: _,
            exclude_for,
            phone_grace,
            // The same in every house.
            most_busy: _,
            redial_within,
            reasons,
        } = rules;
        self.say("", "exclude_for", time_text(*exclude_for));
        self.say("", "phone_grace", time_text(*phone_grace));
        self.say("", "redial_within", time_text(*redial_within));
        self.say("", "reasons", list(reasons));
        for (id, queue) in queues {
            let thing = format!("{QUEUE}{id}");
            self.queue(&thing, queue);
            let former: Vec<&str> = formerly.iter().filter(|(_, now)| *now == id).map(|(id, _)| id.as_str()).collect();
            if !former.is_empty() {
                self.say(&thing, FORMERLY, list(former));
            }
        }
    }

    fn queue(&mut self, thing: &str, queue: &QueueRules) {
        let QueueRules {
            need,
            prefer,
            steps,
            choose,
            ring_at_once,
            ring,
            wrap_up,
            wrap_up_max,
            priority,
            emergency,
            ageing,
            put_back_boost,
            preferred_for,
            max_waiting,
            max_wait,
            if_too_long,
            if_full,
            if_closed,
            if_nobody,
            keys,
            callback,
            answer_within,
            short_abandon,
        } = queue;
        self.say(thing, "need", need);
        self.say_some(thing, "prefer", (!prefer.is_empty()).then(|| preferences(prefer)));
        for (number, step) in steps.iter().enumerate() {
            self.say(thing, &format!("step {}", number + 1), step_text(step));
        }
        self.say(thing, "choose", choose_text(*choose));
        self.say(thing, "ring_at_once", ring_at_once);
        self.say(thing, "emergency", emergency);
        let times = [
            ("ring", ring),
            ("wrap_up", wrap_up),
            ("wrap_up_max", wrap_up_max),
            ("priority", priority),
            ("put_back_boost", put_back_boost),
            ("preferred_for", preferred_for),
            ("answer_within", answer_within),
            ("short_abandon", short_abandon),
        ];
        for (key, time) in times {
            self.say(thing, key, time_text(*time));
        }
        let ageing = ageing.map(|Ageing { every, boost }| format!("{} every {}", time_text(boost), time_text(every)));
        self.say(thing, "ageing", ageing.unwrap_or("none".into()));
        self.say(thing, "max_waiting", max_waiting);
        self.say(thing, "max_wait", max_wait.map_or("none".into(), time_text));
        let exits =
            [("if_too_long", if_too_long), ("if_full", if_full), ("if_closed", if_closed), ("if_nobody", if_nobody)];
        for (key, exit) in exits {
            self.say_some(thing, key, exit.as_ref().map(exit_text));
        }
        for (key, exit) in keys {
            self.say(thing, &format!("key {key}"), exit_text(exit));
        }
        if let Some(CallbackRules { first, max_waiting, ring, first_after, attempts, retry, expires }) = callback {
            let first = match first {
                CallbackFirst::Customer => "customer",
                CallbackFirst::Operator => "operator",
            };
            self.say(thing, "callback first", first);
            self.say(thing, "callback max_waiting", max_waiting);
            self.say(thing, "callback ring", time_text(*ring));
            self.say(thing, "callback first_after", time_text(*first_after));
            self.say(thing, "callback attempts", attempts);
            self.say(thing, "callback retry", time_text(*retry));
            self.say(thing, "callback expires", time_text(*expires));
        }
    }
}

fn preferences(prefer: &[Preference]) -> String {
    list(prefer.iter().map(|Preference { need, weight }| format!("{need} ({weight})")))
}

fn step_text(step: &Step) -> String {
    let Step { after, expected_wait, nobody, need, prefer } = step;
    let conditions = [
        after.map(|time| format!("after {}", time_text(time))),
        expected_wait.map(|time| format!("expected_wait {}", time_text(time))),
        nobody.then(|| "nobody".to_string()),
    ];
    let conditions: Vec<String> = conditions.into_iter().flatten().collect();
    let prefer = prefer.as_ref().map_or(String::new(), |prefer| format!(", prefer {}", preferences(prefer)));
    format!("{}: need {need}{prefer}", conditions.join(" or "))
}

fn choose_text(choose: Choose) -> &'static str {
    match choose {
        Choose::LongestIdle => "longest-idle",
        Choose::LeastOccupied => "least-occupied",
        Choose::MostSkilled => "most-skilled",
        Choose::LeastSkilled => "least-skilled",
        Choose::RoundRobin => "round-robin",
        Choose::FewestCalls => "fewest-calls",
        Choose::Weighted => "weighted",
    }
}

fn exit_text(exit: &Exit) -> String {
    match exit {
        Exit::Queue(queue) => format!("queue {queue}"),
        Exit::Number(number) => format!("number {number}"),
        Exit::Message => "message".into(),
        Exit::Callback => "callback".into(),
    }
}
