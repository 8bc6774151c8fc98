"use strict";
// The current picture, and the pad: a map of the plane around a sample, on which pointer and arrow keys move.

const $ = (id) => document.getElementById(id);
const RANKS = { current: 0, samples: 1, between: 2, map: 3 };
const KEY_STEP = 0.04, LARGE_KEY_STEP = 0.2;

class Stage {
  constructor(description, queue) {
    Object.assign(this, { queue, shape: description.program.image_shape, held: false, u: 0, v: 0, kept: 0 });
    this.title = description.title;
    const side = Math.max(...this.shape.slice(0, 2));
    this.cells = side <= 32 ? 9 : side <= 64 ? 7 : 5; // of the map, in a row
    this.gap = Math.ceil(side / 12); // pixels between them
    this.shift = []; // directions that are added: [weight, vector]
    const [height, width] = this.shape, whole = (pixels) => (pixels + this.gap) * this.cells - this.gap;
    for (const id of ["current", "mirror"]) Object.assign($(id), { width, height });
    Object.assign($("map"), { width: whole(width), height: whole(height) });
    this.canvas = $("current");
    this.pad = $("pad");
    this.listen();
  }

  // Puts a sample, {latents, label}, in the middle of the pad.
  explore(sample) {
    this.plane = new Plane(sample.latents);
    this.label = sample.label;
    this.move(...this.plane.home());
    this.drawMap();
  }

  shifted(latents) {
    return this.shift.length ? combined([1, latents], ...this.shift) : latents;
  }

  // The current picture becomes that of the pad at (u, v).
  move(u, v) {
    this.u = Math.min(Math.max(u, -1), 1);
    this.v = Math.min(Math.max(v, -1), 1);
    $("ring").style.left = `${50 + 50 * this.u}%`;
    $("ring").style.top = `${50 + 50 * this.v}%`;
    this.show({ latents: this.shifted(this.plane.at(this.u, this.v)), label: this.label });
  }

  // A picture that need not be on the pad.
  show(sample) {
    this.current = sample;
    this.queue.put("current", RANKS.current, sample.latents, sample.label, (image) => {
      for (const canvas of [this.canvas, $("mirror")]) paint(canvas, levels(image, this.shape));
    });
    const usual = Math.sqrt(sample.latents.length).toFixed(1);
    $("where").textContent = (this.names ? `Class ${this.names[sample.label]}. ` : "") +
      `${norm(sample.latents).toFixed(1)} from the mean; ${usual} is usual.`;
  }

  drawMap() {
    const count = this.cells, middle = (count - 1) / 2;
    const order = [...Array(count * count).keys()].map((i) => [i % count, Math.floor(i / count)]);
    // From the middle outward.
    order.sort(([a, b], [c, d]) => Math.hypot(a - middle, b - middle) - Math.hypot(c - middle, d - middle));
    for (const [column, row] of order) {
      const latents = this.shifted(this.plane.at((2 * column + 1) / count - 1, (2 * row + 1) / count - 1));
      this.queue.put(`map ${column} ${row}`, RANKS.map, latents, this.label, (image) =>
        paint($("map"), levels(image, this.shape), column, row, this.gap));
    }
  }

  hold(held) {
    this.held = held;
    this.pad.classList.toggle("held", held);
    $("hint").textContent = held
      ? "Held. Click the map to move on."
      : matchMedia("(hover: none)").matches
        ? "Drag over the map to move through the latent space."
        : "Move the mouse over the map; click to hold. Arrow keys move, too.";
  }

  center() {
    this.explore({ latents: this.plane.at(this.u, this.v), label: this.label });
  }

  turn() {
    this.plane.turn();
    this.move(this.u, this.v);
    this.drawMap();
  }

  fileName() {
    return this.title.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "picture";
  }

  keep() {
    const name = `${this.fileName()}-${++this.kept}.png`;
    keep(this.canvas, name);
    announce(`Kept as ${name}`);
  }

  listen() {
    const follow = (event) => {
      const box = this.pad.getBoundingClientRect();
      this.move((2 * (event.clientX - box.left)) / box.width - 1, (2 * (event.clientY - box.top)) / box.height - 1);
    };
    this.pad.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" ? !this.held : event.buttons) follow(event);
    });
    this.pad.addEventListener("pointerdown", (event) => {
      this.pad.focus({ preventScroll: true });
      if (event.pointerType !== "mouse") this.pad.setPointerCapture(event.pointerId);
      this.hold(event.pointerType === "mouse" ? !this.held : true);
      follow(event);
      event.preventDefault();
    });
    this.pad.addEventListener("keydown", (event) => {
      const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
      if (!x && !y) return;
      const step = event.shiftKey ? LARGE_KEY_STEP : KEY_STEP;
      this.hold(true);
      this.move(this.u + x * step, this.v + y * step);
      event.preventDefault();
    });
    $("center").onclick = () => this.center();
    $("turn").onclick = () => this.turn();
    $("keep").onclick = () => this.keep();
    this.hold(false);
  }
}

function announce(text) {
  $("status").textContent = text;
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => ($("status").textContent = ""), 2500);
}
