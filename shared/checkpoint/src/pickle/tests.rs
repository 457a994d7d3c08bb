use super::machine::MAX_OPCODES;
use super::*;

/// The error of a pickle.
fn refusal(bytes: &[u8]) -> String {
    Pickle::parse(bytes).unwrap_err().to_string()
}

#[test]
fn a_command_hidden_in_a_pickle_is_refused_by_name() {
    // What `pickle.dumps` makes of an object whose `__reduce__` is `(os.system, ('id',))`.
    let attack = b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00id\x85R.";
    let refused = Pickle::parse(attack).unwrap_err();
    assert_eq!(
        refused,
        PickleError::Global {
            module: "posix".to_owned(),
            name: "system".to_owned(),
            at: 2
        }
    );
    assert!(refused.to_string().contains("'posix.system'"), "{refused}");
    // The same in protocol 4, by names on the stack.
    let attack = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.";
    assert!(refusal(attack).contains("'posix.system'"));
}

#[test]
fn opcodes_that_make_objects_are_refused_by_name() {
    for (bytes, name) in [
        (&b"(iposix\nsystem\n."[..], "INST (0x69) at byte 1"),
        (b"\x80\x02)\x81.", "NEWOBJ (0x81) at byte 3"),
        (b"(o.", "OBJ (0x6f)"),
        (b"\x82\x01.", "EXT (0x82)"),
        (b"\xff", "unknown (0xff)"),
    ] {
        let error = refusal(bytes);
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn only_named_constructors_are_called() {
    assert!(refusal(b"}}R.").contains("no known global"));
    assert!(refusal(b"ctorch\nFloatStorage\n)R.").contains("other arguments"));
}

#[test]
fn broken_pickles_say_where() {
    assert!(refusal(b"").contains("ends at byte 0"));
    assert!(refusal(b"X\xff\xff\xff\xff").contains("ends at byte 5"));
    assert!(refusal(b"\x80\x02u.").contains("byte 2 of the pickle: no mark"));
    assert!(refusal(b"h\x05.").contains("not kept"));
    assert!(refusal(b"K\x01(K\x02\x86.").contains("stack is empty"));
    assert!(refusal(&[b'N'; MAX_OPCODES + 1]).contains("is no checkpoint"));
}

#[test]
fn integers_of_any_width_are_read() {
    for (bytes, expected) in [
        (&b"K\xff."[..], 255),
        (b"M\x00\x01.", 256),
        (b"J\xff\xff\xff\xff.", -1),
        (b"\x8a\x05\x00\x00\x00\x00\x01.", 1 << 32),
        (b"\x8a\x01\xfe.", -2),
        (b"\x8a\x00.", 0),
    ] {
        let pickle = Pickle::parse(bytes).unwrap();
        assert_eq!(pickle.value(pickle.root()), &Value::Int(expected));
    }
}

#[test]
fn a_dictionary_in_itself_is_no_trap() {
    // d = {}; d['d'] = d
    let pickle = Pickle::parse(b"}q\x00X\x01\x00\x00\x00dh\x00s.").unwrap();
    let (key, inner) = pickle.entries(pickle.root()).next().unwrap();
    assert_eq!((key, inner), ("d", pickle.root()));
}
