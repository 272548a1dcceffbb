// Turns a 3Dmol viewer so that a molecule is seen broadside, with as little of the protein in front of it as possible.
(() => {
  "use strict";
  const DIRECTIONS = 120, FOV = 20, CAMERA = 150; // the last two are 3Dmol's: degrees, and Angstrom from the middle
  const NEAR = 4; // Angstrom around the molecule in which an atom hides it
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const minus = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => { const length = Math.hypot(...a) || 1; return a.map((value) => value / length); };
  const point = (atom) => [atom.x, atom.y, atom.z];

  // Directions all around, evenly: a Fibonacci spiral.
  const sphere = Array.from({ length: DIRECTIONS }, (_, index) => {
    const z = 1 - (2 * index + 1) / DIRECTIONS, radius = Math.sqrt(1 - z * z), angle = index * Math.PI * (3 - Math.sqrt(5));
    return [radius * Math.cos(angle), radius * Math.sin(angle), z];
  });

  // Two axes across a direction, the first along the greatest spread of the points.
  function across(points, towards) {
    const first = unit(cross(towards, Math.abs(towards[0]) < 0.8 ? [1, 0, 0] : [0, 1, 0])), second = cross(towards, first);
    let xx = 0, yy = 0, xy = 0;
    points.forEach((one) => { const x = dot(one, first), y = dot(one, second); xx += x * x; yy += y * y; xy += x * y; });
    const angle = 0.5 * Math.atan2(2 * xy, xx - yy), right = first.map((value, axis) => value * Math.cos(angle) + second[axis] * Math.sin(angle));
    return [right, cross(towards, right)];
  }

  const spread = (points, axis) => { const along = points.map((one) => dot(one, axis)); return Math.max(...along) - Math.min(...along); };

  // The direction to the eye: from where the molecule is broad and few atoms of the protein are before it.
  function direction(points, around) {
    let best = null;
    sphere.forEach((towards) => {
      const [right, up] = across(points, towards), width = spread(points, right), height = spread(points, up);
      const hidden = around.reduce((sum, one) => {
        const depth = dot(one, towards);
        return sum + (depth > 1 && Math.abs(dot(one, right)) < width / 2 + 1 && Math.abs(dot(one, up)) < height / 2 + 1 ? 1 / (1 + depth / 12) : 0);
      }, 0);
      const worth = (width + 1) * (height + 1) / (1 + hidden / 12);
      if (!best || worth > best.worth) best = { worth, towards, right, up };
    });
    return best;
  }

  function quaternion(right, up, towards) {
    const m = [right, up, towards], trace = m[0][0] + m[1][1] + m[2][2];
    if (trace > 0) { const s = 2 * Math.sqrt(trace + 1); return [(m[2][1] - m[1][2]) / s, (m[0][2] - m[2][0]) / s, (m[1][0] - m[0][1]) / s, s / 4]; }
    const i = m[0][0] > m[1][1] && m[0][0] > m[2][2] ? 0 : m[1][1] > m[2][2] ? 1 : 2, j = (i + 1) % 3, k = (i + 2) % 3;
    const s = 2 * Math.sqrt(1 + m[i][i] - m[j][j] - m[k][k]), q = [0, 0, 0, 0];
    q[i] = s / 4; q[j] = (m[j][i] + m[i][j]) / s; q[k] = (m[k][i] + m[i][k]) / s; q[3] = (m[k][j] - m[j][k]) / s;
    return q;
  }

  // Atoms of the molecule and of what is around it; `share` of the canvas that the molecule gets, `least` Angstrom across.
  window.orient = (viewer, canvas, atoms, others, { share = 0.5, least = 9 } = {}) => {
    const places = atoms.map(point), middle = [0, 1, 2].map((axis) => places.reduce((sum, one) => sum + one[axis], 0) / places.length);
    const points = places.map((one) => minus(one, middle));
    const reach = Math.max(...points.map((one) => Math.hypot(...one))) + NEAR + 8;
    const around = others.map((atom) => minus(point(atom), middle)).filter((one) => Math.hypot(...one) < reach);
    const { right, up, towards } = direction(points, around);
    const aspect = canvas.clientWidth / Math.max(1, canvas.clientHeight);
    const height = Math.max(spread(points, right) / (share * aspect), spread(points, up) / share, least);
    const away = height / (2 * Math.tan((FOV / 2) * Math.PI / 180));
    viewer.setView([...middle.map((value) => -value), CAMERA - away, ...quaternion(right, up, towards)]);
  };
})();
