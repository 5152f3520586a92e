//! Numbers as small prompts put together, as they are said in each language.

use super::languages::{Counting, Grammar};
use crate::ids::Prompt;

/// Larger numbers have no prompts: nothing is said of them.
pub const LARGEST: usize = 9_999;

/// What is played to say a count, e.g. 两 (位), 十二, 一百零三; 103 in English. Empty above [`LARGEST`].
pub fn number(counting: Counting, number: usize) -> Vec<Prompt> {
    let names = match (counting.grammar, number) {
        (_, LARGEST..) if number > LARGEST => Vec::new(),
        (Grammar::Zh, _) => mandarin(number),
        (Grammar::En, _) => english(number),
        (Grammar::Digits, _) => number.to_string().chars().map(String::from).collect(),
    };
    names.into_iter().map(|name| Prompt::spoken(counting.language, name.as_str())).collect()
}

/// One digit after the other; what is none is left out, and so is all beyond the sixty-fourth.
pub fn digits(counting: Counting, digits: &str) -> Vec<Prompt> {
    const MOST: usize = 64;
    let digits = digits.chars().filter(char::is_ascii_digit).take(MOST);
    digits.map(|digit| Prompt::spoken(counting.language, digit.to_string())).collect()
}

/// "You are number N"; in Chinese those ahead are counted: 您前面还有两位, and who is next is told so.
pub fn place(counting: Counting, place: usize) -> Vec<Prompt> {
    let spoken = |name: &str| Prompt::spoken(counting.language, name);
    match counting.grammar {
        _ if place > LARGEST => Vec::new(),
        Grammar::Zh if place <= 1 => vec![spoken("next")],
        Grammar::Zh => [vec![spoken("ahead")], number(counting, place - 1), vec![spoken("people")]].concat(),
        Grammar::En | Grammar::Digits => [vec![spoken("position")], number(counting, place)].concat(),
    }
}

/// "The expected wait is about N minutes".
pub fn minutes(counting: Counting, minutes: usize) -> Vec<Prompt> {
    if minutes > LARGEST {
        return Vec::new();
    }
    let spoken = |name: &str| vec![Prompt::spoken(counting.language, name)];
    let unit = if counting.grammar == Grammar::En && minutes == 1 { "minute" } else { "minutes" };
    [spoken("wait_about"), number(counting, minutes), spoken(unit)].concat()
}

/// A count before a measure word. 2 by itself, and before 百 and 千, is 两 (`2_liang`); else 二.
fn mandarin(number: usize) -> Vec<String> {
    if number == 2 {
        return vec!["2_liang".into()];
    }
    if number < 10 {
        return vec![number.to_string()];
    }
    let mut names = Vec::new();
    let mut gap = false;
    for unit in [1000, 100, 10, 1] {
        let digit = number / unit % 10;
        if digit == 0 {
            gap = !names.is_empty();
            continue;
        }
        if std::mem::take(&mut gap) {
            names.push("0".into());
        }
        match (digit, unit) {
            (2, 100 | 1000) => names.push("2_liang".into()),
            // 十二, not 一十二; but 一百一十二.
            (1, 10) if names.is_empty() => {}
            _ => names.push(digit.to_string()),
        }
        if unit > 1 {
            names.push(unit.to_string());
        }
    }
    names
}

fn english(number: usize) -> Vec<String> {
    match number {
        0..=20 => vec![number.to_string()],
        21..=99 => {
            let mut names = vec![(number / 10 * 10).to_string()];
            names.extend((!number.is_multiple_of(10)).then(|| (number % 10).to_string()));
            names
        }
        100..=999 => {
            let mut names = vec![(number / 100).to_string(), "100".into()];
            if !number.is_multiple_of(100) {
                names.push("and".into());
                names.extend(english(number % 100));
            }
            names
        }
        _ => {
            let mut names = vec![(number / 1000).to_string(), "1000".into()];
            let rest = number % 1000;
            names.extend((1..100).contains(&rest).then(|| "and".into()));
            if rest > 0 {
                names.extend(english(rest));
            }
            names
        }
    }
}

