// What each tool does on the map, and the keyboard cursor.

function mountStrokes(app) {
  const { state, find } = app;
  const canvas = find("map");
  let stroke = null; // {tool, before, from, last, changed} while a pointer is down
  app.preview = null; // the rectangle being drawn, {from, to}

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
    brush: (place) => state.edit((ids) => brush(ids, place, place)),
    rect: (place) => rectangleCorner(place),
  };
  const brush = (ids, from, to) =>
    paintSegment(ids, state.width, state.height, from, to, state.size, state.classId);
  const rectangle = (from, to) =>
    state.edit((ids) => paintRectangle(ids, state.width, state.height, from, to, state.classId));

  // With the keyboard a rectangle takes two places, one after the other.
  function rectangleCorner(place) {
    if (!app.preview) {
      app.preview = { from: place, to: place };
      app.say("First corner set; move on and press Space");
    } else {
      rectangle(app.preview.from, place);
      app.preview = null;
    }
    state.emit("preview");
  }
  app.applyAt = (place, tool = state.tool) => actions[tool](place);

  // What a pointer does, as `mountGestures` tells it; `drag` tools paint from the first place to the last.
  app.isDragTool = (tool) => tool === "brush" || tool === "rect";
  app.beginStroke = (place, tool) => {
    stroke = { tool, before: state.ids.slice(), from: place, last: place, changed: 0 };
    if (tool === "brush") extend([place]);
    else app.preview = { from: place, to: place };
    state.emit("preview");
  };
  app.moveStroke = (places) => {
    if (stroke.tool === "brush") return extend(places);
    app.preview.to = places[places.length - 1];
    return state.emit("preview");
  };
  app.endStroke = (place) => {
    const { tool, from, changed } = stroke;
    stroke = null;
    app.preview = null;
    if (tool === "rect") rectangle(from, place);
    else if (changed) state.commit();
    state.emit("preview");
  };

  function extend(places) {
    let changed = 0;
    for (const place of places) {
      changed += brush(state.ids, stroke.last, place);
      stroke.last = place;
    }
    stroke.changed += changed;
    if (changed) state.mapChanged();
  }

  app.cancelStroke = () => {
    const cancelled = stroke || app.preview;
    if (stroke && stroke.changed) {
      state.ids = stroke.before;
      state.mapChanged();
      state.commit();
    }
    stroke = null;
    app.preview = null;
    state.emit("preview");
    return Boolean(cancelled);
  };
  app.isPainting = () => Boolean(stroke);

  state.on("model", () => {
    stroke = null; // its map is gone
    app.preview = null;
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
    if (event.key === " " && app.pansWithSpace()) return;
    const at = app.cursor || { x: Math.floor(state.width / 2) + 0.5, y: Math.floor(state.height / 2) + 0.5 };
    const step = event.shiftKey ? 10 : 1;
    const move = (value, by, limit) => Math.min(limit - 0.5, Math.max(0.5, value + by * step));
    const [right, down] = arrow && app.cursor ? arrow : [0, 0];
    app.cursor = { x: move(at.x, right, state.width), y: move(at.y, down, state.height) };
    if (app.preview) app.preview.to = app.cursor;
    if (applies) app.applyAt(app.cursor);
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
