// What lies under the pointer: the class by name, the brush's ring on map and photo, the region a click would change.
// Everything is worked out again after each change of the map, so that no label goes stale, at most once a frame.

const REGION_TINT = [255, 255, 255, 120];

function mountHover(app) {
  const { state, find } = app;
  const canvas = find("map");
  const photo = find("photo-frame");
  const overlay = find("overlay");
  let pointer = null; // the place under the pointer, on map or photo
  let overMap = false;
  let waiting = false;
  let drawn = false; // whether the overlay holds anything

  const follow = (event, element, isMap) => {
    if (event.pointerType === "touch" && !app.isPainting()) return leave();
    pointer = app.placeOf(event, element);
    overMap = isMap;
    return soon();
  };
  const leave = () => {
    pointer = null;
    soon();
  };
  const soon = () => {
    if (!waiting) requestAnimationFrame(refresh);
    waiting = true;
  };
  const inside = ({ x, y }) => x >= 0 && y >= 0 && x < state.width && y < state.height;

  function refresh() {
    waiting = false;
    const place = app.cursor || pointer;
    const shown = place && inside(place) ? place : null;
    const pixel = shown && app.pixelOf(shown);
    find("hover").textContent = shown ? `${state.className(app.classAt(shown))} · ${pixel.x}, ${pixel.y}` : "";
    placeRing(find("ring"), shown, canvas);
    placeRing(find("photo-ring"), shown && !app.comparing ? shown : null, photo);
    canvas.dataset.cursor = app.cursor ? "key" : state.tool;
    drawOverlay(shown);
  }

  function placeRing(ring, place, element) {
    const size = state.tool === "brush" ? state.size : 1;
    ring.hidden = !place || (state.tool !== "brush" && !app.cursor && ring.id === "dps-ring");
    if (ring.hidden) return;
    const half = snapBrush(place, size);
    const box = app.boxOf(element);
    const scale = box.width / state.width;
    const side = Math.max(size * scale, 7);
    ring.style.width = ring.style.height = `${side}px`;
    ring.style.transform = `translate(${(half.x / 2) * scale - side / 2}px, ${(half.y / 2) * scale - side / 2}px)`;
  }

  function drawOverlay(place) {
    const aims = place && (overMap || app.cursor) && (state.tool === "fill" || state.tool === "reroll");
    const gesture = app.gestures[state.tool];
    const sketch = gesture && gesture.sketch(place);
    if (!sketch && !aims && !drawn) return;
    overlay.width = state.width; // empties it
    overlay.height = state.height;
    drawn = Boolean(sketch || aims);
    const context = overlay.getContext("2d");
    if (sketch) {
      drawSketch(context, sketch, state);
    } else if (aims) {
      const { x, y } = app.pixelOf(place);
      const tint = state.tool === "fill" ? [...(state.colours[state.classId] || [40, 40, 44]), 150] : REGION_TINT;
      drawRegion(context, connectedRegion(state.ids, state.width, state.height, x, y), tint);
    }
  }

  function drawRegion(context, region, [red, green, blue, alpha]) {
    const image = context.createImageData(state.width, state.height);
    for (let at = 0; at < region.length; at++) {
      if (region[at]) image.data.set([red, green, blue, alpha], at * 4);
    }
    context.putImageData(image, 0, 0);
  }

  canvas.addEventListener("pointermove", (event) => follow(event, canvas, true));
  canvas.addEventListener("pointerdown", (event) => follow(event, canvas, true));
  canvas.addEventListener("pointerleave", leave);
  canvas.addEventListener("pointerup", (event) => event.pointerType === "touch" && leave());
  photo.addEventListener("pointermove", (event) => follow(event, photo, false));
  photo.addEventListener("pointerleave", leave);
  photo.addEventListener("click", (event) => {
    if (app.comparing || (state.tool !== "pick" && state.tool !== "reroll")) return;
    app.applyAt(app.placeOf(event, photo));
  });
  state.on("drawn hand cursor preview model", soon);
}
