"""Every atom record of a structure file is kept, dropped by a named rule, or an error, whatever program wrote it."""

from __future__ import annotations

import gzip

import gemmi
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from disco_dock.chem.structures.atom_elements import autodock_element, element_of_name, guessed_element
from disco_dock.chem.structures.residue_numbers import ResidueNumbers, hybrid36
from disco_dock.chem.structures.structure_files import read_structure
from disco_dock.runtime.errors import InputError
from tests.support.structures import COLUMNS, Atom, chain, cif_text, hetero, pdb_text, residue

PEPTIDE = ["GLY", "ALA", "SER", "VAL", "TRP", "ASP"]
LINE = "{record:<6}{serial:5d} {name:<4}{alt}{residue:>3} {chain}{number:>4}{code}   {x:8.3f}{y:8.3f}{z:8.3f}{tail}"


@pytest.fixture
def read(tmp_path):
    def run(text, name="p.pdb"):
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_structure(tmp_path / name)

    return run


def line(name, residue, number, pos, *, record="ATOM", chain="A", alt=" ", code=" ", tail="  1.00  0.00", serial=1):
    x, y, z = pos
    return LINE.format(**locals())


def everything_is_accounted_for(found):
    assert found.tally.kept == sum(len(group.atom_names) for group in found.groups)
    assert found.tally.total == found.tally.kept + sum(found.tally.dropped.values())


def edited(atoms, edit):
    """PDB text of atoms with every atom record changed by a function."""
    return "\n".join(edit(one) if one.startswith(("ATOM", "HETATM")) else one for one in pdb_text(atoms).splitlines())


FIRST, SECOND = chain(PEPTIDE, " "), chain(PEPTIDE, " ", offset=20.0)


def segmented(atoms, segment):
    return [f"{one[:66]:<72}{segment:<4}{one[76:]}" for one in pdb_text(atoms).splitlines() if one.startswith("ATOM")]


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ([*pdb_text(FIRST).splitlines()[:-1], "TER", *pdb_text(SECOND).splitlines()[:-1], "TER"], ["A", "B"]),
        ([*pdb_text(FIRST).splitlines()[:-1], *pdb_text(SECOND).splitlines()[:-1]], ["A", "B"]),
        ([*segmented(FIRST, "PROA"), *segmented(SECOND, "PROB")], ["PROA", "PROB"]),
        (
            [*segmented(FIRST, "PROA"), *segmented(chain(PEPTIDE, " ", start=101, offset=20.0), "PROB")],
            ["PROA", "PROB"],
        ),
        (
            [
                *pdb_text(FIRST).splitlines()[:-1],
                "TER",
                *pdb_text(chain(PEPTIDE, " ", start=101, offset=20.0)).splitlines()[:-1],
            ],
            ["A", "B"],
        ),
        (
            [*pdb_text(chain(PEPTIDE)).splitlines()[:-1], "TER", *pdb_text(chain(PEPTIDE, offset=20.0)).splitlines()],
            ["A", "A2"],
        ),
    ],
)
def test_repeated_chains_are_told_apart(read, lines, names):
    found = read("\n".join(lines))
    assert len(found.groups) == 12 and list(dict.fromkeys(group.chain for group in found.groups)) == names
    assert any("times" in note or "no letter" in note for note in found.notes)
    everything_is_accounted_for(found)


def test_a_ter_inside_a_chain_is_no_new_chain(read):
    first, second = pdb_text(chain(PEPTIDE[:3])).splitlines()[:-1], pdb_text(chain(PEPTIDE[3:], start=9)).splitlines()
    found = read("\n".join([*first, "TER", *second]))
    assert {group.chain for group in found.groups} == {"A"} and not found.notes


def test_groups_go_with_the_copy_of_their_chain_that_is_near(read):
    near_first, near_second = (
        hetero("ZN", " ", number, [("ZN", "ZN")], (3.0, place, 0.0)) for number, place in ((301, 3.0), (302, 23.0))
    )
    text = "\n".join([pdb_text(FIRST + SECOND).removesuffix("END\n"), pdb_text(near_second + near_first)])
    found = read(text)
    assert {group.number: group.chain for group in found.groups if group.name == "ZN"} == {301: "A", 302: "B"}


def models(*parts):
    return pdb_text([atom._replace(model=number) for number, part in enumerate(parts, start=1) for atom in part])


