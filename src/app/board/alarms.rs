//! What supervisors are to be told of: few are answered in time, nobody is there for those who wait, somebody waits
//! too long, an emergency came back, an emergency service cannot be called, records or recordings cannot be written,
//! the machine's clock was set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tracing::error;

use super::Seen;
use super::calls;
use super::keeper::Keeper;
use crate::app::web::called;
use crate::call::Stage;
use crate::config::Emergency;
use crate::http::{self, Alarm, Names};
use crate::ids::{CallId, QueueId, TrunkId};
use crate::moment::Moment;
use crate::records::{Filter, HandoffOutcome, Outcome, Record, each};
use crate::sip::TrunkView;

/// Of fewer calls a share says nothing.
const ENOUGH: u64 = 20;
/// So long it is told for whom the house broke off an emergency: until then somebody calls them back, or nobody does.
const CUT_OFF_TOLD: Duration = Duration::from_secs(3600);
/// More of them are not counted.
const MOST_CUT_OFF: usize = 100;
/// Calls that began before are longer than calls are.
const LONG_CALL: Duration = Duration::from_secs(4 * 3600);
/// Sound that went one way only is told for so long.
const RECENTLY: Duration = Duration::from_secs(15 * 60);
/// The machine's clock may be so far from ours: from ours go opening hours, records and the days of the figures.
const CLOCKS_APART: Duration = Duration::from_secs(60);
/// More of it need not be counted.
const MOST_ONE_WAY: usize = 1000;

impl Keeper {
    /// The last recording says whether the disk takes them.
    pub(super) fn saw_recording(&mut self, record: &Record) {
        let Some(recording) = &record.recording else { return };
        match recording.fault() {
            Some(why) => self.recording_fault = Some(why.into()),
            None if recording.sha256.is_some() => self.recording_fault = None,
            None => {}
        }
    }
}

impl Keeper {
    /// What is in the record since it was seen last.
    pub(super) fn saw_one_way(&mut self, call: CallId, record: &Record) {
        let before = self.calls.get(&call).map_or(0, |before| before.record.one_way.len());
        for one in record.one_way.iter().skip(before) {
            http::counter("hotline_one_way_total", &[("side", one.side.as_str()), ("what", one.what.as_str())]);
            self.one_way.push_back(one.at);
        }
        while self.one_way.len() > MOST_ONE_WAY {
            self.one_way.pop_front();
        }
    }
}

/// The emergency services to which no way leads: of every trunk to them it is known that it is down.
fn unreached<'a>(emergencies: &'a [Emergency], trunks: &[TrunkView]) -> Vec<&'a str> {
    let may_work = |trunk: &TrunkView| trunk.is_up() != Some(false);
    let leads = |over: &Option<TrunkId>| match over {
        Some(id) => trunks.iter().find(|trunk| trunk.id == *id).is_none_or(may_work),
        // Some only bring calls.
        None => {
            let mut out = trunks.iter().filter(|trunk| trunk.is_up().is_some() || !trunk.to.is_empty()).peekable();
            out.peek().is_none() || out.any(may_work)
        }
    };
    let is_unreached = |target: &&Emergency| !target.ways.iter().any(|(over, _)| leads(over));
    emergencies.iter().filter(is_unreached).map(|target| target.id.as_str()).collect()
}

/// The calls with an emergency service, or for which one was called, that ended a short time ago when the house was cut
/// off.
pub(super) fn cut_emergencies(data: &Path, now: Moment) -> Vec<Record> {
    let before = |time: Duration| Moment::from_micros(now.as_micros().saturating_sub(time.as_micros() as u64));
    let since = Some(before(CUT_OFF_TOLD + LONG_CALL));
    let filter = Filter { since, outcome: Some(Outcome::SystemRestart), ..Filter::default() };
    let was_cut = |record: &Record| {
        record.handoff.last().is_some_and(|of| of.outcome == HandoffOutcome::Restarted)
            && record.ended_at.is_some_and(|ended| ended >= before(CUT_OFF_TOLD))
    };
    let mut found = Vec::new();
    let read = each(data, &filter, |record| {
        if found.len() < MOST_CUT_OFF && was_cut(&record) {
            found.push(record);
        }
        Ok(())
    });
    if let Err(fault) = read {
        error!(%fault, "whose emergencies were cut off cannot be read");
    }
    found
}

