//! `outcome FILE`: what the texts came to.

use std::fs;

use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use crate::folder::{Folder, shown};

/// Two texts for one segment and platform.
const IDS: [&str; 2] = ["cgw0v8zdp-8wp69f7k", "cgw0v8zdp-0123456z"];

impl Folder {
    fn outcome(&self, table: &str) -> Value {
        fs::write(self.path("sent.csv"), table).unwrap();
        serde_json::from_str(&self.ok(&["outcome", "sent.csv", "--json"])).unwrap()
    }

    /// What the last table's notes say.
    fn notes(&self) -> String {
        String::from_utf8(self.run(&["outcome", "sent.csv"]).stderr).unwrap()
    }

    fn refused_outcome(&self, table: &str) -> String {
        fs::write(self.path("sent.csv"), table).unwrap();
        let output = self.run(&["outcome", "sent.csv"]);
        assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
        String::from_utf8(output.stderr).unwrap()
    }
}

#[test]
fn outcome_says_the_share_of_each_text_and_whether_they_differ() {
    let folder = Folder::new();
    let [one, other] = IDS;
    let table = format!(
        "content_id,sent,acted,stratum\n{one},1000,40,new\n{other},500,25,new\n\
         {one},300,90,loyal\n{other},700,240,loyal\n"
    );
    let outcome = folder.outcome(&table);
    let contents = outcome["contents"].as_array().unwrap();
    let found: Vec<_> = contents.iter().map(|content| (&content["content_id"], &content["acted"])).collect();
    assert_eq!(found, [(&json!(other), &json!(265)), (&json!(one), &json!(130))]);
    let group = &outcome["groups"][0];
    assert_eq!(
        (&group["group"], &group["strata"], &group["pooled"]["degrees"]),
        (&json!("cgw0v8zdp"), &json!(2), &json!(1))
    );
    assert!(group["pooled"]["p_value"].as_f64() < Some(1e-9), "{group}");
    assert!(group["stratified"]["p_value"].as_f64() > Some(0.1), "{group}");
    assert_eq!(outcome["all_groups"], Value::Null);

    let text = folder.ok(&["outcome", "sent.csv"]);
    assert!(text.contains("10.0 %  8.5 % to 11.") && text.contains("χ² = 2.52 with 1 df, p = 0.112"), "{text}");
    assert!(text.contains("No difference is shown") && text.contains("points on are found"), "{text}");
    assert_eq!(folder.versions().len(), 0, "it needs no model");
}

#[test]
fn equal_rows_all_count_and_other_spellings_of_the_columns_are_read() {
    let folder = Folder::new();
    let id = IDS[0];
    let upper = id.to_uppercase();
    let outcome =
        folder.outcome(&format!("UTM Content;Sent;Acted\n{id};1;0\n{upper};1;0\n{id};1;1\n{id};\"1,200\";0\n"));
    let content = &outcome["contents"][0];
    assert_eq!((&content["content_id"], &content["sent"], &content["acted"]), (&json!(id), &json!(1_203), &json!(1)));
}

#[test]
fn a_stratum_is_read_as_it_is_written_also_a_day_a_list_and_na() {
    let folder = Folder::new();
    let [one, other] = IDS;
    for [first, second] in
        [["north", "south"], ["2026-11-02", "2026-11-03"], ["list-20261102", "list-20261103"], ["NA", "a@b.example"]]
    {
        let table = format!(
            "content_id,sent,acted,stratum\n{one},1000,250,{first}\n{one},200,15,{second}\n\
             {other},200,50, {first} \n{other},1100,80,{}\n",
            second.to_uppercase()
        );
        let group = &folder.outcome(&table)["groups"][0];
        assert_eq!((&group["strata"], &group["strata_in_all"]), (&json!(2), &json!(2)), "{first}: {group}");
        assert!(group["stratified"]["p_value"].as_f64() > Some(0.9), "{first}: {group}");
    }
    let long = format!("content_id,sent,acted,stratum\n{one},9,1,{}\n", "x".repeat(101));
    let error = folder.refused_outcome(&long);
    assert!(error.contains("row 2: a stratum may have at most 99 characters"), "{error}");
}

