"use strict";
// Latents: numbers from a normal distribution, arcs between two of them, and the plane around one.

function drawLatents(count) {
  const uniform = crypto.getRandomValues(new Uint32Array(count + (count % 2)));
  const latents = new Float32Array(count + (count % 2));
  for (let i = 0; i < latents.length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log((uniform[i] + 1) / 2 ** 32)), angle = (2 * Math.PI * uniform[i + 1]) / 2 ** 32;
    latents[i] = radius * Math.cos(angle);
    latents[i + 1] = radius * Math.sin(angle);
  }
  return latents.subarray(0, count);
}

const SPAN = 3; // standard deviations from the middle of the pad to its edge, for one or two latents

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);
const norm = (a) => Math.sqrt(dot(a, a));
const combined = (...terms) => terms[0][1].map((_, i) => terms.reduce((sum, [weight, z]) => sum + weight * z[i], 0));

// The point at t on the arc from a to b, as kerasgan.sampling.interpolation: the straight line where there is no single
// arc, between latents that are parallel or opposite, or of which one is 0.
function interpolate(a, b, t) {
  const norms = norm(a) * norm(b);
  const angle = Math.acos(Math.min(Math.max(norms > 0 ? dot(a, b) / norms : 1, -1), 1)), sine = Math.sin(angle);
  if (sine < 1e-6) return combined([1 - t, a], [t, b]);
  return combined([Math.sin((1 - t) * angle) / sine, a], [Math.sin(t * angle) / sine, b]);
}

// The latents around a center in two directions at right angles to it and to each other. A step goes along the sphere
// on which normal latents of many dimensions lie; at distance 1 the center is left behind by a right angle.
class Plane {
  constructor(center) {
    this.center = center;
    this.turn();
  }

  // Where the center is on the pad: in the middle, except where one or two latents are shown as they are.
  home() {
    const [x, y = 0] = this.center;
    return this.center.length < 3 ? [x / SPAN, -y / SPAN] : [0, 0];
  }

  turn() {
    const basis = [this.center];
    this.axes = [0, 1].map(() => {
      let axis = drawLatents(this.center.length);
      for (const other of basis) if (norm(other) > 0) axis = combined([1, axis], [-dot(axis, other) / dot(other, other), other]);
      const length = norm(axis);
      basis.push(axis);
      return length > 0 ? axis.map((x) => x / length) : axis;
    });
  }

  // u and v are from -1 to 1. Two latents or less are shown as they are, up to three standard deviations.
  at(u, v) {
    const { center, axes } = this;
    if (center.length < 3) return Float32Array.from([SPAN * u, -SPAN * v].slice(0, center.length));
    const distance = Math.hypot(u, v);
    if (distance === 0) return center;
    const angle = (distance * Math.PI) / 2, radius = norm(center);
    const along = (radius * Math.sin(angle)) / distance;
    return combined([Math.cos(angle), center], [u * along, axes[0]], [-v * along, axes[1]]);
  }
}
