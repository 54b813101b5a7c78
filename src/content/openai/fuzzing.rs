//! What the fuzz target `requests` asks of a model's answer.

use super::super::Campaign;
use super::super::prompt::has_leaked_delimiter;
use super::super::upstream::model_answer::ModelAnswer;

/// Reads an answer as the writer does. What passes holds no tag of a prompt and is no longer than the platform takes.
pub fn check_answer(answer: &str, campaign: &Campaign) {
    let Some(draft) = ModelAnswer::read(answer) else { return };
    let problems = draft.problems(campaign);
    assert!(problems.sentences.iter().all(|sentence| sentence.len() < 200), "{:?}", problems.sentences);
    if !problems.only_lengths {
        return;
    }
    let mended = draft.mend(campaign);
    let max_chars = campaign.platform().max_chars().unwrap_or(usize::MAX);
    for text in &mended.variants {
        assert!(text.chars().count() <= max_chars);
    }
    for text in mended.variants.iter().chain(&mended.image_prompt).chain(&mended.slogan) {
        assert!(!has_leaked_delimiter(text) && !text.contains(['\r', '\u{1b}', '\0']), "{text:?}");
    }
    assert!(mended.slogan.is_none_or(|slogan| !slogan.contains('\n') && slogan.split(' ').count() <= 7));
}