def test_assembly_in_models_is_read_whole(read):
    copy = chain(PEPTIDE, offset=25.0)
    for name in ("a.pdb1", "a.pdb", "a.pdb.gz", "a.cif"):
        text = models(chain(PEPTIDE), copy)
        if name.endswith("cif"):
            text = cif_text(
                [atom._replace(model=number) for number, part in ((1, chain(PEPTIDE)), (2, copy)) for atom in part]
            )
        found = read(gzip.compress(text.encode()) if name.endswith("gz") else text, name)
        assert [group.chain for group in found.groups] == ["A"] * 6 + ["A2"] * 6, name
        assert "assembly" in found.notes[0]
        everything_is_accounted_for(found)


def test_ensemble_is_one_model(read):
    rng = np.random.default_rng(0)
    moved = [atom._replace(pos=tuple(np.array(atom.pos) + rng.normal(0, 0.3, 3))) for atom in chain(PEPTIDE)]
    far = [atom._replace(pos=tuple(np.array(atom.pos) + [0, 25, 0])) for atom in moved]
    for text in (
        models(chain(PEPTIDE), moved),
        "EXPDTA    SOLUTION NMR\n" + models(chain(PEPTIDE), chain(PEPTIDE, offset=25.0)),
        models(chain(PEPTIDE), far),  # frames of a simulation: not rigid
        pdb_text(chain(PEPTIDE)) + pdb_text(moved),  # frames as VMD writes them, between END records
    ):
        found = read(text)
        assert len(found.groups) == 6 and found.notes[0].startswith("2 models")
        assert found.tally.dropped == {"another model": 24}
        everything_is_accounted_for(found)


def test_what_follows_end_is_read(read):
    found = read(pdb_text(chain(PEPTIDE)) + pdb_text(hetero("LIG", "X", 1, [(f"C{k}", "C") for k in range(7)])))
    assert [group.name for group in found.groups] == [*PEPTIDE, "LIG"]


NUMBERS = [
    ("A000", " ", 10_000),
    ("A001", " ", 10_001),
    ("ZZZZ", " ", 1_223_055),
    ("a000", " ", 1_223_056),
    ("271a", " ", 10_010),
    ("270f", " ", 9_999),
    ("1000", "1", 10_001),
    ("-999", " ", -999),
    ("   0", " ", 0),
]


@pytest.mark.parametrize(("text", "code", "number"), NUMBERS)
def test_numbers_beyond_their_columns(read, text, code, number):
    water = line(" O", "HOH", text, (9.0, 9.0, 9.0), record="HETATM", chain="W", code=code)
    found = read(pdb_text(chain(PEPTIDE)).replace("END", water))
    assert (found.groups[-1].name, found.groups[-1].number) == ("HOH", number)


def test_hexadecimal_numbers_go_on_after_9999():
    reader = ResidueNumbers()
    assert [reader.read(text, " ", "A", "HOH")[0] for text in ("9999", "2710", "2711", "271a", "ffff")] == [
        *(9999, 10_000, 10_001, 10_010, 65_535),
    ]
    assert reader.read("2711", " ", "B", "HOH")[0] == 2711


@given(st.integers(-999, 2_000_000))
def test_hybrid36_is_read_back(value):
    text = hybrid36(value, 4)
    assert len(text) == 4 and ResidueNumbers().read(text, " ", "A", "HOH") == (value, "")
    if value < 1_223_056:  # gemmi does not tell small letters from capitals
        assert gemmi.read_pdb_string(line(" O", "HOH", text, (0, 0, 0)) + "\nEND\n")[0][0][0].seqid.num == value


@pytest.mark.parametrize("number", ["12.5", "x y ", "1-2 "])
def test_a_number_that_is_none_is_refused_with_its_line(read, number):
    with pytest.raises(InputError, match=r"line 1: no residue number in columns 23 to 26"):
        read(line(" CA", "ALA", number, (0, 0, 0)))


@pytest.mark.parametrize(
    ("name", "residue", "element"),
    [
        *((name, "HIS", "H") for name in ("HND1", "HNE2", "1HB ", "HB1 ", "HN  ", "HA")),
        *((name, "LYS", "H") for name in ("HNZ1", "HZ1")),
        *((name, "SER", "H") for name in ("HOG1", "HOG ", "HG")),
        *((name, "ALA", "C") for name in ("CA  ", " CA ", "CB")),
        *((name, "TRP", "C") for name in ("CD1 ", "CE2")),
        *((name, "GLU", "C") for name in ("CD  ", "CG")),
        *((name, "ASN", "N") for name in ("ND2 ", "NE2")),
        *((name, "MSE", "Se") for name in ("SE  ", "SE")),
        *((name, "CYS", "S") for name in ("SG  ", "SG")),
        *((name, "DA", "H") for name in ("H5''", "HO3'")),
        *((name, "GUA", "C") for name in ("C5' ", "C1'")),
        ("DCA", "ALA", "virtual"),
        ("LPOA", "ALA", "virtual"),
    ],
)
def test_elements_by_name(name, residue, element):
    assert element_of_name(name, residue) == element


