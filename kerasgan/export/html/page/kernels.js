"use strict";
// Memory, and the matrix product on it: in WebAssembly with SIMD, or in JavaScript where the browser has none.
// Here all addresses and steps are counted in numbers (float32). kernels.wat says what the arguments of matmul mean.

const PANEL = 8; // columns of a panel of the right matrix

function makeKernels(wasm, count) {
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((4 * count) / 65536) + 1 });
    const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm), { page: { memory } });
    return { name: "WebAssembly SIMD", heap: new Float32Array(memory.buffer), matmul: inBytes(instance.exports.matmul) };
  } catch (error) {
    const heap = new Float32Array(count);
    return { name: "JavaScript", heap, matmul: (product) => matmulInJavaScript(heap, product) };
  }
}

function inBytes(matmul) {
  return (m) =>
    matmul(4 * m.a, m.width, 4 * m.pixel, 4 * m.line, m.runs, m.length, 4 * m.run,
      4 * m.b, 4 * m.bias, 4 * m.c, 4 * m.step, m.rows, m.columns, m.slope);
}

function matmulInJavaScript(heap, m) {
  const size = m.runs * m.length * PANEL;
  const sums = new Float32Array(PANEL);
  for (let i = 0; i < m.rows; i++) {
    const row = m.a + Math.floor(i / m.width) * m.line + (i % m.width) * m.pixel;
    for (let j = 0; j < m.columns; j += PANEL) {
      const bias = m.bias + j, width = Math.min(PANEL, m.columns - j);
      let b = m.b + (j / PANEL) * size;
      let s0 = heap[bias], s1 = heap[bias + 1], s2 = heap[bias + 2], s3 = heap[bias + 3];
      let s4 = heap[bias + 4], s5 = heap[bias + 5], s6 = heap[bias + 6], s7 = heap[bias + 7];
      for (let r = 0; r < m.runs; r++) {
        const from = row + r * m.run;
        for (let t = from; t < from + m.length; t++, b += PANEL) {
          const x = heap[t];
          s0 += x * heap[b]; s1 += x * heap[b + 1]; s2 += x * heap[b + 2]; s3 += x * heap[b + 3];
          s4 += x * heap[b + 4]; s5 += x * heap[b + 5]; s6 += x * heap[b + 6]; s7 += x * heap[b + 7];
        }
      }
      sums[0] = s0; sums[1] = s1; sums[2] = s2; sums[3] = s3;
      sums[4] = s4; sums[5] = s5; sums[6] = s6; sums[7] = s7;
      const to = m.c + i * m.step + j;
      for (let k = 0; k < width; k++) heap[to + k] = Math.max(sums[k], m.slope * sums[k]);
    }
  }
}

// The numbers that a right matrix takes in panels, and its copy there.
function panelCount(rows, columns) {
  return rows * Math.ceil(columns / PANEL) * PANEL;
}

function packPanels(matrix, rows, columns, heap, at) {
  for (let j = 0; j < columns; j += PANEL) {
    const width = Math.min(PANEL, columns - j);
    for (let i = 0; i < rows; i++) {
      for (let k = 0; k < width; k++) heap[at + k] = matrix[i * columns + j + k];
      at += PANEL;
    }
  }
}