/// Everything that can be said here, and so all that a language needs to count by itself.
pub fn prompts(counting: Counting) -> Vec<Prompt> {
    let (words, numbers): (&[&str], Vec<usize>) = match counting.grammar {
        Grammar::Zh => {
            (&["next", "ahead", "people", "wait_about", "minutes", "2_liang"], (0..=10).chain([100, 1000]).collect())
        }
        Grammar::En => (
            &["position", "wait_about", "minute", "minutes", "and"],
            (0..=20).chain((30..=90).step_by(10)).chain([100, 1000]).collect(),
        ),
        Grammar::Digits => (&["position", "wait_about", "minutes"], (0..=9).collect()),
    };
    let numbers = numbers.into_iter().map(|number| number.to_string());
    words
        .iter()
        .map(|word| word.to_string())
        .chain(numbers)
        .map(|name| Prompt::spoken(counting.language, name.as_str()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Language;

    fn said(prompts: Vec<Prompt>) -> String {
        let word = |name: &str| match name {
            "2_liang" => "两",
            "0" => "零",
            "1" => "一",
            "2" => "二",
            "3" => "三",
            "4" => "四",
            "5" => "五",
            "6" => "六",
            "7" => "七",
            "8" => "八",
            "9" => "九",
            "10" => "十",
            "100" => "百",
            "1000" => "千",
            "ahead" => "您前面还有",
            "people" => "位",
            "next" => "您是下一位",
            "wait_about" => "预计等待约",
            "minutes" => "分钟",
            other => panic!("{other}"),
        };
        prompts.iter().map(|prompt| word(prompt.name.as_str())).collect()
    }

    #[test]
    fn mandarin_numbers_are_said_as_people_say_them() {
        let table = [
            (0, "零"),
            (1, "一"),
            (2, "两"),
            (9, "九"),
            (10, "十"),
            (12, "十二"),
            (20, "二十"),
            (22, "二十二"),
            (100, "一百"),
            (102, "一百零二"),
            (103, "一百零三"),
            (110, "一百一十"),
            (112, "一百一十二"),
            (200, "两百"),
            (222, "两百二十二"),
            (1000, "一千"),
            (1005, "一千零五"),
            (1050, "一千零五十"),
            (2002, "两千零二"),
            (2200, "两千两百"),
            (9999, "九千九百九十九"),
            (10_000, ""),
        ];
        for (count, text) in table {
            assert_eq!(said(number(Counting::ZH, count)), text, "{count}");
        }
        assert_eq!(said(place(Counting::ZH, 1)), "您是下一位");
        assert_eq!(said(place(Counting::ZH, 3)), "您前面还有两位");
        assert_eq!(said(place(Counting::ZH, 13)), "您前面还有十二位");
        assert_eq!(said(minutes(Counting::ZH, 2)), "预计等待约两分钟");
    }

    #[test]
    fn english_numbers_are_said_as_people_say_them() {
        let table = [
            (0, "0"),
            (13, "13"),
            (20, "20"),
            (21, "20 1"),
            (90, "90"),
            (100, "1 100"),
            (103, "1 100 and 3"),
            (121, "1 100 and 20 1"),
            (1000, "1 1000"),
            (1005, "1 1000 and 5"),
            (1100, "1 1000 1 100"),
            (9999, "9 1000 9 100 and 90 9"),
        ];
        for (count, text) in table {
            let names: Vec<String> = number(Counting::EN, count).iter().map(|p| p.name.to_string()).collect();
            assert_eq!(names.join(" "), text, "{count}");
        }
    }

    #[test]
    fn a_language_without_a_grammar_says_digits() {
        let counting = Counting { language: Language::ZH, grammar: Grammar::Digits };
        let names = |prompts: Vec<Prompt>| prompts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!(names(place(counting, 103)), "zh/position zh/1 zh/0 zh/3");
        assert_eq!(names(minutes(counting, 1)), "zh/wait_about zh/1 zh/minutes");
        assert_eq!(number(counting, 10_000), []);
    }

    #[test]
    fn every_number_is_made_of_prompts_that_are_required() {
        let digits = Counting { language: Language::ZH, grammar: Grammar::Digits };
        for counting in [Counting::ZH, Counting::EN, digits] {
            let there = prompts(counting);
            for count in 0..=LARGEST {
                for prompt in [place(counting, count), minutes(counting, count)].concat() {
                    assert!(there.contains(&prompt), "{prompt} for {count}");
                }
            }
        }
    }
}
