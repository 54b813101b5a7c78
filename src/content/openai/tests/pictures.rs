//! Pictures: how they are asked for, taken in, priced and refused.

use std::num::NonZeroUsize;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::super::super::{
    Brief, Pictures, Requester, WriteError, WriteErrorKind, WriteStep, Writer, WriterConfig, sample, write_all,
};
use super::{CHAT, KEY, answer_in_turn, completion, config, content, failure, server_with, shown};

const IMAGES: &str = "/v1/images/generations";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest of a picture";

fn brief(output: &str, platform: &str, n_variants: i64) -> Brief {
    sample::brief(|input| {
        input.output = Some(output.into());
        input.platform = Some(platform.into());
        input.n_variants = Some(n_variants);
    })
}

fn picture(bytes: &[u8]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"created": 1, "data": [{"b64_json": STANDARD.encode(bytes)}]}))
}

fn at_address(url: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"created": 1, "data": [{"url": url}]}))
}

/// A server that writes one text, and answers calls for pictures in this order.
async fn server_drawing(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = server_with(vec![content(&["One."])]).await;
    answer_in_turn(&server, IMAGES, answers).await;
    server
}

/// A writer whose pictures go with the folder.
fn writer(config: WriterConfig) -> (Writer, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let config = WriterConfig { image_dir: dir.path().to_owned(), ..config };
    (Writer::new(&config).unwrap(), dir)
}

/// Writes and draws one picture; how many files that left.
async fn draw(server: &MockServer, platform: &str) -> (Result<Pictures, WriteError>, usize) {
    let (writer, dir) = writer(config(server));
    let brief = brief("Image", platform, 1);
    let request = writer.request(&brief);
    let drawn = request.draw(&request.write().await.unwrap()).await;
    (drawn, std::fs::read_dir(dir.path()).unwrap().count())
}

/// The bodies of all calls for pictures.
async fn asked(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().filter(|r| r.url.path() == IMAGES).map(|r| r.body_json().unwrap()).collect()
}

#[tokio::test]
async fn each_output_gets_what_it_asks_for_and_no_call_more() {
    for (output, n_variants) in [("Text", 1), ("Text", 3), ("Image", 1), ("Image", 3), ("Both", 1), ("Both", 3)] {
        let n = usize::try_from(n_variants).unwrap();
        let texts = ["One.", "Two.", "Three."];
        let server = server_with(vec![content(&texts[..n])]).await;
        answer_in_turn(&server, IMAGES, vec![picture(PNG)]).await;
        let (writer, _dir) = writer(config(&server));
        let briefs = [brief(output, "Instagram", n_variants)];
        let (_, written) = write_all(&writer, &briefs, NonZeroUsize::MIN).next().await.unwrap();

        let content = written.content.unwrap();
        assert!(content.waited > Duration::ZERO);
        assert_eq!(content.variants, if output == "Image" { &[] } else { &texts[..n] }, "{output}");
        let n_pictures = if output == "Text" { 0 } else { n };
        assert_eq!(asked(&server).await.len(), n_pictures, "{output}");
        let calls = server.received_requests().await.unwrap();
        assert_eq!(calls.iter().filter(|call| call.url.path() == CHAT).count(), 1);
        match written.pictures {
            None => assert_eq!(output, "Text"),
            Some(pictures) => {
                let pictures = pictures.unwrap();
                assert_eq!((pictures.images.len(), pictures.model.as_str()), (n, "gpt-image-1"));
                assert!(pictures.waited > Duration::ZERO);
                let stored = writer.images().open(&pictures.images[0]).unwrap().map(|mut file| {
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
                    bytes
                });
                assert_eq!(stored.as_deref(), Some(PNG));
            }
        }
    }
}

