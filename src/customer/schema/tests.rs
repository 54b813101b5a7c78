use super::*;
use crate::causes::with_causes;

#[test]
fn the_built_in_schema_is_valid_and_yields_six_features() {
    let schema = Schema::built_in().unwrap();
    let titles: Vec<_> = schema.features().map(|f| f.title.to_owned()).collect();
    assert_eq!(titles, ["Location", "Gender", "Join_Year", "Join_Month", "Join_Quarter", "Loyalty Tier"]);
}

#[test]
fn a_schema_that_breaks_a_rule_names_the_column_and_the_rule() {
    let broken = |edit: fn(&mut Schema)| {
        let mut schema = Schema::built_in().unwrap();
        edit(&mut schema);
        Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap_err().to_string()
    };
    assert!(broken(|s| s.columns.clear()).contains("1 to 64 columns"));
    assert!(broken(|s| s.columns[0].aliases.push("Gender".into())).contains("shares a title"));
    assert!(broken(|s| s.columns[0].title.clear()).contains("empty"));
    assert!(broken(|s| s.columns[3].kind_mut_levels().truncate(1)).contains("2 to 256 names in \"levels\""));
    assert!(broken(|s| s.columns[3].kind_mut_levels()[0] = "GOLD".into()).contains("repeated name in \"levels\""));
    let synonym = |from: &str, to: &str| {
        Schema::built_in()
            .map(|mut s| {
                s.columns[3].synonyms.insert(from.into(), to.into());
                Schema::from_json(&serde_json::to_vec(&s).unwrap())
            })
            .unwrap()
    };
    assert!(synonym("S", "silver").is_ok());
    assert!(synonym("B", "Bronze").unwrap_err().to_string().contains("level that it does not have"));
    assert!(synonym("", "Gold").unwrap_err().to_string().contains("empty name in \"synonyms\""));
}

#[test]
fn a_title_that_an_answer_gives_to_something_else_is_refused_but_not_in_a_published_model() {
    for (title, is_refused) in [("Strength", true), ("cluster id", true), ("Row", true), ("Gender", false)] {
        let mut schema = Schema::built_in().unwrap();
        schema.columns[1].title = title.to_owned();
        let schema = Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap();
        let refused = schema.check_titles().map_err(|error| error.to_string());
        assert_eq!(refused.is_err(), is_refused, "{refused:?}");
        assert!(refused.is_ok() || refused.unwrap_err().contains(&format!("{title:?} has the title of a field")));
    }
    let mut schema = Schema::built_in().unwrap();
    schema.columns[1].title = "Join_Year".to_owned();
    assert!(schema.check_titles().is_err());
}

#[test]
fn a_day_of_the_future_and_a_word_for_nothing_are_values_where_the_schema_says_so() {
    let json = r#"{"columns": [
        {"title": "Region", "required": true, "kind": "category", "synonyms": {"NA": "North America"},
         "persona": {"key": "Regions", "top": 3}},
        {"title": "Renewal", "required": false, "kind": "date", "phrase": "whose contract ends", "future": true,
         "parts": [{"part": "year", "title": "Year", "persona": {"key": "Years", "top": 1}}]},
        {"title": "Add-on", "required": false, "kind": "ordinal", "levels": ["None", "Basic"],
         "score_title": "Add-on_Score", "persona": {"key": "Add-ons", "top": 1}}
    ]}"#;
    let schema = Schema::from_json(json.as_bytes()).unwrap();
    assert!(matches!(schema.columns[1].kind, Kind::Date { future: true, .. }));
    assert_eq!(Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap(), schema);
    let written = serde_json::to_string(&Schema::built_in().unwrap()).unwrap();
    assert!(!written.contains("future"), "{written}");
}

