"""Commands, their cost, their options, and how they fail."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from disco_dock.cli import main as cli
from disco_dock.cli.parsing import join_negative_values

PREDICT_OPTIONS = set(
    """
    --help --help-all --debug --protein --receptor --ligand --reference
    --keep --keep-groups --drop --drop-groups
    --stereo-isomers --csv --chains --largest-fragment --smiles --embeddings
    --pocket-center --pocket-ligand --pocket-residues --pocket-radius --chains-within
    --pocket-box --autobox-ligand --modes --latent-modes --latent --avoid-latent --suggest-pockets
    --trajectory --report --pymol --chimerax --molviewspec
    --num-poses --steps --seed --batch-size --latent-temperature --guidance-weight --guidance-interval --ode
    --physics --minimize --search --search-moves --restarts --finalists
    --scatter --basins --apart --ring-conformers --rank-by --check-poses --valid-only --valid-budget --min-rmsd
    --energy-range --num-modes
    --start-pose --start-noise --protonate --core --core-tolerance
    --out --checkpoint --device --overwrite --verbose
    """.split()
)
HEAVY = ("torch", "rdkit", "numpy", "rich", "e3nn", "torch_geometric", "Bio", "scipy")


def options_of(command):
    parser = cli.build_parser(command)
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {option for action in commands.choices[command]._actions for option in action.option_strings}


def test_options_of_predict_are_these():
    assert {option for option in options_of("predict") if option.startswith("--")} == PREDICT_OPTIONS


def test_options_of_doctor_are_these():
    assert options_of("doctor") == {"-h", "--help", "--debug", "--checkpoint", "--device", "-v", "--verbose"}


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["doctor", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys; from disco_dock.cli.main import main; status = main(sys.argv[1:]); "
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules]); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip().endswith("HEAVY []")


def test_help_names_every_command(disco):
    done = disco("--help")
    assert done.status == 0
    assert all(name in done.out for name in cli.COMMANDS)


@pytest.mark.parametrize(
    "argv", [[], ["nonsense"], ["predict", "--nonsense"], ["predict", "--num-pose", "3"], ["weights"]]
)
def test_wrong_usage_is_status_2(disco, argv):
    done = disco(*argv)
    assert done.status == 2
    assert "Traceback" not in done.err
    if argv:
        assert len(done.err.strip().splitlines()) == 1 and "--help" in done.err


def test_version(disco):
    assert disco("--version").out.startswith("disco-dock ")


def fake_command(monkeypatch, error):
    module = argparse.Namespace(add_arguments=lambda parser: None, run=None)

    def run(args):
        raise error

    module.run = run
    monkeypatch.setitem(sys.modules, "fake_command", module)
    monkeypatch.setitem(cli.COMMANDS, "fake", ("fake_command", "a command"))


def test_unexpected_error_is_one_line_unless_debugging(disco, monkeypatch):
    fake_command(monkeypatch, ZeroDivisionError("two\nlines"))
    done = disco("fake")
    assert done.status == 1
    assert (
        done.err == "disco-dock: error: unexpected ZeroDivisionError: two lines; rerun with --debug for the traceback\n"
    )
    assert "Traceback" in disco("fake", "--debug").err


def test_full_disk_is_one_line(disco, monkeypatch):
    fake_command(monkeypatch, OSError(28, "No space left on device", "out/poses.sdf"))
    done = disco("fake")
    assert done.status == 1
    assert done.err.startswith(
        "disco-dock: error: [Errno 28] No space left on device: 'out/poses.sdf'; check free space"
    )


def test_interrupt_is_one_line_and_130(disco, monkeypatch):
    fake_command(monkeypatch, KeyboardInterrupt())
    done = disco("fake")
    assert (done.status, done.err) == (130, "disco-dock: interrupted\n")


def test_values_that_begin_with_a_minus():
    assert join_negative_values(["--pocket-center", "-1.5,2,-3"]) == ["--pocket-center=-1.5,2,-3"]
    assert join_negative_values(["--a", "-.5,2", "-o", "x", "--seed", "-1"]) == ["--a=-.5,2", "-o", "x", "--seed", "-1"]


def test_weights_import(disco, monkeypatch, tmp_path):
    from disco_dock.weights.published import folder as published

    calls = []
    monkeypatch.setattr(
        published, "import_published", lambda source, out: calls.append((str(source), str(out))), raising=False
    )
    done = disco("weights", "import", "from", "to")
    assert (done.status, calls) == (0, [("from", "to")])
    assert "--checkpoint to" in done.out
