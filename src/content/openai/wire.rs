//! What goes over the wire: the request with its JSON schema, and as much of the answer as is used.
//!
//! Requests are async-openai's types. Answers are read by a lenient type of our own: compatible servers leave out
//! fields that OpenAI's own always send.

use async_openai::error::OpenAIError;
use async_openai::types::chat::{
    ChatCompletionRequestAssistantMessageArgs, ChatCompletionRequestMessage, ChatCompletionRequestSystemMessageArgs,
    ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequest, CreateChatCompletionRequestArgs, ResponseFormat,
    ResponseFormatJsonSchema,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::super::prompt::Prompt;
use super::super::{Campaign, TokenCounts};

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
    pub(super) schema: Option<ResponseFormat>,
    pub(super) max_completion_tokens: Option<usize>,
}

/// The body of one call.
///
/// # Errors
/// Never in practice: async-openai's builders fail only on missing fields.
pub(super) fn request(ask: Ask<'_>) -> Result<CreateChatCompletionRequest, OpenAIError> {
    let Ask { model, prompt, repair, schema, max_completion_tokens } = ask;
    let mut messages: Vec<ChatCompletionRequestMessage> = vec![
        ChatCompletionRequestSystemMessageArgs::default().content(prompt.system.as_str()).build()?.into(),
        ChatCompletionRequestUserMessageArgs::default().content(prompt.user.as_str()).build()?.into(),
    ];
    if let Some(repair) = repair {
        messages
            .push(ChatCompletionRequestAssistantMessageArgs::default().content(repair.answer.as_str()).build()?.into());
        messages.push(ChatCompletionRequestUserMessageArgs::default().content(repair.request.as_str()).build()?.into());
    }
    let mut request = CreateChatCompletionRequestArgs::default();
    request.model(model).messages(messages);
    if let Some(schema) = schema {
        request.response_format(schema);
    }
    if let Some(max) = max_completion_tokens.and_then(|max| u32::try_from(max).ok()) {
        request.max_completion_tokens(max);
    }
    request.build()
}

/// The JSON schema of the answer. Strict mode wants every property required and no other allowed. The count of variants
/// is checked on arrival all the same: not every server keeps to `minItems` and `maxItems`.
pub(super) fn schema(campaign: &Campaign) -> ResponseFormat {
    let output = campaign.output();
    let mut properties = serde_json::Map::new();
    if output.wants_text() {
        let n = campaign.n_variants();
        let description = format!("exactly {n} texts, ready to post");
        properties.insert(
            "variants".to_owned(),
            json!({
                "type": "array", "items": {"type": "string"}, "minItems": n, "maxItems": n, "description": description,
            }),
        );
    }
    if output.wants_image_prompt() {
        properties.insert("image_prompt".to_owned(), json!({"type": "string"}));
        properties.insert("slogan".to_owned(), json!({"type": "string", "description": "at most 7 words"}));
    }
    let required: Vec<&String> = properties.keys().collect();
    let schema = json!({
        "type": "object", "required": required, "additionalProperties": false, "properties": properties,
    });
    ResponseFormat::JsonSchema {
        json_schema: ResponseFormatJsonSchema {
            name: "marketing_content".to_owned(),
            description: None,
            schema,
            strict: Some(true),
        },
    }
}

/// As much of a chat completion as is used.
#[derive(Deserialize)]
pub(super) struct ChatAnswer {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    #[serde(default)]
    pub(super) model: Option<String>,
    #[serde(default)]
    pub(super) usage: Option<Usage>,
}

impl ChatAnswer {
    /// The tokens that it cost, where the server counts both.
    pub(super) fn tokens(&self) -> Option<TokenCounts> {
        let usage = self.usage.as_ref()?;
        Some(TokenCounts { prompt: usage.prompt_tokens?, completion: usage.completion_tokens? })
    }

    /// The model, as it names itself or else as it was asked for.
    pub(super) fn model_or<'a>(&'a self, asked: &'a str) -> &'a str {
        self.model.as_deref().filter(|model| !model.is_empty()).unwrap_or(asked)
    }
}

/// One choice.
#[derive(Deserialize)]
pub(super) struct Choice {
    pub(super) message: Message,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
}

/// The model's words, or its refusal.
#[derive(Deserialize)]
pub(super) struct Message {
    #[serde(default)]
    pub(super) content: Option<Words>,
    #[serde(default)]
    pub(super) refusal: Option<String>,
}

/// A text, whole or in parts.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Words {
    Whole(String),
    Parts(Vec<Part>),
    Other(IgnoredAny),
}

/// A part of a text; a model's thinking comes as parts of other kinds.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Part {
    Bare(String),
    Typed {
        #[serde(rename = "type", default)]
        kind: Option<String>,
        text: String,
    },
    Other(IgnoredAny),
}

impl Words {
    /// The text itself; empty where there is none.
    pub(super) fn text(self) -> String {
        match self {
            Self::Whole(text) => text,
            Self::Parts(parts) => parts.into_iter().filter_map(Part::text).collect(),
            Self::Other(_) => String::new(),
        }
    }
}

impl Part {
    fn text(self) -> Option<String> {
        match self {
            Self::Bare(text) => Some(text),
            Self::Typed { kind, text } => {
                kind.is_none_or(|kind| matches!(kind.as_str(), "text" | "output_text")).then_some(text)
            }
            Self::Other(_) => None,
        }
    }
}

/// Tokens as the server counts them.
#[derive(Deserialize, Default)]
pub(super) struct Usage {
    #[serde(default)]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(default)]
    pub(super) completion_tokens: Option<u64>,
}
