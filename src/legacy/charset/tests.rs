//! Charsets as the field uses them: what is decoded, what is refused, what comes back.

use proptest::prelude::*;

use super::*;

fn decode(bytes: &[u8]) -> Arc<Text> {
    Text::decode(bytes, None, &Charsets::default()).unwrap()
}

fn carry(bytes: &[u8], charset: Charset) -> Arc<Text> {
    let say = Charsets { channel: Some(charset), carry_raw: true, ..Charsets::default() };
    Text::decode(bytes, None, &say).unwrap()
}

fn span(text: &str, part: &str) -> Span {
    let start = text.find(part).unwrap();
    Span { start: start as u32, end: (start + part.len()) as u32 }
}

const ALL: [Charset; 7] = [
    Charset::Utf8,
    Charset::Gb18030,
    Charset::Gbk,
    Charset::Utf16Le,
    Charset::Utf16Be,
    Charset::Big5,
    Charset::Latin1,
];

#[test]
fn the_first_charset_that_is_set_wins() {
    let gbk = Charset::Gbk.encode("张测试").unwrap().into_owned();
    let choose = |channel, declared, mapping, bytes: &[u8]| {
        let say = Charsets { channel, mapping, carry_raw: true, ..Charsets::default() };
        let text = Text::decode(bytes, declared, &say).unwrap();
        (text.charset, text.chosen_by)
    };
    let (utf8, big5, latin) = (Some(Charset::Utf8), Some(Charset::Big5), Some(Charset::Latin1));
    assert_eq!(choose(big5, utf8, latin, b"\xEF\xBB\xBFa"), (Charset::Big5, "channel"));
    assert_eq!(choose(None, big5, latin, b"\xEF\xBB\xBFa"), (Charset::Utf8, "bom"));
    assert_eq!(choose(None, big5, latin, b"a"), (Charset::Big5, "declared"));
    assert_eq!(choose(None, None, latin, b"a"), (Charset::Latin1, "mapping"));
    assert_eq!(choose(None, None, None, "张测试".as_bytes()), (Charset::Utf8, "utf-8"));
    assert_eq!(choose(None, None, None, &gbk), (Charset::Gb18030, "gb18030"));
}

#[test]
fn a_bom_is_not_text_and_stays() {
    for (charset, bom) in [
        (Charset::Utf8, &b"\xEF\xBB\xBF"[..]),
        (Charset::Gb18030, b"\x84\x31\x95\x33"),
        (Charset::Utf16Le, b"\xFF\xFE"),
        (Charset::Utf16Be, b"\xFE\xFF"),
    ] {
        let bytes = [bom, &charset.encode("张,三").unwrap()].concat();
        let text = decode(&bytes);
        assert_eq!((text.charset, text.chosen_by, text.text.as_str()), (charset, "bom", "张,三"));
        let edit = TextEdit { span: span(&text.text, "三"), text: "四".into() };
        let want = [bom, &charset.encode("张,四").unwrap()].concat();
        assert_eq!(text.splice(&[edit]).unwrap(), want);
    }
}

#[test]
fn names_of_the_field() {
    for (name, charset) in [
        ("GB 18030-2000", Charset::Gb18030),
        ("gb2312", Charset::Gbk),
        ("GBK", Charset::Gbk),
        ("UNICODE UTF-8", Charset::Utf8),
        ("UTF-8~UNICODE", Charset::Utf8),
        ("8859/1", Charset::Latin1),
        ("BIG-5", Charset::Big5),
    ] {
        assert_eq!(Charset::named(name), Some(charset), "{name}");
    }
    for charset in ALL {
        assert_eq!(Charset::named(charset.name()), Some(charset));
    }
    for name in ["", "CHN", "AL", "8859/2", "KS X 1001", "张"] {
        assert_eq!(Charset::named(name), None, "{name}");
    }
}

#[test]
fn an_undecodable_byte_is_a_located_error() {
    let refuse = |bytes: &[u8], charset| {
        let say = Charsets { channel: Some(charset), ..Charsets::default() };
        Text::decode(bytes, None, &say).unwrap_err()
    };
    let error = refuse(b"ab\n\xD5\xC5\xFFx", Charset::Gb18030);
    assert_eq!(error.kind, Kind::Structure);
    assert_eq!(error.place.as_deref(), Some("byte 5, line 2"));
    assert!(error.what.contains("0xFF"), "{error}");
    // Truncated at the end, in the middle of two and of four bytes.
    assert!(refuse(b"a\xD5", Charset::Gbk).what.contains("0xD5"));
    assert_eq!(refuse(b"a\x81\x30\x81", Charset::Gb18030).place.unwrap(), "byte 1, line 1");
    assert_eq!(refuse(b"a\x81\x30x", Charset::Gb18030).place.unwrap(), "byte 1, line 1");
    assert_eq!(refuse(b"\xEF\xBB\xBFa\xE5\xBC", Charset::Utf8).place.unwrap(), "byte 4, line 1");
    assert_eq!(refuse(b"a\0\x3D\xD8b\0", Charset::Utf16Le).place.unwrap(), "byte 2, line 1");
    assert!(refuse(b"\x81\x20", Charset::Big5).what.contains("0x81"));
    let neither = Text::decode(b"x\xFF", None, &Charsets::default()).unwrap_err();
    assert!(neither.what.contains("neither UTF-8 nor GB18030"), "{neither}");
}

#[test]
fn broken_utf8_is_not_taken_for_gb18030() {
    let mut bytes = "主诉：发热三天，咳嗽".as_bytes().to_vec();
    bytes.pop();
    let error = Text::decode(&bytes, None, &Charsets::default()).unwrap_err();
    assert!(error.what.contains("UTF-8") && !error.what.contains("GB18030"), "{error}");
}

