"use strict";
// The sheet of samples, and the pictures between two of them.

const BETWEEN = 9, PLAY_MILLISECONDS = 4000;

// A row of pictures that are buttons; arrow keys move between them, and only one is a stop of the Tab key.
class Row {
  constructor(parent, count, shape, choose) {
    this.parent = parent;
    this.buttons = Array.from({ length: count }, (_, number) => {
      const button = Object.assign(document.createElement("button"), { type: "button", className: "sample" });
      button.tabIndex = number ? -1 : 0;
      button.append(makeCanvas(shape));
      button.onclick = () => choose(number);
      return button;
    });
    parent.replaceChildren(...this.buttons);
    parent.addEventListener("keydown", (event) => this.walk(event));
  }

  canvas(number) {
    return this.buttons[number].firstChild;
  }

  name(number, text) {
    this.buttons[number].setAttribute("aria-label", text);
  }

  choose(number) {
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === number)));
  }

  walk(event) {
    const columns = getComputedStyle(this.parent).gridTemplateColumns.split(" ").length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const to = this.buttons[this.buttons.indexOf(document.activeElement) + step];
    if (step === undefined || !to) return;
    this.buttons.forEach((button) => (button.tabIndex = button === to ? 0 : -1));
    to.focus();
    event.preventDefault();
  }
}

class Samples {
  constructor(description, queue, stage, labelOf) {
    Object.assign(this, { queue, stage, labelOf, shape: description.program.image_shape, sheets: 0 });
    this.dim = description.program.latent_dim;
    this.classes = description.program.num_classes;
    const large = Math.max(...this.shape.slice(0, 2)) >= 48, [count, wide, narrow] = large ? [24, 8, 4] : [36, 12, 6];
    $("samples").style.setProperty("--wide", wide);
    $("samples").style.setProperty("--narrow", narrow);
    this.wide = wide;
    this.row = new Row($("samples"), count, this.shape, (number) => this.choose(number));
    $("new").onclick = () => this.draw();
    $("sheet").onclick = () => this.keep();
  }

  draw() {
    this.list = this.row.buttons.map(() => ({
      latents: drawLatents(this.dim),
      label: this.classes ? Math.floor(Math.random() * this.classes) : 0,
    }));
    this.repaint();
    this.choose(0);
  }

  // A sample as it is shown: of the chosen class, if one is chosen.
  shown(number) {
    const sample = this.list[number];
    return { latents: sample.latents, label: this.labelOf(sample) };
  }

  repaint() {
    this.list.forEach((_, number) => {
      const { latents, label } = this.shown(number), names = this.stage.names;
      this.row.name(number, `Sample ${number + 1}${names ? `, class ${names[label]}` : ""}`);
      this.queue.put(`sample ${number}`, RANKS.samples, latents, label, (image) =>
        paint(this.row.canvas(number), levels(image, this.shape)));
    });
  }

  choose(number) {
    this.chosen = number;
    this.row.choose(number);
    this.stage.hold(false);
    this.stage.explore(this.shown(number));
  }

  keep() {
    const rows = this.list.length / this.wide, sheet = makeCanvas(this.shape, this.wide, rows);
    this.list.forEach((_, i) => {
      const [height, width] = this.shape;
      sheet.getContext("2d").drawImage(this.row.canvas(i), (i % this.wide) * width, Math.floor(i / this.wide) * height);
    });
    const name = `${this.stage.fileName()}-sheet-${++this.sheets}.png`;
    keep(sheet, name);
    announce(`Kept as ${name}`);
  }
}

class Between {
  constructor(description, queue, stage) {
    Object.assign(this, { queue, stage, shape: description.program.image_shape, playing: false });
    this.row = new Row($("between"), BETWEEN, this.shape, (number) => this.move(number / (BETWEEN - 1)));
    $("way").oninput = () => this.move(Number($("way").value));
    $("start").onclick = () => this.set({ start: stage.current });
    $("end").onclick = () => this.set({ end: stage.current });
    $("play").onclick = () => this.play(!this.playing);
  }

  set(ends) {
    Object.assign(this, ends);
    this.repaint();
  }

  at(t) {
    const { latents, label } = t < 0.5 ? this.start : this.end;
    if (t === 0 || t === 1) return { latents, label };
    return { latents: interpolate(this.start.latents, this.end.latents, t), label };
  }

  repaint() {
    for (let number = 0; number < BETWEEN; number++) {
      const { latents, label } = this.at(number / (BETWEEN - 1));
      this.row.name(number, number === 0 ? "Start" : number === BETWEEN - 1 ? "End" : `${number} of ${BETWEEN - 1} steps`);
      this.queue.put(`between ${number}`, RANKS.between, latents, label, (image) =>
        paint(this.row.canvas(number), levels(image, this.shape)));
    }
  }

  move(t) {
    $("way").value = t;
    this.stage.show(this.at(t));
    this.row.choose(Math.round(t * (BETWEEN - 1)));
  }

  // There and back, until it is stopped.
  play(on) {
    this.playing = on;
    $("play").setAttribute("aria-pressed", String(on));
    $("play").firstChild.data = on ? "Stop " : "Play ";
    const began = performance.now() - Number($("way").value) * PLAY_MILLISECONDS;
    const step = (now) => {
      if (!this.playing) return;
      const phase = (Math.max(now - began, 0) / PLAY_MILLISECONDS) % 2;
      this.move(phase < 1 ? phase : 2 - phase);
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}
