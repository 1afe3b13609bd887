// Turns events of mouse, pen and fingers into strokes on map and photo. One finger paints, two move and zoom the view; a
// tap applies its tool when the finger is lifted. Space or the middle button drags the view.

const TAP_SLOP = 14; // pixels of the screen that a tapping finger may move
const PINCH_MS = 300; // a second finger within this time, or beside a resting finger, starts a pinch

function mountPointers(app) {
  const { state, find } = app;
  const fingers = new Map(); // by pointerId, {x, y} on the screen
  let held = null; // the active pointer: {id, byPen, does: "stroke" | "tap" | "pan", surface, x, y, start, far, tool}
  let pinching = false; // until the last finger is lifted

  const at = (event) => ({ x: event.clientX, y: event.clientY });
  const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

  function down(event, surface) {
    if (event.pointerType === "pen") dropFingers();
    if (event.pointerType === "touch") {
      if (held && (held.byPen || !isYoung(event))) return; // a palm beside a stroke
      fingers.set(event.pointerId, at(event));
      if (fingers.size > 1) return void startPinch();
    }
    if (held || pinching || event.button > 1) return;
    event.preventDefault();
    find("map").focus({ preventScroll: true });
    app.forgetBoxes(); // they may be old: no frame runs in a hidden window
    const tool = event.altKey ? "pick" : state.tool;
    const drags = event.button === 1 || app.holdsToPan();
    const does = drags ? "pan" : app.isDragTool(tool) ? "stroke" : "tap";
    const byPen = event.pointerType === "pen";
    held = { id: event.pointerId, does, surface, tool, byPen, ...at(event), start: event.timeStamp, far: 0 };
    surface.setPointerCapture(event.pointerId);
    if (does === "stroke") app.beginStroke(app.placeOf(event, surface), tool, event);
    if (does === "tap" && event.pointerType !== "touch") finishTap(event);
  }

  const isYoung = (event) => event.timeStamp - held.start < PINCH_MS || held.far < TAP_SLOP;

  // A pen takes over from what touched before it, such as the palm of its hand.
  function dropFingers() {
    if (held && fingers.has(held.id)) {
      app.cancelStroke(true);
      held = null;
    }
    fingers.clear();
    pinching = false;
  }

  function startPinch() {
    app.cancelStroke(true);
    held = null;
    pinching = true;
  }

  function move(event) {
    if (fingers.has(event.pointerId)) {
      const before = [...fingers.values()];
      fingers.set(event.pointerId, at(event));
      if (pinching) return void (fingers.size === 2 && app.pinch(before, [...fingers.values()]));
    }
    if (!held || event.pointerId !== held.id) return;
    held.far = Math.max(held.far, distance(held, at(event)));
    if (held.does === "pan") dragView(event);
    if (held.does !== "stroke") return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    app.moveStroke((all.length ? all : [event]).map((one) => app.placeOf(one, held.surface)), event);
  }

  function dragView(event) {
    app.panBy(event.clientX - held.x, event.clientY - held.y);
    Object.assign(held, at(event));
  }

  function finishTap(event) {
    const { surface, tool, far } = held;
    held = null;
    if (far < TAP_SLOP) app.applyAt(app.placeOf(event, surface), event, tool);
  }

  // Forgets a finger; returns whether the event is one of the active pointer.
  function lift(event) {
    fingers.delete(event.pointerId);
    if (!fingers.size) pinching = false;
    return held && event.pointerId === held.id;
  }

  function up(event) {
    if (!lift(event)) return;
    if (held.does === "tap") return void finishTap(event);
    const { does, surface } = held;
    held = null;
    if (does === "stroke" && app.isPainting()) app.endStroke(app.placeOf(event, surface), event);
  }

  function cancel(event) {
    if (!lift(event)) return;
    held = null;
    app.cancelStroke(true);
  }

  function listen(surface, isActive) {
    surface.addEventListener("pointerdown", (event) => isActive() && down(event, surface));
    surface.addEventListener("pointermove", move);
    surface.addEventListener("pointerup", up);
    surface.addEventListener("pointercancel", cancel);
    // Without this Chromium treats a tap soon after a stroke as its own gesture and drops it.
    const claim = (event) => isActive() && event.cancelable && event.preventDefault();
    surface.addEventListener("touchstart", claim, { passive: false });
  }
  listen(find("map"), () => true);
  listen(find("photo-layers"), () => app.paintsOnPhoto());
  app.dropPointer = () => (held = null);
  state.on("model", app.dropPointer);
}
