"use strict";
// A generator on onnxruntime-web, on one thread. Its loader and its compiled code come from this file, too.

class OnnxGenerator {
  constructor(program, session) {
    Object.assign(this, { program, session, name: "onnxruntime-web" });
  }

  // Returns the image (height, width, channels) of latents and a label, float32 in [-1, 1].
  async draw(latents, label = 0) {
    const inputs = { z: new ort.Tensor("float32", Float32Array.from(latents), [1, latents.length]) };
    if (this.program.num_classes) inputs.labels = new ort.Tensor("int32", Int32Array.of(label), [1]);
    return (await this.session.run(inputs)).images.data;
  }
}

async function makeGenerator({ program }, model, compressed) {
  const unpacked = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("gzip"));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await new Response(unpacked).arrayBuffer();
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(new Blob([program.loader], { type: "text/javascript" })) };
  return new OnnxGenerator(program, await ort.InferenceSession.create(model));
}
