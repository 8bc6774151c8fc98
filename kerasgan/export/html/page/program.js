"use strict";
// A generator: the program that `program.py` read from the network, with its weights, on the kernels of this page.

class Generator {
  // `program` is the description in JSON, `bytes` the weights, `wasm` the compiled kernels.
  constructor(program, bytes, wasm) {
    this.program = program;
    this.operations = program.operations.map((op) => ({ ...op, kind: OPERATIONS[op.kind], at: {} }));
    const places = this.place();
    const kernels = makeKernels(wasm, this.count);
    Object.assign(this, { kernels, heap: kernels.heap, name: kernels.name });
    for (const { spec, form, at } of places) this.keep(spec, form, at, bytes);
  }

  // Gives every weight and every value of the network its address.
  place() {
    const weights = [], values = new Map();
    let next = PANEL, scratch = 0;
    const take = (count) => (next += Math.ceil((count + PANEL) / PANEL) * PANEL) - Math.ceil((count + PANEL) / PANEL) * PANEL;
    values.set(0, take(this.program.latent_dim)).set(1, take(1));
    for (const op of this.operations) {
      for (const [name, form] of Object.entries(op.kind.weights?.(op) ?? {})) {
        const spec = op.weights[name];
        op.at[name] = take(keptCount(spec, form));
        weights.push({ spec, form, at: op.at[name] });
      }
      values.set(op.output, take(size(op.shape)));
      op.from = op.inputs.map((number) => values.get(number));
      op.to = values.get(op.output);
      scratch = Math.max(scratch, op.kind.scratch?.(op) ?? 0);
    }
    const shared = take(scratch);
    for (const op of this.operations) op.scratch = shared;
    this.at = { latents: values.get(0), label: values.get(1), image: values.get(this.program.output) };
    this.count = next;
    return weights;
  }

  keep(spec, form, at, bytes) {
    const numbers = decode(spec, bytes);
    if (form === "plain") return this.heap.set(numbers, at);
    const columns = spec.shape.at(-1), rows = form === "columns" ? 1 : spec.shape.at(-2);
    const whole = panelCount(rows, columns);
    for (let g = 0; g * rows * columns < numbers.length; g++)
      packPanels(numbers.subarray(g * rows * columns, (g + 1) * rows * columns), rows, columns, this.heap, at + g * whole);
  }

  // Returns the image (height, width, channels) of latents and a label, float32 in [-1, 1], a copy.
  draw(latents, label = 0) {
    this.heap.set(latents, this.at.latents);
    this.heap[this.at.label] = label;
    for (const op of this.operations) op.kind.run(op, this.heap, this.kernels);
    return this.heap.slice(this.at.image, this.at.image + size(this.program.image_shape));
  }
}

function keptCount(spec, form) {
  if (form === "plain") return size(spec.shape);
  const columns = spec.shape.at(-1), rows = size(spec.shape) / columns;
  return panelCount(rows, columns);
}

function decode({ shape, type, at }, bytes) {
  const count = size(shape);
  if (type === "float32") return new Float32Array(bytes.buffer.slice(at, at + 4 * count));
  const halves = new Uint16Array(bytes.buffer, at, count);
  const numbers = new Float32Array(count), bits = new Uint32Array(numbers.buffer);
  for (let i = 0; i < count; i++) {
    const sign = (halves[i] & 0x8000) << 16, rest = halves[i] & 0x7fff;
    if (rest >= 0x400) bits[i] = sign | ((rest << 13) + 0x38000000);
    else numbers[i] = (sign ? -rest : rest) * 2 ** -24; // too small to be written with an exponent
  }
  return numbers;
}

function makeGenerator(description, bytes, wasm) {
  return new Generator(description.program, bytes, wasm);
}
