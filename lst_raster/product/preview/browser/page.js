// Value panel and controls.

// ---- reading -------------------------------------------------------------------------------------------------------

/** Column and row of the value below a point of the canvas, null outside the map. */
function cellAt({ x, y }) {
  const place = below(x, y);
  const [column, row] = [Math.floor(place.column), Math.floor(place.row)];
  return column >= 0 && row >= 0 && column < columns && row < rows ? { column, row } : null;
}

function setMark(cell) {
  mark = cell;
  showReading(cell);
  byId("spoken").textContent = cell ? lines(cell).map(([name, text]) => `${name} ${text}`).join(", ") : "no mark";
  redraw();
}

/** Move the mark by keys, and pan to keep it visible; the first mark is in the centre. */
function stepMark([across, down], step) {
  const first = { column: Math.floor(view.column - across * step), row: Math.floor(view.row - down * step) };
  const from = mark ?? first;
  const cell = {
    column: Math.max(0, Math.min(columns - 1, from.column + across * step)),
    row: Math.max(0, Math.min(rows - 1, from.row + down * step)),
  };
  setMark(cell);
  const { x, y } = onScreen(cell.column + 0.5, cell.row + 0.5);
  if (x < 0 || y < 0 || x > map.clientWidth || y > map.clientHeight) moveTo(cell.column + 0.5, cell.row + 0.5);
}

/** Show the values of a cell, or of the mark. */
function showReading(cell) {
  const shown = cell ?? mark;
  byId("hint").hidden = Boolean(shown);
  byId("reading").replaceChildren(...(shown ? lines(shown) : []).flatMap(([name, text], number) => {
    const [title, value] = [element("dt", name), element("dd", text)];
    value.classList.toggle("first", number === 0);
    return [title, value];
  }));
}

/** Values of a cell: pairs of a name and a text. */
function lines(cell) {
  const index = cell.row * columns + cell.column;
  const found = [["Temperature", degrees(meta.layers[0], index) ?? "none"]];
  for (const layer of meta.layers.slice(1)) found.push([layer.title, degrees(layer, index) ?? "none"]);
  if (meta.quality) found.push(["Quality", inWords(values.quality[index])]);
  return [...found, ...coordinates(cell)];
}

function degrees(layer, index) {
  const number = values[layer.key][index];
  return number ? `${(number * meta.step - layer.zero).toFixed(2)} ${layer.unit}` : null;
}

function inWords(bits) {
  const words = meta.quality.flags.map((flag) => flag.words[(bits & flag.mask) >> flag.offset]);
  return [...new Set([classOf(bits).name, ...words])].filter(Boolean).join(", ");
}

/** Coordinates of the centre of a cell: in the system of the raster, and longitude and latitude. */
function coordinates(cell) {
  const [across, down] = [(cell.column + 0.5) / columns, (cell.row + 0.5) / rows]; // fractions of the map
  const [a, b, c, d, e, f] = meta.transform;
  const [column, row] = [across * meta.width, down * meta.height];
  const found = [];
  if (!meta.geographic) {
    const [x, y] = [a * column + b * row + c, d * column + e * row + f];
    found.push([meta.crs, `${x.toFixed(meta.decimals)}, ${y.toFixed(meta.decimals)}${meta.crsUnit}`]);
  }
  const place = lonLat(across, down);
  if (place) found.push(["Lon, lat", `${place.map((angle) => angle.toFixed(meta.angleDecimals)).join("°, ")}°`]);
  return found;
}

/** Longitude and latitude, interpolated between unit vectors of a mesh, which are continuous at the date line and poles. */
function lonLat(across, down) {
  if (!meta.mesh) return null;
  const { cells, vectors } = meta.mesh;
  const [u, v] = [across * cells, down * cells];
  const [left, top] = [Math.min(cells - 1, Math.floor(u)), Math.min(cells - 1, Math.floor(v))];
  const part = (row, column, axis) => vectors[((top + row) * (cells + 1) + left + column) * 3 + axis];
  const [s, t] = [u - left, v - top];
  const [x, y, z] = [0, 1, 2].map((axis) =>
    (1 - t) * ((1 - s) * part(0, 0, axis) + s * part(0, 1, axis)) + t * ((1 - s) * part(1, 0, axis) + s * part(1, 1, axis)));
  return [Math.atan2(y, x), Math.atan2(z, Math.hypot(x, y))].map((angle) => (angle * 180) / Math.PI);
}

