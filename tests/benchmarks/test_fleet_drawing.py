"""The picture of a fleet shows what was measured."""

from xml.etree import ElementTree

from benchmarks.fleet.drawing import Line, drawn


def test_each_point_is_drawn_and_each_line_reaches_the_whole_core() -> None:
    lines = [
        Line("set", [(1, 0.01), (50, 0.5)], 100.0),
        Line("with <a> journal", [(50, 1.0)], 50.0),
    ]
    picture = drawn({"100 B": lines, "1 KB": lines[:1]})
    tags = [one.tag.rpartition("}")[2] for one in ElementTree.fromstring(picture).iter()]
    assert tags.count("circle") == 5
    assert "set: 100 stores per core" in picture
    assert "with &lt;a&gt; journal: 50 stores per core" in picture
