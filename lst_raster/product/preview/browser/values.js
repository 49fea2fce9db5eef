// Decoded integers of each layer, and their pictures.
"use strict";

const byId = (id) => document.getElementById(id);
const meta = JSON.parse(byId("meta").textContent);
const { rows, columns } = meta;

const pictures = {}; // by layer, a canvas with a pixel for each value; "below": temperature in greys
const values = {}; // by layer: hundredths of a kelvin, 0 for none; quality bits

// ---- decoding ------------------------------------------------------------------------------------------------------

/** Integers of a layer: base64, deflate, byte planes from the lowest, differences to the left neighbour. */
async function decoded(name) {
  const packed = Uint8Array.from(atob(byId(`data-${name}`).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = rows * columns;
  const places = bytes.length / count; // bytes of a number: two or three
  const numbers = new Uint32Array(count);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0, last = 0; column < columns; column++, at++) {
      for (let place = 0; place < places; place++) last += bytes[place * count + at] << (8 * place);
      last &= 2 ** (8 * places) - 1;
      numbers[at] = last;
    }
  }
  return numbers;
}

// ---- colours -------------------------------------------------------------------------------------------------------

/** A canvas of the map's size, a pixel for each value; `paint` sets red, green, blue and opacity of the pixel `at`. */
function picture(paint) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  for (let at = 0; at < rows * columns; at++) paint(image.data, at, at * 4);
  context.putImageData(image, 0, 0);
  return canvas;
}

function rgb(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

/** Picture of a layer in the colours of its bar, transparent where there is no value. */
function coloured(layer, table) {
  const [low, high] = layer.limits;
  const numbers = values[layer.key];
  return picture((data, at, to) => {
    if (!numbers[at]) return;
    const share = (numbers[at] * meta.step - layer.zero - low) / (high - low);
    const index = Math.max(0, Math.min(table.length - 1, Math.floor(share * table.length)));
    data.set(table[index], to);
    data[to + 3] = 255;
  });
}

function classOf(bits) {
  return meta.quality.classes.find((kind) => (bits & kind.mask) === kind.bits);
}

function classPicture() {
  const colours = new Map(meta.quality.classes.map((kind) => [kind, [...rgb(kind.colour), kind.opacity]]));
  return picture((data, at, to) => data.set(colours.get(classOf(values.quality[at])), to));
}

/** Black where cloud or cloud shadow is flagged, transparent elsewhere. */
function cloudMask() {
  return picture((data, at, to) => {
    if (values.quality[at] & meta.quality.cloudy) data[to + 3] = 255;
  });
}
