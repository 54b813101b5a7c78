//! Text that is not UTF-8, or not throughout.

use content_portal::customer::CustomerTable;
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GBK, IBM866, ISO_2022_JP, KOI8_U, MACINTOSH, SHIFT_JIS, UTF_8, WINDOWS_874,
    WINDOWS_1250, WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257,
    X_MAC_CYRILLIC,
};
use proptest::prelude::*;

use super::sheets::{SMALL_ROWS, fixture, read, rows, small_csv};

const GERMAN: [&str; 6] = ["München", "Köln", "Düsseldorf", "Zürich", "Nürnberg", "Göttingen"];
const FRENCH: [&str; 6] = ["Orléans", "Besançon", "Nîmes", "Saint-Étienne", "Angoulême", "Chambéry"];
const SPANISH: [&str; 6] = ["Córdoba", "Málaga", "León", "La Coruña", "Cádiz", "Logroño"];
const HUNGARIAN: [&str; 6] = ["Győr", "Pécs", "Székesfehérvár", "Kőszeg", "Békéscsaba", "Nyíregyháza"];
const POLISH: [&str; 6] = ["Łódź", "Kraków", "Wrocław", "Poznań", "Gdańsk", "Białystok"];
const TURKISH: [&str; 6] = ["İzmir", "Eskişehir", "Diyarbakır", "Şanlıurfa", "Muğla", "Kırşehir"];
const RUSSIAN: [&str; 6] = ["Москва", "Казань", "Самара", "Ярославль", "Пермь", "Омск"];
const CHINESE: [&str; 6] = ["北京市", "上海市", "广州市", "深圳市", "天津市", "重庆市"];
const JAPANESE: [&str; 6] = ["東京都", "大阪市", "ポプラ", "さいたま市", "札幌市", "横浜市"];

/// A customer from each of these towns, in ASCII but for the town.
fn lines<'a>(towns: &'a [&str], delimiter: &'a str) -> impl Iterator<Item = String> + 'a {
    towns.iter().enumerate().map(move |(n, town)| {
        [&format!("A{n}"), "2023-01-01", town, ["Male", "Female"][n % 2], "Gold"].join(delimiter) + "\r\n"
    })
}

fn header(delimiter: &str) -> Vec<u8> {
    (["id", "date joined", "location", "gender", "loyalty tier"].join(delimiter) + "\r\n").into_bytes()
}

fn written(towns: &[&str], delimiter: &str, encoding: &'static Encoding) -> Vec<u8> {
    let lines: String = lines(towns, delimiter).collect();
    let (bytes, _, has_unmappable) = encoding.encode(&lines);
    assert!(!has_unmappable, "{} has no letter for one of {towns:?}", encoding.name());
    [header(delimiter), bytes.into_owned()].concat()
}

fn towns(table: &CustomerTable) -> Vec<String> {
    rows(table).iter().map(|row| row.split(" | ").next().unwrap().to_owned()).collect()
}

fn encoding(table: &CustomerTable) -> &str {
    table.cleaning().encoding.as_deref().unwrap()
}

fn notes(table: &CustomerTable) -> Vec<&str> {
    table.cleaning().notes.iter().map(|note| note.code.as_str()).collect()
}

#[test]
fn the_encoding_of_towns_is_told_by_their_letters() {
    let greek = ["Αθήνα", "Πάτρα", "Λάρισα", "Βόλος", "Χανιά", "Θεσσαλονίκη"];
    let hebrew = ["תל אביב", "חיפה", "באר שבע", "נתניה", "אשדוד", "רמת גן"];
    let arabic = ["القاهرة", "بغداد", "جدة", "الجيزة", "الرياض", "الموصل"];
    let thai = ["กรุงเทพ", "สมุทรปราการ", "ชลบุรี", "พระประแดง", "ระยอง", "ลำปาง"];
    let taiwanese = ["台北市", "高雄市", "功學社", "台中市", "許功蓋", "嘉義市"];
    let korean = ["서울", "부산", "인천", "대구", "대전", "광주"];
    let baltic = ["Šiauliai", "Panevėžys", "Klaipėda", "Jūrmala", "Liepāja", "Rīga"];
    for (name, places) in [
        (GBK, CHINESE),
        (SHIFT_JIS, JAPANESE),
        (EUC_JP, JAPANESE),
        (ISO_2022_JP, JAPANESE),
        (EUC_KR, korean),
        (BIG5, taiwanese),
        (WINDOWS_1250, POLISH),
        (WINDOWS_1250, HUNGARIAN),
        (WINDOWS_1251, RUSSIAN),
        (WINDOWS_1252, GERMAN),
        (WINDOWS_1252, FRENCH),
        (WINDOWS_1252, SPANISH),
        (WINDOWS_1253, greek),
        (WINDOWS_1254, TURKISH),
        (WINDOWS_1255, hebrew),
        (WINDOWS_1256, arabic),
        (WINDOWS_1257, baltic),
        (WINDOWS_874, thai),
        (KOI8_U, RUSSIAN),
        (IBM866, RUSSIAN),
        (MACINTOSH, GERMAN),
        (MACINTOSH, FRENCH),
        (MACINTOSH, SPANISH),
        (X_MAC_CYRILLIC, RUSSIAN),
        (UTF_8, JAPANESE),
    ] {
        for delimiter in [",", ";", "\t", "|"] {
            let table = read(&written(&places, delimiter, name)).unwrap();
            assert_eq!(towns(&table), places, "{} {delimiter:?}", name.name());
            assert_eq!(encoding(&table), name.name());
            // What says of itself what it is needs no word.
            let is_guessed = name != UTF_8 && name != ISO_2022_JP;
            assert_eq!(notes(&table), if is_guessed { vec!["encoding_guessed"] } else { vec![] }, "{}", name.name());
        }
    }
}

