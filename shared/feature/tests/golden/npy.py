"""Headers of .npy files and what NumPy makes of them: python npy.py > npy.json (NumPy 2.4.6, Python 3)."""

import io
import json
import struct
import warnings

import numpy as np

VALUES = np.arange(12, dtype="<f4") * 0.5 - 1
TEXT = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }"


def file(text, version=(1, 0), data=VALUES.tobytes(), pad=True):
    header = text.encode("utf8" if version == (3, 0) else "latin1")
    width = 2 if version == (1, 0) else 4
    if pad:
        header += b" " * (-(8 + width + len(header) + 1) % 64) + b"\n"
    length = struct.pack("<H" if width == 2 else "<I", len(header))
    return b"\x93NUMPY" + bytes(version) + length + header + data


def saved(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


CASES = {
    "as numpy.save writes it": saved(VALUES.reshape(3, 4)),
    "fortran order, as numpy.save writes it": saved(np.asfortranarray(VALUES.reshape(3, 4))),
    "big endian, as numpy.save writes it": saved(VALUES.reshape(3, 4).astype(">f4")),
    "no extents, as numpy.save writes it": saved(np.float32(1.5)),
    "an empty extent, as numpy.save writes it": saved(np.zeros((0, 3), "<f4")),
    "version 2": file(TEXT, (2, 0)),
    "version 3": file(TEXT, (3, 0)),
    "version 4": file(TEXT, (4, 0)),
    "version 1.1": file(TEXT, (1, 1)),
    "double quotes": file(TEXT.replace("'", '"')),
    "both quotes": file('{"descr": \'<f4\', \'fortran_order\': False, "shape": (3, 4)}'),
    "a blank before the colon": file(TEXT.replace("':", "' :")),
    "no blanks": file(TEXT.replace(" ", "")),
    "blanks everywhere": file("{ 'descr'\t:'<f4' ,'fortran_order' :False, 'shape':( 3 , 4 , ) }"),
    "several lines": file(TEXT.replace(", ", ",\n")),
    "another order of keys": file("{'shape': (3, 4), 'descr': '<f4', 'fortran_order': False}"),
    "no padding": file(TEXT, pad=False),
    "no comma at the end": file("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}"),
    "two commas at the end": file(TEXT.replace(", }", ",, }")),
    "long integers of Python 2": file(TEXT.replace("(3, 4)", "(3L, 4L)")),
    "long integers in version 3": file(TEXT.replace("(3, 4)", "(3L, 4L)"), (3, 0)),
    "signed extents": file(TEXT.replace("(3, 4)", "(+3, 4)")),
    "strings of Python 2": file(TEXT.replace("'descr'", "u'descr'")),
    "bytes for a key": file(TEXT.replace("'descr'", "b'descr'")),
    "one extent": file(TEXT.replace("(3, 4)", "(12,)")),
    "a number for the shape": file(TEXT.replace("(3, 4)", "12")),
    "a number in parentheses for the shape": file(TEXT.replace("(3, 4)", "(12)")),
    "a shape in parentheses": file(TEXT.replace("(3, 4)", "((3, 4))")),
    "a list for the shape": file(TEXT.replace("(3, 4)", "[3, 4]")),
    "a float extent": file(TEXT.replace("(3, 4)", "(3.0, 4)")),
    "an extent with a leading zero": file(TEXT.replace("(3, 4)", "(03, 4)")),
    "a truth value for an extent": file(TEXT.replace("(3, 4)", "(True, 12)")),
    "a negative extent": file(TEXT.replace("(3, 4)", "(-3, -4)")),
    "zero for a truth value": file(TEXT.replace("False", "0")),
    "null for a truth value": file(TEXT.replace("False", "None")),
    "fortran order": file(TEXT.replace("False", "True")),
    "a key too many": file(TEXT.replace(", }", ", 'x': 1}")),
    "a key too few": file("{'descr': '<f4', 'shape': (3, 4)}"),
    "a list": file("['<f4', False, (3, 4)]"),
    "a call": file("dict(descr='<f4', fortran_order=False, shape=(3, 4))"),
    "two dictionaries": file(TEXT + " {}"),
    "no bracket at the end": file(TEXT.replace("}", "")),
    "an empty header": file(""),
    "f4": file(TEXT.replace("<f4", "f4")),
    "=f4": file(TEXT.replace("<f4", "=f4")),
    "|f4": file(TEXT.replace("<f4", "|f4")),
    "f": file(TEXT.replace("<f4", "f")),
    "<f": file(TEXT.replace("<f4", "<f")),
    "float32": file(TEXT.replace("<f4", "float32")),
    "single": file(TEXT.replace("<f4", "single")),
    "<single": file(TEXT.replace("<f4", "<single")),
    "<float32": file(TEXT.replace("<f4", "<float32")),
    ">f4": file(TEXT.replace("<f4", ">f4"), data=VALUES.astype(">f4").tobytes()),
    "not latin": file(TEXT.replace("'descr'", "'d\u00e9scr'")),
    "a byte short": file(TEXT)[:-1],
    "too few values": file(TEXT, data=VALUES.tobytes()[:-4]),
    "no values": file(TEXT, data=b""),
    "cut in the header": file(TEXT)[:40],
    "cut in the length": file(TEXT)[:9],
    "cut in the magic": file(TEXT)[:5],
    "another magic": b"PK" + file(TEXT)[2:],
    "nothing": b"",
    "400 GB in double quotes": file(TEXT.replace("'", '"').replace("(3, 4)", "(1, 1, 100000000, 1000)")),
    "extents that overflow": file(TEXT.replace("(3, 4)", "(4294967296, 4294967296, 4294967296)")),
    "an extent that overflows": file(TEXT.replace("(3, 4)", "(99999999999999999999, 4)")),
    "none of very many": file(TEXT.replace("(3, 4)", "(0, 9223372036854775807, 9)"), data=b""),
    "a header of 10000 bytes": file(TEXT + " " * (10000 - len(TEXT)), (2, 0), pad=False),
    "a header of 10001 bytes": file(TEXT + " " * (10001 - len(TEXT)), (2, 0), pad=False),
    "deep brackets": file(TEXT.replace("(3, 4)", "(" * 3000 + "3" + ")" * 3000)),
}
# Read by NumPy, refused here.
STRICTER = {
    "something behind the array": file(TEXT, data=VALUES.tobytes() + b"\0"),
    "an escape": file(TEXT.replace("<f4", "\\x3cf4")),
    "joined strings": file(TEXT.replace("'<f4'", "'<' 'f4'")),
    "a comment": file(TEXT + " # written by hand"),
    "hexadecimal extents": file(TEXT.replace("(3, 4)", "(0x3, 4)")),
    "a digit group": file(TEXT.replace("(3, 4)", "(1_2,)")),
    "three quotes": file(TEXT.replace("'<f4'", "'''<f4'''")),
    "a key twice": file(TEXT.replace(", }", ", 'descr': '<f4'}")),
    "another element type": saved(VALUES.astype("<f8")),
    "half precision": saved(VALUES.astype("<f2")),
    "a structured type": saved(np.zeros(3, [("a", "<f4")])),
}


def read(data):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:
        return None, type(error).__name__
    return array, None


def case(name, data, stricter):
    array, error = read(data)
    row = {"name": name, "file": data.hex(), "stricter": stricter}
    if array is None:
        return row | {"error": error}
    if stricter:
        return row
    return row | {"shape": list(array.shape), "values": [float(v) for v in array.ravel()]}


rows = [case(name, data, False) for name, data in CASES.items()]
rows += [case(name, data, True) for name, data in STRICTER.items()]
print("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]")
