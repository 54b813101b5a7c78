//! What must hold for every poster.

use super::*;

fn order(slogan: &str, tone: Tone, platform: Platform, variant: usize) -> Order {
    Order { slogan: slogan.to_owned(), tone, platform, seed: 7, variant }
}

#[test]
fn the_same_order_gives_the_same_bytes() {
    let painter = Painter::new().unwrap();
    let order = order("Find your next favourite.", Tone::Fun, Platform::Instagram, 0);
    assert_eq!(painter.paint(&order).unwrap(), Painter::new().unwrap().paint(&order).unwrap());
}
