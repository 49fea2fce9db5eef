// Map canvas: drawing, panning, zooming.

const map = byId("map");
const pen = map.getContext("2d");
const STRIPES = 8; // css pixels between two lines of the hatching
const SMALLEST = 20; // css pixels: smallest map, largest value
const LARGEST = 64;

const view = { scale: 1, column: columns / 2, row: rows / 2 }; // css pixels per value; centre of the view
const chosen = { layer: "temperature", opacity: 1, hatch: Boolean(meta.quality) };
let mark = null; // marked column and row

// ---- drawing -------------------------------------------------------------------------------------------------------

let requested = false;
function redraw() {
  if (requested || !pictures.below) return; // pictures.below is made last
  requested = true;
  requestAnimationFrame(draw);
}

function draw() {
  requested = false;
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [map.clientWidth, map.clientHeight];
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (map.width !== wide || map.height !== high) [map.width, map.height] = [wide, high];
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  place(pen, pictures.below);
  pen.globalAlpha = chosen.opacity;
  pen.globalCompositeOperation = "source-over";
  place(pen, pictures[chosen.layer]);
  pen.globalAlpha = 1;
  if (chosen.hatch) pen.drawImage(hatching(wide, high, ratio), 0, 0, width, height);
  if (mark) drawMark();
  Object.assign(map.dataset, { ready: "yes", scale: view.scale, column: view.column, row: view.row });
  drawScale();
}

/** Draw a picture at its position in the view. */
function place(context, image) {
  const { x, y } = onScreen(0, 0);
  context.imageSmoothingEnabled = view.scale < 1;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, x, y, columns * view.scale, rows * view.scale);
}

const overlay = document.createElement("canvas");

/** Stripes at screen resolution over clouds and cloud shadow; they move with the map. */
function hatching(width, height, ratio) {
  [overlay.width, overlay.height] = [width, height]; // which also clears it
  const context = overlay.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  place(context, pictures.cloudy);
  context.globalCompositeOperation = "source-in";
  const { x, y } = onScreen(0, 0);
  context.translate(((x % STRIPES) + STRIPES) % STRIPES, ((y % STRIPES) + STRIPES) % STRIPES);
  context.fillStyle = stripes(context);
  context.fillRect(-STRIPES, -STRIPES, width / ratio + 2 * STRIPES, height / ratio + 2 * STRIPES);
  return overlay;
}

let tile = null;
function stripes(target) {
  if (!tile) {
    tile = document.createElement("canvas");
    [tile.width, tile.height] = [STRIPES, STRIPES];
    const context = tile.getContext("2d");
    for (let row = 0; row < STRIPES; row++) {
      for (const [colour, shift] of [["#ffffff", 0], ["#303030", 1]]) {
        context.fillStyle = colour;
        context.fillRect((2 * STRIPES - row + shift) % STRIPES, row, 1, 1);
      }
    }
  }
  return target.createPattern(tile, "repeat");
}

function drawMark() {
  const { x, y } = onScreen(mark.column, mark.row);
  const side = Math.max(view.scale, 7);
  const middle = view.scale / 2;
  for (const [colour, wide] of [["#ffffff", 4], ["#0a5fb4", 2]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = wide;
    pen.strokeRect(x + middle - side / 2, y + middle - side / 2, side, side);
  }
}

function drawScale() {
  if (!meta.pixel) return;
  const most = (meta.pixel / view.scale) * Math.min(160, map.clientWidth / 3);
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].map((step) => step * power).find((length) => length <= most);
  byId("scale").hidden = false;
  byId("scale-bar").style.width = `${(metres / meta.pixel) * view.scale}px`;
  byId("scale-text").textContent = metres >= 1000 ? `${metres / 1000} km` : `${metres} m`;
}

// ---- moving --------------------------------------------------------------------------------------------------------

function onScreen(column, row) {
  return {
    x: map.clientWidth / 2 + (column - view.column) * view.scale,
    y: map.clientHeight / 2 + (row - view.row) * view.scale,
  };
}

