"use strict";
// What the page computes: one entry for each kind of operation of program.py, for one sample at a time.
//
// `run(op, heap, kernels)` reads its inputs at `op.from` (shapes `op.shapes`), and writes its output at `op.to` (shape
// `op.shape`), all without a batch axis, images as (height, width, channels). `weights(op)` says which arrays are kept
// in which form: "matrix" in panels for matmul, (groups of) rows x columns; "columns" padded to whole panels; others as
// they are. `op.at` has their addresses. `scratch(op)` is the count of numbers that `run` needs at `op.scratch`.

const size = (shape) => shape.reduce((product, side) => product * side, 1);

// The error function to 1.5e-7: Abramowitz and Stegun, 1964, formula 7.1.26.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

const FUNCTIONS = {
  linear: (x) => x,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  silu: (x) => x / (1 + Math.exp(-x)),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
};

// Where a cell of an image lies, and the copy of an image with a border of zeros, one plane for each group of channels.
function padded(op, heap, groups) {
  const [height, width, channels] = op.shapes[0];
  const [top, bottom, left, right] = op.pads;
  const own = channels / groups, line = (width + left + right) * own;
  if (groups === 1 && top + bottom + left + right === 0) return { at: op.from[0], line, own, plane: 0 };
  const plane = (height + top + bottom) * line;
  heap.fill(0, op.scratch, op.scratch + groups * plane);
  for (let g = 0; g < groups; g++)
    for (let y = 0; y < height; y++) {
      let from = op.from[0] + y * width * channels + g * own;
      let to = op.scratch + g * plane + (y + top) * line + left * own;
      if (groups === 1) heap.copyWithin(to, from, from + width * channels);
      else
        for (let x = 0; x < width; x++, from += channels, to += own)
          for (let c = 0; c < own; c++) heap[to + c] = heap[from + c];
    }
  return { at: op.scratch, line, own, plane };
}

function paddedCount(op) {
  const [height, width, channels] = op.shapes[0];
  const [top, bottom, left, right] = op.pads;
  return (height + top + bottom) * (width + left + right) * channels;
}

function leaky(heap, at, count, slope) {
  if (slope === 1) return;
  for (let i = at; i < at + count; i++) if (heap[i] < 0) heap[i] *= slope;
}

// Two inputs, of which the second may be repeated along the first axes, as a vector over the pixels of an image.
function pairwise(combine) {
  return {
    run(op, heap) {
      const [a, b] = op.from, repeat = size(op.shapes[1]);
      for (let i = 0, j = 0; i < size(op.shape); i++) {
        heap[op.to + i] = combine(heap[a + i], heap[b + j]);
        if (++j === repeat) j = 0;
      }
    },
  };
}

