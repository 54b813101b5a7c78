//! What was spent, also where it came to nothing.

use std::num::NonZeroUsize;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::super::{
    Brief, BudgetConfig, Payer, Pictures, Requester, TokenCounts, WriteError, WriteErrorKind, Writer, WriterConfig,
    sample, write_all_for,
};
use super::{CHAT, answer_in_turn, completion, config, content, failure, priced, server_with, until};

const IMAGES: &str = "/v1/images/generations";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest of a picture";

fn brief(n_variants: i64) -> Brief {
    sample::brief(|input| {
        input.output = Some("Both".into());
        input.n_variants = Some(n_variants);
    })
}

fn picture(bytes: &[u8]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"data": [{"b64_json": STANDARD.encode(bytes)}]}))
}

/// A writer at prices of 10 and 100 USD for a million tokens, and 0.5 USD for a picture.
fn writer(server: &MockServer) -> (Writer, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prices.json");
    let table = json!({"text": {"gpt-mock": {"prompt": 10, "completion": 100}}, "images": {"gpt-image-1": 0.5}});
    std::fs::write(&path, table.to_string()).unwrap();
    let image_dir = dir.path().join("images");
    (Writer::new(&WriterConfig { prices: Some(path), image_dir, ..config(server) }).unwrap(), dir)
}

async fn draw(server: &MockServer, n_variants: i64) -> Result<Pictures, WriteError> {
    let (writer, _dir) = writer(server);
    let brief = brief(n_variants);
    let request = writer.request(&brief);
    request.draw(&request.write().await.unwrap()).await
}

#[tokio::test]
async fn a_text_that_came_to_nothing_tells_the_tokens_of_all_its_calls() {
    let unusable = || ResponseTemplate::new(200).set_body_json(completion("I cannot put that into JSON."));
    for (answers, n_paid) in [
        (vec![unusable()], 2),
        (vec![unusable(), failure(401, "invalid_api_key", "no")], 1),
        (vec![failure(401, "invalid_api_key", "no")], 0),
    ] {
        let server = server_with(answers).await;
        let (writer, _dir) = writer(&server);
        let error = writer.request(&brief(1)).write().await.unwrap_err();
        assert_eq!(error.spent.tokens, TokenCounts { prompt: n_paid * 100, completion: n_paid * 20 });
        // Of a model that never answered only the configured name is known.
        let cost_usd = if n_paid > 0 { n_paid as f64 * 0.003 } else { 0.0 };
        assert!((error.spent.cost_usd.unwrap() - cost_usd).abs() < 1e-9, "{:?}", error.spent);
        assert_eq!((error.drawn.len(), error.n_failed), (0, 0));
    }
}

#[tokio::test]
async fn a_call_whose_client_left_is_settled_by_what_it_cost() {
    let server = server_with(vec![content(&["One."]).set_delay(Duration::from_millis(300))]).await;
    let dir = tempfile::tempdir().unwrap();
    let table = json!({"text": {"gpt-mock": {"prompt": 10, "completion": 100}}});
    let writer = Writer::new(&priced(&server, dir.path(), &table, 1.0)).unwrap();
    let left_usd = || writer.budget().unwrap().left_usd.unwrap();
    let brief = brief(1);
    let request = writer.request(&brief);
    tokio::select! {
        _ = request.write() => panic!("the client leaves before the answer"),
        () = until(&server, |n_calls| n_calls == 1) => {}
    }
    assert!(left_usd() < 0.996, "the reservation stands while the call runs: {}", left_usd());
    // 100 tokens read and 20 written.
    until(&server, |_| (left_usd() - 0.997).abs() < 1e-9).await;
}

/// Writes a text and draws its picture, at the built-in prices; what the picture cost, and what the day has spent.
async fn drawn_on_a_budget(server: &MockServer) -> (f64, f64) {
    let dir = tempfile::tempdir().unwrap();
    let (state_dir, image_dir) = (dir.path().join("state"), dir.path().join("images"));
    let budget = Some(BudgetConfig { usd_per_day: 10.0, state_dir });
    let writer = Writer::new(&WriterConfig { budget, image_dir, ..config(server) }).unwrap();
    let brief = sample::brief(|input| {
        input.output = Some("Both".into());
        input.platform = Some("TikTok".into());
        input.n_variants = Some(1);
    });
    let request = writer.request(&brief);
    let pictures = request.draw(&request.write().await.unwrap()).await.unwrap();
    (pictures.spent.cost_usd.unwrap(), writer.budget().unwrap().spent_usd.unwrap())
}

