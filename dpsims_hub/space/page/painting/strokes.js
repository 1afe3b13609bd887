// Pointers and the keyboard cursor on the map: what each tool does, from the first touch to the last.

function mountStrokes(app) {
  const { state, find } = app;
  const canvas = find("map");
  let stroke = null; // {pointerId, tool, before, last, changed} while a pointer is down
  let lineEnd = null; // where the brush was last; a line by Shift+click begins there
  app.gestures = {}; // tools that need more than one place, by name: tools/gestures.js says what they are
  const gesture = () => app.gestures[stroke ? stroke.tool : state.tool];

  const actions = {
    fill(place) {
      const { x, y } = app.pixelOf(place);
      const changed = state.edit((ids) => fillRegion(ids, state.width, state.height, x, y, state.classId));
      app.say(changed ? `Filled with ${state.className(state.classId)}` : "Nothing to fill");
    },
    pick(place) {
      app.chooseClass(app.classAt(place));
      if (app.toolBeforePick) app.chooseTool(app.toolBeforePick);
    },
    reroll: (place) => app.rerollRegion(app.pixelOf(place)),
    brush(place, event) {
      state.edit((ids) => brush(ids, lineStart(event, place), place));
      lineEnd = place;
    },
  };
  const lineStart = (event, place) => (event && event.shiftKey && lineEnd) || place;
  const brush = (ids, from, to) =>
    paintSegment(ids, state.width, state.height, from, to, state.size, state.classId);
  app.applyAt = (place, event) => (gesture() ? gesture().apply(place, event) : actions[state.tool](place, event));

  function begin(event) {
    if (stroke || event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    app.forgetBoxes(); // no frame runs in a hidden window, so that what is known may be old
    const place = app.placeOf(event, canvas);
    const tool = event.altKey ? "pick" : state.tool;
    if (tool !== "brush" && !app.gestures[tool]) {
      actions[tool](place);
      return;
    }
    canvas.setPointerCapture(event.pointerId);
    const last = lineStart(event, place);
    stroke = { pointerId: event.pointerId, tool, before: state.ids.slice(), last, changed: 0 };
    if (tool === "brush") extend([place]);
    else gesture().begin(place, event);
    state.emit("preview");
  }

  function extend(places) {
    let changed = 0;
    for (const place of places) {
      changed += brush(state.ids, stroke.last, place);
      changed -= restoreProtected(state.ids, stroke.before, state.protectedIds);
      stroke.last = place;
    }
    stroke.changed += changed;
    if (changed) state.mapChanged();
  }

  function move(event) {
    if (!stroke || event.pointerId !== stroke.pointerId) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    const places = (all.length ? all : [event]).map((one) => app.placeOf(one, canvas));
    if (stroke.tool === "brush") {
      extend(places);
    } else {
      gesture().move(places, event);
      state.emit("preview");
    }
  }

  function end(event) {
    if (!stroke || event.pointerId !== stroke.pointerId) return;
    const { tool, before, changed, last } = stroke;
    stroke = null;
    if (tool === "brush") lineEnd = last;
    else app.gestures[tool].end(app.placeOf(event, canvas), event);
    if (changed) state.commit(before);
    state.emit("preview");
  }

  app.cancelStroke = () => {
    const begun = gesture() && gesture().cancel();
    const cancelled = stroke || begun;
    if (stroke && stroke.changed) {
      state.ids = stroke.before;
      state.mapChanged();
      state.commit();
    }
    stroke = null;
    state.emit("preview");
    return Boolean(cancelled);
  };
  app.isPainting = () => Boolean(stroke);

  canvas.addEventListener("pointerdown", begin);
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", () => app.cancelStroke());
  state.on("model", () => {
    app.cancelStroke();
    lineEnd = null;
  });
  mountKeyboardCursor(app, canvas);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// A cursor for those who cannot use a pointer: arrows move it, Space applies the tool.
function mountKeyboardCursor(app, canvas) {
  const { state } = app;
  app.cursor = null;
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const applies = event.key === " " || event.key === "Enter";
    if (!arrow && !applies) return;
    event.preventDefault();
    const gesture = app.gestures[state.tool];
    const held = gesture && gesture.place && gesture.place();
    const at = app.cursor || held || { x: Math.floor(state.width / 2) + 0.5, y: Math.floor(state.height / 2) + 0.5 };
    const step = event.shiftKey ? 10 : 1;
    const move = (value, by, limit) => Math.min(limit - 0.5, Math.max(0.5, value + by * step));
    const [right, down] = arrow && (app.cursor || held) ? arrow : [0, 0];
    app.cursor = { x: move(at.x, right, state.width), y: move(at.y, down, state.height) };
    if (applies) app.applyAt(app.cursor, event);
    state.emit("cursor");
    state.emit("preview");
    if (arrow) app.say(state.className(app.classAt(app.cursor)));
  });
  canvas.addEventListener("pointermove", () => {
    app.cursor = null;
  });
  canvas.addEventListener("blur", () => {
    app.cursor = null;
    state.emit("cursor");
  });
}
