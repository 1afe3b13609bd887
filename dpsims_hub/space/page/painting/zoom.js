// The common view of map and photo: zoom by wheel or two fingers, move by two fingers, Space or the middle button.

const CLOSEST = 16; // times
const WHEEL_STEP = 1.0015; // for each unit of the wheel

// A view {scale, x, y} is the part of the picture that begins at (x, y) and has 1 / scale of its sides, in shares of it.
// The place (across, down), in shares of the frame, stays fixed.
function zoomed(view, factor, across, down) {
  const scale = Math.min(CLOSEST, Math.max(1, view.scale * factor));
  const shift = (start, share) => start + share / view.scale - share / scale;
  return clampedView({ scale, x: shift(view.x, across), y: shift(view.y, down) });
}

// The view moved by shares of the frame.
function panned(view, across, down) {
  return clampedView({ ...view, x: view.x - across / view.scale, y: view.y - down / view.scale });
}

function clampedView({ scale, x, y }) {
  const most = 1 - 1 / scale;
  const within = (value) => Math.min(most, Math.max(0, value));
  return { scale, x: within(x), y: within(y) };
}

function mountZoom(app) {
  const { state, find, root } = app;
  const frames = [find("map-frame"), find("photo-frame")];
  app.view = { scale: 1, x: 0, y: 0 };
  let over = null; // the frame under the pointer
  let space = false;

  function show(view) {
    app.view = view;
    const style = root.style;
    style.setProperty("--zoom", view.scale);
    style.setProperty("--pan-x", `${-100 * view.scale * view.x}%`);
    style.setProperty("--pan-y", `${-100 * view.scale * view.y}%`);
    root.dataset.zoom = view.scale.toFixed(2);
    find("zoom-text").textContent = `${Math.round(100 * view.scale)} %`;
    find("zoom").dataset.zoomed = String(view.scale > 1);
    find("zoom-out").disabled = view.scale <= 1;
    find("zoom-in").disabled = view.scale >= CLOSEST;
    app.forgetBoxes();
    state.emit("zoom");
  }

  const shares = (frame, x, y) => {
    const box = frame.getBoundingClientRect();
    return [(x - box.left) / box.width, (y - box.top) / box.height];
  };
  app.zoomBy = (factor) => show(zoomed(app.view, factor, 0.5, 0.5));
  app.zoomReset = () => show({ scale: 1, x: 0, y: 0 });
  app.panBy = (x, y) => {
    const box = frames[0].getBoundingClientRect();
    show(panned(app.view, x / box.width, y / box.height));
  };
  // A move of two fingers: `before` and `after` are [{x, y}, {x, y}].
  app.pinch = (before, after) => {
    const middle = ([a, b]) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
    const spread = ([a, b]) => Math.max(1, Math.hypot(a.x - b.x, a.y - b.y));
    const [from, to] = [middle(before), middle(after)];
    const frame = frames.find((one) => one.contains(document.elementFromPoint(to.x, to.y))) || frames[0];
    const view = zoomed(app.view, spread(after) / spread(before), ...shares(frame, from.x, from.y));
    const box = frame.getBoundingClientRect();
    show(panned(view, (to.x - from.x) / box.width, (to.y - from.y) / box.height));
  };
  app.pansWithSpace = () => Boolean(over) && !app.cursor; // with a cursor, Space applies the tool
  app.holdsToPan = () => space && app.pansWithSpace();

  for (const frame of frames) {
    frame.addEventListener("wheel", (event) => {
      const unit = event.deltaMode === 1 ? 16 : 1; // lines or pixels
      const factor = WHEEL_STEP ** (-event.deltaY * unit * (event.ctrlKey ? 5 : 1));
      if (factor < 1 && app.view.scale === 1 && !event.ctrlKey) return; // the page scrolls
      event.preventDefault();
      show(zoomed(app.view, factor, ...shares(frame, event.clientX, event.clientY)));
    }, { passive: false });
    frame.addEventListener("pointerenter", (event) => (over = event.pointerType === "touch" ? null : frame));
    frame.addEventListener("pointerleave", () => (over = null));
  }
  // Space presses a button that was reached by keyboard, but not one that was clicked before; the page does not scroll.
  const hold = (down) => (event) => {
    if (event.key !== " " || (down && app.isTyping(event.target))) return; // let go anywhere, it is no longer held
    const panned = app.holdsToPan();
    space = down;
    root.dataset.pan = String(app.holdsToPan());
    const keeps = event.target instanceof Element && event.target.matches("button:focus-visible, select:focus-visible");
    if ((panned || app.holdsToPan()) && !keeps) event.preventDefault();
  };
  document.addEventListener("keydown", hold(true));
  document.addEventListener("keyup", hold(false));
  window.addEventListener("blur", () => {
    space = false;
    root.dataset.pan = "false";
  });
  find("zoom-in").addEventListener("click", () => app.zoomBy(1.5));
  find("zoom-out").addEventListener("click", () => app.zoomBy(1 / 1.5));
  find("zoom-reset").addEventListener("click", app.zoomReset);
  state.on("model", app.zoomReset);
}
