"use strict";
// The page: reads what the file holds, makes the generator, and connects the controls.

const MOST_BUTTONS = 24;
const SHORTCUTS = { n: "new", s: "keep", c: "center", d: "turn", a: "start", b: "end", p: "play" };

class Page {
  constructor(description, generator) {
    this.description = description;
    this.generator = generator;
    this.label = null; // the chosen class; null for each sample's own
    this.queue = new Queue(generator);
    if (Math.max(...description.program.image_shape.slice(0, 2)) < 96) document.body.classList.add("pixels");
    this.stage = new Stage(description, this.queue);
    this.stage.names = description.program.num_classes ? this.classNames() : null;
    this.samples = new Samples(description, this.queue, this.stage, (sample) => this.label ?? sample.label);
    this.between = new Between(description, this.queue, this.stage);
    this.offerClasses();
    this.offerDirections();
    this.writeFacts();
    document.addEventListener("keydown", (event) => this.shortcut(event));
    this.samples.draw();
    const [start, end] = [this.samples.shown(0), this.samples.shown(1)];
    this.between.set({ start, end: { ...end, label: start.label } });
    $("change").hidden = !this.stage.names;
  }

  classNames() {
    const { class_names: names, program } = this.description;
    return Array.from({ length: program.num_classes }, (_, number) => names?.[number] ?? String(number));
  }

  offerClasses() {
    const { names } = this.stage;
    if (!names) return;
    $("classes").hidden = false;
    if (names.length > MOST_BUTTONS) return this.offerList(names);
    ["any", ...names].forEach((name, i) => {
      const label = document.createElement("label"), text = document.createElement("span");
      const radio = Object.assign(document.createElement("input"), { type: "radio", name: "class", value: i - 1 });
      radio.checked = i === 0;
      radio.onchange = () => this.chooseClass(i - 1);
      text.textContent = name;
      label.append(radio, text);
      $("choices").append(label);
    });
  }

  offerList(names) {
    const list = document.createElement("select");
    list.setAttribute("aria-label", "Class");
    list.append(...["any", ...names].map((name, i) => new Option(name, i - 1)));
    list.onchange = () => this.chooseClass(Number(list.value));
    $("choices").append(list);
  }

  // The same latents under another class; -1 for the class that each sample was drawn with.
  chooseClass(number) {
    this.label = number < 0 ? null : number;
    const { stage, samples, between } = this;
    samples.repaint();
    stage.label = samples.shown(samples.chosen).label;
    stage.move(stage.u, stage.v);
    stage.drawMap();
    const of = (end) => ({ latents: end.latents, own: end.own ?? end.label, label: this.label ?? end.own ?? end.label });
    between.set({ start: of(between.start), end: of(between.end) });
  }

  offerDirections() {
    const { directions } = this.description, { stage } = this;
    if (!directions?.length) return;
    $("directions").hidden = false;
    const sliders = directions.map(([name, vector], i) => {
      const label = document.createElement("label"), value = document.createElement("output");
      const slider = Object.assign(document.createElement("input"), { type: "range", min: -3, max: 3, step: 0.05, value: 0 });
      slider.oninput = () => {
        value.textContent = Number(slider.value).toFixed(2);
        stage.shift = sliders.map((each, k) => [Number(each.value), directions[k][1]]).filter(([weight]) => weight);
        stage.move(stage.u, stage.v);
      };
      slider.onchange = () => stage.drawMap();
      slider.setAttribute("aria-label", name);
      value.textContent = "0.00";
      label.append(name, value, slider);
      $("sliders").append(label);
      return slider;
    });
    $("level").onclick = () => {
      sliders.forEach((slider) => { slider.value = 0; slider.oninput(); });
      stage.drawMap();
    };
  }

  writeFacts() {
    const row = (name, text) => {
      const term = document.createElement("dt"), said = document.createElement("dd"), pair = document.createElement("div");
      term.textContent = name;
      said.textContent = text;
      pair.append(term, said);
      $("facts").append(pair);
      return said;
    };
    for (const [name, text] of this.description.facts) row(name, text);
    const speed = row("Speed here", "…");
    this.queue.onIdle = () => {
      const rate = (1000 * this.queue.drawn) / this.queue.milliseconds;
      speed.textContent = `${rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en")} pictures a second, ${this.generator.name}`;
    };
  }

  shortcut(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input[type=text]")) return;
    const id = SHORTCUTS[event.key.toLowerCase()];
    if (!id) return;
    event.preventDefault();
    $(id).click();
  }
}

async function begin() {
  try {
    const description = JSON.parse($("description").textContent);
    const generator = await makeGenerator(description, fromBase64($("weights").textContent), fromBase64($("kernels").textContent));
    for (const id of ["weights", "kernels"]) $(id).remove(); // the text is as large as the file
    window.kerasgan = new Page(description, generator);
  } catch (error) {
    $("trouble").textContent = `The pictures could not be drawn in this browser: ${error.message}`;
    $("trouble").hidden = false;
    throw error;
  }
}

begin();