#[test]
fn amounts_of_money_do_not_decide_the_encoding() {
    let [italian, danish] = [["Forlì", "Cantù", "Milano", "Roma"], ["Århus", "Ålborg", "København", "Odense"]];
    let [portuguese, finnish] =
        [["São Paulo", "Évora", "Guimarães", "Porto"], ["Jyväskylä", "Hämeenlinna", "Helsinki", "Oulu"]];
    let (czech, english) = (["Plzeň", "Ústí", "Děčín", "Brno"], ["London", "Leeds", "Bath", "York"]);
    let german = ["Köln", "München", "Berlin", "Hamburg"];
    let spanish = ["Málaga", "Cádiz", "Madrid", "León"];
    let hungarian = ["Győr", "Pécs", "Budapest", "Székesfehérvár"];
    let polish = ["Łódź", "Kraków", "Gdańsk", "Warszawa"];
    let places = [german, spanish, italian, danish, portuguese, finnish, english].map(|places| (WINDOWS_1252, places));
    let places = places.into_iter().chain([czech, hungarian, polish].map(|places| (WINDOWS_1250, places)));
    let others = [(MACINTOSH, german), (WINDOWS_1254, ["İzmir", "Muğla", "Ankara", "Kırşehir"])];
    for (name, places) in places.chain(others) {
        for amount in ["5", "#,50 €", "€ #,50", "€#,50", "#\u{a0}000,50\u{a0}€", "£#.50"] {
            let rows = (0..60).map(|n| {
                let (town, amount) = (places[n % 4], amount.replace('#', &(n * 17).to_string()));
                format!("K{n};{:02}.{:02}.2024;{town};Male;Gold;{amount}\r\n", 1 + n % 28, 1 + n % 12)
            });
            let header = "id;Date Joined;Location;Gender;Loyalty Tier;Umsatz\r\n".to_owned();
            let text: String = std::iter::once(header).chain(rows).collect();
            let (bytes, _, has_unmappable) = name.encode(&text);
            // Not every charset has a pound.
            if has_unmappable {
                continue;
            }
            let table = read(&bytes).unwrap();
            let found = towns(&table);
            assert_eq!(found[..4], places, "{} {amount}", name.name());
            let is_ascii = bytes.is_ascii();
            let is_as_good = is_ascii || encoding(&table) == name.name();
            assert!(is_as_good, "{} {amount}: {}", name.name(), encoding(&table));
        }
    }
}

#[test]
fn csv_as_excel_saves_it_for_dos_is_read() {
    for (number, places) in [(850, GERMAN), (850, FRENCH), (852, POLISH)] {
        let table = match oem_cp::code_table::ENCODING_TABLE_CP_MAP.get(&number) {
            Some(table) => table,
            None => panic!("{number} is no code page"),
        };
        let letters = |line: String| oem_cp::encode_string_checked(&line, table).unwrap();
        let bytes: Vec<u8> = header(",").into_iter().chain(lines(&places, ",").flat_map(letters)).collect();
        let read = read(&bytes).unwrap();
        assert_eq!((towns(&read), encoding(&read)), (places.map(str::to_owned).to_vec(), &*format!("IBM{number}")));
    }
}

