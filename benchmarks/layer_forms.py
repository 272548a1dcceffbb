"""A convolution of the published width in three forms, paired: edge by edge (e3nn), aggregated (torch), fused (C).

    python benchmarks/layer_forms.py [--poses 4] [--repeats 7]

The three are timed in turn, forward and backward, on the edges of a bundled complex near its crystal pose, after a
check that they agree. Per group of edges it counts the FLOP and the bytes that have to move, and the share of this
machine's measured matrix-product speed that each form reaches. Prints JSON lines and appends them to
benchmarks/results/layer_forms.jsonl.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import torch
from e3nn import o3
from machine import GEMM_FLOP, gemm_seconds, report
from network_speed import example
from torch import Tensor, nn

from disco_dock.models.layers.edges import ListedEdges
from disco_dock.models.layers.irreps import Channels, Features
from disco_dock.models.layers.listed_edges import EdgeGeometry, cross_edges, receptor_edges, reversed_edges
from disco_dock.models.layers.tensor_product import EdgeGroup, aggregate_slots

RESULTS = Path(__file__).parent / "results" / "layer_forms.jsonl"
WIDE = Channels(24, 6, 6, 24)
HIDDEN, EDGE_DIM = 72, 24
NAMES = ("0e", "1o", "1e", "0o")
SOURCES = {"0e": ("0e", "1o"), "1o": ("0e", "1o", "1e"), "1e": ("1o", "1e", "0o"), "0o": ("1e", "0o")}


class EdgeByEdge(nn.Module):
    """The published form: weights per edge from a two-layer network, e3nn's tensor product, a scattered sum."""

    def __init__(self, group: EdgeGroup) -> None:
        super().__init__()
        self.group = group
        irreps = o3.Irreps([(count, name) for count, name in zip(WIDE, NAMES, strict=True)])
        self.product = o3.FullyConnectedTensorProduct(irreps, "1x0e+1x1o", irreps, shared_weights=False)
        blocks = []
        for instruction in self.product.instructions:
            kind_in, kind_out = NAMES[instruction.i_in1], NAMES[instruction.i_out]
            before = SOURCES[kind_out][: SOURCES[kind_out].index(kind_in)]
            start = sum(WIDE[NAMES.index(name)] for name in before)
            weight = group.mix.weights[instruction.i_out]
            blocks.append(weight[:, start : start + WIDE[instruction.i_in1]].flatten(1))
        self.second = nn.Parameter(torch.cat(blocks, 1).detach())

    def forward(self, edges: ListedEdges, target: Tensor, source: Tensor, at: Tensor) -> Tensor:
        """(targets, width) summed messages; `source` is flat, vectors component by component."""
        rows = edges.rows
        row, j = rows.row.long(), rows.source.long()
        scalars = WIDE.even_scalars
        inputs = torch.cat([edges.embedding[row], target[at], source[j, :scalars]], -1)
        hidden = torch.relu(nn.functional.linear(inputs, self.group.weight, self.group.bias))
        weights = nn.functional.linear(hidden, self.second[:-1].t(), self.second[-1])
        sh = torch.cat([torch.ones(len(rows.sh), 1), rows.sh], 1)[row]
        messages = self.product(_channelwise(source)[j], sh, weights)
        return messages.new_zeros(len(target), messages.shape[1]).index_add(0, at, messages)


def _channelwise(flat: Tensor) -> Tensor:
    """Features with vectors channel by channel, as e3nn has them."""
    parts = Features.from_flat(flat, WIDE)
    vectors = [part.transpose(-1, -2).flatten(-2) for part in (parts.odd_vectors, parts.even_vectors)]
    return torch.cat([parts.even_scalars, *vectors, parts.odd_scalars], -1)


def aggregated(group: EdgeGroup, edges: ListedEdges, target: Tensor, source: Tensor, at: Tensor) -> Tensor:
    """Aggregate, then transform, with torch: edges in padded slots of each target."""
    rows = edges.rows
    degree = (rows.start[1:] - rows.start[:-1]).long()
    slot = torch.arange(len(at)) - rows.start[:-1].long()[at]
    width = int(degree.max())
    index = torch.zeros(len(target), width, dtype=torch.long)
    row, mask = index.clone(), torch.zeros(len(target), width, 1)
    index[at, slot], row[at, slot], mask[at, slot] = rows.source.long(), rows.row.long(), 1.0
    at_target, at_source = group.node_parts(target, source[:, : WIDE.even_scalars])
    hidden = group.hidden_activations(edges.embedding[row], at_target[:, None], at_source[index], mask)
    sh = torch.cat([torch.ones(len(rows.sh), 1), rows.sh], 1)[row]
    return group.mix(aggregate_slots(hidden[None], sh[None], source[index][None])).flat()[0]