#[tokio::test]
async fn a_call_names_model_size_prompt_and_slogan_and_carries_the_key_in_its_header_alone() {
    for (platform, model, size, quality, response_format) in [
        ("Instagram", "gpt-image-1", "1024x1024", Some("medium"), None),
        ("TikTok", "gpt-image-1", "1024x1536", Some("medium"), None),
        ("Website", "gpt-image-1-mini", "1536x1024", Some("medium"), None),
        ("TikTok", "dall-e-3", "1024x1792", Some("standard"), Some("b64_json")),
        ("Website", "dall-e-2", "1024x1024", None, Some("b64_json")),
    ] {
        let server = server_drawing(vec![picture(PNG)]).await;
        let (writer, _dir) = writer(WriterConfig { image_model: model.into(), ..config(&server) });
        let brief = brief("Image", platform, 1);
        let request = writer.request(&brief);
        request.draw(&request.write().await.unwrap()).await.unwrap();
        let [body] = asked(&server).await.try_into().unwrap();
        assert_eq!((body["model"].as_str(), body["size"].as_str(), &body["n"]), (Some(model), Some(size), &json!(1)));
        let word = |field: &str| body.get(field).and_then(Value::as_str);
        assert_eq!((word("quality"), word("response_format")), (quality, response_format));
        let prompt = body["prompt"].as_str().unwrap();
        assert!(prompt.starts_with("A coat on a hook.") && prompt.contains("\"Warm up to winter\""), "{prompt}");
        assert!(!body.to_string().contains(KEY));
        let calls = server.received_requests().await.unwrap();
        assert!(calls.iter().all(|call| call.headers["authorization"] == format!("Bearer {KEY}").as_str()));
    }
}

#[tokio::test]
async fn a_description_that_is_too_long_for_the_model_is_cut_and_the_slogan_stays() {
    let text = json!({"image_prompt": "A long coat in soft light. ".repeat(70), "slogan": "Warm up"}).to_string();
    let server = server_with(vec![ResponseTemplate::new(200).set_body_json(completion(&text))]).await;
    answer_in_turn(&server, IMAGES, vec![picture(PNG)]).await;
    let (writer, _dir) = writer(WriterConfig { image_model: "dall-e-2".into(), ..config(&server) });
    let brief = brief("Image", "Email", 1);
    let request = writer.request(&brief);
    request.draw(&request.write().await.unwrap()).await.unwrap();
    let prompt = asked(&server).await[0]["prompt"].as_str().unwrap().to_owned();
    assert!(prompt.chars().count() <= 1_000 && prompt.contains("soft light.\n") && prompt.contains("\"Warm up\""));
}

#[tokio::test]
async fn a_picture_at_an_address_is_fetched_without_the_key() {
    let server = server_with(vec![content(&["One."])]).await;
    let address = format!("{}/files/a.png?sig=x", server.uri());
    answer_in_turn(&server, IMAGES, vec![at_address(&address)]).await;
    // The first try to fetch it fails: the picture is not drawn, and paid for, a second time.
    let file = || Mock::given(method("GET")).and(path("/files/a.png"));
    file().respond_with(ResponseTemplate::new(503)).up_to_n_times(1).mount(&server).await;
    file().respond_with(ResponseTemplate::new(200).set_body_bytes(PNG)).mount(&server).await;
    let (drawn, _) = draw(&server, "Instagram").await;
    assert_eq!(drawn.unwrap().images[0].media_type(), "image/png");
    assert_eq!(asked(&server).await.len(), 1);
    let calls = server.received_requests().await.unwrap();
    let fetches: Vec<_> = calls.iter().filter(|call| call.method.as_str() == "GET").collect();
    assert_eq!(fetches.len(), 2);
    assert!(fetches.iter().all(|fetch| !fetch.headers.contains_key("authorization")));
}

