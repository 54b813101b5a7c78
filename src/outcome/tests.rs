use super::*;

fn sending(text: usize, stratum: &str, sent: u64, acted: u64) -> Sending {
    let (content_id, group) = (format!("group-{text}"), "group".to_owned());
    Sending { content_id, group, stratum: stratum.to_owned(), sent, acted }
}

/// The first text was sent mostly to those who seldom act.
fn confounded() -> Vec<Sending> {
    vec![
        sending(1, "new", 1_000, 40),
        sending(2, "new", 500, 25),
        sending(1, "loyal", 300, 90),
        sending(2, "loyal", 700, 240),
    ]
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1e-6), "{found} for {expected}");
}

#[test]
fn shares_have_the_intervals_of_statsmodels() {
    // proportion_confint(acted, sent, 0.05, "wilson")
    for (sent, acted, low, high) in [
        (1_200, 84, 0.056_893_978_419_725_31, 0.085_850_282_098_626_73),
        (20, 0, 0.0, 0.161_125_158_052_819_4),
        (20, 20, 0.838_874_841_947_180_4, 1.0),
    ] {
        let outcome = Outcome::of(&[sending(1, "", sent, acted)]);
        let [content] = outcome.contents.as_slice() else { panic!("{outcome:?}") };
        close(content.share_low.unwrap(), low);
        close(content.share_high.unwrap(), high);
    }
    let nobody = Outcome::of(&[sending(1, "", 0, 0)]);
    assert_eq!((nobody.contents[0].share, nobody.groups[0].stratified), (None, None));
}

#[test]
fn strata_take_away_what_only_the_mix_of_people_makes() {
    let outcome = Outcome::of(&confounded());
    let [group] = outcome.groups.as_slice() else { panic!("{outcome:?}") };
    // scipy.stats.chi2_contingency(…, correction=False)
    close(group.pooled.unwrap().statistic, 68.483_969_251_430_71);
    // statsmodels' StratifiedTable: test_null_odds(correction=False), oddsratio_pooled
    let test = group.stratified.unwrap();
    close(test.statistic, 2.522_354_201_112_319);
    close(test.p_value, 0.112_242_903_076_364_86);
    close(group.odds_ratio.unwrap(), 0.814_257_028_112_449_7);
    assert_eq!((test.degrees, group.strata), (1, 2));
    assert!(group.sentence.starts_with("No difference is shown: chance alone makes one as large in 11.2 %"));
}

#[test]
fn three_texts_are_tested_together() {
    let mut sendings = confounded();
    sendings.extend([sending(3, "new", 400, 30), sending(3, "loyal", 200, 50)]);
    let outcome = Outcome::of(&sendings);
    let (pooled, stratified) = (outcome.groups[0].pooled.unwrap(), outcome.groups[0].stratified.unwrap());
    close(pooled.statistic, 72.488_721_804_510_2);
    // The general association by numpy: g V⁻¹ g over the first two texts.
    close(stratified.statistic, 4.482_452_607_460_902);
    close(stratified.p_value, 0.106_328_033_942_732_27);
    assert_eq!((pooled.degrees, stratified.degrees, outcome.groups[0].odds_ratio), (2, 2, None));
}

#[test]
fn neither_the_order_of_rows_nor_their_splitting_changes_anything() {
    let mut split = confounded();
    split.reverse();
    split[0] = sending(2, "loyal", 650, 200);
    split.push(sending(2, "loyal", 50, 40));
    assert_eq!(Outcome::of(&split), Outcome::of(&confounded()));
}

#[test]
fn a_sample_says_the_smallest_difference_that_it_can_show() {
    let least = |sendings: &[Sending]| Outcome::of(sendings).groups[0].smallest_detectable;
    // The roots of the formula by another program, in Python.
    let large = [sending(1, "", 500, 50), sending(2, "", 500, 50)];
    close(least(&large).unwrap(), 0.053_093_698_868_271_186);
    // What holds for acting holds for not acting.
    close(least(&[sending(1, "", 500, 450), sending(2, "", 500, 450)]).unwrap(), 0.053_093_698_868_271_186);
    close(least(&[sending(1, "", 100, 1), sending(2, "", 100, 1)]).unwrap(), 0.074_671_917_903_695_76);
    let tiny = [sending(1, "", 1, 1), sending(2, "", 1, 0)];
    assert_eq!(least(&tiny), None);
    let sentence = &Outcome::of(&tiny).groups[0].sentence;
    assert!(sentence.contains("no difference would be found") && sentence.contains("for the p-value to be exact"));
}

#[test]
fn a_difference_that_was_found_is_one_that_could_be_found() {
    let outcome = Outcome::of(&[sending(1, "", 10, 10), sending(2, "", 10, 0)]);
    let [group] = outcome.groups.as_slice() else { panic!("{outcome:?}") };
    assert!(group.sentence.starts_with("The texts differ"), "{}", group.sentence);
    assert!(group.sentence.contains("differences from 59.0 points on are found"), "{}", group.sentence);
    // Whatever the sizes: where the greatest difference passes the test, some difference can be found.
    for (one, other) in (1..12).flat_map(|one| (1..12).map(move |other| (one, other))) {
        let outcome = Outcome::of(&[sending(1, "", one, one), sending(2, "", other, 0)]);
        let [group] = outcome.groups.as_slice() else { panic!("{outcome:?}") };
        let differs = group.pooled.unwrap().p_value < 0.05;
        assert!(!differs || group.smallest_detectable.is_some(), "{one} and {other}: {}", group.sentence);
    }
}

#[test]
fn what_cannot_be_compared_is_said() {
    for sendings in [
        vec![sending(1, "", 100, 10)],
        vec![sending(1, "", 100, 0), sending(2, "", 100, 0)],
        vec![sending(1, "", 100, 10), sending(2, "", 0, 0)],
    ] {
        let outcome = Outcome::of(&sendings);
        assert_eq!((outcome.groups[0].pooled, outcome.groups[0].stratified), (None, None), "{sendings:?}");
        assert!(outcome.groups[0].sentence.contains("othing"), "{outcome:?}");
    }
    // No stratum in which people got different texts.
    let apart = Outcome::of(&[sending(1, "new", 100, 10), sending(2, "loyal", 100, 30)]);
    assert!(apart.groups[0].pooled.is_some() && apart.groups[0].stratified.is_none());
    assert!(apart.groups[0].sentence.starts_with("Nothing can be compared"), "{apart:?}");
    assert_eq!(apart.all_groups, None);
}

#[test]
fn why_nothing_can_be_compared_is_said_as_it_is() {
    let sentence = |acted: u64, sent: u64| {
        let outcome = Outcome::of(&[sending(1, "", sent, acted), sending(2, "", sent, acted)]);
        outcome.groups[0].sentence.clone()
    };
    assert!(sentence(100, 100).contains("everybody acted, so no text did better"), "{}", sentence(100, 100));
    assert!(sentence(0, 100).contains("nobody has acted"), "{}", sentence(0, 100));
    assert!(sentence(0, 0).contains("nobody was sent"), "{}", sentence(0, 0));
}

#[test]
fn the_tests_of_all_groups_add_up() {
    let mut sendings = confounded();
    let elsewhere = confounded().into_iter().map(|sending| Sending {
        content_id: format!("other-{}", sending.content_id),
        group: "other".to_owned(),
        ..sending
    });
    sendings.extend(elsewhere);
    let test = Outcome::of(&sendings).all_groups.unwrap();
    close(test.statistic, 2.0 * 2.522_354_201_112_319);
    assert_eq!(test.degrees, 2);
}
