//! Numbers in every form.

use super::*;

#[test]
fn numbers_take_every_form_and_find_back() {
    let of = |country: &str, callers: Form| Numbering { country: country.into(), callers, ..Numbering::of_china() };
    let forms = [Form::Plus, Form::Country, Form::International, Form::National];
    let china = [
        ["+861012345678", "861012345678", "00861012345678", "01012345678"],
        ["+8613800138000", "8613800138000", "008613800138000", "13800138000"],
        ["+8675512345678", "8675512345678", "008675512345678", "075512345678"],
    ];
    for row in china {
        for written in row {
            for (form, expected) in forms.into_iter().zip(row) {
                assert_eq!(of("86", form).caller(written), expected, "{written} as {form:?}");
            }
        }
    }
    for (written, form, expected) in [
        ("+85221234567", Form::National, "0085221234567"),
        ("0085221234567", Form::Plus, "+85221234567"),
        ("013800138000", Form::National, "13800138000"),
        ("+8601012345678", Form::National, "01012345678"),
        ("12345", Form::Plus, "12345"),
        ("110", Form::International, "110"),
        ("95588", Form::Plus, "95588"),
        ("4008123123", Form::Plus, "4008123123"),
        ("+864008123123", Form::National, "4008123123"),
        ("+86110", Form::National, "110"),
        ("+8612345", Form::National, "12345"),
        ("008695588", Form::National, "95588"),
        ("+8610086", Form::National, "10086"),
        ("+8610106666", Form::National, "10106666"),
        ("+86116114", Form::National, "116114"),
        ("+8610110", Form::National, "010110"),
        ("+8695112345", Form::National, "095112345"),
        ("095112345", Form::National, "095112345"),
        ("0951110", Form::National, "0951110"),
        ("0110", Form::National, "0110"),
        ("04008123123", Form::National, "4008123123"),
        ("+861012345", Form::National, "01012345"),
        ("+8695351234567", Form::National, "095351234567"),
        ("anonymous", Form::Plus, "anonymous"),
        ("", Form::Plus, ""),
        ("+", Form::National, "+"),
        ("00", Form::Plus, "00"),
        ("861012345678", Form::AsWritten, "861012345678"),
    ] {
        assert_eq!(of("86", form).caller(written), expected, "{written} as {form:?}");
    }
    let beijing = |dials| Numbering { area: Some("10".into()), dials, ..Numbering::of_china() };
    for (dialled, form, expected) in [
        ("62345678", Form::Plus, "+861062345678"),
        ("62345678", Form::National, "01062345678"),
        ("62345678", Form::AsWritten, "62345678"),
        ("+862162345678", Form::Plus, "+862162345678"),
        ("12345", Form::Plus, "12345"),
        ("95588123", Form::Plus, "95588123"),
        ("6234567a", Form::Plus, "6234567a"),
    ] {
        assert_eq!(beijing(form).dialled(dialled), expected, "{dialled} from Beijing as {form:?}");
    }
    let shown = beijing(Form::Plus).shown("62345678");
    assert_eq!(shown, "62345678", "a caller's may be of another area");
    let anywhere = Numbering { dials: Form::Plus, ..Numbering::of_china() };
    assert_eq!(anywhere.dialled("62345678"), "62345678", "in which area it is of cannot be told");
    for (context, number, expected) in [
        ("+86", "01065139999", "+861065139999"),
        ("+86", "13800138000", "+8613800138000"),
        ("+86", "8613800138000", "+8613800138000"),
        ("+86", "008613800138000", "+8613800138000"),
        ("+86", "0014155551234", "+14155551234"),
        ("+86", "12345", "+8612345"),
        ("+86", "1065139999", "+861065139999"),
        ("+86", "0", "+860"),
        ("+8610", "65139999", "+861065139999"),
        ("+8610", "86139999", "+861086139999"),
        ("+8610", "02112345", "+862112345"),
        ("+8610", "13800138000", "+8613800138000"),
        ("+8610", "861065139999", "+861065139999"),
        ("+1", "14155551234", "+14155551234"),
        ("+1", "4155551234", "+14155551234"),
        ("+44", "02079460018", "+442079460018"),
        ("+44", "008613800138000", "+8613800138000"),
        ("+49", "49211234567", "+4949211234567"),
    ] {
        assert_eq!(of("86", Form::AsWritten).out_of(context, number), expected, "{number} out of {context}");
    }
    let italian = Numbering { prefix: String::new(), ..of("39", Form::Plus) };
    assert_eq!(italian.out_of("+39", "0612345678"), "+390612345678");
    let german = of("49", Form::Plus);
    for (number, expected) in [("49211234567", "+4949211234567"), ("0211234567", "+49211234567")] {
        assert_eq!(german.out_of("+49", number), expected);
    }
    let german = of("49", Form::National);
    assert_eq!(german.caller("+493012345678"), "03012345678");
    assert_eq!(german.caller("13800138000"), "13800138000", "eleven digits are no mobile number there");
    let american = Numbering { prefix: String::new(), ..of("1", Form::Plus) };
    assert_eq!(american.caller("12125550100"), "+12125550100");
    assert_eq!(american.caller("2125550100"), "2125550100", "which country it is of cannot be told");
}