// ---- controls ------------------------------------------------------------------------------------------------------

function element(tag, text = "", attributes = {}) {
  return Object.assign(document.createElement(tag), { textContent: text, ...attributes });
}

function offerLayers() {
  const names = [...meta.layers, ...(meta.quality ? [{ key: "quality", title: "Quality" }] : [])];
  for (const { key, title } of names) {
    const button = element("input", "", { type: "radio", name: "layer", value: key, checked: key === chosen.layer });
    button.addEventListener("change", () => choose(key));
    const label = element("label");
    label.append(button, ` ${title}`);
    byId("layers").append(label);
  }
}

function choose(key) {
  chosen.layer = key;
  const layer = meta.layers.find((one) => one.key === key);
  byId("legend").replaceChildren(...(layer ? bar(layer) : [classList()]));
  redraw();
}

/** The colour bar of a layer, with its ticks. */
function bar(layer) {
  const title = element("h2", `${layer.title} [${layer.unit}]`);
  if (!layer.limits) return [title, element("p", "no value")];
  const [low, high] = layer.limits;
  const spoken = `Colour bar from ${low.toFixed(1)} to ${high.toFixed(1)} ${layer.unit}`;
  const canvas = element("canvas", "", { id: "bar", width: 256, height: 1, role: "img", ariaLabel: spoken });
  const context = canvas.getContext("2d");
  layer.colours.forEach((colour, index) => {
    context.fillStyle = colour;
    context.fillRect(index, 0, 1, 1);
  });
  const ticks = element("div", "", { id: "ticks" });
  for (const [value, text] of layer.ticks) {
    const tick = element("span", text);
    tick.style.left = `${(100 * (value - low)) / (high - low)}%`;
    ticks.append(tick);
  }
  return [title, canvas, ticks];
}

/** Quality classes, with their colours and percentages of the map. */
function classList() {
  const counts = new Map();
  for (const bits of values.quality) {
    const kind = classOf(bits);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const list = element("ul", "", { id: "classes" });
  for (const kind of meta.quality.classes.filter((one) => counts.has(one))) {
    const item = element("li");
    const colour = element("i");
    if (kind.opacity) colour.style.background = kind.colour;
    item.append(colour, kind.name, element("b", `${((100 * counts.get(kind)) / values.quality.length).toFixed(1)} %`));
    list.append(item);
  }
  return list;
}

byId("opacity").addEventListener("input", (event) => {
  chosen.opacity = event.target.value / 100;
  byId("opacity-text").textContent = `${event.target.value} %`;
  redraw();
});
byId("hatch").addEventListener("change", (event) => {
  chosen.hatch = event.target.checked;
  redraw();
});

// ---- start -----------------------------------------------------------------------------------------------------

async function begin() {
  for (const layer of meta.layers) {
    values[layer.key] = await decoded(layer.key);
    const table = layer.colours.map(rgb);
    pictures[layer.key] = layer.limits ? coloured(layer, table) : picture(() => {});
  }
  if (meta.quality) {
    values.quality = await decoded("quality");
    pictures.quality = classPicture();
    pictures.cloudy = cloudMask();
    byId("hatching").hidden = false;
  }
  const greys = Array.from({ length: 256 }, (_, index) => Array(3).fill(40 + Math.round(index * 0.75)));
  const [first] = meta.layers;
  pictures.below = first.limits ? coloured(first, greys) : pictures[first.key];
  if (meta.north !== null) {
    byId("north").hidden = false;
    byId("north").firstElementChild.style.transform = `rotate(${meta.north}deg)`;
  }
  byId("cell").textContent = meta.cell;
  offerLayers();
  choose(chosen.layer);
  showAll();
}

begin().catch((error) => {
  byId("failure").hidden = false;
  byId("failure").textContent = `The map cannot be shown: ${error.message}. Browsers since 2023 can show it.`;
});
