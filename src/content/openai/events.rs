//! An answer that arrives as a stream of events (HTML standard, 9.2.6), joined into a whole one.
//!
//! Some servers stream by default, and some even with `stream: false`. For what reads answers.

use serde::Deserialize;
use serde_json::Value;

use super::wire::{ChatAnswer, Choice, Message, Words};

/// One event: a piece of an answer.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Option<Vec<Piece>>,
    #[serde(default)]
    model: Option<Words>,
    #[serde(default)]
    usage: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

/// What an event adds to a choice.
#[derive(Deserialize)]
struct Piece {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    delta: Option<Message>,
    #[serde(default)]
    message: Option<Message>,
    #[serde(default)]
    finish_reason: Option<Words>,
    #[serde(default)]
    error: Option<Value>,
}

/// Why a stream gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BrokenStream {
    #[error("the stream of events ends in the middle of the answer")]
    CutOff,
    #[error("the stream holds no event of an answer")]
    NoAnswer,
}

/// The text so far.
#[derive(Default)]
struct Gathered {
    content: String,
    thinking: String,
    refusal: String,
    finish_reason: Option<Words>,
    error: Option<Value>,
    model: Option<Words>,
    usage: Option<Value>,
    n_events: usize,
    is_done: bool,
}

/// Whether a body is a stream of events, for servers that do not say so.
pub(super) fn is_stream(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    [&b"data:"[..], b"event:", b"id:", b"retry:", b":"].iter().any(|field| body.starts_with(field))
}

/// The answer that the events of `body` make together.
///
/// # Errors
/// [`BrokenStream::CutOff`] where neither a reason to finish nor `[DONE]` ends it, [`BrokenStream::NoAnswer`] where no
/// event is part of an answer.
pub(super) fn gather(body: &[u8]) -> Result<ChatAnswer, BrokenStream> {
    let mut gathered = Gathered::default();
    for event in events(&String::from_utf8_lossy(body)) {
        if event.trim() == "[DONE]" {
            gathered.is_done = true;
            break;
        }
        // Servers send other events, too.
        if let Ok(chunk) = serde_json::from_str::<Chunk>(&event) {
            gathered.add(chunk);
        }
    }
    gathered.finish()
}

impl Gathered {
    fn add(&mut self, chunk: Chunk) {
        self.n_events += usize::from(chunk.choices.is_some() || chunk.error.is_some());
        self.model = chunk.model.or(self.model.take());
        self.usage = chunk.usage.filter(|usage| !usage.is_null()).or(self.usage.take());
        self.error = self.error.take().or(chunk.error.filter(|error| !error.is_null()));
        let pieces = chunk.choices.unwrap_or_default();
        for piece in pieces.into_iter().filter(|piece| piece.index.is_none_or(|index| index == 0)) {
            self.finish_reason = piece.finish_reason.filter(Words::is_some).or(self.finish_reason.take());
            self.error = self.error.take().or(piece.error.filter(|error| !error.is_null()));
            for message in piece.delta.into_iter().chain(piece.message) {
                let add =
                    |to: &mut String, words: Option<Words>| to.push_str(&words.map(Words::text).unwrap_or_default());
                add(&mut self.content, message.content);
                add(&mut self.thinking, message.reasoning_content.or(message.reasoning));
                add(&mut self.refusal, message.refusal);
            }
        }
    }

    fn finish(self) -> Result<ChatAnswer, BrokenStream> {
        if self.n_events == 0 {
            return Err(BrokenStream::NoAnswer);
        }
        let is_whole = self.is_done || self.finish_reason.is_some() || self.error.is_some();
        if !is_whole {
            return Err(BrokenStream::CutOff);
        }
        let message = Message {
            content: Some(Words::Whole(self.content)),
            refusal: Some(Words::Whole(self.refusal)),
            reasoning_content: Some(Words::Whole(self.thinking)),
            reasoning: None,
        };
        let choice = Choice { message: Some(message), finish_reason: self.finish_reason, error: None };
        Ok(ChatAnswer { choices: Some(vec![choice]), model: self.model, usage: self.usage, error: self.error })
    }
}

