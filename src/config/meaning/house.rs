//! A house in the admin's words. Every field is named here: one that is added does not compile until it is told of.

use std::collections::BTreeMap;

use super::{CONTENT, Fact, Meaning, PROMPT, QUEUE, list};
use crate::config::scalars::time_text;
use crate::config::schedule::{Calendar, MakeUp, Schedule, Special};
use crate::config::{
    App, Called, Emergency, Encryption, House, Names, Opening, Outward, Recording, Web, WebPerson, Webhook,
};
use crate::ids::TrunkId;
use crate::queue::OperatorRules;
use crate::sip::{Listen, Numbering, SeatAccount, Timers, Trunk, TrunkAccount};
use crate::tape::Place;
use crate::{media, sip};

impl Meaning {
    /// `prompts`: the SHA-256 of each recording by its name, e.g. `zh/greeting`.
    pub fn of(house: &House, prompts: &BTreeMap<String, String>) -> Meaning {
        let House {
            sip,
            media,
            srtp: Encryption { trunks, seats },
            tones,
            direct,
            ivr,
            queue,
            queue_open,
            schedules,
            queue_load,
            emergencies,
            outward,
            recording,
            tls,
            app,
            web,
            names,
            // What is spoken is the recordings', which are told of by their content.
            texts: _,
            voices: _,
        } = house;
        let mut meaning = Meaning::default();
        meaning.sip(sip);
        meaning.media(media);
        for (thing, srtp) in trunks.iter().map(|(id, srtp)| (format!("trunk {id}"), srtp)) {
            meaning.say(&thing, "srtp", srtp.word());
        }
        for (thing, srtp) in seats.iter().map(|(id, srtp)| (format!("seat {id}"), srtp)) {
            meaning.say(&thing, "srtp", srtp.word());
        }
        for trunk in tones {
            meaning.say(&format!("trunk {trunk}"), "dtmf", "inband");
        }
        for trunk in direct {
            meaning.say(&format!("trunk {trunk}"), "direct_media", true);
        }
        meaning.tree(ivr);
        meaning.rules(queue);
        for (id, opening) in queue_open {
            match opening {
                Opening::Hours(hours) => meaning.say(&format!("{QUEUE}{id}"), "hours", &hours.week),
                Opening::Schedule(schedule) => meaning.say(&format!("{QUEUE}{id}"), "schedule", schedule),
            }
        }
        for (id, schedule) in schedules {
            meaning.schedule(&format!("schedule {id}"), schedule);
        }
        for (id, load) in queue_load {
            let thing = format!("{QUEUE}{id}");
            meaning.say(&thing, "calls_per_hour", load.calls_per_hour);
            meaning.say(&thing, "handle_time", time_text(load.handle_time));
        }
        for (id, operator) in &queue.operators {
            meaning.operator(&format!("operator {id}"), operator);
        }
        for (place, target) in emergencies.iter().enumerate() {
            meaning.emergency(&format!("emergency {}", target.id), place, target);
        }
        // What rules and menus name is told with them.
        let Outward { allow, deny, named: _ } = outward;
        meaning.say("", "outward.allow", list(allow.written()));
        meaning.say("", "outward.deny", list(deny.written()));
        let file = |path: Option<&std::path::PathBuf>| path.map_or("none".into(), |path| path.display().to_string());
        meaning.say("", "tls.certificate", file(tls.as_ref().map(|shown| &shown.own.certificate)));
        meaning.say("", "tls.key", file(tls.as_ref().map(|shown| &shown.own.key)));
        meaning.say("", "tls.client_ca", file(tls.as_ref().and_then(|shown| shown.clients.as_ref())));
        let Recording { calls, queues } = recording;
        meaning.say("", "recording.calls", calls);
        for (id, records) in queues {
            meaning.say(&format!("{QUEUE}{id}"), "record", records);
        }
        let App { drain, time_zone } = app;
        meaning.say("", "house.drain", time_text(*drain));
        meaning.say("", "house.time_zone", time_zone.iana_name().unwrap_or("the system's"));
        meaning.web(web);
        meaning.names(names);
        for (name, sha256) in prompts {
            meaning.fact(&format!("{PROMPT}{name}"), CONTENT, Fact::Hidden(sha256.clone()));
        }
        meaning
    }