#[test]
fn a_number_of_ours_is_known_in_every_form_and_with_its_area() {
    let china = Numbering::of_china();
    for (dialled, own, is_meant) in [
        ("12345", "12345", true),
        ("+861012345", "12345", true),
        ("00861012345", "12345", true),
        ("01012345", "12345", true),
        ("+8601012345", "12345", true),
        ("+8675512345", "12345", true),
        ("+86101012345", "12345", false),
        ("+8612345", "12345", true),
        ("+4912345", "12345", false),
        ("13800012345", "12345", false),
        ("+861065139999", "65139999", true),
        ("+861065139999", "01065139999", true),
        ("01065139999", "+861065139999", true),
        ("65139999", "01065139999", false),
        ("+861065139999", "", false),
        ("hotline", "hotline", true),
        ("861012345", "12345", true),
        ("86-10-12345", "12345", false),
        ("8601012345", "12345", true),
        ("8612345", "12345", true),
        ("86112345", "12345", false),
        ("861065139999", "65139999", true),
        ("86hotline", "hotline", false),
        ("86", "", false),
    ] {
        assert_eq!(china.means(dialled, own), is_meant, "{dialled} for {own}");
    }
    let german = Numbering { country: "49".into(), ..Numbering::of_china() };
    assert!(german.means("+4930115", "030115") && !german.means("+4930115", "115"), "areas are not known there");
    let berlin = Numbering { area: Some("30".into()), ..german };
    assert!(berlin.means("+4930115", "115") && berlin.means("4930115", "115") && !berlin.means("+4940115", "115"));
    let beijing = Numbering { area: Some("10".into()), ..china };
    for (dialled, own, is_meant) in [
        ("+861012345", "12345", true),
        ("01012345", "12345", true),
        ("861012345", "12345", true),
        ("12345", "12345", true),
        ("02112345", "12345", false),
        ("+862112345", "12345", false),
        ("862112345", "12345", false),
        ("65139999", "01065139999", true),
        ("65139999", "+862165139999", false),
        // 86 is not always the country.
        ("86139999", "01086139999", true),
        ("86139999", "02186139999", false),
        ("8686139999", "86139999", true),
    ] {
        assert_eq!(beijing.means(dialled, own), is_meant, "{dialled} for {own} in Beijing");
    }
    let lanzhou = Numbering { area: Some("931".into()), ..Numbering::of_china() };
    for (dialled, own, by_carrier, at_seat) in [
        ("8612345", "12345", true, false),
        ("8612345", "8612345", true, true),
        ("8612345", "09318612345", true, true),
        ("8693112345", "12345", true, true),
        ("093112345", "12345", true, true),
    ] {
        assert_eq!(lanzhou.means(dialled, own), by_carrier, "{dialled} for {own} by a carrier");
        assert_eq!(lanzhou.means_nearby(dialled, own), at_seat, "{dialled} for {own} at a seat in Lanzhou");
    }
    for (written, bare) in [("+86-10-1234.5", "+861012345"), ("(010)12345", "01012345"), ("j.doe-2", "j.doe-2")] {
        assert_eq!(plain(written), bare);
    }
}

#[test]
fn telephones_of_the_country_are_told_from_services_and_from_abroad() {
    let china = Numbering::of_china();
    for telephone in
        ["13800138000", "+8613800138000", "013800138000", "01065139999", "+862161234567", "075526123456", "65139999"]
    {
        assert!(china.is_subscriber(telephone), "{telephone}");
    }
    for other in [
        "110",
        "12345",
        "95588",
        "10086",
        "4008123123",
        "01016812345",
        "16812345",
        "96012345",
        "+85221234567",
        "0085221234567",
        "008613800138000000",
        "anonymous",
        "+",
        "",
        "0",
        "00",
    ] {
        assert!(!china.is_subscriber(other), "{other}");
    }
    let german = Numbering { country: "49".into(), ..Numbering::of_china() };
    assert!(german.is_subscriber("+493012345678") && german.is_subscriber("03012345678"));
    assert!(!german.is_subscriber("110") && !german.is_subscriber("+8613800138000"));
    let american = Numbering { country: "1".into(), prefix: String::new(), ..Numbering::of_china() };
    assert!(american.is_subscriber("+12125550100") && american.is_subscriber("2125550100"));
    assert!(!american.is_subscriber("911") && !american.is_subscriber("+442071234567"));
}