/// The data of each event: its `data` lines, put together.
fn events(stream: &str) -> Vec<String> {
    let mut events = Vec::new();
    let mut data: Vec<&str> = Vec::new();
    let stream = stream.trim_start_matches('\u{feff}');
    for line in stream.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).chain([""]) {
        if let Some(piece) = line.strip_prefix("data:") {
            data.push(piece.strip_prefix(' ').unwrap_or(piece));
        } else if line.is_empty() && !data.is_empty() {
            events.push(std::mem::take(&mut data).join("\n"));
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chunk(content: &str) -> String {
        let chunk =
            json!({"model": "m-1", "choices": [{"index": 0, "delta": {"content": content}, "finish_reason": null}]});
        format!("data: {chunk}\n\n")
    }

    const FINISHED: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

    fn text(stream: &str) -> Result<String, BrokenStream> {
        let choice = gather(stream.as_bytes())?.choices.unwrap().remove(0);
        Ok(choice.message.unwrap().content.unwrap().text())
    }

    #[test]
    fn the_pieces_of_a_text_are_put_together_whatever_is_between_them() {
        let (one, two) = (chunk("One "), chunk("tw\u{f6}."));
        for stream in [
            format!("{one}{two}{FINISHED}data: [DONE]\n\n"),
            format!("{one}{two}data: [DONE]\n\n"),
            format!("{one}{two}{FINISHED}"),
            format!("\u{feff}: OPENROUTER PROCESSING\n\n{one}event: x\n{two}data: {{\"remark\": 1}}\n\n{FINISHED}"),
            format!("{one}{two}{FINISHED}").replace('\n', "\r\n"),
            format!("{one}{two}{FINISHED}").replace("data: ", "data:").trim_end().to_owned(),
        ] {
            assert_eq!(text(&stream), Ok("One tw\u{f6}.".to_owned()), "{stream}");
        }
    }

    #[test]
    fn other_choices_are_left_out_and_a_whole_message_is_taken() {
        let other = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"No\"}}]}\n\n";
        assert_eq!(text(&format!("{}{other}{FINISHED}", chunk("Yes"))), Ok("Yes".to_owned()));
        let whole = json!({"choices": [{"message": {"content": "Yes"}, "finish_reason": "stop"}]});
        assert_eq!(text(&format!("data: {whole}\n\n")), Ok("Yes".to_owned()));
    }

    #[test]
    fn a_stream_that_stops_early_or_holds_no_answer_is_broken() {
        assert_eq!(text(&chunk("Half a")), Err(BrokenStream::CutOff));
        for stream in ["", "data: [DONE]\n\n", ": ping\n\n", "data: {\"choices\": \n\n"] {
            assert_eq!(text(stream), Err(BrokenStream::NoAnswer), "{stream}");
        }
    }

    #[test]
    fn usage_model_thinking_and_an_error_are_kept() {
        let thinking = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"Hm\"}}]}\n\n";
        let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":9}}\n\n";
        let answer = gather(format!("{}{thinking}{FINISHED}{usage}", chunk("One")).as_bytes()).unwrap();
        assert_eq!(answer.usage.unwrap()["prompt_tokens"], 7);
        let message = answer.choices.unwrap().remove(0).message.unwrap();
        assert_eq!(
            (answer.model.unwrap().text(), message.reasoning_content.unwrap().text()),
            ("m-1".into(), "Hm".into())
        );
        let error = "data: {\"error\":{\"message\":\"Overloaded\",\"code\":529}}\n\n";
        assert_eq!(gather(format!("{}{error}", chunk("Half")).as_bytes()).unwrap().error.unwrap()["code"], 529);
    }

    #[test]
    fn a_stream_is_known_by_its_first_field() {
        for stream in ["data: {}", "\n event: x", ": ping", "id: 1"] {
            assert!(is_stream(stream.as_bytes()), "{stream}");
        }
        for other in ["{\"data\": 1}", "[]", "<html>", "", "\"data:\""] {
            assert!(!is_stream(other.as_bytes()), "{other}");
        }
    }
}
