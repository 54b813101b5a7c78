//! What must hold for every poster.

use std::collections::HashSet;

use proptest::prelude::*;

use super::lettering::Place;
use super::*;

const PLATFORMS: [Platform; 3] = [Platform::Instagram, Platform::TikTok, Platform::Website];

fn order(slogan: &str, tone: Tone, platform: Platform, variant: usize) -> Order {
    Order { slogan: slogan.to_owned(), tone, platform, seed: 7, variant }
}

/// The lines that are set, and whether all of their letters are inside the picture.
fn lettering(painter: &Painter, order: &Order) -> (Vec<String>, bool) {
    let format = Format::of(order.platform);
    let turn = order.variant + (order.seed % 8) as usize;
    let (palette, dice) = (Palette::of(order.tone, turn), Dice::new(order.seed, order.variant));
    let mut canvas = Canvas::new(format.width, format.height, palette.ground).unwrap();
    let place = Composition { format, palette, dice }.draw(turn, &mut canvas);
    let typeface = &painter.typeface;
    let setting = lettering::fit(&order.slogan, place, typeface).unwrap();
    let [left, top, right, bottom] = setting.outline(place, typeface).bounds().unwrap();
    let is_inside = left >= 0.0 && top >= 0.0 && right <= f32::from(format.width) && bottom <= f32::from(format.height);
    (setting.lines, is_inside)
}

/// A picture's width, height and red, green and blue of each pixel.
fn decoded(png: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    (info.width, info.height, bytes.chunks(3).map(|pixel| pixel.try_into().unwrap()).collect())
}

#[test]
fn the_same_order_gives_the_same_bytes_and_another_variant_gives_others() {
    let painter = Painter::new().unwrap();
    let paint = |variant| painter.paint(&order("Pack light.", Tone::Fun, Platform::Instagram, variant)).unwrap();
    let posters: HashSet<Vec<u8>> = (0..10).map(paint).collect();
    assert_eq!(posters.len(), 10);
    assert!(posters.contains(&paint(3)));
}

#[test]
fn the_tone_changes_the_picture_and_the_platform_its_format() {
    let painter = Painter::new().unwrap();
    let paint = |tone, platform| painter.paint(&order("Pack light.", tone, platform, 0)).unwrap();
    let by_tone: HashSet<Vec<u8>> = Tone::ALL.iter().map(|tone| paint(*tone, Platform::Email)).collect();
    assert_eq!(by_tone.len(), Tone::ALL.len());
    for (platform, size) in PLATFORMS.into_iter().zip([(1080, 1080), (1080, 1920), (1920, 1080)]) {
        let (width, height, _) = decoded(&paint(Tone::Casual, platform));
        assert_eq!((width, height), size);
    }
}

#[test]
fn no_shape_reaches_into_the_slogan_s_place() {
    let painter = Painter::new().unwrap();
    for (platform, turn) in PLATFORMS.into_iter().flat_map(|platform| (0..3).map(move |turn| (platform, turn))) {
        for seed in 0..6 {
            let format = Format::of(platform);
            let palette = Palette::of(Tone::Fun, turn);
            let composition = Composition { format, palette, dice: Dice::new(seed, 0) };
            let mut canvas = Canvas::new(format.width, format.height, palette.ground).unwrap();
            let Place { x, y, width, height, .. } = composition.draw(turn, &mut canvas);
            let order = Order { seed: seed * 8 + turn as u64, ..order("", Tone::Fun, platform, 0) };
            let (across, _, picture) = decoded(&painter.paint(&order).unwrap());
            let pixel = |x: u32, y: u32| picture[(y * across + x) as usize];
            let ground = pixel(x as u32, y as u32);
            let pixels =
                (y as u32..(y + height) as u32).flat_map(|y| (x as u32..(x + width) as u32).map(move |x| (x, y)));
            let reached = pixels.into_iter().find(|&(x, y)| pixel(x, y) != ground);
            assert_eq!(reached, None, "{platform} {turn} {seed}");
        }
    }
}

#[test]
fn a_slogan_is_text_whatever_it_holds_and_one_that_the_fonts_cannot_write_still_gives_a_picture() {
    let painter = Painter::new().unwrap();
    let hostile = "</text><image href=\"file:///etc/passwd\"/> & 'x' \u{1b}\u{ffff}";
    let (lines, is_inside) = lettering(&painter, &order(hostile, Tone::Casual, Platform::Email, 0));
    assert!(is_inside && lines.join(" ") == "</text><image href=\"file:///etc/passwd\"/> & 'x'");
    for slogan in ["", "   ", "日本語", "👗 👗"] {
        assert!(painter.paint(&order(slogan, Tone::Fun, Platform::TikTok, 1)).is_ok(), "{slogan}");
    }
    let (lines, _) = lettering(&painter, &order("Your style, your story.", Tone::Empathetic, Platform::TikTok, 0));
    assert_eq!(lines, ["Your style,", "your story."], "a line ends where a clause does");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_slogan_is_cut_off_however_long(
        words in proptest::collection::vec("[A-Za-zÀ-ž'&.,!?-]{1,24}|W{60}", 1..12), variant in 0_usize..8, place in 0_usize..3,
        tone in 0_usize..5,
    ) {
        let painter = Painter::new().unwrap();
        let order = order(&words.join(" "), Tone::ALL[tone], PLATFORMS[place], variant);
        let (set, is_inside) = lettering(&painter, &order);
        prop_assert_eq!(set.join(" "), words.join(" "));
        prop_assert!(is_inside);
    }
}