/// What a text costs at the built-in price of the model that was asked: 100 tokens read and 20 written.
const TEXT_USD: f64 = 0.000_027;

#[tokio::test]
async fn a_picture_costs_the_budget_what_its_answer_says_it_used_and_else_the_most_it_may_cost() {
    let of_usage = |usage: Value| {
        let body = json!({"data": [{"b64_json": STANDARD.encode(PNG)}], "usage": usage});
        ResponseTemplate::new(200).set_body_json(body)
    };
    let counted = json!({"input_tokens": 200, "output_tokens": 1_584, "total_tokens": 1_784});
    let implausible = json!({"input_tokens": 0, "output_tokens": -1});
    // An oblong one and its prompt, of some hundred bytes.
    let reserved = 0.063..0.075;
    let too_few = json!({"input_tokens": 5, "output_tokens": 1});
    let uncounted = [implausible, too_few, Value::Null].map(|usage| (usage, reserved.clone()));
    for (usage, usd) in std::iter::once((counted, 0.064_36..0.064_37)).chain(uncounted) {
        let server = server_with(vec![content(&["One."])]).await;
        answer_in_turn(&server, IMAGES, vec![of_usage(usage.clone())]).await;
        let (cost_usd, spent_usd) = drawn_on_a_budget(&server).await;
        assert!(usd.contains(&(cost_usd + 1e-9)), "{cost_usd} for {usage}");
        assert!((spent_usd - cost_usd - TEXT_USD).abs() < 1e-6, "{spent_usd} for {usage}");
    }
}

#[tokio::test]
async fn a_text_of_a_model_without_a_price_costs_its_caller_what_it_costs_the_budget() {
    let server = server_with(vec![content(&["One."])]).await;
    let dir = tempfile::tempdir().unwrap();
    let budget = Some(BudgetConfig { usd_per_day: 10.0, state_dir: dir.path().join("state") });
    let writer = Writer::new(&WriterConfig { budget, ..config(&server) }).unwrap();
    let told_usd = writer.request(&brief(1)).write().await.unwrap().spent.cost_usd.unwrap();
    let spent_usd = writer.budget().unwrap().spent_usd.unwrap();
    assert!((told_usd - TEXT_USD).abs() < 1e-9 && (spent_usd - TEXT_USD).abs() < 1e-9, "{told_usd} {spent_usd}");
}

#[tokio::test]
async fn where_a_server_chooses_the_quality_the_dearest_picture_is_reserved() {
    let server = server_with(vec![content(&["One."])]).await;
    let choosing = |request: &Request| match request.body_json::<Value>().unwrap().get("quality") {
        Some(_) => failure(400, "unknown_parameter", "Unknown parameter: 'quality'."),
        None => picture(PNG),
    };
    Mock::given(method("POST")).and(path(IMAGES)).respond_with(choosing).mount(&server).await;
    let (cost_usd, spent_usd) = drawn_on_a_budget(&server).await;
    assert!((0.25..0.262).contains(&cost_usd), "{cost_usd}");
    assert!((spent_usd - cost_usd - TEXT_USD).abs() < 1e-6, "{spent_usd}");
}

#[tokio::test]
async fn pictures_of_one_answer_wait_for_each_other_s_share_of_the_budget() {
    let texts: [&str; 8] = ["One text."; 8];
    let server = server_with(vec![content(&texts)]).await;
    answer_in_turn(&server, IMAGES, vec![picture(PNG).set_delay(Duration::from_millis(50))]).await;
    let dir = tempfile::tempdir().unwrap();
    let table = json!({"text": {"gpt-mock": {"prompt": 0.001, "completion": 0.001}}, "images": {"gpt-image-1": 0.1}});
    // Of what is left, one key's calls under way hold at most half: four pictures at first, and one in the end.
    let writer = Writer::new(&priced(&server, dir.path(), &table, 1.0)).unwrap();
    let payer = Some(Payer { name: "portal".into(), usd_per_day: None });
    let brief = brief(8);
    let request = writer.request(&brief).on_behalf_of(Requester { payer, ..Requester::default() });
    let pictures = request.draw(&request.write().await.unwrap()).await.unwrap();
    assert_eq!(pictures.images.len(), 8);
}

