"""Options by other names, suggestions, and the two kinds of help."""

from __future__ import annotations

import pytest

from disco_dock.runtime.command_line import Parser


@pytest.fixture
def parser():
    made = Parser(prog="tool")
    made.add_argument("--num-poses", type=int, default=1, help="poses")
    made.add_argument("--protein", help="file")
    made.add_argument("--rare-thing", help="seldom asked for")
    return made


@pytest.mark.parametrize("argv", [["--num_poses", "3"], ["--num_poses=3"], ["--num-poses", "3"]])
def test_underscores_stand_for_hyphens(parser, argv):
    assert parser.parse_args(argv).num_poses == 3


@pytest.mark.parametrize(
    ("option", "meant"),
    [("--num-pose", "--num-poses"), ("--samples_per_complex", "--num-poses"), ("--protien", "--protein")],
)
def test_unknown_options_get_a_suggestion(parser, option, meant, capsys):
    with pytest.raises(SystemExit) as stop:
        parser.parse_args([option, "3"])
    assert stop.value.code == 2
    assert f"did you mean {meant}?; see tool --help" in capsys.readouterr().err


def test_nothing_is_suggested_for_something_else(parser, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(["--zzz"])
    assert "did you mean" not in capsys.readouterr().err


def test_error_of_a_subcommand_points_to_its_own_help(capsys):
    parser = Parser(prog="tool")
    parser.add_subparsers(parser_class=Parser).add_parser("status").add_argument("--json", action="store_true")
    with pytest.raises(SystemExit):
        parser.parse_args(["status", "--jsn"])
    assert "did you mean --json?; see tool status --help" in capsys.readouterr().err


def test_short_and_whole_help(parser, capsys):
    parser.show_first("--num-poses")
    assert "--rare-thing" not in parser.format_help() and "--num-poses" in parser.format_help()
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--help-all"])
    assert stop.value.code == 0 and "--rare-thing" in capsys.readouterr().out