def edge_groups(name: str, poses: int) -> dict[str, ListedEdges]:
    """The groups of a complex with `poses` noisy copies of its crystal pose."""
    from disco_dock.graph.batch import collate

    torch.manual_seed(0)
    complex_ = example(name)
    batch = collate([complex_.graph]).expand(poses)
    pos = complex_.pos_crystal + torch.randn(poses, 1, 3)
    across = batch.rec_pos.unsqueeze(2) - pos.unsqueeze(1)
    near = across.norm(dim=-1) < 23.0

    def listed(geometry: EdgeGeometry, targets: int) -> ListedEdges:
        return geometry.listed(torch.randn(len(geometry.target), EDGE_DIM), poses, poses * targets)

    geometry, place = cross_edges(across, near)
    forward = listed(geometry, batch.num_atoms)
    among = receptor_edges(batch.rec_pos, batch.rec_neighbour, batch.rec_neighbour_mask)
    return {
        "ligand <- residue": forward,
        "residue <- ligand": reversed_edges(forward, place, near),
        "residue <- residue": listed(among, batch.num_residues),
    }


def count(edges: int, targets: int, sources: int) -> tuple[float, float]:
    """FLOP and least bytes moved (each operand once, float32) of the aggregated form of one group."""
    products = sum(size * copies for size, copies in zip((30, 36, 36, 30), (1, 3, 3, 1), strict=True))
    mix = 30 * 24 * 2 + 36 * 6 * 3 * 2
    flop = 2 * (edges * ((HIDDEN + 1) * products + EDGE_DIM * HIDDEN) + targets * (HIDDEN + 1) * mix)
    moved = edges * (EDGE_DIM + 3 + 3) + (targets + sources) * (HIDDEN + WIDE.width) + (HIDDEN + 1) * 1872
    return flop, 4.0 * moved


def main() -> int:
    """Measure every group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--complex", default="1s3v", choices=["1s3v", "1uou"])
    parser.add_argument("--poses", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    for name, edges in edge_groups(args.complex, args.poses).items():
        rows = edges.rows
        targets, sources = len(rows.start) - 1, int(rows.source.max()) + 1
        at = torch.repeat_interleave(torch.arange(targets), (rows.start[1:] - rows.start[:-1]).long())
        group = EdgeGroup(WIDE, WIDE, EDGE_DIM, WIDE.even_scalars, HIDDEN, 0.0)
        slow = EdgeByEdge(group)
        target, source = torch.randn(targets, WIDE.even_scalars), torch.randn(sources, WIDE.width, requires_grad=True)

        def fused(edges=edges, group=group, target=target, source=source) -> Tensor:
            return group.listed_sum(edges.rows, edges.embedding, target, source)

        def in_torch(edges=edges, group=group, target=target, source=source, at=at) -> Tensor:
            return aggregated(group, edges, target, source, at)

        def by_edge(slow=slow, edges=edges, target=target, source=source, at=at) -> Tensor:
            return slow(edges, target, source, at)

        forms = {"edge by edge (e3nn)": by_edge, "aggregated (torch)": in_torch, "fused (C)": fused}
        with torch.no_grad():
            expected = _channelwise(fused())
            assert torch.allclose(by_edge(), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
            assert torch.allclose(in_torch(), fused(), rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
        times: dict[str, list[tuple[float, float]]] = {form: [] for form in forms}
        gemm = [gemm_seconds()]
        for _ in range(args.repeats):
            for form, function in forms.items():
                with torch.no_grad():
                    begin = time.perf_counter()
                    function()
                    forward = time.perf_counter() - begin
                begin = time.perf_counter()
                function().sum().backward()
                times[form].append((forward, time.perf_counter() - begin))
        gemm.append(gemm_seconds())
        flop, moved = count(len(at), targets, sources)
        peak = GEMM_FLOP / statistics.mean(gemm)
        slowest = statistics.median(pair[0] for pair in times["edge by edge (e3nn)"])
        for form, pairs in times.items():
            forward, both = (statistics.median(column) for column in zip(*pairs, strict=True))
            line = {
                "group": name,
                "form": form,
                "poses": args.poses,
                "edges": len(at),
                "targets": targets,
                "forward_ms": round(forward * 1e3, 2),
                "forward_backward_ms": round(both * 1e3, 2),
                "speedup": round(slowest / forward, 1),
                "gflop": round(flop / 1e9, 3),
                "mbytes": round(moved / 1e6, 2),
                "share_of_gemm_peak": round(flop / forward / peak, 3),
                "gemm_seconds": round(statistics.mean(gemm), 4),
                "threads": args.threads,
            }
            report(line, RESULTS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
