// Draws label maps: one canvas pixel for each map pixel, enlarged by CSS without smoothing.

// Unknown pixels are a dark hatch, unlike any class.
function pixelColour(colours, id, at, width) {
  if (colours[id]) return colours[id];
  const x = at % width;
  const y = (at - x) / width;
  return (x + y) % 4 < 2 ? [22, 22, 24] : [92, 92, 96];
}

function drawMap(canvas, ids, width, height, colours) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  const image = imageFor(canvas, context);
  const words = new Uint32Array(image.data.buffer);
  const table = colours.map(packColour);
  for (let at = 0; at < ids.length; at++) {
    const word = table[ids[at]];
    words[at] = word === undefined ? packColour(pixelColour(colours, ids[at], at, width)) : word;
  }
  context.putImageData(image, 0, 0);
}

const images = new WeakMap(); // by canvas, reused: each has a quarter of a megabyte

function imageFor(canvas, context) {
  const { width, height } = canvas;
  const known = images.get(canvas);
  if (known && known.width === width && known.height === height) return known;
  images.set(canvas, context.createImageData(width, height));
  return images.get(canvas);
}

function packColour([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0; // RGBA in memory on little-endian machines
}

function cssColour(rgb) {
  return rgb ? `rgb(${rgb.join(" ")})` : "repeating-linear-gradient(135deg, #161618 0 3px, #5c5c60 3px 6px)";
}

function mountView(app) {
  const { state, find } = app;
  const canvas = find("map");
  let waiting = false;
  const redraw = () => {
    waiting = false;
    drawMap(canvas, state.ids, state.width, state.height, state.colours);
    state.emit("drawn");
  };
  const soon = () => {
    if (!waiting) requestAnimationFrame(redraw);
    waiting = true;
  };
  const recolour = () => {
    state.colours = displayColours(state.model.classes, state.natural);
    app.root.style.setProperty("--ratio", state.model.width / state.model.height);
    soon();
  };
  state.on("map", soon);
  state.on("model colours", recolour);
  // The boxes of elements are cached for a frame or a stroke, because measuring one makes the browser update the layout.
  // What moves a pane during a stroke (scrolling, zoom, another size) calls `forgetBoxes`.
  const boxes = new Map();
  app.forgetBoxes = () => boxes.clear();
  window.addEventListener("resize", app.forgetBoxes);
  window.addEventListener("scroll", app.forgetBoxes, { capture: true, passive: true });
  app.boxOf = (element) => {
    if (!boxes.size && !app.isPainting()) requestAnimationFrame(() => app.isPainting() || app.forgetBoxes());
    if (!boxes.has(element)) boxes.set(element, element.getBoundingClientRect());
    return boxes.get(element);
  };
  // The place on the map of a pointer over an element that shows the whole map.
  app.placeOf = (event, element) => {
    const box = app.boxOf(element);
    return {
      x: ((event.clientX - box.left) / box.width) * state.width,
      y: ((event.clientY - box.top) / box.height) * state.height,
    };
  };
  app.pixelOf = (place) => ({
    x: Math.min(state.width - 1, Math.max(0, Math.floor(place.x))),
    y: Math.min(state.height - 1, Math.max(0, Math.floor(place.y))),
  });
  app.classAt = (place) => {
    const { x, y } = app.pixelOf(place);
    return state.ids[y * state.width + x];
  };
  app.regionAt = (place) => {
    const { x, y } = app.pixelOf(place);
    return connectedRegion(state.ids, state.width, state.height, x, y);
  };
}