#[test]
fn sums_of_strata_are_left_out_and_a_whole_number_is_one_stratum_however_it_is_written() {
    let folder = Folder::new();
    let [one, other] = IDS;
    let rows = format!("{one},1000,40,1\n{one},500,25,2\n{other},900,50,1.0\n{other},400,30,2.00\n");
    let sums = format!("{one},1500,65,Total\n{other},1300,80,Grand total\n");
    let header = "content_id,sent,acted,stratum\n";
    let plain = folder.outcome(&format!("{header}{rows}"));
    assert_eq!(plain["groups"][0]["strata_in_all"], 2, "{plain}");
    assert_eq!(folder.outcome(&format!("{header}{rows}{sums}")), plain, "sums count nobody anew");
    // Where all rows are called so, that is what they have in common.
    assert_eq!(folder.outcome(&format!("{header}{sums}"))["groups"][0]["sent"], 2_800);
}

#[test]
fn the_sum_of_one_stratum_is_left_out_where_its_figures_are_those_of_its_rows() {
    let folder = Folder::new();
    let [one, other] = IDS;
    let header = "content_id,sent,acted,stratum\n";
    let west = format!("{one},1000,40,West\n{other},900,50,West\n");
    let more = format!("{one},500,25,West\n{other},100,9,West\n");
    let east = format!("{one},500,25,East\n{other},400,30,East\n");
    let plain = folder.outcome(&format!("{header}{west}{more}{east}"));
    let with_sums = [
        // Of each text, by either name; of all texts, as spreadsheet programs write it; of the rows so far.
        format!("{west}{more}{one},1500,65,West Total\n{other},1000,59,Total west\n{east}"),
        format!("{west}{more},2500,124,West Total\n{east},900,55,East Total\n,3400,179,Grand Total\n"),
        format!("{west},1900,90,West total:\n{more},600,34,West total\n{east}"),
        format!("{west}{more}{east},2500,124,WEST TOTAL\n"),
    ];
    for table in with_sums {
        assert_eq!(folder.outcome(&format!("{header}{table}")), plain, "{table}");
        let stderr = String::from_utf8(folder.run(&["outcome", "sent.csv"]).stderr).unwrap();
        assert!(stderr.contains("left out: by the stratum"), "{table}: {stderr}");
    }
    // One person more, another text's figures, or no rows of that name: it may be a stratum.
    for (sum, n_strata) in [
        (format!("{one},1501,65,West Total\n"), 3),
        (format!("{one},1000,59,West Total\n"), 3),
        (format!("{one},1500,65,North Total\n"), 3),
        (format!("{one},1500,65,West Totals of us\n"), 3),
    ] {
        let group = &folder.outcome(&format!("{header}{west}{more}{east}{sum}"))["groups"][0];
        assert_eq!(group["strata_in_all"], n_strata, "{sum}: {group}");
    }
    let stderr = String::from_utf8(folder.run(&["outcome", "sent.csv"]).stderr).unwrap();
    assert_eq!(stderr, "", "nothing is left out");
    folder.outcome(&format!("{header}{west}{one},1500,65,West Total\n"));
    let stderr = String::from_utf8(folder.run(&["outcome", "sent.csv"]).stderr).unwrap();
    assert!(stderr.contains("row 4 counts as a stratum of its own: \"West Total\" is not the sum"), "{stderr}");
}

#[test]
fn a_text_whose_only_row_is_a_sum_is_counted_by_it_and_several_sums_are_refused() {
    let folder = Folder::new();
    let [one, other] = IDS;
    let rows = format!("content_id,sent,acted,stratum\n{one},1000,40,new\n{one},500,25,loyal\n{one},1500,65,Total\n");
    let outcome = folder.outcome(&format!("{rows}{other},1400,80,Total\n"));
    let found: Vec<_> =
        outcome["contents"].as_array().unwrap().iter().map(|content| (&content["sent"], &content["acted"])).collect();
    assert_eq!(found, [(&json!(1_400), &json!(80)), (&json!(1_500), &json!(65))]);
    let stderr = String::from_utf8(folder.run(&["outcome", "sent.csv"]).stderr).unwrap();
    assert!(stderr.contains("row 4 is left out") && stderr.contains("row 5 is called a sum, but counts"), "{stderr}");
    let error = folder.refused_outcome(&format!("{rows}{other},1400,80,Total\n{other},2000,90,Grand Total\n"));
    assert!(error.contains("rows 5, 6: every row of") && error.contains("keep one"), "{error}");
}