#[tokio::test]
async fn an_address_inside_the_network_is_refused_without_a_call() {
    for address in [
        "http://127.0.0.2/a.png",
        "http://localhost/a.png",
        "http://[::1]/a.png",
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "nonsense",
    ] {
        let server = server_drawing(vec![at_address(address)]).await;
        let (drawn, n_files) = draw(&server, "Instagram").await;
        let error = drawn.unwrap_err();
        assert_eq!((error.step, error.kind, n_files), (WriteStep::Draw, WriteErrorKind::BadAnswer, 0), "{address}");
        assert_eq!(asked(&server).await.len(), 1);
        assert!(!shown(&error).contains(address), "{address}");
    }
}

#[tokio::test]
async fn an_address_that_gives_no_picture_is_a_bad_answer() {
    for (answer, n_fetches) in [
        (ResponseTemplate::new(404), 1),
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.2/a.png"), 1),
        (ResponseTemplate::new(200).set_body_string("<html>expired</html>"), 3),
        (ResponseTemplate::new(200).set_body_bytes([PNG, &[0; 20_000_000]].concat()), 1),
    ] {
        let server = server_with(vec![content(&["One."])]).await;
        answer_in_turn(&server, IMAGES, vec![at_address(&format!("{}/a.png", server.uri()))]).await;
        Mock::given(method("GET")).respond_with(answer).expect(n_fetches).mount(&server).await;
        let (drawn, n_files) = draw(&server, "Instagram").await;
        assert_eq!((drawn.unwrap_err().kind, n_files), (WriteErrorKind::BadAnswer, 0));
    }
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    for first in [
        ResponseTemplate::new(429),
        ResponseTemplate::new(503).insert_header("retry-after-ms", "2"),
        ResponseTemplate::new(500).set_body_string("boom"),
        ResponseTemplate::new(200).set_body_string("<html>Bad gateway</html>"),
        ResponseTemplate::new(200).set_body_string("{\"data\": [{\"b64_json\": \"iVBO"),
        ResponseTemplate::new(200).set_body_json(json!({"data": []})),
        ResponseTemplate::new(200).set_body_json(json!({"data": [{"b64_json": "%%%"}]})),
        picture(b"GIF89a"),
    ] {
        let server = server_drawing(vec![first, picture(PNG)]).await;
        assert_eq!(draw(&server, "Email").await.0.unwrap().images.len(), 1);
        assert_eq!(asked(&server).await.len(), 2);
    }
}

#[tokio::test]
async fn lasting_failures_say_what_they_are() {
    use WriteErrorKind::{
        BadAnswer, CutOff, OutOfQuota, RateLimited, Refused, RefusedContent, RefusedRequest, Upstream,
    };
    let words = |text: &str| ResponseTemplate::new(200).set_body_string(text);
    for (answer, kind, n_calls) in [
        (failure(401, "invalid_api_key", KEY), Refused, 1),
        (failure(400, "content_policy_violation", "winter coats"), RefusedContent, 1),
        (failure(400, "moderation_blocked", "winter coats"), RefusedContent, 1),
        (failure(400, "invalid_value", "winter coats"), RefusedRequest, 1),
        (failure(429, "insufficient_quota", "quota"), OutOfQuota, 1),
        (ResponseTemplate::new(429), RateLimited { retry_after: None }, 3),
        (ResponseTemplate::new(500), Upstream, 3),
        (words("<html>winter coats</html>"), BadAnswer, 2),
        (words("{\"data\": [{"), CutOff, 2),
        (words("{\"data\": [{}]}"), BadAnswer, 2),
        (words("{\"data\": [{\"b64_json\": \"iVBORw0KGgo\\u0000\"}]}"), BadAnswer, 2),
        (picture(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), BadAnswer, 2),
    ] {
        let server = server_drawing(vec![answer]).await;
        let (drawn, n_files) = draw(&server, "LinkedIn").await;
        let error = drawn.unwrap_err();
        assert_eq!((error.step, error.kind, n_files), (WriteStep::Draw, kind, 0));
        assert_eq!(asked(&server).await.len(), n_calls);
        assert!(error.waited > Duration::ZERO);
        for secret in [KEY, "winter coats", &server.uri()] {
            assert!(!shown(&error).contains(secret));
        }
    }
}

