//! A request for texts, in the dialect that its server takes.

use std::error::Error;

use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessageArgs, ChatCompletionRequestMessage, ChatCompletionRequestSystemMessageArgs,
    ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequest, CreateChatCompletionRequestArgs, ResponseFormat,
    ResponseFormatJsonSchema,
};
use serde::Serialize;
use serde_json::{Map, json};

use super::super::Campaign;
use super::super::prompt::Prompt;
use super::dialect::{Dialect, Format, FormatKind, Limit, Stream};

/// One turn of a conversation after the first: what the model answered, and what it is asked to mend.
#[derive(Debug)]
pub(super) struct Repair {
    pub(super) answer: String,
    pub(super) request: String,
}

/// What one call asks for.
pub(super) struct Ask<'a> {
    pub(super) model: &'a str,
    pub(super) prompt: &'a Prompt,
    pub(super) repair: Option<&'a Repair>,
    pub(super) campaign: &'a Campaign,
    /// How many tokens the model may write.
    pub(super) limit: Option<usize>,
    pub(super) dialect: Dialect,
}

/// The body of one call.
///
/// # Errors
/// Never in practice: async-openai's builders fail only on missing fields, and its types are all of JSON.
pub(super) fn body(ask: &Ask<'_>) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let &Ask { model, prompt, repair, campaign, limit, dialect } = ask;
    let mut request = CreateChatCompletionRequestArgs::default();
    request.model(model).messages(messages(prompt, repair, dialect.folds_system)?);
    if let Some(format) = response_format(campaign, dialect.format) {
        request.response_format(format);
    }
    match dialect.stream {
        Stream::Off => request.stream(false),
        Stream::Unsaid => &mut request,
        Stream::On | Stream::OnWithoutUsage => request.stream(true),
    };
    let limited = |name| limit.filter(|_| dialect.limit == name);
    let (max_completion_tokens, max_tokens) = (limited(Limit::MaxCompletionTokens), limited(Limit::MaxTokens));
    let stream_options = (dialect.stream == Stream::On).then_some(StreamOptions { include_usage: true });
    Ok(serde_json::to_vec(&Body { request: request.build()?, max_completion_tokens, max_tokens, stream_options })?)
}

/// A request with its limit, which is set here: async-openai marks the older name, which most other servers know alone,
/// as deprecated.
#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    request: CreateChatCompletionRequest,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
}

/// What a stream of events is to hold beside the answer.
#[derive(Serialize)]
struct StreamOptions {
    /// The tokens that it cost.
    include_usage: bool,
}

fn messages(
    prompt: &Prompt,
    repair: Option<&Repair>,
    folds_system: bool,
) -> Result<Vec<ChatCompletionRequestMessage>, OpenAIError> {
    let user = |text: &str| ChatCompletionRequestUserMessageArgs::default().content(text).build();
    let mut messages: Vec<ChatCompletionRequestMessage> = if folds_system {
        vec![user(&prompt.whole())?.into()]
    } else {
        let system = ChatCompletionRequestSystemMessageArgs::default().content(prompt.system.as_str()).build()?;
        vec![system.into(), user(&prompt.user)?.into()]
    };
    if let Some(repair) = repair {
        let answer = ChatCompletionRequestAssistantMessageArgs::default().content(repair.answer.as_str()).build()?;
        messages.extend([answer.into(), user(&repair.request)?.into()]);
    }
    Ok(messages)
}

fn response_format(campaign: &Campaign, format: Format) -> Option<ResponseFormat> {
    match format.kind {
        FormatKind::Schema => Some(schema(campaign, format)),
        FormatKind::Object => Some(ResponseFormat::JsonObject),
        FormatKind::Words => None,
    }
}

/// The JSON schema of the answer. Strict mode wants every property required and no other allowed. The count of variants
/// is checked on arrival all the same: not every server keeps to `minItems` and `maxItems`.
fn schema(campaign: &Campaign, format: Format) -> ResponseFormat {
    let output = campaign.output();
    let mut properties = Map::new();
    if output.wants_text() {
        let n = campaign.n_variants();
        let mut variants = Map::from_iter([
            ("type".to_owned(), json!("array")),
            ("items".to_owned(), json!({"type": "string"})),
            ("description".to_owned(), json!(format!("exactly {n} texts, ready to post"))),
        ]);
        if format.has_counts {
            variants.extend(["minItems", "maxItems"].map(|name| (name.to_owned(), json!(n))));
        }
        properties.insert("variants".to_owned(), variants.into());
    }
    if output.wants_image_prompt() {
        properties.insert("image_prompt".to_owned(), json!({"type": "string"}));
        properties.insert("slogan".to_owned(), json!({"type": "string", "description": "at most 7 words"}));
    }
    let required: Vec<&String> = properties.keys().collect();
    let mut schema = Map::from_iter([("type".to_owned(), json!("object")), ("required".to_owned(), json!(required))]);
    if format.is_strict {
        schema.insert("additionalProperties".to_owned(), json!(false));
    }
    schema.insert("properties".to_owned(), properties.into());
    ResponseFormat::JsonSchema {
        json_schema: ResponseFormatJsonSchema {
            name: "marketing_content".to_owned(),
            description: None,
            schema: schema.into(),
            strict: format.is_strict.then_some(true),
        },
    }
}
