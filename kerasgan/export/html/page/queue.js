"use strict";
// Draws pictures one after the other, those that are waited for first, and leaves the page time to answer.

const FRAME_MILLISECONDS = 12;

class Queue {
  constructor(generator) {
    Object.assign(this, { generator, tasks: new Map(), running: false, drawn: 0, milliseconds: 0, onIdle: () => {} });
  }

  // A task replaces an older one of the same key. Lower ranks are drawn first.
  put(key, rank, latents, label, paint) {
    this.tasks.delete(key);
    this.tasks.set(key, { rank, latents, label, paint });
    this.run();
  }

  next() {
    let [first, best] = this.tasks.entries().next().value;
    for (const [key, task] of this.tasks) if (task.rank < best.rank) [first, best] = [key, task];
    this.tasks.delete(first);
    return best;
  }

  async run() {
    if (this.running) return;
    this.running = true;
    await null; // let the caller put all that it wants
    while (this.tasks.size) {
      const begin = performance.now();
      do {
        const { latents, label, paint } = this.next(), start = performance.now();
        const image = await this.generator.draw(latents, label);
        this.milliseconds += performance.now() - start;
        this.drawn++;
        paint(image);
      } while (this.tasks.size && performance.now() - begin < FRAME_MILLISECONDS);
      await new Promise((done) => (document.hidden ? setTimeout(done) : requestAnimationFrame(done)));
    }
    this.running = false;
    this.onIdle();
  }
}