#[tokio::test]
async fn base64_is_read_with_or_without_its_padding_in_lines_and_behind_a_data_address() {
    let bytes = [PNG, b"!!"].concat();
    let padded = STANDARD.encode(&bytes);
    assert!(padded.ends_with('='));
    let (first, second) = padded.split_at(8);
    let (lines, data) = (format!("{first}\r\n{second}"), format!("data:image/png;base64,{padded}"));
    for image in [
        json!({"b64_json": padded, "url": null}),
        json!({"b64_json": padded.trim_end_matches('=')}),
        json!({"b64_json": format!("{padded}\n")}),
        json!({"b64_json": lines}),
        json!({"b64_json": data}),
        json!({"b64_json": null, "url": data}),
        json!({"url": data.replace("data:", "DATA:")}),
    ] {
        let server = server_drawing(vec![ResponseTemplate::new(200).set_body_json(json!({"data": [image]}))]).await;
        assert!(draw(&server, "Email").await.0.is_ok(), "{image}");
    }
}

#[tokio::test]
async fn texts_and_pictures_have_a_deadline_each() {
    let late = || ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
    let brief = brief("Image", "Email", 1);
    let (short, long) = (Duration::from_millis(300), Duration::from_secs(600));
    let server = server_drawing(vec![late()]).await;
    let (writer_of_late, _dir) =
        writer(WriterConfig { image_timeout: short, timeout: long, deadline: long, ..config(&server) });
    let request = writer_of_late.request(&brief);
    let content = request.write().await.unwrap();
    assert_eq!(request.draw(&content).await.unwrap_err().kind, WriteErrorKind::TimedOut);
    assert!(request.write().await.is_ok(), "the texts' time is not used up by that");
    assert_eq!(asked(&server).await.len(), 1);

    // Drawing may take longer than any text: what is left of the texts' time does not matter.
    let server = server_drawing(vec![picture(PNG).set_delay(short)]).await;
    let (writer, _dir) = writer(WriterConfig { timeout: short / 2, deadline: short / 2, ..config(&server) });
    assert!(writer.request(&brief).draw(&content).await.is_ok());
}

#[tokio::test]
async fn a_field_that_a_server_refuses_is_left_out_of_every_later_call() {
    for (model, body, field) in [
        ("flux", json!({"code": "400", "error": "Argument not supported: size"}), "size"),
        ("flux", json!({"error": {"message": "size: Unrecognized key", "type": "invalid_request_error"}}), "size"),
        ("flux", json!({"error": {"message": "Unknown parameter: 'n'.", "param": "n"}}), "n"),
        ("dall-e-3", json!({"error": {"message": "Unknown parameter: 'response_format'."}}), "response_format"),
        ("gpt-image-1", json!({"error": {"message": "Unknown parameter: 'quality'."}}), "quality"),
    ] {
        let server = server_with(vec![content(&["One.", "Two."])]).await;
        let refusing = move |request: &Request| {
            let has_field = request.body_json::<Value>().unwrap().get(field).is_some();
            if has_field { ResponseTemplate::new(400).set_body_json(&body) } else { picture(PNG) }
        };
        Mock::given(path(IMAGES)).respond_with(refusing).mount(&server).await;
        let (writer, _dir) = writer(WriterConfig { image_model: model.into(), ..config(&server) });
        let brief = brief("Both", "TikTok", 2);
        for n_calls in [4, 6] {
            let request = writer.request(&brief);
            let pictures = request.draw(&request.write().await.unwrap()).await.unwrap();
            assert_eq!((pictures.images.len(), asked(&server).await.len()), (2, n_calls), "{field}");
        }
    }
}