#[test]
fn a_stratum_of_everybody_is_left_out_where_it_is_the_sum_of_the_others() {
    let folder = Folder::new();
    let [one, other] = IDS;
    let header = "content_id,stratum,sent,acted\n";
    let days = format!("{one},Day 1,1000,100\n{other},Day 1,1000,50\n{one},Day 2,500,40\n{other},Day 2,400,30\n");
    let plain = folder.outcome(&format!("{header}{days}"));
    for all in ["All", "OVERALL", "(all)"] {
        let sums = format!("{one},{all},1500,140\n{other},{all},1400,80\n{one},Gesamt,1500,140\n");
        assert_eq!(folder.outcome(&format!("{header}{days}{sums}")), plain, "{all}");
        let notes = folder.notes();
        assert!(notes.contains("rows 6, 7, 8 are left out: by the stratum they are sums"), "{notes}");
    }
    // Somebody more: it may be a list that is called so. Without other rows it is what the text was sent to.
    for (table, n_strata) in [(format!("{days}{one},All,1501,140\n"), 3), (format!("{one},All,9,1\n"), 1)] {
        assert_eq!(folder.outcome(&format!("{header}{table}"))["groups"][0]["strata_in_all"], n_strata, "{table}");
    }
    folder.outcome(&format!("{header}{days}{one},All,1501,140\n"));
    let notes = folder.notes();
    assert!(notes.contains("row 6 counts as a stratum of its own: \"All\" is not the sum"), "{notes}");
}

#[test]
fn rows_that_exports_have_beside_those_of_texts_are_left_out_with_a_note() {
    let folder = Folder::new();
    let [one, other] = IDS;
    let header = "utm_content,sent,acted\n";
    let rows = format!("{one},1000,100\n{other},1000,50\n");
    let plain = folder.outcome(&format!("{header}{rows}"));
    for (row, note) in [
        ("(not set),300,20\n", "row 4 is left out: (not set) stands for visits without a content_id"),
        (",2000,150\n", "row 4 is left out: it has no content_id, and is the sum of the others"),
        ("Total,2000,150\n", "row 4 is left out: by its id it is a sum of other rows"),
    ] {
        assert_eq!(folder.outcome(&format!("{header}{rows}{row}")), plain, "{row}");
        let notes = folder.notes();
        assert!(notes.contains(note), "{row}: {notes}");
    }
    let error = folder.refused_outcome(&format!("{header}{rows},300,20\n"));
    assert!(error.contains("row 4 has no content_id: give it one, or delete the row"), "{error}");
    let error = folder.refused_outcome(&format!("{header}(not set),300,20\n"));
    assert!(error.contains("no row of the table is of a text"), "{error}");
}

#[test]
fn of_a_workbook_copies_of_a_sheet_are_left_out_and_each_sheet_s_rows_have_their_own_strata() {
    let folder = Folder::new();
    let [one, other] = IDS;
    let save = |sheets: &[(&str, &str, f64)], hidden: Option<&str>| {
        let mut book = Workbook::new();
        for &(name, stratum, sent) in sheets {
            let sheet = book.add_worksheet().set_name(name).unwrap();
            for (column, title) in ["content_id", "sent", "acted", "stratum"].into_iter().enumerate() {
                sheet.write(0, column as u16, title).unwrap();
            }
            for (row, (id, acted)) in [(one, 40.0), (other, 90.0)].into_iter().enumerate() {
                let row = row as u32 + 1;
                sheet.write(row, 0, id).unwrap();
                sheet.write(row, 1, sent).unwrap();
                sheet.write(row, 2, if sent < 100.0 { acted / 10.0 } else { acted }).unwrap();
                sheet.write(row, 3, stratum).unwrap();
            }
            if hidden == Some(name) {
                sheet.set_hidden(true);
            }
        }
        book.save(folder.path("sent.xlsx")).unwrap();
        let outcome: Value = serde_json::from_str(&folder.ok(&["outcome", "sent.xlsx", "--json"])).unwrap();
        let notes = String::from_utf8(folder.run(&["outcome", "sent.xlsx"]).stderr).unwrap();
        (outcome["groups"][0].clone(), notes)
    };
    let (two, notes) = save(&[("Jan", "new", 1000.0), ("Feb", "loyal", 500.0)], None);
    assert_eq!((&two["sent"], &two["strata_in_all"], notes.as_str()), (&json!(3_000), &json!(2), ""), "{two}");
    let (group, notes) = save(&[("Jan", "new", 1000.0), ("Feb", "loyal", 500.0), ("Jan (2)", "new", 1000.0)], None);
    assert_eq!(group, two);
    assert!(notes.contains("sheet Jan (2) is left out: it has the same rows as sheet Jan"), "{notes}");
    // Two days of few who act may be alike.
    let (days, notes) = save(&[("Monday", "new", 50.0), ("Tuesday", "new", 50.0)], None);
    assert_eq!((&days["sent"], notes.as_str()), (&json!(200), ""));
    let (group, notes) = save(&[("Jan", "new", 1000.0), ("Feb", "loyal", 500.0)], Some("Feb"));
    assert_eq!(group["sent"], 2_000);
    assert!(notes.contains("sheet Feb is not used") && notes.contains("hidden"), "{notes}");
}