@pytest.mark.parametrize(
    ("padded", "residue", "aligned", "element"),
    [
        ("CL1 ", "LIG", True, "Cl"),
        ("CL1 ", "LIG", False, "Cl"),
        ("BR  ", "LIG", False, "Br"),
        (" CA ", "LIG", True, "C"),
        ("CA  ", "CA", True, "Ca"),
        ("CAL ", "CAL", False, "Ca"),
        ("ZN  ", "ZN", True, "Zn"),
        ("C10A", "LIG", True, "C"),
        ("CA  ", "LIG", False, "C"),
        ("HO5'", "LIG", True, "H"),
        ("FE  ", "HEM", True, "Fe"),
        ("FE  ", "HEME", False, "Fe"),
        ("SOD ", "SOD", False, "Na"),
        ("POT ", "POT", True, "K"),
        ("CES ", "CES", False, "Cs"),
        ("RUB ", "RUB", False, "Rb"),
        ("CAD ", "CAD", False, "Cd"),
        ("IM  ", "IM", True, "Cl"),
        ("CIO ", "CIO", False, "Cs"),
        ("FA  ", "LIG", False, "F"),
        ("HO1 ", "LIG", True, "H"),
        ("CE1 ", "LIG", True, "C"),
        ("NA1 ", "LIG", True, "N"),
        ("NA  ", "HEM", True, "N"),
        ("CO  ", "B12", True, "Co"),
        ("CD  ", "CD", True, "Cd"),
        ("ZN1 ", "LIG", True, "Zn"),
        (" F1 ", "LIG", True, "F"),
        ("1HB ", "LIG", True, "H"),
    ],
)
def test_elements_of_other_groups(padded, residue, aligned, element):
    assert guessed_element(padded, residue, aligned=aligned) == element


@pytest.mark.parametrize(
    ("kind", "element"),
    [
        ("A", "C"),
        ("OA", "O"),
        ("NA", "N"),
        ("SA", "S"),
        ("HD", "H"),
        ("Zn", "Zn"),
        ("Cl", "Cl"),
        ("W", "virtual"),
        ("G0", "virtual"),
        ("?", None),
    ],
)
def test_autodock_types(kind, element):
    assert autodock_element(kind) == element


def left_aligned(one):
    """A record with its atom name in column 13 and no element, as CHARMM writes it."""
    return one[:12] + f"{one[12:16].strip():<4}" + one[16:66]


def test_records_without_elements(read):
    more = [("N", "N"), ("CA", "C"), ("HND1", "H"), ("CE1", "C")]
    atoms = chain(PEPTIDE)
    atoms += [Atom(name, "HIS", "A", 7, (30.0 + k, 5.0, 0.0), element) for k, (name, element) in enumerate(more)]
    expected = [atom.element for atom in atoms]
    for edit in (lambda one: one[:66], left_aligned, lambda one: one[:76] + one[76:78].strip().ljust(2)):
        found = read(edited(atoms, edit))
        assert [element for group in found.groups for element in group.elements] == expected


def test_pdbqt_types_are_no_elements(read):
    kinds = {"N": "NA", "C": "A", "O": "OA"}

    def typed(one):
        return f"{one[:54]}  1.00  0.00    {-0.272:+6.3f} {kinds[one[77]]:<2}"

    for name in ("r.pdbqt", "r.pdb"):
        found = read(edited(chain(PEPTIDE), typed), name)
        assert [group.elements for group in found.groups] == [("N", "C", "C", "O")] * 6


@pytest.mark.parametrize("name", ["r.pqr", "r.pdb", "r.ent", "r"])
@pytest.mark.parametrize("blank", [" ", "   ", "\t"])
@pytest.mark.parametrize("with_chain", [True, False])
def test_pqr(read, with_chain, blank, name):
    def words(one):
        where = ["A"] if with_chain else []
        fields = [one[:6], one[6:11], one[12:16], one[17:20], *where, one[22:26], one[30:38], one[38:46], one[46:54]]
        return blank.join([*(field.strip() for field in fields), "-0.3000", "1.8500"])

    found = read(edited(chain(PEPTIDE), words), name)
    assert [group.name for group in found.groups] == PEPTIDE
    assert found.groups[1].elements == ("N", "C", "C", "O")
    np.testing.assert_allclose(found.groups[3].pos, [atom.pos for atom in chain(PEPTIDE)[12:16]], atol=1e-3)


