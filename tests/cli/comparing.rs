//! `compare`: ways to train, judged beside one another, and published where one is asked for.

use std::fs;

use serde_json::Value;

use crate::folder::{Folder, shown};

/// 400 customers of two kinds: half of them from three towns and mostly Silver, half from three others and of any tier.
fn two_kinds() -> Folder {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("base_data")).unwrap();
    let mut lines = "ID,Location,Gender,Date Joined,Loyalty Tier\n".to_owned();
    for n in 0..400_usize {
        // Multiples of a large odd number are spread evenly, and each column takes other digits.
        let drawn = (n + 1) * 2_654_435_761 % (1 << 32);
        let towns = [["Bedok", "Novena", "Punggol"], ["Yishun", "Bishan", "Clementi"]][n % 2];
        let tier = if n % 2 == 0 && drawn >> 20 & 7 != 0 { 0 } else { drawn / 7 % 3 };
        lines.push_str(&format!(
            "{n},{},{},2024-{:02}-05,{}\n",
            towns[drawn / 11 % 3],
            ["Female", "Male"][drawn >> 9 & 1],
            drawn / 13 % 12 + 1,
            ["Silver", "Gold", "Platinum"][tier]
        ));
    }
    fs::write(folder.path("base_data/customers.csv"), lines).unwrap();
    folder
}

fn candidate<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    comparison["candidates"].as_array().unwrap().iter().find(|candidate| candidate["name"] == name).unwrap()
}

#[test]
fn a_comparison_judges_each_way_to_train_and_publishes_nothing() {
    let folder = two_kinds();
    let comparison: Value = serde_json::from_str(&folder.ok(&["compare", "--json", "--page", "page.html"])).unwrap();
    assert_eq!(comparison["customers"], 400);
    let classes = candidate(&comparison, "latent_classes");
    assert_eq!(classes["segments"], 2, "{classes}");
    assert!(classes["least_jaccard"].as_f64().unwrap() > 0.6, "{classes}");
    assert_eq!(candidate(&comparison, "as_it_is")["settings"]["method"], "umap_hdbscan");
    assert!(folder.versions().is_empty());
    let page = fs::read_to_string(folder.path("page.html")).unwrap();
    assert!(page.contains("latent classes") && !page.contains("http://") && !page.contains("<script"), "{page}");
}

#[test]
fn the_same_customers_are_judged_the_same_twice() {
    let folder = two_kinds();
    assert_eq!(folder.ok(&["compare"]), folder.ok(&["compare"]));
}

#[test]
fn a_named_candidate_is_trained_and_published_as_the_next_trainings_are() {
    let folder = two_kinds();
    let table = folder.ok(&["compare", "--publish", "latent_classes"]);
    assert!(table.lines().any(|line| line.starts_with("published")), "{table}");
    let again = folder.ok(&["retrain", "--force"]);
    let method = |version: &std::path::Path| -> Value {
        let manifest: Value = serde_json::from_slice(&fs::read(version.join("manifest.json")).unwrap()).unwrap();
        manifest["params"]["method"].clone()
    };
    let versions = folder.versions();
    assert_eq!(versions.len(), 2, "{again}");
    assert!(versions.iter().all(|version| method(version) == "latent_classes"), "{again}");
}

#[test]
fn the_gate_judges_a_way_that_was_compared_by_what_the_comparison_found() {
    let folder = two_kinds();
    let comparison: Value = serde_json::from_str(&folder.ok(&["compare", "--json"])).unwrap();
    let classes = candidate(&comparison, "latent_classes");
    folder.ok(&["compare", "--publish", "latent_classes"]);
    let [version] = folder.versions().try_into().unwrap();
    let report: Value = serde_json::from_slice(&fs::read(version.join("report.json")).unwrap()).unwrap();
    assert_eq!(report["scores"]["told"], classes["bits"], "{report}");
    assert_eq!(report["scores"]["least_jaccard"], classes["least_jaccard"]);
    let told = report["gate"].as_array().unwrap().iter().find(|check| check["name"] == "told_bits").unwrap();
    let of = |name: &str| classes["bits"][name].as_f64().unwrap();
    let surely = of("mean") - of("null").max(0.0) - 2.0 * of("standard_error");
    assert!((told["value"].as_f64().unwrap() - surely).abs() < 1e-9, "{told}");
    let is_out = classes["out"].as_array().unwrap().iter().any(|why| why == "tells_nothing");
    assert_eq!(told["passed"], !is_out, "{told} {classes}");
}

#[test]
fn what_a_comparison_chose_is_not_written_where_too_little_of_the_disk_would_stay_free() {
    let folder = two_kinds();
    let mut command = folder.command(&["compare", "--publish", "latent_classes"]);
    let output = command.env("MIN_FREE_MB", "1000000000").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(shown(&output).contains("what must stay free") && folder.versions().is_empty(), "{}", shown(&output));
}

#[test]
fn a_candidate_that_does_not_exist_is_answered_with_those_that_do() {
    let folder = two_kinds();
    let output = folder.run(&["compare", "--publish", "the_nicest"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
    assert!(shown(&output).contains("best, as_it_is, "), "{}", shown(&output));
    // No column is a number.
    let output = folder.run(&["compare", "--publish", "log_numbers"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(shown(&output).contains("log_numbers changes nothing of these customers' columns and was not tried"));
    assert!(folder.versions().is_empty());
    assert!(folder.ok(&["compare", "--help"]).contains("best, as_it_is, "));
}

#[test]
fn without_customers_nothing_is_compared() {
    let output = Folder::new().run(&["compare"]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(
        shown(&output).contains("put an .xlsx, .xls or .csv file of customers into base_data"),
        "{}",
        shown(&output)
    );
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_anything_is_compared() {
    let folder = two_kinds();
    let output = folder.run(&["compare", "--page", "nowhere/page.html"]);
    assert_eq!((output.status.code(), output.stdout.is_empty()), (Some(1), true), "{}", shown(&output));
    assert!(shown(&output).contains("nowhere/page.html cannot be written"), "{}", shown(&output));
}

#[test]
fn a_training_that_compared_first_shows_the_comparison_in_its_report() {
    let folder = two_kinds();
    let output = folder.command(&["retrain"]).env("RETRAIN_METHOD", "best").output().unwrap();
    assert!(output.status.success(), "{}", shown(&output));
    let [version] = folder.versions().try_into().unwrap();
    let report: Value = serde_json::from_slice(&fs::read(version.join("report.json")).unwrap()).unwrap();
    assert!(report["comparison"]["candidates"].as_array().unwrap().len() > 3);
    let page = fs::read_to_string(version.join("report.html")).unwrap();
    assert!(page.contains("Ways to train, compared") && page.contains("latent_classes"), "{page}");
    assert!(page.contains(report["comparison"]["sentence"].as_str().unwrap()), "{page}");
}
