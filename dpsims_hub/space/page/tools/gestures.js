// Tools that need more than one place. Each is an entry of `app.gestures`:
//   begin(place, event), move(places, event), end(place, event): a pointer went down, moved, went up
//   apply(place, event): Space or Enter at the keyboard's cursor
//   cancel(): cancels what was begun and returns whether there was anything; cancelPress(): cancels one press (optional)
//   sketch(place): the drawing over the map: {masks: [{id, mask}], lines: [[{x, y}, ...], ...]}, or null
//   optional: keys: {key: action}; place(): the first position of the cursor; hover(place): the mouse moved, not pressed

const SKETCH_ALPHA = 190;

// Draws masks in the colours of their classes with a light edge, then lines, on a canvas of the map's size.
function drawSketch(context, { masks = [], lines = [] }, state) {
  const { width, height } = state;
  const image = context.createImageData(width, height);
  for (const { id, mask } of masks) {
    const [red, green, blue] = state.colours[id] || [40, 40, 44];
    for (let at = 0; at < mask.length; at++) {
      if (!mask[at]) continue;
      const edge = !mask[at - 1] || !mask[at + 1] || !mask[at - width] || !mask[at + width];
      image.data.set(edge ? [255, 255, 255, 255] : [red, green, blue, SKETCH_ALPHA], at * 4);
    }
  }
  context.putImageData(image, 0, 0);
  for (const [colour, lineWidth] of [["#000000", 2.5], ["#ffffff", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = lineWidth;
    for (const line of lines) {
      context.beginPath();
      line.forEach(({ x, y }, at) => (at ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
    }
  }
}

// The buttons of the current tool above the map, and its keys. `entries` is [{name, label, icon, act}, ...].
function mountGestures(app) {
  const { state, find } = app;
  const bar = find("tool-actions");

  app.showActions = (title, entries) => {
    renewRow(bar, entries.map(makeButton), find("map"));
    bar.setAttribute("aria-label", title);
    bar.hidden = !entries.length;
  };

  function makeButton({ name, label, icon, act }) {
    const button = newButton(`${iconMarkup(icon)}<span>${label}</span>`, act, { action: name });
    button.className = "dps-quiet";
    return button;
  }

  // Whether the current tool has handled the key.
  app.gestureKey = (key) => {
    const gesture = app.gestures[state.tool];
    const act = gesture && gesture.keys && gesture.keys[key];
    return Boolean(act) && act() !== false;
  };

  const hover = (surface) => (event) => {
    const gesture = app.gestures[state.tool];
    if (!gesture || !gesture.hover || app.isPainting() || event.pointerType === "touch") return;
    gesture.hover(app.placeOf(event, surface));
    state.emit("preview");
  };
  for (const surface of [find("map"), find("photo-layers")]) surface.addEventListener("pointermove", hover(surface));

  // Another tool cancels what the last one had begun.
  let last = state.tool;
  state.on("hand", () => {
    if (last === state.tool) return;
    const left = app.gestures[last];
    last = state.tool;
    if (left) left.cancel();
    if (!app.gestures[last] || !app.gestures[last].actions) app.showActions("", []);
    else app.showActions(...app.gestures[last].actions());
    state.emit("preview");
  });
}