const OPERATIONS = {
  // x kernel + bias over the last axis, then a leaky ReLU. Convolutions of 1x1 are of this kind, too.
  dense: {
    weights: () => ({ kernel: "matrix", bias: "columns" }),
    run(op, heap, kernels) {
      const length = op.shapes[0].at(-1), columns = op.shape.at(-1), rows = size(op.shape) / columns;
      kernels.matmul({
        a: op.from[0], width: rows, pixel: length, line: 0, runs: 1, length, run: length, b: op.at.kernel,
        bias: op.at.bias, c: op.to, step: columns, rows, columns, slope: op.slope,
      });
    },
  },

  // Kernel (groups, height * width * channels of a group, filters of a group); pads [top, bottom, left, right].
  conv: {
    weights: () => ({ kernel: "matrix", bias: "columns" }),
    scratch: (op) => paddedCount(op) + size(op.shape) + PANEL,
    run(op, heap, kernels) {
      const [rows, width, filters] = op.shape, columns = filters / op.groups;
      const image = padded(op, heap, op.groups);
      const between = op.groups > 1 && columns % PANEL ? op.scratch + paddedCount(op) : null;
      const [kernelHeight, kernelWidth] = op.size, length = kernelWidth * image.own;
      for (let g = 0; g < op.groups; g++) {
        const whole = Math.ceil(columns / PANEL) * PANEL;
        kernels.matmul({
          a: image.at + g * image.plane, width, pixel: op.strides[1] * image.own, line: op.strides[0] * image.line,
          runs: kernelHeight, length, run: image.line, b: op.at.kernel + g * kernelHeight * length * whole,
          bias: op.at.bias + g * whole, c: between ?? op.to + g * columns, step: between === null ? filters : columns,
          rows: rows * width, columns, slope: op.slope,
        });
        if (between === null) continue;
        for (let i = 0; i < rows * width; i++)
          for (let c = 0; c < columns; c++) heap[op.to + i * filters + g * columns + c] = heap[between + i * columns + c];
      }
    },
  },

  // Each pixel times the kernel (channels, height * width * filters), added up where the copies overlap.
  conv_transpose: {
    weights: () => ({ kernel: "matrix", bias: "plain" }),
    scratch: (op) => (op.shapes[0][0] * op.shapes[0][1] + 1) * op.size[0] * op.size[1] * op.shape[2] + 2 * PANEL,
    run(op, heap, kernels) {
      const [height, width, length] = op.shapes[0], [rows, columns, filters] = op.shape;
      const [kernelHeight, kernelWidth] = op.size, step = kernelHeight * kernelWidth * filters;
      const zeros = op.scratch + height * width * step + PANEL;
      heap.fill(0, zeros, zeros + step + PANEL);
      kernels.matmul({
        a: op.from[0], width: height * width, pixel: length, line: 0, runs: 1, length, run: length, b: op.at.kernel,
        bias: zeros, c: op.scratch, step, rows: height * width, columns: step, slope: 1,
      });
      for (let i = 0; i < rows * columns; i++) heap.copyWithin(op.to + i * filters, op.at.bias, op.at.bias + filters);
      for (let y = 0; y < height; y++)
        for (let ky = 0; ky < kernelHeight; ky++) {
          const row = y * op.strides[0] + ky - op.crop[0];
          if (row < 0 || row >= rows) continue;
          for (let x = 0; x < width; x++)
            for (let kx = 0; kx < kernelWidth; kx++) {
              const column = x * op.strides[1] + kx - op.crop[1];
              if (column < 0 || column >= columns) continue;
              const from = op.scratch + (y * width + x) * step + (ky * kernelWidth + kx) * filters;
              const to = op.to + (row * columns + column) * filters;
              for (let c = 0; c < filters; c++) heap[to + c] += heap[from + c];
            }
        }
      leaky(heap, op.to, size(op.shape), op.slope);
    },
  },

  // Kernel (height, width, channels, filters of a channel).
  depthwise_conv: {
    weights: () => ({ kernel: "plain", bias: "plain" }),
    scratch: paddedCount,
    run(op, heap) {
      const image = padded(op, heap, 1), [rows, columns, filters] = op.shape, [kernelHeight, kernelWidth] = op.size;
      const channels = op.shapes[0][2], each = filters / channels;
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < columns; x++)
          for (let f = 0; f < filters; f++) {
            const from = image.at + y * op.strides[0] * image.line + x * op.strides[1] * channels + Math.floor(f / each);
            let sum = heap[op.at.bias + f];
            for (let ky = 0; ky < kernelHeight; ky++)
              for (let kx = 0; kx < kernelWidth; kx++)
                sum += heap[from + ky * image.line + kx * channels] *
                  heap[op.at.kernel + (ky * kernelWidth + kx) * filters + f];
            heap[op.to + (y * columns + x) * filters + f] = sum;
          }
      leaky(heap, op.to, size(op.shape), op.slope);
    },
  },

  // x scale + shift over the last axis, then a leaky ReLU: batch norm that could not be folded into a kernel.
  affine: {
    weights: () => ({ scale: "plain", shift: "plain" }),
    run(op, heap) {
      const channels = op.shape.at(-1);
      for (let i = 0, c = 0; i < size(op.shape); i++) {
        const y = heap[op.from[0] + i] * heap[op.at.scale + c] + heap[op.at.shift + c];
        heap[op.to + i] = y < 0 ? y * op.slope : y;
        if (++c === channels) c = 0;
      }
    },
  },

  activation: {
    run(op, heap) {
      const f = FUNCTIONS[op.name] ?? ((x) => (x < 0 ? x * op.slope : x));
      for (let i = 0; i < size(op.shape); i++) heap[op.to + i] = f(heap[op.from[0] + i]);
    },
  },

  // A leaky ReLU with slopes of its own, repeated along the first axes.
  prelu: {
    weights: () => ({ slopes: "plain" }),
    run(op, heap) {
      const repeat = size(op.weights.slopes.shape);
      for (let i = 0, j = 0; i < size(op.shape); i++) {
        const x = heap[op.from[0] + i];
        heap[op.to + i] = x < 0 ? x * heap[op.at.slopes + j] : x;
        if (++j === repeat) j = 0;
      }
    },
  },

  // Each pixel repeated.
  nearest: {
    run(op, heap) {
      const [rows, columns, channels] = op.shape, width = op.shapes[0][1];
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < columns; x++) {
          const from = op.from[0] + (Math.floor(y / op.factors[0]) * width + Math.floor(x / op.factors[1])) * channels;
          heap.copyWithin(op.to + (y * columns + x) * channels, from, from + channels);
        }
    },
  },

  // Pixels have their centers at halves; at the border the nearest ones count.
  bilinear: {
    run(op, heap) {
      const [height, width, channels] = op.shapes[0], [rows, columns] = op.shape;
      const place = (i, factor, sides) => {
        const at = Math.min(Math.max((i + 0.5) / factor - 0.5, 0), sides - 1), low = Math.floor(at);
        return [low, Math.min(low + 1, sides - 1), at - low];
      };
      for (let y = 0; y < rows; y++) {
        const [top, bottom, v] = place(y, op.factors[0], height);
        for (let x = 0; x < columns; x++) {
          const [left, right, u] = place(x, op.factors[1], width);
          const [a, b, c, d] = [[top, left], [top, right], [bottom, left], [bottom, right]].map(
            ([i, j]) => op.from[0] + (i * width + j) * channels);
          for (let k = 0; k < channels; k++)
            heap[op.to + (y * columns + x) * channels + k] =
              (1 - v) * ((1 - u) * heap[a + k] + u * heap[b + k]) + v * ((1 - u) * heap[c + k] + u * heap[d + k]);
        }
      }
    },
  },

  // An image cut, or set into zeros: offset [top, left].
  window: {
    run(op, heap) {
      const [height, width, channels] = op.shapes[0], [rows, columns] = op.shape, [top, left] = op.offset;
      for (let y = 0; y < rows; y++)
        for (let x = 0; x < columns; x++) {
          const to = op.to + (y * columns + x) * channels, i = y + top, j = x + left;
          const inside = i >= 0 && i < height && j >= 0 && j < width, from = op.from[0] + (i * width + j) * channels;
          for (let c = 0; c < channels; c++) heap[to + c] = inside ? heap[from + c] : 0;
        }
    },
  },

  add: pairwise((a, b) => a + b),
  subtract: pairwise((a, b) => a - b),
  multiply: pairwise((a, b) => a * b),
  maximum: pairwise((a, b) => Math.max(a, b)),
  minimum: pairwise((a, b) => Math.min(a, b)),

  // Along an axis: `outer` blocks of each input, one after the other.
  concatenate: {
    run(op, heap) {
      const blocks = op.shapes.map((shape) => size(shape) / op.outer);
      let to = op.to;
      for (let i = 0; i < op.outer; i++)
        blocks.forEach((count, which) => {
          const from = op.from[which] + i * count;
          heap.copyWithin(to, from, from + count);
          to += count;
        });
    },
  },

  // A label that is out of range is taken as the nearest class, as in all exported models.
  one_hot: {
    run(op, heap) {
      const count = op.shape[0], label = Math.min(Math.max(heap[op.from[0]], 0), count - 1);
      for (let i = 0; i < count; i++) heap[op.to + i] = i === label ? 1 : 0;
    },
  },

  // Which of the first numbers is the largest: `scale` there, 0 elsewhere. Equal ones share it.
  largest: {
    run(op, heap) {
      const first = heap.subarray(op.from[0], op.from[0] + op.shape[0]), most = Math.max(...first);
      const share = op.scale / first.filter((number) => number === most).length;
      first.forEach((number, i) => (heap[op.to + i] = number === most ? share : 0));
    },
  },

  embedding: {
    weights: () => ({ table: "plain" }),
    run(op, heap) {
      const width = op.shape.at(-1), label = Math.min(Math.max(heap[op.from[0]], 0), op.classes - 1);
      heap.copyWithin(op.to, op.at.table + label * width, op.at.table + (label + 1) * width);
    },
  },

  // The same numbers for every sample, such as a learned first map.
  constant: {
    weights: () => ({ values: "plain" }),
    run(op, heap) {
      heap.copyWithin(op.to, op.at.values, op.at.values + size(op.shape));
    },
  },

  // Numbers divided by their root mean square, or by their deviation after the mean is taken off, over each of `groups`
  // sets of channels: over all pixels, or for each pixel by itself. Scale and shift are an `affine` of their own.
  normalize: {
    run(op, heap) {
      const channels = op.shape.at(-1), pixels = size(op.shape) / channels, own = channels / op.groups;
      const [sets, count] = op.each_pixel ? [pixels, 1] : [1, pixels];
      for (let s = 0; s < sets; s++)
        for (let g = 0; g < op.groups; g++) {
          const start = s * channels + g * own;
          let mean = 0, square = 0;
          const visit = (f) => {
            for (let p = 0; p < count; p++) for (let c = 0; c < own; c++) f(start + p * channels + c);
          };
          if (op.center) visit((i) => { mean += heap[op.from[0] + i] / (own * count); });
          visit((i) => { square += (heap[op.from[0] + i] - mean) ** 2 / (own * count); });
          const factor = 1 / Math.sqrt(square + op.epsilon);
          visit((i) => { heap[op.to + i] = (heap[op.from[0] + i] - mean) * factor; });
        }
    },
  },
};
