"use strict";
// Pictures: from numbers in [-1, 1] to canvases and files.

// The same levels as kerasgan.pictures.to_uint8: a clamped array rounds to the nearest, halves to even.
function levels(image, [height, width, channels]) {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = (image[i * channels + (channels === 3 ? c : 0)] + 1) * 127.5;
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}

function makeCanvas([height, width], columns = 1, rows = 1) {
  return Object.assign(document.createElement("canvas"), { width: width * columns, height: height * rows });
}

function paint(canvas, pixels, column = 0, row = 0, gap = 0) {
  canvas.getContext("2d").putImageData(pixels, column * (pixels.width + gap), row * (pixels.height + gap));
}

// Gives the person a canvas as a PNG file, enlarged by a whole factor to about 512 pixels.
function keep(canvas, name) {
  const factor = Math.max(1, Math.round(512 / Math.max(canvas.width, canvas.height)));
  const large = makeCanvas([canvas.height, canvas.width], factor, factor);
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, large.width, large.height);
  large.toBlob((file) => {
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}