/// The name of a sheet, and its rows of identifier, sent and acted.
type SentSheet<'a> = (&'a str, &'a [(&'a str, f64, f64)]);

#[test]
fn a_sheet_that_is_the_sum_of_the_others_counts_nobody_again_and_hidden_rows_are_said() {
    let folder = Folder::new();
    let [one, other] = IDS;
    let save = |sheets: &[SentSheet], hidden: Option<u32>| {
        let mut book = Workbook::new();
        for (name, rows) in sheets {
            let sheet = book.add_worksheet().set_name(*name).unwrap();
            for (column, title) in ["content_id", "sent", "acted"].into_iter().enumerate() {
                sheet.write(0, column as u16, title).unwrap();
            }
            for (row, (id, sent, acted)) in (1..).zip(*rows) {
                sheet.write(row, 0, *id).unwrap();
                sheet.write(row, 1, *sent).unwrap();
                sheet.write(row, 2, *acted).unwrap();
            }
            if let Some(row) = hidden {
                sheet.set_row_hidden(row).unwrap();
            }
        }
        book.save(folder.path("sent.xlsx")).unwrap();
        let outcome: Value = serde_json::from_str(&folder.ok(&["outcome", "sent.xlsx", "--json"])).unwrap();
        let notes = String::from_utf8(folder.run(&["outcome", "sent.xlsx"]).stderr).unwrap();
        (outcome["groups"][0]["sent"].as_u64().unwrap(), notes)
    };
    let of_west = [(one, 1000.0, 40.0), (other, 800.0, 50.0)];
    let of_east = [(one, 500.0, 20.0), (other, 600.0, 30.0)];
    let of_both = [(one, 1500.0, 60.0), (other, 1400.0, 80.0)];
    let (west, east, sums) = (("West", &of_west[..]), ("East", &of_east[..]), &of_both[..]);
    for sheets in [[west, east, ("Q1", sums)], [("Q1", sums), west, east]] {
        let (sent, notes) = save(&sheets, None);
        assert_eq!(sent, 2_900);
        assert!(notes.contains("sheet Q1 is left out: its figures are the sums of the other sheets' rows"), "{notes}");
    }
    // One person more is no sum; a few who act may be one by chance, unless the sheet is called so.
    let more = [(one, 1501.0, 60.0), (other, 1400.0, 80.0)];
    assert_eq!(save(&[west, east, ("Q1", &more[..])], None), (5_801, String::new()));
    let [monday, tuesday, sum] = [[(one, 20.0, 1.0)], [(one, 20.0, 1.0)], [(one, 40.0, 2.0)]];
    let days = |name| [("Monday", monday.as_slice()), ("Tuesday", tuesday.as_slice()), (name, sum.as_slice())];
    assert_eq!(save(&days("Wednesday"), None).0, 80);
    for name in ["Total", "Sum", "Overview May", "Dashboard", "Summen", "合计", "(all)", "Gesamt"] {
        let (sent, notes) = save(&days(name), None);
        assert_eq!(sent, 40, "{name}");
        assert!(notes.contains(&format!("sheet {name} is left out")), "{notes}");
    }

    let (sent, notes) = save(&[west], Some(2));
    assert_eq!(sent, 1_800);
    assert!(notes.contains("1 row is hidden in the sheet and was read, first row 3"), "{notes}");
}