#[tokio::test]
async fn a_size_that_a_server_refuses_gives_way_to_one_that_it_names() {
    let server = server_with(vec![content(&["One."])]).await;
    let refusing = |request: &Request| {
        let body: Value = request.body_json().unwrap();
        let text = format!("Invalid value: '{}'. Supported values are: '256x256' and '512x768'.", body["size"]);
        if body["size"] == "512x768" { picture(PNG) } else { failure(400, "invalid_value", &text) }
    };
    Mock::given(path(IMAGES)).respond_with(refusing).mount(&server).await;
    assert!(draw(&server, "TikTok").await.0.is_ok());
}

#[tokio::test]
async fn a_server_s_own_fault_changes_no_other_client_s_pictures() {
    let busy = failure(500, "x", "The queue size limit is reached.");
    let server = server_drawing(vec![busy, picture(PNG)]).await;
    let (writer, _dir) = writer(config(&server));
    let brief = brief("Image", "TikTok", 1);
    for client in [1, 2, 1] {
        let request = writer.request(&brief).on_behalf_of(Requester { client, ..Requester::default() });
        request.draw(&request.write().await.unwrap()).await.unwrap();
    }
    let sizes: Vec<_> = asked(&server).await.iter().map(|body| body["size"].clone()).collect();
    assert_eq!(sizes, ["1024x1536", "1024x1024", "1024x1536", "1024x1024"]);
}

#[tokio::test]
async fn a_picture_that_fails_leaves_its_texts_and_the_other_briefs() {
    let server = server_with(vec![content(&["One."])]).await;
    let portrait = body_partial_json(json!({"size": "1024x1536"}));
    Mock::given(path(IMAGES)).and(portrait).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    answer_in_turn(&server, IMAGES, vec![picture(PNG)]).await;
    let (writer, _dir) = writer(config(&server));
    let briefs = [brief("Both", "Email", 1), brief("Both", "TikTok", 1), brief("Both", "Website", 1)];
    let mut written: Vec<_> = write_all(&writer, &briefs, NonZeroUsize::MAX).collect().await;
    written.sort_by_key(|&(index, _)| index);
    let outcomes: Vec<_> = written
        .into_iter()
        .map(|(_, one)| (one.content.unwrap().variants.len(), one.pictures.unwrap().is_ok()))
        .collect();
    assert_eq!(outcomes, [(1, true), (1, false), (1, true)]);
}

#[tokio::test]
async fn costs_are_told_by_the_table_of_prices_and_unknown_where_it_has_none() {
    let server = server_with(vec![content(&["One.", "Two."])]).await;
    answer_in_turn(&server, IMAGES, vec![picture(PNG)]).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("prices.json");
    let table = json!({"text": {"gpt-mock": {"prompt": 10, "completion": 100}}, "images": {"my-image": 0.5}});
    std::fs::write(&path, table.to_string()).unwrap();
    let brief = brief("Both", "Email", 2);
    for (prices, image_model, text_usd, pictures_usd) in
        [(Some(path), "my-image-2026-01-31", Some(0.003), Some(1.0)), (None, "my-image-2026-01-31", None, None)]
    {
        let (model, image_model) = ("my-model".to_owned(), image_model.to_owned());
        let (writer, _dir) = writer(WriterConfig { prices, model, image_model, ..config(&server) });
        let request = writer.request(&brief);
        let content = request.write().await.unwrap();
        assert_eq!(content.spent.cost_usd, text_usd);
        assert_eq!(request.draw(&content).await.unwrap().spent.cost_usd, pictures_usd);
    }
}

#[tokio::test]
async fn what_a_server_does_not_count_has_no_known_cost() {
    let text = json!({"variants": ["One."], "image_prompt": "p", "slogan": "s"}).to_string();
    let mut answer = completion(&text);
    answer["model"] = json!("gpt-4o-mini");
    answer.as_object_mut().unwrap().remove("usage");
    let server = server_with(vec![ResponseTemplate::new(200).set_body_json(answer)]).await;
    let content = super::write(&server, &brief("text_and_prompt", "Email", 1)).await.unwrap();
    assert_eq!((content.spent.tokens.prompt, content.spent.cost_usd), (0, None));
}