    fn guard(&mut self, limits: &sip::guard::Limits) {
        let sip::guard::Limits {
            household_rate,
            strangers_rate,
            unproven,
            unproven_rate,
            ban_after,
            forget,
            ban,
            ban_longest,
            behind_after,
            scanners,
        } = limits;
        self.say("", "guard.messages_per_second", household_rate);
        self.say("", "guard.strangers_per_second", strangers_rate);
        self.say("", "guard.challenges", unproven);
        self.say("", "guard.challenges_per_second", unproven_rate);
        self.say("", "guard.ban_after", ban_after);
        self.say("", "guard.forget", time_text(*forget));
        self.say("", "guard.ban", time_text(*ban));
        self.say("", "guard.ban_longest", time_text(*ban_longest));
        self.say("", "guard.behind_after", time_text(*behind_after));
        self.say("", "guard.scanners", list(scanners));
    }

    fn sip(&mut self, settings: &sip::Settings) {
        let sip::Settings {
            listen,
            advertise,
            realm,
            trunks,
            name_servers,
            seats,
            register_min,
            register_max,
            nonce_lifetime,
            flow_grace,
            session_expires,
            min_se,
            redirects,
            max_calls,
            guard,
            dscp,
            // Told where they lead.
            numbers: _,
            // Not in the files.
            timers: Timers { .. },
        } = settings;
        let listener = |l: &Listen| format!("{}:{}", l.transport.via_name().to_lowercase(), l.addr);
        self.say("", "sip.listen", list(listen.iter().map(listener)));
        self.say("", "sip.advertise", list(advertise));
        self.say("", "sip.realm", realm);
        self.say("", "sip.register_min", time_text(*register_min));
        self.say("", "sip.register_max", time_text(*register_max));
        self.say("", "sip.nonce_lifetime", time_text(*nonce_lifetime));
        self.say("", "sip.flow_grace", time_text(*flow_grace));
        self.say("", "sip.session_expires", time_text(*session_expires));
        self.say("", "sip.min_se", time_text(*min_se));
        self.say("", "sip.redirects", list(redirects));
        self.say("", "sip.max_calls", max_calls);
        if let Some(guard) = guard {
            self.guard(guard);
        }
        self.say("", "sip.dscp", dscp);
        self.say("", "sip.name_servers", list(name_servers));
        for (place, trunk) in trunks.iter().enumerate() {
            self.trunk(place, trunk);
        }
        for (id, SeatAccount { secret, contact, auto_answer }) in seats {
            let thing = format!("seat {id}");
            self.say(&thing, "contact", contact.as_deref().unwrap_or("none"));
            self.say(&thing, "auto_answer", auto_answer);
            if let Some(secret) = secret {
                self.fact(&thing, "secret", Fact::hidden(&format!("{}{}", secret.ha1_md5, secret.ha1_sha256)));
            }
        }
    }

