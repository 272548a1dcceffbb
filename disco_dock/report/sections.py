"""The parts of the page that do not change while it is open, as HTML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from disco_dock.report.trust import NO_INDEX, NOT_AN_AFFINITY, NOT_CHECKED, UNCALIBRATED, Reliabilities, told

LABELS = {
    "rank": "#",
    "confidence": "Confidence",
    "p_rmsd_under_2": "P(<2 Å)",
    "p_rmsd_under_5": "P(<5 Å)",
    "trust": "In words",
    "rank_confidence": "# by confidence",
    "rank_vina": "# by Vina",
    "rank_contacts": "# by contacts",
    "rank_consensus": "# by consensus",
    "vina_score": "Vina score (kcal/mol, not an affinity)",
    "contact_score": "Contact score",
    "vina_score_before": "before minimisation",
    "latents": "Latents",
    "mode": "Mode",
    "cluster": "Cluster",
    "pocket_distance": "To pocket (Å)",
    "clash_count": "Clashes",
    "stereo_kept": "Stereo",
    "valid": "Valid",
}
LEFT_OUT = frozenset({"seed", "sample", "latent_log_prob", "failed_checks", "train_identity", "train_tanimoto"})
LAST = ("latents",)  # wide columns
PLOT, MARGIN = 180, 30  # pixels


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are HTML already."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def pose_table(rows: Sequence[Mapping[str, str]]) -> str:
    """All poses, one selectable row each; columns that are empty everywhere are left out."""
    used = [name for name in rows[0] if name not in LEFT_OUT and any(row[name] for row in rows)]
    if all(row["stereo_kept"] == "true" for row in rows):  # a warning tells when not
        used.remove("stereo_kept")
    used = [name for name in used if name not in LAST] + [name for name in LAST if name in used]
    head = "".join(f'<th scope="col">{escape(LABELS.get(name, name.replace("_", " ")))}</th>' for name in used)
    lines = []
    for row in rows:
        cells = "".join(f"<td>{_dot(name)}{escape(_cell(name, row[name]))}</td>" for name in used)
        lines.append(
            f'<tr data-rank="{escape(row["rank"])}" role="option" tabindex="-1" aria-selected="false">{cells}</tr>'
        )
    return (
        f'<table><thead><tr>{head}</tr></thead><tbody role="listbox" aria-label="Poses, best first">'
        f"{''.join(lines)}</tbody></table>"
    )


def _dot(name: str) -> str:
    return '<span class="dot"></span>' if name == "rank" else ""


def _cell(name: str, value: str) -> str:
    if name == "stereo_kept":
        return "kept" if value == "true" else "changed"
    if name == "valid" and value:
        return "yes" if value == "true" else "no"
    if name.startswith("p_rmsd") and value:
        return f"{100 * float(value):.0f} %"
    return f"{float(value):.2f}" if name == "confidence" and value else value


def mode_filter(modes: Sequence[Mapping[str, Any]]) -> str:
    """A choice of one mode, when poses have several."""
    drawn = [mode for mode in modes if mode["poses"]]
    if len(drawn) < 2:  # noqa: PLR2004 - one mode is no choice
        return ""
    options = "".join(
        f'<option value="{mode["number"]}">{mode["number"]}: {escape(" ".join(mode["latents"]))}</option>'
        for mode in drawn
    )
    return f'<label>Mode <select id="mode"><option value="">all</option>{options}</select></label>'


def movie(frames: int) -> str:
    """Controls of the diffusion of the first pose, or why there are none."""
    if not frames:
        return (
            '<p class="quiet full-only">The diffusion of the first pose was not kept; '
            "dock with --trajectory or --report to see it.</p>"
        )
    return (
        '<div class="movie"><button type="button" id="play" aria-pressed="false" title="M">Play</button>'
        f'<input id="frame" type="range" min="0" max="{frames - 1}" value="{frames - 1}" '
        'aria-label="Step of the diffusion of the first pose"><span id="time">pose</span></div>'
    )


def warnings(notes: Sequence[str]) -> str:
    """What a user should know, before anything else."""
    if not notes:
        return ""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    count = "1 warning or note" if len(notes) == 1 else f"{len(notes)} warnings and notes"
    return f'<details class="warnings" open><summary>{count}</summary><ul>{items}</ul></details>'


GIVEN_POSES = (
    "<p>These poses were given, not docked here: no probability of being near was measured for such poses. They are "
    f'ranked by contact score or Vina energy.</p><p class="quiet">{NOT_AN_AFFINITY}</p>'
)


def trust_card(calibrated: bool, has_confidence: bool, reliability: Reliabilities) -> str:
    """Probabilities of the chosen pose with their reliability; the script fills in the numbers."""
    if not (has_confidence or calibrated):
        return '<p class="quiet">This checkpoint has no confidence model; poses are in the order of sampling.</p>'
    if not calibrated:
        return (
            '<div class="pair"><div><p class="big" data-logit>–</p><p>confidence (logit) of pose '
            f'<span class="rank">1</span></p></div></div><p class="verdict">Not calibrated.</p><p>{UNCALIBRATED}</p>'
            f'<p class="quiet">{NOT_AN_AFFINITY}</p>'
        )
    measured = [told(reliability, 2.0, which) for which in ("first", "all")]
    lines = "".join(_measured(one) for one in measured if one is not None)
    plot = next((reliability_plot(one) for one in measured if one is not None), "")
    return (
        '<div class="pair"><div><p class="big" data-near>–</p><p>P(RMSD &lt; 2 Å)</p></div>'
        '<div><p class="big" data-far>–</p><p>P(RMSD &lt; 5 Å)</p></div></div>'
        '<p class="verdict" data-band></p><p data-reliability></p>'
        f'{lines}{plot}<p class="quiet">{NOT_AN_AFFINITY}</p>'
    )


def _measured(one: Mapping[str, Any]) -> str:
    kind = "first-ranked poses" if one["which"] == "first" else "poses"
    return (
        f'<p class="quiet">On {one["poses"]} {kind} of {one["complexes"]} held-out complexes: expected calibration '
        f"error {one['ece']:.3f}, Brier score {one['brier']:.3f} (a constant has {one['base_brier']:.3f}).</p>"
    )


def reliability_plot(fit: Mapping[str, Any]) -> str:
    """Predicted against observed share of held-out poses within 2 Angstrom, as SVG; larger dots are more poses."""

    def point(x: float, y: float) -> tuple[float, float]:
        return MARGIN + PLOT * x, 10 + PLOT * (1 - y)

    total = sum(one["poses"] for one in fit["bins"]) or 1
    dots = []
    for one in fit["bins"]:
        x, y = point(one["predicted"], one["observed"])
        label = f"predicted {one['predicted']:.2f}, observed {one['observed']:.2f}, {one['poses']} poses"
        radius = 3 + 6 * (one["poses"] / total) ** 0.5
        dots.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>{label}</title></circle>')
    left, low = point(0, 0)
    right, high = point(1, 1)
    return (
        f'<svg class="reliability" viewBox="0 0 {PLOT + MARGIN + 20} {PLOT + 45}" role="img" '
        'aria-label="Reliability: predicted against observed share of poses within 2 Angstrom">'
        f'<path class="axis" fill="none" d="M{left} {high}V{low}H{right}M{left} {low}L{right} {high}"/>'
        f'<line class="now" x1="{left}" x2="{left}" y1="{high}" y2="{low}"/>{"".join(dots)}'
        f'<text x="{left - 4}" y="{low + 12}">0</text><text x="{right - 4}" y="{low + 12}">1</text>'
        f'<text x="{left - 14}" y="{high + 6}">1</text>'
        f'<text x="{(left + right) / 2}" y="{low + 26}" text-anchor="middle">predicted P(RMSD &lt; 2 Å)</text>'
        f'<text transform="translate({left - 16} {(low + high) / 2}) rotate(-90)" text-anchor="middle">observed</text>'
        "</svg>"
    )


def novelty_text(novelty: Mapping[str, Any] | None) -> str:
    """What is nearest in the training set, and how docking fared that far from it; in words and as a small table."""
    if novelty is None:
        return f'<h3>How new is it?</h3><p class="quiet">{NO_INDEX}</p>'
    protein, ligand = novelty["protein"], novelty["ligand"]
    rows = [
        ("Protein", escape(protein["nearest"] or "none alike"), f"{100 * protein['identity']:.0f} % identity"),
        ("Ligand", escape(ligand["nearest"]), f"Tanimoto {ligand['tanimoto']:.2f}"),
    ]
    sentence = novelty["sentences"][1]
    return (
        f"<h3>How new is it?</h3>{table(('', 'Nearest trained on', 'Similarity'), rows)}"
        f"<p data-novelty>{escape(sentence[0].upper() + sentence[1:])}.</p>"
    )


def validity_card(rows: Sequence[Mapping[str, str]], validity: Mapping[str, Any] | None) -> str:
    """Whether each pose is valid, and by name the checks that it fails.

    Args:
        rows: of results.csv.
        validity: of run.json.
    """
    judged = [row for row in rows if row.get("valid")]
    if not judged:
        return f'<p class="quiet">{NOT_CHECKED}</p>'
    lines = []
    for row in judged:
        passed = row["valid"] == "true"
        verdict = '<span class="pass">valid</span>' if passed else '<span class="fail">not valid</span>'
        names = row["failed_checks"].replace(" ", ", ").replace("_", " ") or "none"
        lines.append((escape(row["rank"]), verdict, f'<div class="wrap">{escape(names)}</div>'))
    count = sum(row["valid"] == "true" for row in judged)
    drawn = ""
    if validity is not None and "draws" in validity:
        rate = f"{100 * validity['acceptance_rate']:.0f} %"
        others = "the others are in poses_rejected.sdf"
        drawn = f" They are from {validity['draws']} draws, of which {rate} were accepted; {others}."
    return (
        f"<p>{count} of {len(judged)} checked poses are valid.{drawn}</p>"
        f'<div class="scroll short">{table(("Pose", "Verdict", "Failed checks"), lines)}</div>'
        '<p class="quiet">Tests of the <code>dock</code> configuration of PoseBusters (Buttenschoen et al. 2024), and '
        "whether stereo centres and double bonds are as in the input.</p>"
    )


def modes_card(modes: Sequence[Mapping[str, Any]], enumerated: bool) -> str:
    """The modes with their probabilities and clusters; only those with most poses when they were drawn freely."""
    if not modes:
        return ""
    shown = modes[:20]
    rows = [
        (
            str(mode["number"]),
            escape(" ".join(mode["latents"])),
            _share(mode["probability"], shown[0]["probability"]),
            str(mode["poses"]),
            escape(" ".join(map(str, mode["clusters"]))) or "–",
            str(mode["best_rank"] or "–"),
        )
        for mode in shown
    ]
    how = (
        "The prior's most probable latents; the poses are spread evenly over them."
        if enumerated
        else "Latents were drawn from the prior; --modes enumerate lists its most probable ones."
    )
    more = f" {len(modes) - len(shown)} less probable modes are in run.json." if len(modes) > len(shown) else ""
    heads = ("Mode", "Latents", "Prior", "Poses", "Clusters", "Best rank")
    return (
        f'<div class="card full-only"><h2>Binding modes</h2><div class="scroll short">{table(heads, rows)}</div>'
        f'<p class="quiet">{how}{more}</p></div>'
    )


def _share(value: float, largest: float) -> str:
    width = round(28 * value / largest) if largest else 0
    return f'<span class="share" style="width:{width}px"></span> {100 * value:.2g} %'


def pocket_card(suggestion: Mapping[str, Any] | None) -> str:
    """Where the prior points, when that was asked for."""
    if suggestion is None:
        return ""
    largest = suggestion["residues"][0][1] if suggestion["residues"] else 0.0
    residues = [(escape(name), _share(share, largest)) for name, share in suggestion["residues"]]
    sites = [
        (
            str(number),
            f"{100 * site['probability']:.0f} %",
            ", ".join(f"{value:.1f}" for value in site["center"]),
            f'<div class="wrap">{escape(" ".join(site["residues"][:3]))}</div>',
        )
        for number, site in enumerate(suggestion["sites"], start=1)
    ]
    return (
        '<div class="card full-only"><h2>Where the prior points</h2>'
        f"{table(('Residue', 'Probability'), residues[:5])}<h3>Suggested sites</h3>"
        f"{table(('Site', 'Share', 'Centre (Å)', 'Residues'), sites)}"
        '<p class="quiet">Dock into one of them with --pocket-center.</p></div>'
    )


def settings_card(record: Mapping[str, Any]) -> str:
    """Inputs, checkpoint and settings, and the whole record."""
    inputs, given = record["inputs"], record["settings"]
    facts = {
        "Protein": inputs["protein"]["path"],
        "Ligand": inputs["ligand"]["given"],
        "Checkpoint": f"{record['checkpoint']['directory']} ({record['checkpoint']['sha256'][:12]})",
        "Device": record["resolved"]["device"],
        "Docking": f"{record['timings_seconds'].get('docking', 0):.1f} s",
        **{name.replace("_", " "): value for name, value in given.items() if value not in (None, [], False)},
    }
    items = "".join(
        f"<div><dt>{escape(str(key))}</dt><dd>{escape(_fact(value))}</dd></div>" for key, value in facts.items()
    )
    text = escape(json.dumps(record, indent=2, ensure_ascii=False))
    details = f'<details class="json"><summary>All of run.json</summary><pre>{text}</pre></details>'
    return f'<dl class="facts">{items}</dl>{details}'


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_fact(item)}" for key, item in value.items() if item not in (None, []))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
