// The actions of the tools on the map, and the keyboard cursor.

function mountStrokes(app) {
  const { state, find } = app;
  const canvas = find("map");
  let stroke = null; // {tool, before, last, changed} while a pointer is down
  let lineEnd = null; // the last place of the brush; a line by Shift+click begins there
  app.gestures = {}; // tools that need more than one place, by name; see tools/gestures.js
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
    reroll: (place) => app.rerollRegion(place),
    brush(place, event) {
      state.edit((ids) => brush(ids, lineStart(event, place), place));
      lineEnd = place;
    },
  };
  const lineStart = (event, place) => (event && event.shiftKey && lineEnd) || place;
  const brush = (ids, from, to) =>
    paintSegment(ids, state.width, state.height, from, to, state.size, state.classId);
  app.applyAt = (place, event, tool = state.tool) => {
    const several = app.gestures[tool];
    return several ? several.apply(place, event) : actions[tool](place, event);
  };

  // The strokes of a pointer, called by `mountPointers`; other tools apply at one place.
  app.isDragTool = (tool) => tool === "brush" || Boolean(app.gestures[tool]);
  app.beginStroke = (place, tool, event) => {
    stroke = { tool, before: state.ids.slice(), last: lineStart(event, place), changed: 0 };
    if (tool === "brush") extend([place]);
    else gesture().begin(place, event);
    state.emit("preview");
  };
  app.moveStroke = (places, event) => {
    if (!stroke) return null; // cancelled while the pointer is down
    if (stroke.tool === "brush") return extend(places);
    gesture().move(places, event);
    return state.emit("preview");
  };
  app.endStroke = (place, event) => {
    const { tool, changed, last } = stroke;
    stroke = null;
    app.forgetBoxes();
    if (tool === "brush") lineEnd = last;
    else app.gestures[tool].end(place, event);
    if (changed) state.commit();
    state.emit("preview");
  };

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

  // With `pressOnly`, what was begun before the pointer went down stays, such as the corners of a polygon.
  app.cancelStroke = (pressOnly = false) => {
    const several = gesture();
    const begun = several && (pressOnly && several.cancelPress ? several.cancelPress() : several.cancel());
    const cancelled = stroke || begun;
    if (stroke && stroke.changed) {
      state.ids = stroke.before;
      state.mapChanged();
      state.commit();
    }
    stroke = null;
    app.forgetBoxes();
    state.emit("preview");
    return Boolean(cancelled);
  };
  app.isPainting = () => Boolean(stroke);

  state.on("model", () => {
    if (gesture()) gesture().cancel();
    stroke = null; // its map is gone
    app.forgetBoxes();
    lineEnd = null;
  });
  state.on("replacing", () => stroke && app.cancelStroke(true));
  // Another tool, chosen by a second finger, ends a press of a tool of several steps; a brush goes on.
  state.on("hand", () => {
    if (stroke && stroke.tool !== "brush" && stroke.tool !== state.tool) app.cancelStroke();
  });
  mountKeyboardCursor(app, canvas);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The keyboard cursor: arrows move it, Space applies the tool.
function mountKeyboardCursor(app, canvas) {
  const { state } = app;
  app.cursor = null;
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const applies = event.key === " " || event.key === "Enter";
    if (!arrow && !applies) return;
    event.preventDefault();
    if (applies && event.repeat) return; // a held key applies the tool once
    if (event.key === " " && app.pansWithSpace()) return;
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