#[test]
fn a_sheet_counts_whatever_else_it_has_and_is_called() {
    let folder = Folder::new();
    let [one, other] = IDS;
    for (name, header) in [("West", "Share"), ("Summary", "Remark")] {
        let mut book = Workbook::new();
        for (name, header, sent) in [(name, header, 1000.0), ("East", "Remark", 500.0)] {
            let sheet = book.add_worksheet().set_name(name).unwrap();
            sheet.write_row(0, 0, ["content_id", "sent", "acted", header]).unwrap();
            for (row, id) in [(1, one), (2, other)] {
                sheet.write(row, 0, id).unwrap();
                sheet.write_row(row, 1, [sent, 40.0]).unwrap();
            }
        }
        book.save(folder.path("sent.xlsx")).unwrap();
        let outcome: Value = serde_json::from_str(&folder.ok(&["outcome", "sent.xlsx", "--json"])).unwrap();
        assert_eq!(outcome["groups"][0]["sent"], 3_000, "{name}: {outcome}");
    }
}

#[test]
fn shares_and_differences_have_as_many_decimals_as_they_need() {
    let folder = Folder::new();
    let [one, other] = IDS;
    folder.outcome(&format!("content_id,sent,acted\n{one},\"1,20,000\",265\n{other},\"1,30,000\",130\n"));
    let text = folder.ok(&["outcome", "sent.csv"]);
    assert!(text.contains("0.221 %  0.196 % to 0.249 %") && text.contains("0.100 %  0.084 % to 0.119 %"), "{text}");
    let least = text.split("differences from ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(least.parse::<f64>().unwrap() > 0.0 && least.starts_with("0.0"), "{text}");
}

#[test]
fn a_table_that_cannot_be_true_is_refused_with_its_row() {
    let folder = Folder::new();
    let id = IDS[0];
    for (table, why) in [
        (format!("content_id,sent\n{id},5\n"), "needs a column \"acted\"; the headers found are content_id, sent"),
        ("sent,acted\n5,1\n".to_owned(), "the sheet needs a column \"content_id\""),
        (format!("content_id,sent,acted\n{id},9,1\n{id},5,6\n"), "row 3: 6 acted, but the text was sent to 5"),
        (format!("content_id,sent,acted\n{id},9,1\n{id},many,6\n"), "sent is not a number, in row 3"),
        (format!("content_id,sent,acted\n{id},9,\n"), "no acted, in row 2"),
        (format!("content_id,sent,acted\n{id},9.5,1\n"), "row 2: sent must be a whole number of people, and is 9.5"),
        (format!("content_id;sent;acted\n{id};950;12\n{id};30.000;12\n"), "row 3: sent 30.000 may be thousands or"),
        (format!("content_id,sent,acted,acted\n{id},1200,1,265\n"), "\"acted\""),
        (format!("content_id;sent;acted\n{id};9000;1.000\n"), "row 2: acted 1.000 may be thousands or decimals"),
        (format!("content_id,sent,acted\n{id},9,-1\n"), "row 2: acted must be a whole number of people, and is -1"),
        ("content_id,sent,acted\nspring,9,1\n".to_owned(), "row 2: \"spring\" is not a content_id"),
        (format!("content_id,sent,acted\n{id},900,1\n{id},1.2k,6\n"), "row 3: sent 1.2k is rounded"),
        ("content_id,sent,acted\n,9,1\n".to_owned(), "row 2 has no content_id"),
        (
            format!("content_id,sent,acted\n{id},9,1\n{id},1,000,7\n"),
            "1 row has more cells than the header, first row 3",
        ),
        (format!("{id},900,1\ncontent_id,sent,acted\n{id},9,1\n"), "above the header, in row 1"),
        (format!("content_id,sent (k),acted\n{id},9,1\n"), "\"sent (k)\" has a unit"),
        ("content_id,sent,acted\n".to_owned(), "no row below it"),
    ] {
        let error = folder.refused_outcome(&table);
        assert!(error.contains(why) && error.starts_with("error: sent.csv: "), "{table}: {error}");
    }
}