#[test]
fn the_recorded_files_have_their_towns() {
    let table = read(&fixture("tests/fixtures/gbk.csv")).unwrap();
    assert_eq!((table.n_rows(), encoding(&table)), (24, "GBK"));
    assert_eq!(towns(&table)[..4], ["北京市", "上海市", "广州市", "深圳市"]);

    let table = read(&fixture("tests/fixtures/one_bad_byte.csv")).unwrap();
    assert_eq!((table.n_rows(), encoding(&table)), (24, "UTF-8"));
    assert_eq!(towns(&table)[..4], ["München", "Köln", "Düsseldorf", "Zürich"]);
    assert_eq!(
        table.cleaning().notes[0].sentence,
        "The text is UTF-8, except for one cell read as windows-1252. If names look wrong, save the file as \
         CSV in UTF-8 and send it again."
    );
}

#[test]
fn utf_16_is_told_without_a_byte_order_mark() {
    for places in [GERMAN, CHINESE] {
        let text = String::from_utf8(header(",")).unwrap() + &lines(&places, ",").collect::<String>();
        for (name, to_bytes) in [("UTF-16LE", u16::to_le_bytes as fn(u16) -> [u8; 2]), ("UTF-16BE", u16::to_be_bytes)] {
            let bytes: Vec<u8> = text.encode_utf16().flat_map(to_bytes).collect();
            let table = read(&bytes).unwrap();
            assert_eq!((towns(&table), encoding(&table)), (places.map(str::to_owned).to_vec(), name));
        }
    }
}

#[test]
fn nuls_that_pad_a_text_are_no_part_of_it() {
    let text = small_csv(",");
    let padded_cells = text.replace(',', "\0\0,").replace("\r\n", "\0\r\n");
    let padded_end = format!("{text}{}", "\0".repeat(100_000));
    let padded_start = format!("{}{text}", "\0".repeat(70_000));
    for text in [padded_cells, padded_end, padded_start] {
        let table = read(text.as_bytes()).unwrap();
        assert_eq!((rows(&table), table.cleaning().rows_read), (SMALL_ROWS.map(str::to_owned).to_vec(), 2));
    }
}

/// Rows of UTF-8 and of another charset, whose towns both have.
fn mixed(encoding: &'static Encoding, places: &[&str], is_utf8: impl Fn(usize) -> bool) -> Vec<u8> {
    let rows = lines(places, ",").enumerate().flat_map(|(n, line)| {
        let encoding = if is_utf8(n) { UTF_8 } else { encoding };
        encoding.encode(&line).0.into_owned()
    });
    header(",").into_iter().chain(rows).collect()
}

proptest! {
    #[test]
    fn rows_of_two_encodings_all_have_their_towns(
        (encoding, places) in prop::sample::select(vec![
            (WINDOWS_1252, GERMAN), (WINDOWS_1250, POLISH), (WINDOWS_1251, RUSSIAN), (GBK, CHINESE), (SHIFT_JIS, JAPANESE),
            (MACINTOSH, GERMAN), (WINDOWS_1254, TURKISH),
        ]),
        utf8_rows in prop::collection::vec(any::<bool>(), 24),
    ) {
        // Every town is there in both, so that each charset has enough letters to be told by.
        let all: Vec<&str> = places.iter().chain(&places).chain(&places).chain(&places).copied().collect();
        let is_utf8 = |n: usize| if n < 12 { n % 2 == n / 6 } else { utf8_rows[n] };
        let table = read(&mixed(encoding, &all, is_utf8)).unwrap();
        prop_assert_eq!(towns(&table), all);
        prop_assert_eq!(notes(&table), ["encodings_mixed"]);
    }

    #[test]
    fn one_bad_byte_garbles_its_own_cell_at_most(
        places in prop::sample::select(vec![GERMAN, FRENCH, POLISH, RUSSIAN, CHINESE, JAPANESE]),
        bad in 0x80..=0xff_u8,
        row in 0..6_usize,
        at in 0..2_usize,
    ) {
        let mut text = header(",");
        for (n, line) in lines(&places, ",").enumerate() {
            // Into the identifier, or behind the date.
            let at = [2, 13][at];
            let bad = if n == row { &[bad][..] } else { &[] };
            text.extend([&line.as_bytes()[..at], bad, &line.as_bytes()[at..]].concat());
        }
        let table = read(&text).unwrap();
        prop_assert_eq!(table.cleaning().rows_read, 6);
        prop_assert_eq!(encoding(&table), "UTF-8");
        // Behind a date it is a letter, and no date is left, or a control character, which says nothing.
        let without = |left_out: Option<usize>| -> Vec<&str> {
            let kept = places.iter().enumerate().filter(|(n, _)| Some(*n) != left_out);
            kept.map(|(_, town)| *town).collect()
        };
        let found = towns(&table);
        let is_dropped = at == 1 && table.cleaning().n_dropped() == 1;
        prop_assert_eq!(found, without(is_dropped.then_some(row)));
    }
}
