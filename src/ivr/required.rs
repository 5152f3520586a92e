//! Which recordings the house cannot do without.

use std::collections::BTreeSet;

use super::menu::Saying;
use super::words::*;
use super::{message, speech, waiting};
use crate::ids::{Prompt, PromptName};

/// Everything that can be played under these settings, sorted.
pub fn required_prompts(settings: &Settings) -> Vec<Prompt> {
    let mut prompts = BTreeSet::new();
    for said in settings.menus.nodes.values().flat_map(|node| node.says()) {
        match said {
            Saying::Fixed(prompt) => drop(prompts.insert(prompt.clone())),
            Saying::Own(name) => {
                let languages = settings.languages.spoken.keys();
                prompts.extend(languages.map(|language| Prompt::spoken(*language, name.clone())));
            }
        }
    }
    prompts.extend(settings.numbers.values().filter_map(|entry| match entry {
        Entry::Play(prompt) => Some(prompt.clone()),
        Entry::To(_) | Entry::Silence => None,
    }));
    prompts.extend([settings.waiting.music.clone(), Prompt::plain(BEEP), Prompt::plain(RINGBACK)]);
    let words = &settings.announcements;
    let mut names: Vec<PromptName> = vec![words.busy.clone(), words.closed.clone(), words.failure.clone()];
    let fixed = [CONFIRMED, DENIED, CALLBACK_TAKEN, CALLBACK_REFUSED, CALLBACK_GREETING, MESSAGE_TAKEN];
    names.extend(settings.survey.iter().flat_map(|survey| [survey.question.clone(), survey.thanks.clone()]));
    names.extend(settings.notice.clone());
    let of_machines = [waiting::SORRY, message::LEAVE].into_iter().chain(waiting::KEYS);
    names.extend(fixed.into_iter().chain(of_machines).map(PromptName::from));
    for (language, spoken) in &settings.languages.spoken {
        prompts.extend(names.iter().map(|name| Prompt::spoken(*language, name.clone())));
        prompts.extend(speech::prompts(spoken.counting));
    }
    prompts.into_iter().collect()
}