    fn trunk(&mut self, place: usize, trunk: &Trunk) {
        let Trunk {
            id,
            from,
            // Follows from both.
            from_to: _,
            certified,
            to,
            peer,
            domain,
            account,
            priority,
            weight,
            patience,
            check,
            channels,
            calls_per_second,
            trusted,
            shows,
            numbering,
            refer,
        } = trunk;
        let thing = format!("trunk {id}");
        self.say(&thing, "from", list(from));
        self.say(&thing, "to", if to.is_empty() { "none".into() } else { list(to) });
        self.say(&thing, "certified", list(certified));
        if let Some(crate::tls::Peer { names, authorities, own }) = peer {
            let file =
                |path: Option<&std::path::PathBuf>| path.map_or("none".into(), |path| path.display().to_string());
            self.say(&thing, "certificate of", list(names));
            self.say(
                &thing,
                "ca",
                authorities.as_ref().map_or("the system's".into(), |path| path.display().to_string()),
            );
            self.say(&thing, "certificate", file(own.as_ref().map(|own| &own.certificate)));
            self.say(&thing, "key", file(own.as_ref().map(|own| &own.key)));
        }
        self.say(&thing, "domain", domain.as_deref().unwrap_or("none"));
        if let Some(TrunkAccount { username, password, realm, register }) = account {
            self.say(&thing, "username", username);
            self.fact(&thing, "secret", Fact::hidden(&password.0));
            self.say(&thing, "realm", realm.as_deref().unwrap_or("the registrar's"));
            self.say(&thing, "register", if register.is_some() { "yes" } else { "no" });
            self.say(&thing, "expires", register.map_or("none".into(), time_text));
        }
        self.say(&thing, "priority", priority);
        self.say(&thing, "weight", weight);
        self.say(&thing, "patience", time_text(*patience));
        self.say(&thing, "check", time_text(*check));
        let most = |most: Option<String>| most.unwrap_or("no limit".into());
        self.say(&thing, "channels", most(channels.map(|channels| channels.to_string())));
        self.say(&thing, "calls_per_second", most(calls_per_second.map(|calls| calls.to_string())));
        self.say(&thing, "trusted", trusted);
        self.say(&thing, "shows", shows.as_deref().unwrap_or("who calls"));
        if let Some(Numbering { country, prefix, area, dials, callers }) = numbering {
            self.say(&thing, "country", country);
            self.say(&thing, "prefix", prefix);
            self.say(&thing, "area", area.as_deref().unwrap_or("any"));
            self.say(&thing, "dials", dials.name());
            self.say(&thing, "callers", callers.name());
        }
        self.say(&thing, "refer", refer);
        // The first that fits is taken.
        self.say(&thing, "place", place + 1);
    }

    fn media(&mut self, settings: &media::Settings) {
        let media::Settings {
            bind,
            advertise,
            ports,
            // Follow from seats, emergencies and ports.
            reserve: _,
            urgent: _,
            codecs,
            dead_after,
            one_way_after,
            dscp,
            held_at_most,
            workers,
            // What stands in for what is told of with the languages.
            prompts: media::Prompts { folder, fallbacks: _, loudness, music: _, notice },
            browser: media::Browser { listen, advertise: told, opus_at_once, ice_servers },
            recordings: Place { folder: recordings, keys, keep, format },
            srtp,
        } = settings;
        self.say("", "media.srtp", srtp.word());
        self.say("", "media.bind", bind);
        self.say("", "media.advertise", list(advertise));
        self.say("", "media.ports", format!("{}-{}", ports.start(), ports.end()));
        self.say("", "media.codecs", list(codecs.iter().map(|codec| format!("{codec:?}").to_lowercase())));
        self.say("", "media.dead_after", time_text(*dead_after));
        self.say("", "media.one_way_after", time_text(*one_way_after));
        self.say("", "media.dscp", dscp);
        self.say("", "media.held_at_most", time_text(*held_at_most));
        self.say("", "media.workers", workers);
        // However the way there is written: it is the same folder.
        let lies = folder.canonicalize();
        self.say("", "media.prompts", lies.as_ref().unwrap_or(folder).display());
        let level = |level: Option<f64>| level.map_or("off".into(), |level| format!("{level} dB"));
        self.say("", "media.loudness", level(loudness.map(|of| of.speech)));
        self.say("", "media.music", level(loudness.map(|of| of.music)));
        self.say("", "recording.notice", list(notice));
        self.say("", "recording.folder", list(recordings.iter().map(|folder| folder.display())));
        self.say("", "recording.keep_days", keep.map_or(0, |keep| keep.as_secs() / (24 * 3600)));
        self.say("", "recording.format", format.word());
        self.fact("", "recording.key_file", Fact::hidden(&keys.fingerprint()));
        self.say("", "media.browser.listen", listen);
        self.say("", "media.browser.advertise", list(told));
        self.say("", "media.browser.opus_at_once", opus_at_once);
        for (place, server) in ice_servers.iter().enumerate() {
            let media::IceServer { urls, username, credential } = server;
            let thing = format!("ice server {}", place + 1);
            self.say(&thing, "urls", list(urls));
            self.say(&thing, "username", list(username));
            if let Some(credential) = credential {
                self.fact(&thing, "credential", Fact::hidden(credential));
            }
        }
    }