#[test]
fn a_key_that_nobody_reads_is_refused_by_its_name() {
    let column = r#"{"title": "Town", "required": true, "kind": "category", "persona": {"key": "Towns", "top": 3}"#;
    let why = |rest: &str| match Schema::from_json(format!(r#"{{"columns": [{column}{rest}}}]}}"#).as_bytes()) {
        Ok(schema) => panic!("{schema:?}"),
        Err(error) => with_causes(&error),
    };
    assert!(why(r#", "synonims": {}"#).contains("synonims"));
    assert!(why(r#", "levels": ["a", "b"]"#).contains(r#"another kind than has the key "levels""#));
    assert!(why(r#", "scale": "log""#).contains("scale"));
    assert!(why(r#", "weight": -1"#).contains(r#""weight" from 0 to 100"#));
    assert!(why(r#", "weight": 0"#).contains("a weight above 0"));
    assert!(why(r#", "weight": "heavy""#).contains("heavy"));
}

#[test]
fn a_mistake_is_named_by_its_column_and_its_key() {
    let town = r#"{"title": "Town", "required": true, "kind": "category", "persona": {"key": "Towns", "top": 3}}"#;
    let why = |column: &str| {
        let json = format!(r#"{{"columns": [{town}, {column}]}}"#);
        with_causes(&Schema::from_json(json.as_bytes()).unwrap_err())
    };
    for (column, place, what) in [
        (r#"{"title": "Plan", "kind": "category"}"#, "the schema's column \"Plan\" cannot", "missing field `required`"),
        (r#"{"title": "Plan", "kind": 7}"#, "kind of the schema's column \"Plan\" cannot", "expected value"),
        (
            r#"{"title": "Plan", "required": true, "kind": "category", "persona": {"key": "Plans", "top": "1"}}"#,
            "persona.top of the schema's column \"Plan\" cannot",
            "invalid type",
        ),
        (
            r#"{"title": "Joined", "required": true, "kind": "date", "phrase": "who joined", "parts": [{"part": 1}]}"#,
            "parts[0].part of the schema's column \"Joined\" cannot",
            "expected value",
        ),
        (
            r#"{"title": "Plan", "required": true, "kind": "number"}"#,
            "the schema's column \"Plan\" cannot",
            "needs the key \"persona\"",
        ),
        (r#"{"titel": "Plan"}"#, "titel of the schema's column 2 cannot", "unknown field `titel`"),
        (
            r#"{"title": " ", "required": true, "kind": "number", "persona": {"key": "Plans", "top": 1}}"#,
            "the schema's column 2 has an empty \"title\"",
            "",
        ),
        (
            r#"{"title": "Plan", "required": true, "kind": "number", "persona": {"key": "Towns", "top": 1}}"#,
            "the schema's column \"Plan\" has an empty \"key\" in \"persona\"",
            "\"Towns\"",
        ),
        (
            r#"{"title": "Plan", "aliases": ["TOWN"], "required": true, "kind": "number", "persona": {"key": "P", "top": 1}}"#,
            "the schema's column \"Plan\" shares a title or alias with column \"Town\"",
            "\"town\"",
        ),
    ] {
        let why = why(column);
        assert!(why.starts_with(place) && why.contains(what), "{column}: {why}");
    }
    let why = |json: &str| with_causes(&Schema::from_json(json.as_bytes()).unwrap_err());
    assert!(why(r#"{"colums": []}"#).starts_with("colums of the schema cannot be read: unknown field"));
    assert!(why(r#"{"columns": {}}"#).starts_with("columns of the schema cannot be read"));
    for broken in [r#"{"columns": [{"title": "Plan","#, "", r#"{"columns": []} {}"#] {
        assert!(why(broken).starts_with("the schema is not valid JSON"), "{broken}: {}", why(broken));
    }
}

#[test]
fn weights_scales_and_least_numbers_of_customers_are_kept_and_written_only_where_they_are_set() {
    let written = serde_json::to_string(&Schema::built_in().unwrap()).unwrap();
    assert!(["weight", "scale", "min_customers"].iter().all(|key| !written.contains(key)), "{written}");
    let json = r#"{"columns": [
        {"title": "Town", "required": true, "kind": "category", "min_customers": 30, "weight": 2.5,
         "persona": {"key": "Towns", "top": 3}},
        {"title": "Spend", "required": false, "kind": "number", "scale": "log", "persona": {"key": "Spend", "top": 1}},
        {"title": "Joined", "required": true, "kind": "date", "phrase": "who joined", "weight": 0.5, "parts": [
            {"part": "year", "title": "Year", "weight": 0, "persona": {"key": "Years", "top": 1}},
            {"part": "month", "title": "Month", "weight": 4, "persona": {"key": "Months", "top": 1}}]}
    ]}"#;
    let schema = Schema::from_json(json.as_bytes()).unwrap();
    let found: Vec<_> = schema.features().map(|f| (f.weight, f.scale, f.min_customers)).collect();
    let linear = |weight| (weight, Scale::Linear, 0);
    assert_eq!(found, [(2.5, Scale::Linear, 30), (1.0, Scale::Log, 0), linear(0.0), linear(2.0)]);
    assert_eq!(Schema::from_json(&serde_json::to_vec(&schema).unwrap()).unwrap(), schema);
}

#[test]
fn a_logarithm_keeps_the_sign_and_zero() {
    assert_eq!([-3.0, 0.0, 3.0].map(|x| Scale::Log.apply(x)), [-(4_f64.ln()), 0.0, 4_f64.ln()]);
}

impl Column {
    fn kind_mut_levels(&mut self) -> &mut Vec<String> {
        match &mut self.kind {
            Kind::Ordinal { levels, .. } => levels,
            other => panic!("{other:?} has no levels"),
        }
    }
}