def test_columns_that_touch_are_no_pqr(read):
    """Alternate locations stand before the residue's name, and numbers above 999 behind the chain."""
    low = [one._replace(altloc="A", occupancy=0.3) for one in chain(PEPTIDE, start=1001)]
    high = [one._replace(altloc="B", occupancy=0.7, pos=(one.pos[0], one.pos[1], one.pos[2] + 1.0)) for one in low]
    found = read(pdb_text([one for pair in zip(low, high, strict=True) for one in pair]))
    assert [group.name for group in found.groups] == PEPTIDE and found.groups[0].number == 1001
    np.testing.assert_allclose(found.groups[0].pos, [one.pos for one in high[:4]], atol=1e-3)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_byte_order_mark_and_line_ends(read, ends):
    text = pdb_text(chain(PEPTIDE)).replace("\n", ends)
    assert read(text.encode("utf-8-sig")).tally.kept == 24


def test_utf16_is_refused(read):
    with pytest.raises(InputError, match="binary|UTF-16"):
        read(pdb_text(chain(PEPTIDE)).encode("utf-16"))


def test_gzip_is_known_by_its_content(read):
    assert read(gzip.compress(pdb_text(chain(PEPTIDE)).encode()), "no_suffix_of_gzip.pdb").tally.kept == 24


def test_names_of_four_letters(read):
    lines = [
        line(name, "NME", 1, pos, chain="A").replace("NME A", "NMETA")
        for name, pos in ((" N", (0, 0, 0)), (" CA", (1.4, 0, 0)), (" C", (2.0, 1.4, 0)), (" O", (1.3, 2.4, 0)))
    ]
    water = [line(" OH2", "TIP", 5, (9, 9, 9), chain=" ").replace("TIP  ", "TIP3 ")]
    lipid = [line(" C1", "POP", 6, (19, 9, 9), chain="A").replace("POP A", "POPCA")]
    found = read("\n".join(lines + water + lipid))
    assert [(group.chain, group.name) for group in found.groups] == [("A", "NMET"), ("A", "POPC"), ("", "TIP3")]


def test_equal_names_in_a_cofactor_are_all_kept(read):
    group = [Atom("CNOP"[k % 4], "NDP", "A", 500, (1.4 * k, 30.0, 0.0), "CNOP"[k % 4], hetero=True) for k in range(48)]
    found = read(pdb_text(chain(PEPTIDE) + group))
    assert len(found.groups[-1].atom_names) == 48


def test_molecules_of_one_number_are_told_apart(read):
    waters = [Atom("O", "HOH", "W", 1, (9.0 * k, 40.0, 0.0), "O", hetero=True) for k in range(5)]
    assert [len(group.atom_names) for group in read(pdb_text(chain(PEPTIDE) + waters)).groups[6:]] == [1] * 5


def test_a_cofactor_with_the_number_of_a_residue(read):
    cofactor = [Atom(f"C{k}", "NDP", "A", 3, (1.4 * k, 30.0, 0.0), hetero=False) for k in range(20)]
    found = read(pdb_text(chain(PEPTIDE) + cofactor))
    assert [(group.name, len(group.atom_names)) for group in found.groups][-1] == ("NDP", 20)
    everything_is_accounted_for(found)


@pytest.mark.parametrize("interleaved", [True, False])
def test_point_mutations(read, interleaved):
    first = [atom._replace(altloc="A", occupancy=0.4) for atom in residue("SER", "A", 2, 1)]
    second = [atom._replace(altloc="B", occupancy=0.6, residue="THR") for atom in first]
    both = [one for pair in zip(first, second, strict=True) for one in pair] if interleaved else first + second
    found = read(pdb_text(residue("GLY", "A", 1, 0) + both + residue("ALA", "A", 3, 2)))
    assert [group.name for group in found.groups] == ["GLY", "THR", "ALA"]
    assert found.tally.dropped == {"another alternate location": 4}
    everything_is_accounted_for(found)


