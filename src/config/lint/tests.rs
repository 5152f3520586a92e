//! Houses of which somebody should be told something, and houses of which nothing is to be said.

use std::time::Duration;

use super::*;
use crate::queue::{Need, Step, parse_need};

/// `queue → need` and `how many × skills`.
fn house(queues: &[(&str, &str)], operators: &[(usize, &str)]) -> Rules {
    let mut rules = Rules::default();
    for (id, need) in queues {
        rules.queues.insert((*id).into(), QueueRules::plain(parse_need(need).unwrap()));
    }
    for (count, skills) in operators {
        for _ in 0..*count {
            let number = rules.operators.len();
            let skills = skills.split_whitespace().map(|skill| {
                let (skill, level) = skill.split_once('=').unwrap_or((skill, "5"));
                (skill.into(), level.parse().unwrap())
            });
            let operator = OperatorRules { skills: skills.collect(), ..OperatorRules::default() };
            rules.operators.insert(format!("{number:04}").into(), operator);
            rules.seats.insert(format!("{number:04}").into());
        }
    }
    rules
}

fn told(rules: &Rules, load: &[(&str, f64, u64)]) -> Vec<String> {
    let load = load.iter().map(|(queue, calls_per_hour, handle_time)| {
        let handle_time = Duration::from_secs(*handle_time);
        (QueueId::from(*queue), Load { calls_per_hour: *calls_per_hour, handle_time })
    });
    warnings(rules, &load.collect(), &[]).into_iter().map(|finding| finding.what).collect()
}

#[test]
fn twenty_silos_need_more_seats_than_the_house_has() {
    let names: Vec<String> = (0..20).map(|n| format!("q{n:02}")).collect();
    let queues: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    // 750 in 20 groups: ten of 38 and ten of 37.
    let operators: Vec<(usize, &str)> =
        names.iter().enumerate().map(|(n, name)| (if n < 10 { 38 } else { 37 }, name.as_str())).collect();
    let load: Vec<(&str, f64, u64)> = names.iter().map(|name| (name.as_str(), 350.0, 300)).collect();
    let silos = told(&house(&queues, &operators), &load).pop().unwrap();
    assert_eq!(
        silos,
        "the operators fall into 20 groups that share no queue: 38 for q00; 38 for q01; 38 for q02; 38 for q03; and \
         16 more; these rules need 780 seats for 95 % in 15s where one pool would need 611; you have 750"
    );
}

#[test]
fn silos_that_the_house_can_afford_are_no_matter() {
    let rules = house(&[("citizen", "mandarin"), ("english", "english")], &[(60, "mandarin"), (40, "english")]);
    let without_load = told(&rules, &[]);
    assert_eq!(without_load.len(), 1);
    assert!(without_load[0].contains("60 for citizen; 40 for english; whoever is free"), "{without_load:?}");
    let nothing: Vec<String> = Vec::new();
    assert_eq!(told(&rules, &[("citizen", 300.0, 300), ("english", 100.0, 300)]), nothing);
}

#[test]
fn those_who_can_do_both_join_two_groups_if_they_are_more_than_a_few() {
    let queues = [("citizen", "mandarin"), ("english", "english")];
    let few = house(&queues, &[(60, "mandarin"), (37, "english"), (3, "mandarin english")]);
    let told_of_few = told(&few, &[]);
    assert!(told_of_few[0].contains("share no queue but for 3 of the operators"), "{told_of_few:?}");
    let many = house(&queues, &[(60, "mandarin"), (30, "english"), (10, "mandarin english")]);
    assert_eq!(told(&many, &[]).len(), 0);
}

#[test]
fn a_step_joins_two_groups_only_if_it_comes_in_time() {
    let mut rules = house(&[("citizen", "mandarin"), ("english", "english")], &[(6, "mandarin"), (4, "english")]);
    let step = |after| Step {
        after: Some(Duration::from_secs(after)),
        expected_wait: None,
        nobody: false,
        need: Need::Anyone,
        prefer: None,
    };
    let mut with = |after| {
        rules.queues.get_mut("english").unwrap().steps = vec![step(after)];
        told(&rules, &[]).len()
    };
    assert_eq!((with(10), with(20)), (0, 1));
}

#[test]
fn too_few_for_what_is_expected() {
    let rules = house(&[("citizen", "mandarin"), ("english", "english")], &[(8, "mandarin"), (2, "mandarin english")]);
    assert_eq!(
        told(&rules, &[("citizen", 60.0, 300), ("english", 30.0, 300)]),
        [
            "6 operators are needed for 95 % in 15s; those who have the skills are 2",
            "even if everybody could serve every queue, 13 seats would be needed for 95 % in 15s; you have 10"
        ]
    );
}
