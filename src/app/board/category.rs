//! What a call is about: what its caller chose in the menus.

use crate::config::House;
use crate::ids::{MenuId, QueueId};
use crate::ivr::menu::{Choice, Node, To};
use crate::records::Record;

/// The node that the caller chose last by a key, if it is not itself a menu, where something else was to be chosen;
/// else the queue that was joined, as it is called now.
pub fn category(house: &House, record: &Record, queue: &QueueId) -> String {
    let menus = &house.ivr.menus;
    let steps = record.menu_path.iter().zip(record.menu_path.iter().skip(1)).rev();
    let chosen = steps.filter(|_| !record.choices.is_empty()).find(|(from, to)| {
        let is_menu = matches!(menus.nodes.get(*to), Some(Node::Menu(_)));
        !is_menu && menus.nodes.get(*from).is_some_and(|node| leads_by_key(node, to))
    });
    chosen.map_or_else(|| house.queue.now_called(queue.clone()).to_string(), |(_, to)| to.to_string())
}

/// What queues were called before, and are called now; without the names that something else has by now.
pub fn new_names(house: &House) -> impl Iterator<Item = (&QueueId, &QueueId)> {
    let (queues, nodes) = (&house.queue.queues, &house.ivr.menus.nodes);
    let is_taken = move |name: &str| queues.contains_key(name) || nodes.contains_key(name);
    house.queue.formerly.iter().filter(move |(former, _)| !is_taken(former.as_str()))
}

fn leads_by_key(node: &Node, to: &MenuId) -> bool {
    let Node::Menu(menu) = node else { return false };
    menu.choices.values().any(|choice| match choice {
        Choice::To(destination) => destination.to == To::Node(to.clone()),
        Choice::Repeat | Choice::Back => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CallId;
    use crate::moment::Moment;

    const FILES: [(&str, &str); 4] = [
        (
            "menu.toml",
            r#"
            [[number]]
            number = "12345"
            menu = "welcome"
            [[menu]]
            id = "welcome"
            prompts = ["zh/greeting"]
            default = { queue = "citizen", language = "zh" }
            choice = [
                { key = "1", menu = "topics" },
                { key = "2", queue = "english", language = "en" },
            ]
            [[menu]]
            id = "topics"
            prompts = ["zh/greeting"]
            default = { queue = "citizen", language = "zh" }
            choice = [
                { key = "1", menu = "housing" },
                { key = "2", menu = "market" },
            ]
            [[say]]
            id = "housing"
            prompts = ["zh/greeting"]
            then = { queue = "citizen", language = "zh" }
            [[say]]
            id = "market"
            prompts = ["zh/greeting"]
            then = { queue = "citizen", language = "zh" }
            "#,
        ),
        ("hotline.toml", ""),
        (
            "queues.toml",
            "[[queue]]\nid = \"citizen\"\nformerly = \"general\"\nneed = \"zh >= 1\"\n[[queue]]\nid = \"english\"\nneed = \"en >= 1\"\n",
        ),
        (
            "operators.toml",
            "[[seat]]\nid = \"1\"\nsecret = \"not-a-shipped-one\"\n\
             [[operator]]\nid = \"9\"\nskills = { zh = 1, en = 1 }\nseat = \"1\"\n",
        ),
    ];

    #[test]
    fn a_call_is_about_what_was_chosen_last_and_else_about_its_queue() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in FILES {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let hotline = format!("[media]\nprompts = \"{}/prompts\"\n", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(dir.path().join("hotline.toml"), hotline).unwrap();
        let (house, _) = crate::config::load(dir.path()).map_err(|faults| crate::app::checking::told(&faults)).unwrap();
        for (choices, path, queue, about) in [
            ("11", "welcome topics housing", "citizen", "housing"),
            ("12", "welcome topics market", "citizen", "market"),
            // No key at the second menu: nothing was chosen but another menu.
            ("1", "welcome topics", "citizen", "citizen"),
            ("", "welcome", "citizen", "citizen"),
            ("2", "welcome", "english", "english"),
            // The files are other ones by now.
            ("", "welcome", "general", "citizen"),
            ("11", "welcome former gone", "citizen", "citizen"),
        ] {
            let record: Record = serde_json::from_value(serde_json::json!({
                "call_id": CallId(1), "sip_call_id": "", "from": "", "to": "", "trunk": null,
                "arrived_at": Moment::default(),
                "choices": choices, "menu_path": path.split(' ').collect::<Vec<_>>(), "queue": queue,
                "offers": [], "wait_ms": 0, "talk_ms": 0, "hold_ms": 0,
            }))
            .unwrap();
            assert_eq!(category(&house, &record, &queue.into()), about, "{choices:?} {path}");
        }
        let names: Vec<(&str, &str)> = new_names(&house).map(|(old, new)| (old.as_str(), new.as_str())).collect();
        assert_eq!(names, [("general", "citizen")]);
    }
}