#[test]
fn raw_bytes_go_both_ways() {
    let bytes = b"a\xFF|\xD5\xC5\x81 \xFF";
    let text = carry(bytes, Charset::Gb18030);
    assert_eq!(text.text, "a\u{10FFFF}|张\u{10FF81} \u{10FFFF}");
    assert_eq!(text.splice(&[]).unwrap(), bytes);
    assert_eq!(Charset::Gb18030.encode(&text.text).unwrap().as_ref(), bytes);
    let edit = TextEdit { span: span(&text.text, "张"), text: "王\u{10FFFF}".into() };
    assert_eq!(text.splice(&[edit]).unwrap(), b"a\xFF|\xCD\xF5\xFF\x81 \xFF");
    assert!(!text.text.contains('\u{FFFD}'));
}

#[test]
fn a_raw_byte_never_swallows_its_neighbour() {
    let text = carry(b"a|b|c", Charset::Gb18030);
    let edit = TextEdit { span: span(&text.text, "b"), text: "\u{10FFD5}".into() };
    // D5 7C would be read as one character, and the delimiter would be gone.
    assert!(text.splice(&[edit]).is_err());
    let edit = TextEdit { span: span(&text.text, "b"), text: "\u{10FF7C}".into() };
    assert!(text.splice(&[edit]).is_err());
}

#[test]
fn a_character_without_code_is_named() {
    let text = Text::fresh("a|b", Charset::Gbk);
    let edit = TextEdit { span: Span { start: 2, end: 3 }, text: "𠮷".into() };
    let error = text.splice(&[edit]).unwrap_err();
    assert_eq!(error.kind, Kind::Value);
    assert!(error.what.contains("𠮷 (U+20BB7)") && error.what.contains("GBK"), "{error}");
}

#[test]
fn overlapping_edits_are_refused() {
    let text = Text::fresh("abcdef", Charset::Utf8);
    let edit = |start, end| TextEdit { span: Span { start, end }, text: "x".into() };
    assert!(text.splice(&[edit(0, 3), edit(2, 4)]).is_err());
    assert_eq!(text.splice(&[edit(3, 4), edit(1, 1), edit(1, 3)]).unwrap(), b"axxxef");
}

/// Every two-byte code keeps its place, whatever private-use character it stands for; only these
/// decode to a character that another code writes.
#[test]
fn two_byte_codes_of_gb18030_come_back() {
    let mut others = Vec::new();
    for lead in 0x81..=0xFEu8 {
        for trail in (0x40..=0xFEu8).filter(|&t| t != 0x7F) {
            let bytes = [b'|', lead, trail, b'|'];
            let text = carry(&bytes, Charset::Gb18030);
            assert_eq!(text.splice(&[]).unwrap(), bytes);
            assert_eq!(text.byte_range(Span { start: 1, end: text.text.len() as u32 - 1 }), 1..3);
            if Charset::Gb18030.encode(&text.text).ok().as_deref() != Some(&bytes[..]) {
                others.push(format!("{lead:02X}{trail:02X}"));
            }
        }
    }
    assert_eq!(others, ["A3A0"]);
}

#[test]
fn offsets_where_a_code_is_two_characters() {
    let text = carry(b"|\x88\x62|\xA4\xA4|", Charset::Big5);
    assert_eq!(text.text, "|\u{CA}\u{304}|中|");
    assert_eq!(text.byte_range(span(&text.text, "中")), 4..6);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_raw_carry_keeps_all(
        bytes in prop::collection::vec(any::<u8>(), 0..80), which in 0usize..7,
    ) {
        let text = carry(&bytes, ALL[which]);
        prop_assert_eq!(text.splice(&[]).unwrap(), bytes.clone());
        let whole = Span { start: 0, end: text.text.len() as u32 };
        prop_assert_eq!(text.byte_range(whole).end, bytes.len());
        let mut end = 0;
        for (at, c) in text.text.char_indices() {
            let one = Span { start: at as u32, end: (at + c.len_utf8()) as u32 };
            let range = text.byte_range(one);
            prop_assert!(range.start >= end);
            end = range.end;
        }
        let _ = Text::decode(&bytes, None, &Charsets::default());
    }

    #[test]
    fn splice_then_decode_is_the_edited_text(
        parts in prop::collection::vec("[a|^张東誠𠮷𪚥é€\u{E7C7}\u{1E3F}]{0,40}", 1..20),
        new in "[b~王葉𠀀龘]{0,8}", at in 0usize..20, which in 0usize..4,
    ) {
        let charset = [Charset::Gb18030, Charset::Utf8, Charset::Utf16Le, Charset::Utf16Be][which];
        let whole = parts.concat();
        let bytes = charset.encode(&whole).unwrap().into_owned();
        let say = Charsets { channel: Some(charset), ..Charsets::default() };
        let text = Text::decode(&bytes, None, &say).unwrap();
        prop_assert_eq!(&text.text, &whole);
        let at = at % parts.len();
        let start = parts[..at].concat().len();
        let part = Span { start: start as u32, end: (start + parts[at].len()) as u32 };
        let out = text.splice(&[TextEdit { span: part, text: new.clone() }]).unwrap();
        let before = text.byte_range(part).start;
        prop_assert_eq!(&out[..before], &bytes[..before]);
        let mut want = parts.clone();
        want[at] = new;
        let back = Text::decode(&out, None, &say).unwrap();
        prop_assert_eq!(&back.text, &want.concat());
    }
}
