// Tools that need more than one place. Each is an entry of `app.gestures`:
//   begin(place, event), move(places, event), end(place, event): a pointer went down, moved, went up
//   apply(place, event): Space or Enter at the keyboard's cursor
//   cancel(): leaves off what was begun; says whether something was. cancelPress(): the same of one press; optional
//   sketch(place): what to draw over the map now: {masks: [{id, mask}], lines: [[{x, y}, ...], ...]}, or null
//   keys: {key: action}, place(): where the cursor is at first, hover(place): a mouse that is not pressed; optional

const SKETCH_ALPHA = 190;

// Masks in the colours of their classes with a light edge, then lines, on a canvas of one pixel a map pixel.
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

// The buttons of the tool in hand, above the map, and its keys. `entries` is [{name, label, icon, act}, ...].
function mountGestures(app) {
  const { state, find } = app;
  const bar = find("tool-actions");

  app.showActions = (title, entries) => {
    bar.replaceChildren(...entries.map(makeButton));
    bar.setAttribute("aria-label", title);
    bar.hidden = !entries.length;
  };

  function makeButton({ name, label, icon, act, tip = "" }) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "dps-quiet";
    button.dataset.action = name;
    button.innerHTML = `${icon ? iconMarkup(icon) : ""}<span></span>`;
    button.querySelector("span").textContent = label;
    if (tip) button.dataset.tip = tip;
    button.addEventListener("click", act);
    return button;
  }

  // Whether the tool in hand has taken the key.
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

  // What a tool had begun does not outlive it.
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