/** Place in the map below a point of the canvas, in values; it may lie outside. */
function below(x, y) {
  return {
    column: view.column + (x - map.clientWidth / 2) / view.scale,
    row: view.row + (y - map.clientHeight / 2) / view.scale,
  };
}

function fitting() {
  return 0.96 * Math.min(map.clientWidth / columns, map.clientHeight / rows);
}

function showAll() {
  Object.assign(view, { scale: fitting(), column: columns / 2, row: rows / 2 });
  redraw();
}

/** Zoom about a fixed point of the canvas. */
function zoom(factor, x = map.clientWidth / 2, y = map.clientHeight / 2) {
  const least = Math.min(fitting(), SMALLEST / Math.max(rows, columns));
  const scale = Math.max(least, Math.min(Math.max(LARGEST, fitting()), view.scale * factor));
  const fixed = below(x, y);
  view.scale = scale;
  moveTo(fixed.column - (x - map.clientWidth / 2) / scale, fixed.row - (y - map.clientHeight / 2) / scale);
}

/** Centre the view on a place within the map. */
function moveTo(column, row) {
  view.column = Math.max(0, Math.min(columns, column));
  view.row = Math.max(0, Math.min(rows, row));
  redraw();
}

const fingers = new Map(); // positions of pressed pointers by id
let travelled = 0; // css pixels since the first press: a click stays within a few

function at(event) {
  const frame = map.getBoundingClientRect();
  return { x: event.clientX - frame.left, y: event.clientY - frame.top };
}

map.addEventListener("pointerdown", (event) => {
  if (event.button > 0) return;
  if (!fingers.size) travelled = 0;
  fingers.set(event.pointerId, at(event));
  map.setPointerCapture(event.pointerId);
});

map.addEventListener("pointermove", (event) => {
  const [before, now] = [fingers.get(event.pointerId), at(event)];
  if (!before) return showReading(cellAt(now));
  const other = [...fingers].find(([number]) => number !== event.pointerId)?.[1];
  travelled += Math.hypot(now.x - before.x, now.y - before.y);
  fingers.set(event.pointerId, now);
  if (other) zoom(apart(now, other) / apart(before, other), (now.x + other.x) / 2, (now.y + other.y) / 2);
  const share = other ? 2 : 1; // two fingers move the map by their mean
  if (travelled <= 4) return;
  map.classList.add("dragged");
  moveTo(view.column - (now.x - before.x) / view.scale / share, view.row - (now.y - before.y) / view.scale / share);
});

function apart(one, other) {
  return Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
}

function lifted(event) {
  const wasDown = fingers.delete(event.pointerId);
  if (fingers.size) return;
  map.classList.remove("dragged");
  if (wasDown && event.type === "pointerup" && travelled <= 4) setMark(cellAt(at(event)));
}
map.addEventListener("pointerup", lifted);
map.addEventListener("pointercancel", lifted);
map.addEventListener("pointerleave", () => showReading(mark));

map.addEventListener("wheel", (event) => {
  event.preventDefault();
  const pixels = event.deltaY * (event.deltaMode ? 20 : 1); // lines, or pixels
  const { x, y } = at(event);
  zoom(2 ** Math.max(-1, Math.min(1, -pixels / 240)), x, y);
}, { passive: false });

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

map.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (arrow && event.ctrlKey) {
    moveTo(view.column + (arrow[0] * 60) / view.scale, view.row + (arrow[1] * 60) / view.scale);
  } else if (arrow) {
    stepMark(arrow, event.shiftKey ? 10 : 1);
  } else if (event.key === "+" || event.key === "=") {
    zoom(2);
  } else if (event.key === "-") {
    zoom(1 / 2);
  } else if (event.key === "0") {
    showAll();
  } else if (event.key === "Escape") {
    setMark(null);
  } else {
    return;
  }
  event.preventDefault();
});

byId("zoom-in").addEventListener("click", () => zoom(2));
byId("zoom-out").addEventListener("click", () => zoom(1 / 2));
byId("zoom-all").addEventListener("click", showAll);
new ResizeObserver(redraw).observe(map);
