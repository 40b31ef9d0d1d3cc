"""XML from strangers is judged before it can do harm."""

import os

import pytest

from vivi.transfer.detection.markup import MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, MarkupError, read_markup

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
BOMB = f'<!DOCTYPE annotation [<!ENTITY l0 "ha">{LAUGHS}]><annotation>&l11;</annotation>'


def refused(path, text):
    with pytest.raises(MarkupError, match=text) as caught:
        read_markup(path)
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_plain_file_is_a_tree(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text("<?xml version='1.0'?><a><!-- no --><b x='1'>&lt;&#65;</b><b/></a>")
    root = read_markup(path)
    assert root.tag == "a"
    assert [each.text for each in root.findall("b")] == ["<A", None]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_any_encoding_of_xml_is_read(tmp_path, encoding):
    path = tmp_path / "a.xml"
    path.write_bytes(f"<?xml version='1.0' encoding='{encoding}'?><a>ü</a>".encode(encoding))
    assert read_markup(path).text == "ü"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        '<!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        "<!DOCTYPE a><a/>",
    ],
)
def test_a_document_type_is_refused(tmp_path, text, encoding):
    path = tmp_path / "a.xml"
    path.write_bytes(text.encode(encoding))
    refused(path, "declares a document type")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "not well-formed"),
        (b"<a>", "not well-formed"),
        (b"<a></b>", "not well-formed"),
        (b"<a>&nothing;</a>", "not well-formed"),
        (b"<a>\xff</a>", "not well-formed"),
        (b"<?xml version='1.0' encoding='none'?><a/>", "not well-formed"),
        (b"<a>" * (MAX_DEPTH + 1), "levels"),
        (b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>", "elements"),
        (b"<a>" + b" " * MAX_BYTES + b"</a>", "too large"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path, data, said):
    path = tmp_path / "a.xml"
    path.write_bytes(data)
    refused(path, said)


def test_only_regular_files_are_read(tmp_path):
    refused(tmp_path / "none.xml", "no such file")
    (tmp_path / "folder.xml").mkdir()
    refused(tmp_path / "folder.xml", "not a regular file")
    os.mkfifo(tmp_path / "pipe.xml")
    refused(tmp_path / "pipe.xml", "not a regular file")