    fn web(&mut self, web: &Web) {
        let Web {
            listen,
            https,
            proxy,
            session_idle,
            session_longest,
            sign_in_tries,
            goal,
            alarm_wait,
            people,
            webhooks,
            origins,
        } = web;
        self.say("", "web.listen", list(listen));
        self.say("", "web.https", https);
        self.say("", "web.proxy", proxy);
        self.say("", "web.session_idle", time_text(*session_idle));
        self.say("", "web.session_longest", time_text(*session_longest));
        self.say("", "web.sign_in_tries", sign_in_tries);
        self.say("", "web.goal", goal);
        self.say("", "web.alarm_wait", time_text(*alarm_wait));
        self.say("", "web.origins", list(origins));
        for (id, WebPerson { name, roles, language }) in people {
            let thing = format!("person {id}");
            self.say(&thing, "name", name);
            self.say(&thing, "roles", list(roles.iter().map(|role| format!("{role:?}").to_lowercase())));
            self.say(&thing, "language", language.map_or("the browser's".into(), |language| language.to_string()));
        }
        for (place, Webhook { url, events, secret }) in webhooks.iter().enumerate() {
            let thing = format!("webhook {}", place + 1);
            self.say(&thing, "url", url);
            self.say(&thing, "events", list(events.iter().map(|event| format!("{event:?}").to_lowercase())));
            self.fact(&thing, "secret", Fact::hidden(secret));
        }
    }

    fn names(&mut self, names: &Names) {
        let Names { queues, schedules, choices, skills, reasons, emergencies } = names;
        let kinds = [
            ("queue", queues),
            ("schedule", schedules),
            ("choice", choices),
            ("skill", skills),
            ("reason", reasons),
            ("emergency", emergencies),
        ];
        for (kind, named) in kinds {
            for (id, Called { zh, en }) in named {
                self.say("", &format!("names.{kind}.{id}"), if zh == en { zh.clone() } else { format!("{zh} / {en}") });
            }
        }
    }

    fn schedule(&mut self, thing: &str, schedule: &Schedule) {
        let Schedule { week, calendar, holidays, special, zone, switch } = schedule;
        self.say(thing, "hours", week);
        self.say(thing, "holidays", holidays);
        self.say(thing, "time_zone", zone.iana_name().unwrap_or("the system's"));
        self.say(thing, "switch", switch.map_or("none".into(), String::from));
        for (date, Special { hours, name }) in special {
            self.say(thing, &format!("special {date}"), format!("{hours} ({name})"));
        }
        self.say(thing, "calendar", calendar.as_ref().map_or("none", |calendar| &calendar.id));
        let Some(Calendar { id, source, holidays, make_up }) = calendar.as_deref() else { return };
        let calendar = format!("calendar {id}");
        self.say(&calendar, "source", source);
        for (date, name) in holidays {
            self.say(&calendar, &format!("holiday {date}"), name);
        }
        for (date, MakeUp { like, name }) in make_up {
            self.say(&calendar, &format!("make-up {date}"), format!("like {like:?} ({name})"));
        }
    }

    fn emergency(&mut self, thing: &str, place: usize, target: &Emergency) {
        let Emergency { id: _, name, ways, code, confirm, ring } = target;
        let way = |(trunk, number): &(Option<TrunkId>, String)| match trunk {
            Some(trunk) => format!("{number} over {trunk}"),
            None => number.clone(),
        };
        self.say(thing, "name", name);
        self.say(thing, "number", list(ways.iter().map(way)));
        self.say(thing, "key", code);
        self.say(thing, "confirm", confirm.map_or("none".into(), String::from));
        self.say(thing, "ring", time_text(*ring));
        // The first is told first.
        self.say(thing, "place", place + 1);
    }

    fn operator(&mut self, thing: &str, operator: &OperatorRules) {
        let OperatorRules { name, skills, seat, weight, supervisor } = operator;
        self.say(thing, "name", name);
        self.say(thing, "seat", seat.as_ref().map_or("none", |seat| seat.as_str()));
        self.say(thing, "weight", weight);
        self.say(thing, "supervisor", supervisor);
        for (skill, level) in skills {
            self.say(thing, &format!("skill {skill}"), level);
        }
    }
}