#[tokio::test]
async fn pictures_of_several_briefs_wait_for_each_other_s_share_of_the_budget_and_none_is_drawn_twice() {
    let server = server_with(vec![content(&["One.", "Two.", "Three."])]).await;
    answer_in_turn(&server, IMAGES, vec![picture(PNG).set_delay(Duration::from_millis(50))]).await;
    let dir = tempfile::tempdir().unwrap();
    let table = json!({"text": {"gpt-mock": {"prompt": 0.001, "completion": 0.001}}, "images": {"gpt-image-1": 0.1}});
    // One key may hold half of what is left: four pictures at first, and one in the end.
    let writer = Writer::new(&priced(&server, dir.path(), &table, 1.0)).unwrap();
    let payer = Some(Payer { name: "portal".into(), usd_per_day: None });
    let (requester, briefs) = (Requester { payer, ..Requester::default() }, [brief(3), brief(3), brief(3)]);
    let written: Vec<_> = write_all_for(&requester, &writer, &briefs, NonZeroUsize::MAX).collect().await;
    for (_, written) in written {
        let pictures = written.pictures.unwrap().unwrap();
        assert_eq!(pictures.images.len(), 3);
        assert!((pictures.spent.cost_usd.unwrap() - 0.3).abs() < 1e-9, "{:?}", pictures.spent);
    }
    let calls = server.received_requests().await.unwrap();
    let n_calls = |at: &str| calls.iter().filter(|call| call.url.path() == at).count();
    assert_eq!((n_calls(CHAT), n_calls(IMAGES)), (3, 9));
}

#[tokio::test]
async fn pictures_that_were_drawn_beside_one_that_failed_are_counted_and_paid() {
    let server = server_with(vec![content(&["One.", "Two.", "Three."])]).await;
    answer_in_turn(&server, IMAGES, vec![failure(400, "moderation_blocked", "no"), picture(PNG)]).await;
    let error = draw(&server, 3).await.unwrap_err();
    assert_eq!((error.drawn.len(), error.n_failed, error.spent.cost_usd), (2, 1, Some(1.0)));
}

#[tokio::test]
async fn a_picture_that_could_not_be_read_is_paid_also_when_the_next_one_can() {
    let server = server_with(vec![content(&["One."])]).await;
    answer_in_turn(&server, IMAGES, vec![picture(b"GIF89a"), picture(PNG)]).await;
    assert_eq!(draw(&server, 1).await.unwrap().spent.cost_usd, Some(1.0));

    let server = server_with(vec![content(&["One."])]).await;
    answer_in_turn(&server, IMAGES, vec![picture(b"GIF89a")]).await;
    let error = draw(&server, 1).await.unwrap_err();
    assert_eq!((error.drawn.len(), error.n_failed, error.spent.cost_usd), (0, 1, Some(1.0)));
}

#[tokio::test]
async fn once_a_picture_has_failed_no_other_is_tried_again() {
    let server = server_with(vec![content(&["One.", "Two."])]).await;
    // The second call fails in passing while the first has failed for good: nothing that follows could mend the answer.
    let at_images = || Mock::given(method("POST")).and(path(IMAGES));
    at_images().respond_with(ResponseTemplate::new(401)).up_to_n_times(1).mount(&server).await;
    let limited = ResponseTemplate::new(503).set_delay(Duration::from_secs(1));
    at_images().respond_with(limited).mount(&server).await;
    let error = draw(&server, 2).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Refused);
    let calls = server.received_requests().await.unwrap();
    assert_eq!(calls.iter().filter(|call| call.url.path() == IMAGES).count(), 2);
}
