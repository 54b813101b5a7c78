//! A training that can find nothing but what is live publishes nothing.

use std::fs;

use content_portal::retrain::RetrainOutcome;
use umap::UmapParams;

use crate::shop::{Shop, customers, names};

#[test]
fn the_same_customers_in_any_files_and_order_publish_nothing() {
    let mut shop = Shop::with("ABC");
    let live = shop.publish().id;
    assert_eq!(shop.unchanged().live, live);
    // In one file, the last first, a copy among them, and a row that cannot be used.
    let mut lines: Vec<String> =
        "CBA".chars().flat_map(|kind| customers(kind, 0, 72).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    lines.reverse();
    lines.push(lines[0].clone());
    lines.push("X1,,,,".to_owned());
    for kind in ["A", "B", "C"] {
        fs::remove_file(shop.path(&format!("base_data/2026-01-01/{kind}.csv"))).unwrap();
    }
    shop.add("base_data/2026-02-01/all.csv", &(lines.join("\n") + "\n"));
    let unchanged = shop.unchanged();
    assert_eq!((unchanged.live, unchanged.report.cleaning.n_dropped()), (live.clone(), 2));
    assert_eq!(shop.versions(), [live]);
    assert!(names(&shop.path("models/refused")).is_empty() && names(&shop.path("models/staging")).is_empty());
}

#[test]
fn any_difference_that_a_training_can_see_is_trained_on() {
    let mut shop = Shop::with("ABC");
    let published = |shop: &mut Shop, what: &str| match shop.retrain().unwrap() {
        RetrainOutcome::Published(published) => published.id,
        other => panic!("{what}: {other:?}"),
    };
    published(&mut shop, "the first version");
    shop.add("base_data/2026-02-01/one.csv", &customers('A', 72, 1));
    published(&mut shop, "one customer more");
    fs::remove_file(shop.path("base_data/2026-02-01/one.csv")).unwrap();
    let first = published(&mut shop, "one customer fewer");
    let moved = customers('A', 0, 1).replace("Bedok", "Yishun");
    shop.add("base_data/2026-02-01/moved.csv", &moved);
    published(&mut shop, "one customer who moved");
    shop.params.umap = UmapParams::default().n_neighbors(10).seed(7);
    published(&mut shop, "another seed");
    shop.schema.columns[0].aliases.push("Member since".to_owned());
    let last = published(&mut shop, "another schema");
    assert_eq!(shop.unchanged().live, last);
    // What an older version was trained on is what is live once that is activated.
    shop.store.activate(&first).unwrap();
    published(&mut shop, "after a roll back");
    shop.force = true;
    published(&mut shop, "by force");
}

#[test]
fn a_broken_live_version_is_trained_anew() {
    let mut shop = Shop::with("ABC");
    let (whole, broken) = (shop.publish().id, shop.publish().id);
    fs::write(shop.path("models/current/scaler.json"), "{}").unwrap();
    let mended = match shop.retrain().unwrap() {
        RetrainOutcome::Published(published) => published.id,
        other => panic!("{other:?}"),
    };
    assert_eq!(shop.versions(), [whole, broken, mended.clone()]);
    assert_eq!(shop.current().id, mended);
}

#[test]
fn uploads_whose_customers_are_known_are_put_away_and_the_command_says_that_nothing_changed() {
    let shop = Shop::new();
    let all: String = "ABC".chars().map(|kind| customers(kind, 0, 72)).collect();
    shop.add("base_data/2026-01-01/all.csv", &all);
    let (code, printed) = shop.run(&["retrain"]);
    assert_eq!(code, Some(0), "{printed}");
    shop.add("uploads/20260228T000000Z-0001.csv", &customers('B', 3, 20));
    fs::write(shop.path("uploads/20260228T000001Z-0002.xlsx"), "Dear team").unwrap();
    let (code, printed) = shop.run(&["retrain"]);
    assert_eq!(code, Some(0), "{printed}");
    let live = shop.current().id;
    assert!(printed.contains(&format!("unchanged       {live} stays")) && printed.contains("--force"), "{printed}");
    assert!(printed.contains("1 taken over") && printed.contains("2 read, 1 skipped"), "{printed}");
    assert_eq!(names(&shop.path("uploads")), ["20260228T000001Z-0002.xlsx"]);
    let (code, printed) = shop.run(&["retrain", "--events"]);
    let last: serde_json::Value = serde_json::from_str(printed.trim().lines().last().unwrap()).unwrap();
    assert_eq!((code, &last["outcome"], &last["version"]), (Some(0), &"unchanged".into(), &live.as_str().into()));
    assert_eq!(last["left_out"][0]["file"], "uploads/20260228T000001Z-0002.xlsx");
    assert_eq!(shop.versions(), [live]);
    assert_eq!(shop.run(&["retrain", "--force"]).0, Some(0));
    assert_eq!(shop.versions().len(), 2);
}