/// How many they are, and the services, as long as it is told: the records have the numbers, which not everybody may see
/// who is told of alarms.
fn cut_off(records: &[Record], now: Moment) -> Option<(usize, String)> {
    let is_told = |record: &&Record| record.ended_at.is_some_and(|ended| now.since(ended) <= CUT_OFF_TOLD);
    let told: Vec<&str> =
        records.iter().filter(is_told).filter_map(|record| Some(record.handoff.last()?.target.as_str())).collect();
    let services: BTreeSet<&str> = told.iter().copied().collect();
    (!told.is_empty()).then(|| (told.len(), services.into_iter().collect::<Vec<_>>().join(", ")))
}

fn waits(seen: &Seen) -> bool {
    matches!(seen.stage, Stage::Waiting | Stage::Ringing)
}

/// For whom an emergency service was called that did not take the matter: as long as the caller is there, and none is
/// called again. In Chinese and in English.
fn emergency_in_vain(seen: &Seen) -> Option<(String, String)> {
    let last = calls::failed_emergency(&seen.record).filter(|_| !seen.caller_gone)?;
    let target = &last.target;
    let (zh, en) = match last.outcome {
        HandoffOutcome::Busy => ("占线", "was busy"),
        HandoffOutcome::NoAnswer => ("无人接听", "did not answer"),
        HandoffOutcome::Refused => ("拒接", "refused"),
        HandoffOutcome::Unconfirmed => ("未受理", "did not take it"),
        _ => ("无法接通", "could not be reached"),
    };
    Some(match &seen.operator {
        _ if waits(seen) => (
            format!("有市民在等待，曾为其呼叫 {target}，对方{zh}"),
            format!("a caller waits for whom {target} was called, who {en}"),
        ),
        Some((operator, _)) => (
            format!("为市民呼叫 {target}，对方{zh}；话务员 {operator} 仍与市民通话"),
            format!("{target} was called for a caller and {en}; operator {operator} is with them still"),
        ),
        // They have somebody else, or are asked how it was.
        None => return None,
    })
}

/// In Chinese and in English; with the day where that is another than today's. `until`, `now`: as the API has them.
fn closing(until: &str, now: &str) -> (String, String) {
    let (day, clock) = (until.get(..10).unwrap_or_default(), until.get(11..19).unwrap_or(until));
    let (zh, en) = match day.split('-').collect::<Vec<_>>()[..] {
        [_, month, of_month] if now.get(..10) != Some(day) => {
            let [month, of_month] = [month, of_month].map(|number| number.trim_start_matches('0'));
            (format!("{month}月{of_month}日 {clock}"), format!("{clock} on {day}"))
        }
        _ => (clock.to_string(), clock.to_string()),
    };
    (
        format!("热线即将停止运行：不再接入新来电，正在进行的通话最晚到 {zh}"),
        format!("the hotline is about to close: no new calls come, and calls may go on until {en}"),
    )
}