def test_one_alternate_location_for_a_whole_residue(read):
    """Occupancies of single atoms do not mix two conformers."""
    a = [atom._replace(altloc="A", occupancy=0.5 + 0.02 * k) for k, atom in enumerate(residue("SER", "A", 2, 1))]
    b = [
        atom._replace(altloc="B", occupancy=0.49 if k else 0.51, pos=(atom.pos[0], atom.pos[1], 3.0))
        for k, atom in enumerate(a)
    ]
    found = read(pdb_text(residue("GLY", "A", 1, 0) + a + b))
    assert len(set(found.groups[1].pos[:, 2])) == 1


COMPLEX = (
    chain(PEPTIDE)
    + chain(PEPTIDE, "B", offset=30.0)
    + hetero("LIG", "A", 301, [(f"C{k}", "C") for k in range(7)], (0.0, 50.0, 0.0))
    + hetero("LIG", "B", 302, [(f"C{k}", "C") for k in range(7)], (0.0, 60.0, 0.0))
    + hetero("XXX", "B", 303, [("C", "C")] * 5, (0.0, 70.0, 0.0))
    + hetero("ZN", "A", 304, [("ZN", "ZN")], (0.0, 80.0, 0.0))
    + [one for k in range(3) for one in hetero("HOH", "A", 401 + k, [("O", "O")], (5.0 * k, 90.0, 0.0))]
)
"""Two chains, equal ligands, a group of one name, a metal and waters."""

OPTIONAL = [
    *("id", "label_alt_id", "label_entity_id", "label_seq_id", "pdbx_PDB_ins_code", "occupancy", "B_iso_or_equiv"),
    *("auth_seq_id", "auth_comp_id", "auth_asym_id", "auth_atom_id", "pdbx_PDB_model_num", "type_symbol", "group_PDB"),
]


@settings(max_examples=40)
@given(
    absent=st.sets(st.sampled_from(OPTIONAL)), unknown=st.sets(st.sampled_from(OPTIONAL)), mark=st.sampled_from("?.")
)
def test_mmcif_without_optional_items(tmp_path_factory, absent, unknown, mark):
    """Also without any residue numbers: a residue begins where its names tell."""
    rows = cif_text(COMPLEX).splitlines()
    keep = [place for place, name in enumerate(COLUMNS) if name not in absent]
    lines = ["data_made", "loop_", *(f"_atom_site.{COLUMNS[place]}" for place in keep)]
    for row in rows:
        if row.startswith(("ATOM", "HETATM")):
            words = row.split()
            lines.append(" ".join(mark if COLUMNS[place] in unknown else words[place] for place in keep))
    path = tmp_path_factory.mktemp("cif") / "p.cif"
    path.write_text("\n".join([*lines, "#", ""]))
    found = read_structure(path)
    everything_is_accounted_for(found)
    sizes = sorted((group.name, len(group.atom_names)) for group in found.groups)
    assert sizes == sorted(
        [(name, 4) for name in PEPTIDE] * 2 + [("LIG", 7)] * 2 + [("XXX", 5), ("ZN", 1)] + [("HOH", 1)] * 3
    )
    assert found.tally.total == len(COMPLEX) == found.tally.kept


@settings(max_examples=60)
@given(st.data())
def test_every_record_is_accounted_for(tmp_path_factory, data):
    """Whatever the order of records, repeated names and numbers: nothing is lost without a rule."""
    pool = chain(PEPTIDE) + chain(PEPTIDE, " ", offset=20.0) + hetero("LIG", "A", 3, [("C1", "C")] * 7)
    atoms = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=60))
    lines = pdb_text(atoms).splitlines()
    for place in data.draw(st.lists(st.integers(0, len(lines) - 1), max_size=4)):
        lines.insert(place, "TER")
    path = tmp_path_factory.mktemp("any") / "p.pdb"
    path.write_text("\n".join(lines))
    found = read_structure(path)
    everything_is_accounted_for(found)
    assert found.tally.total == len(atoms) and not found.tally.dropped


@pytest.mark.parametrize("category", ["_atom_site.type_symbol", "_atom_site.Cartn_x"])
def test_a_loop_of_two_categories_is_refused(read, category):
    with pytest.raises(InputError, match="not a readable mmCIF file"):
        read(cif_text(chain(PEPTIDE)).replace(category, "_other.item"), "p.cif")


@pytest.mark.parametrize("value", ["nan", "inf", "1e40"])
def test_a_position_that_is_none_is_refused_in_any_model(read, value):
    text = models(chain(PEPTIDE), chain(PEPTIDE, offset=25.0))
    place = text.rindex("   1.460")
    with pytest.raises(InputError, match="has the position|not a readable PDB"):
        read(text[:place] + f"{value:>8}" + text[place + 8 :])
