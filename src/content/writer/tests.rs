use super::super::{CampaignInput, Secret, sample};
use super::*;

/// An offline writer whose pictures go with the folder.
fn offline() -> (Writer, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let config = WriterConfig { image_dir: dir.path().join("images"), ..WriterConfig::default() };
    (Writer::new(&config).unwrap(), dir)
}

fn brief(output: &str, n_variants: i64) -> Brief {
    sample::brief(|input: &mut CampaignInput| {
        input.output = Some(output.to_owned());
        input.n_variants = Some(n_variants);
    })
}

#[test]
fn the_writer_is_chosen_by_kind_and_key() {
    let name = |edit: fn(&mut WriterConfig)| {
        let mut config = WriterConfig { base_url: "http://127.0.0.1:1/v1".to_owned(), ..WriterConfig::default() };
        edit(&mut config);
        Writer::new(&config).map(|writer| writer.name()).map_err(|e| e.to_string())
    };
    assert_eq!(name(|c| c.base_url = WriterConfig::OPENAI_BASE_URL.to_owned()), Ok("offline"));
    assert_eq!(name(|_| {}), Ok("openai"), "a server of one's own is chosen on purpose");
    assert_eq!(name(|c| c.api_key = Secret::new("k")), Ok("openai"));
    assert_eq!(name(|c| c.kind = WriterKind::Openai), Ok("openai"), "a local server may need no key");
    assert_eq!(name(|c| c.kind = WriterKind::Offline), Ok("offline"));
    let without_key = name(|c| {
        c.kind = WriterKind::Openai;
        c.base_url = WriterConfig::OPENAI_BASE_URL.to_owned();
    });
    assert!(without_key.unwrap_err().contains("needs a key"));
    let of_another_kind = name(|c| {
        c.kind = WriterKind::Openai;
        c.base_url = "ftp://example.org".to_owned();
    });
    assert!(of_another_kind.unwrap_err().contains("http:// or https://"));
    assert!(Secret::new(" ").is_none(), "a blank key is a missing one");
}

#[tokio::test]
async fn many_briefs_are_answered_each_under_its_index() {
    let (writer, _dir) = offline();
    let briefs: Vec<Brief> = (1..=7).map(|n| brief("Text", n)).collect();
    let mut written: Vec<_> = write_all(&writer, &briefs, NonZeroUsize::new(2).unwrap()).collect().await;
    written.sort_by_key(|&(index, _)| index);
    let counts: Vec<usize> = written.into_iter().map(|(_, written)| written.content.unwrap().variants.len()).collect();
    assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn only_what_the_output_asks_for_is_written_and_drawn() {
    let (writer, _dir) = offline();
    for (output, has_text, has_prompt, has_picture) in [
        ("Text", true, false, false),
        ("Image", false, true, true),
        ("Both", true, true, true),
        ("image_prompt", false, true, false),
        ("text_and_prompt", true, true, false),
    ] {
        let briefs = [brief(output, 2)];
        let (_, written) = write_all(&writer, &briefs, NonZeroUsize::MIN).next().await.unwrap();
        let content = written.content.unwrap();
        assert_eq!(content.variants.len(), if has_text { 2 } else { 0 }, "{output}");
        assert_eq!((content.image_prompt.is_some(), content.slogan.is_some()), (has_prompt, has_prompt));
        assert_eq!(written.pictures.map(|drawn| drawn.unwrap().images.len()), has_picture.then_some(2), "{output}");
    }
}

#[tokio::test]
async fn what_the_offline_writer_makes_is_marked_and_free() {
    let (writer, _dir) = offline();
    let brief = brief("Both", 1);
    let request = writer.request(&brief);
    let content = request.write().await.unwrap();
    assert!(content.flags.is_offline && content.model == "offline" && content.prompt_hash.len() == 64);
    assert_eq!((content.spent, content.waited), (Spent::NOTHING, Duration::ZERO));
    let pictures = request.draw(&content).await.unwrap();
    assert_eq!((pictures.model.as_str(), pictures.spent), ("offline", Spent::NOTHING));
    let Some(Picture::InMemory(png)) = writer.picture(&pictures.images[0]).unwrap() else { panic!("no poster") };
    assert_eq!(writer.drawn_lately(&pictures.images[0]), Some(png.clone()));
    assert!(png.starts_with(b"\x89PNG"));
}

#[tokio::test]
async fn a_request_keeps_the_prompts_that_it_began_with() {
    let prompts = tempfile::tempdir().unwrap();
    let config = WriterConfig { prompt_dir: Some(prompts.path().to_owned()), ..WriterConfig::default() };
    let writer = Writer::new(&config).unwrap();
    let brief = brief("Text", 1);
    let begun = writer.request(&brief);
    std::fs::write(prompts.path().join("system.j2"), "Write well.").unwrap();
    writer.refresh_prompts();
    let (before, after) = (begun.write().await.unwrap(), writer.request(&brief).write().await.unwrap());
    assert!(after.prompt_used.starts_with("Write well.") && !before.prompt_used.starts_with("Write well."));
    assert_ne!(before.prompt_hash, after.prompt_hash);
}

#[tokio::test]
async fn a_picture_that_cannot_be_stored_says_so_and_leaves_the_texts() {
    let dir = tempfile::tempdir().unwrap();
    let image_dir = dir.path().join("a-file");
    std::fs::write(&image_dir, "").unwrap();
    let writer = Writer::new(&WriterConfig { image_dir, ..WriterConfig::default() }).unwrap();
    let briefs = [brief("Both", 1)];
    let (_, written) = write_all(&writer, &briefs, NonZeroUsize::MIN).next().await.unwrap();
    assert_eq!(written.content.unwrap().variants.len(), 1);
    let error = written.pictures.unwrap().unwrap_err();
    assert_eq!((error.step, error.kind), (WriteStep::Draw, WriteErrorKind::Storage));
    assert_eq!((error.drawn.len(), error.n_failed), (0, 1));
}

#[tokio::test]
async fn a_panic_while_writing_is_that_brief_s_error() {
    let panics = async { panic!("a fault") };
    let error = caught::<()>(WriteStep::Draw, panics).await.unwrap_err();
    assert_eq!((error.step, error.kind), (WriteStep::Draw, WriteErrorKind::Internal));
}
