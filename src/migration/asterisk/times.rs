//! Times of GotoIfTime as hours of ours: `9:00-17:00,mon-fri,*,*`.

/// Hours such as `mon-fri 09:00-17:00`; `Err`: why they cannot be hours of a week.
pub fn hours(times: &str, weekdays: &str, days: &str, months: &str) -> Result<String, String> {
    if days != "*" || months != "*" {
        return Err(format!(
            "days of a month or year ({days}, {months}) are dates: enter them as holidays of a [[calendar]]"
        ));
    }
    let time = if times == "*" { "00:00-24:00".to_string() } else { range(times)? };
    let days = match weekdays {
        "*" => String::new(),
        days => format!("{} ", days.to_ascii_lowercase().replace('&', ",")),
    };
    Ok(format!("{days}{time}"))
}

fn range(text: &str) -> Result<String, String> {
    let wrong = || format!("found {text:?}, which are no times of a day");
    let (from, to) = text.split_once('-').ok_or_else(wrong)?;
    let time = |text: &str| -> Option<(u16, u16)> {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour < 24 && minute < 60).then_some((hour, minute))
    };
    let (from, to) = (time(from).ok_or_else(wrong)?, time(to).ok_or_else(wrong)?);
    // The last minute counts there.
    let to = if to == (23, 59) { (24, 0) } else { to };
    Ok(format!("{:02}:{:02}-{:02}:{:02}", from.0, from.1, to.0, to.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_a_week_are_hours_and_dates_are_not() {
        let table = [
            (["9:00-17:00", "mon-fri", "*", "*"], Ok("mon-fri 09:00-17:00")),
            (["*", "sat&sun", "*", "*"], Ok("sat,sun 00:00-24:00")),
            (["00:00-23:59", "*", "*", "*"], Ok("00:00-24:00")),
            (["22:00-06:00", "Mon", "*", "*"], Ok("mon 22:00-06:00")),
            (["*", "*", "1", "jan"], Err(())),
            (["noon", "*", "*", "*"], Err(())),
        ];
        for ([times, weekdays, days, months], expected) in table {
            let told = hours(times, weekdays, days, months);
            assert_eq!(told.as_deref().map_err(|_| ()), expected, "{times}");
        }
    }
}