pub(super) fn see_to(keeper: &Keeper, now: Moment) {
    let at = keeper.time(now);
    let mut due: BTreeMap<String, Alarm> = BTreeMap::new();
    let mut raise = |kind: &str, queue: Option<&str>, text: String, text_en: String| {
        let id = queue.map_or_else(|| kind.to_string(), |queue| format!("{kind} {queue}"));
        let (kind, queue) = (kind.to_string(), queue.map(String::from));
        let alarm = Alarm { id: id.clone(), kind, queue, since: at.clone(), text, text_en };
        due.insert(id, alarm);
    };
    if let Some(until) = keeper.draining {
        let (zh, en) = closing(&keeper.time(until), &at);
        raise("closing", None, zh, en);
    }
    let goal = f64::from(keeper.house.web.goal);
    let (decided, level) = keeper.day.recent(now, None);
    if level.is_some_and(|level| level * 100.0 < goal) && decided >= ENOUGH {
        let text = format!("最近15分钟接通率低于目标 {goal:.0}%");
        raise("service_level", None, text, format!("fewer than {goal:.0} % were answered in time in 15 minutes"));
    }
    for (id, line) in &keeper.lines {
        let Some(longest) = keeper.longest(Some(id)) else { continue };
        let Names { zh, en } = called(&keeper.house, &keeper.house.names.queues, id.as_str()).1;
        if !line.now.served {
            let text = format!("队列“{zh}”有人等待，但没有能接听的话务员签入");
            raise(
                "nobody",
                Some(id.as_str()),
                text,
                format!("callers wait in {en}, and nobody signed in can serve them"),
            );
        }
        if now.since(longest) > keeper.house.web.alarm_wait {
            let limit = keeper.house.web.alarm_wait.as_secs();
            let text = format!("队列“{zh}”最长等待超过 {limit} 秒");
            raise(
                "longest_wait",
                Some(id.as_str()),
                text,
                format!("somebody has waited in {en} for more than {limit} s"),
            );
        }
    }
    // Of several in a queue who waits is told of.
    let mut in_vain: Vec<_> = keeper.calls.values().filter_map(|seen| Some((seen, emergency_in_vain(seen)?))).collect();
    in_vain.sort_by_key(|(seen, _)| waits(seen));
    for (seen, (zh, en)) in in_vain {
        raise("emergency", seen.record.queue.as_ref().map(QueueId::as_str), zh, en);
    }
    if let Some((count, services)) = cut_off(&keeper.cut_emergencies, now) {
        let text = format!("系统重启中断了 {count} 个与紧急电话（{services}）有关的通话，请在记录中查找并回拨");
        let of = if count == 1 { "a call" } else { "calls" };
        let text_en = format!(
            "a restart cut off {of} for which {services} had been called ({count}): see the records, and call back"
        );
        raise("emergency_cut_off", None, text, text_en);
    }
    let unreached = unreached(&keeper.house.emergencies, &keeper.trunks);
    if !unreached.is_empty() {
        let text = format!("紧急电话 {} 打不通：所走的中继不通", unreached.join("、"));
        let text_en = format!("{} cannot be called: the trunk to them is down", unreached.join(", "));
        raise("emergency_trunk", None, text, text_en);
    }
    if let Some(why) = &keeper.store_fault {
        let text = format!("话单无法写入磁盘：{why}；通话照常，待写的话单在热线停止时会丢失");
        let text_en = format!(
            "records cannot be written: {why}; calls go on, and what waits is lost if the hotline ends meanwhile"
        );
        raise("store", None, text, text_en);
    }
    if let Some(why) = &keeper.recording_fault {
        let text = format!("录音无法写入：{why}");
        raise("recording", None, text, format!("recordings cannot be written: {why}"));
    }
    let recently = keeper.one_way.iter().filter(|at| now.since(**at) < RECENTLY).count();
    if recently > 0 {
        let text = format!("最近15分钟有 {recently} 次单通（只有一方有声音）");
        raise("one_way", None, text, format!("sound went one way only {recently} times in 15 minutes"));
    }
    let apart = keeper.clock.differs();
    if apart > CLOCKS_APART {
        let seconds = apart.as_secs();
        let text = format!("服务器时钟被调整过，与热线时间相差 {seconds} 秒；服务时间和记录仍按热线时间");
        let text_en = format!(
            "the machine's clock was set and is {seconds} s away from the hotline's, by which hours and records go"
        );
        raise("clock", None, text, text_en);
    }
    http::gauge("hotline_alarms", &[], due.len() as f64);
    let former = keeper.board.alarms();
    for alarm in &former {
        if !due.contains_key(&alarm.id) {
            keeper.board.end_alarm(&at, &alarm.id);
        }
    }
    for (id, alarm) in due {
        match former.iter().find(|former| former.id == id) {
            // It lasts since it began.
            Some(former) if former.text == alarm.text => {}
            Some(former) => keeper.board.put_alarm(&at, Alarm { since: former.since.clone(), ..alarm }),
            None => keeper.board.put_alarm(&at, alarm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::board::tests::seen;
    use crate::records::{Entry, HandoffRecord, Store};

    #[test]
    fn that_a_service_was_called_in_vain_is_told_until_the_caller_is_gone_or_it_is_called_again() {
        let mut talks = seen(Stage::Talking);
        assert_eq!(emergency_in_vain(&talks), None);
        talks.operator = Some(("1001".into(), "8001".into()));
        talks.record.handoff.push(tried("120", "busy"));
        let told = emergency_in_vain(&talks).unwrap().1;
        assert_eq!(told, "120 was called for a caller and was busy; operator 1001 is with them still");
        let waits = Seen { stage: Stage::Waiting, operator: None, ..seen(Stage::Waiting) };
        let waits = Seen { record: talks.record.clone(), ..waits };
        assert_eq!(emergency_in_vain(&waits).unwrap().1, "a caller waits for whom 120 was called, who was busy");
        talks.caller_gone = true;
        assert_eq!(emergency_in_vain(&talks), None, "nobody is there any more");
        talks.caller_gone = false;
        talks.record.handoff.push(tried("120", ""));
        assert_eq!(emergency_in_vain(&talks), None, "it is called again");
    }

    #[test]
    fn until_when_the_house_goes_on_is_told_with_the_day_where_that_is_not_today() {
        let (today, tomorrow) = ("2026-11-30T23:59:30.000+08:00", "2026-12-01T00:04:30.000+08:00");
        let told = |until: &str| {
            let (zh, en) = closing(until, today);
            let [zh, en] = [(zh, "最晚到 "), (en, "until ")]
                .map(|(text, before)| text.split_once(before).map(|(_, until)| until.to_string()));
            (zh.unwrap(), en.unwrap())
        };
        assert_eq!(told(today), ("23:59:30".into(), "23:59:30".into()));
        assert_eq!(told(tomorrow), ("12月1日 00:04:30".into(), "00:04:30 on 2026-12-01".into()));
    }

    #[test]
    fn whose_emergency_a_restart_cut_off_is_told_for_an_hour() {
        let dir = tempfile::tempdir().unwrap();
        let at = |second: u64| Moment::from_micros(second * 1_000_000);
        let (mut store, _) = Store::open(dir.path(), at(0), Box::new(|_| {})).unwrap();
        for (id, outcome) in [(1_u64, "restarted"), (2, "transferred")] {
            let mut record = seen(Stage::Talking).record;
            (record.call_id, record.from) = (CallId(id << 30), format!("1380000000{id}"));
            (record.arrived_at, record.ended_at) = (at(id), Some(at(100)));
            record.outcome = Some(Outcome::SystemRestart);
            record.handoff.push(tried("110", outcome));
            store.write(Entry::Closed(Box::new(record)));
        }
        store.close();
        let found = cut_emergencies(dir.path(), at(200));
        assert_eq!(cut_off(&found, at(200)), Some((1, "110".into())));
        assert_eq!(cut_off(&found, at(3701)), None);
        assert!(cut_emergencies(dir.path(), at(3701)).is_empty());
    }

    fn tried(target: &str, outcome: &str) -> HandoffRecord {
        let ended = (!outcome.is_empty()).then_some(2_000);
        let record = serde_json::json!({
            "target": target, "number": target, "at": 1_000, "answered_at": null, "confirmed_at": null,
            "ended_at": ended, "outcome": outcome,
        });
        serde_json::from_value(record).unwrap()
    }

    fn target(id: &str, trunks: &[Option<&str>]) -> Emergency {
        let ways = trunks.iter().map(|trunk| (trunk.map(TrunkId::from), id.to_string())).collect();
        let (id, name, code) = (id.to_string(), String::new(), "*1".to_string());
        Emergency { id, name, ways, code, confirm: None, ring: Duration::from_secs(60) }
    }

    fn trunk(id: &str, up: Option<bool>, goes_out: bool) -> TrunkView {
        let to = goes_out.then(|| ("192.0.2.5:5060".parse().unwrap(), up)).into_iter().collect();
        TrunkView {
            id: id.into(),
            calls: 0,
            channels: None,
            calls_per_second: None,
            no_room: Default::default(),
            registered: None,
            refused: None,
            to,
            rests: Vec::new(),
            fault: None,
            unanswered_realm: None,
            unanswered_way: None,
            realm_is_set: false,
            distrusts: false,
        }
    }

    #[test]
    fn a_service_is_unreached_when_every_trunk_to_it_is_known_to_be_down() {
        let targets = [
            target("110", &[Some("police")]),
            target("119", &[Some("police"), Some("carrier")]),
            target("120", &[None]),
        ];
        let check = |police, carrier, expected: &[&str]| {
            let trunks = [trunk("police", police, true), trunk("carrier", carrier, true), trunk("in", None, false)];
            assert_eq!(unreached(&targets, &trunks), expected, "{police:?} {carrier:?}");
        };
        check(Some(true), Some(true), &[]);
        check(None, None, &[]);
        check(Some(false), Some(true), &["110"]);
        check(Some(false), None, &["110"]);
        check(None, Some(false), &[]);
        check(Some(false), Some(false), &["110", "119", "120"]);
        assert!(unreached(&targets, &[]).is_empty(), "nothing is known yet");
    }
}
