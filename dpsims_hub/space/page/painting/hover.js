// Marks at the pointer: the name of the class, the brush's ring on map and photo, the region that a click would change.
// They are renewed after each change of the map, at most once a frame.

const REGION_TINT = [255, 255, 255, 120];

function mountHover(app) {
  const { state, find } = app;
  const canvas = find("map");
  const photo = find("photo-layers");
  const overlay = find("overlay");
  const photoOverlay = find("photo-overlay");
  let pointer = null; // the place under the pointer, on map or photo
  let overMap = false; // over the map, or over a photo that can be painted on
  let waiting = false;
  let drawn = false; // whether the overlay has content

  const follow = (event, surface) => {
    if (event.pointerType === "touch" && !app.isPainting()) return leave();
    pointer = app.placeOf(event, surface);
    overMap = surface === canvas || app.paintsOnPhoto();
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
    const words = shown ? `${state.className(app.classAt(shown))} · ${pixel.x}, ${pixel.y}` : "";
    if (find("hover").textContent !== words) find("hover").textContent = words;
    placeRing(find("ring"), shown, canvas);
    placeRing(find("photo-ring"), shown && !app.comparing ? shown : null, photo);
    mirror(canvas, { cursor: app.cursor ? "key" : state.tool });
    drawOverlay(shown);
  }

  function placeRing(ring, place, element) {
    const size = state.tool === "brush" ? state.size : 1;
    ring.hidden = !place || (state.tool !== "brush" && !app.cursor && ring.id === "dps-ring");
    if (ring.hidden) return;
    const half = snapBrush(place, size);
    const box = app.boxOf(element);
    const frame = app.boxOf(ring.parentElement);
    const scale = box.width / state.width;
    const side = Math.max(size * scale, 7);
    const left = box.left - frame.left + (half.x / 2) * scale - side / 2;
    const top = box.top - frame.top + (half.y / 2) * scale - side / 2;
    ring.style.width = ring.style.height = `${side}px`;
    ring.style.transform = `translate(${left}px, ${top}px)`;
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
      const tint = state.tool === "fill" ? [...(state.colours[state.classId] || [40, 40, 44]), 150] : REGION_TINT;
      drawRegion(context, app.regionAt(place), tint);
    }
    photoOverlay.width = state.width;
    photoOverlay.height = state.height;
    if (drawn && app.paintsOnPhoto()) photoOverlay.getContext("2d").drawImage(overlay, 0, 0);
  }

  function drawRegion(context, region, [red, green, blue, alpha]) {
    const image = context.createImageData(state.width, state.height);
    for (let at = 0; at < region.length; at++) {
      if (region[at]) image.data.set([red, green, blue, alpha], at * 4);
    }
    context.putImageData(image, 0, 0);
  }

  for (const surface of [canvas, photo]) {
    surface.addEventListener("pointermove", (event) => follow(event, surface));
    surface.addEventListener("pointerdown", (event) => follow(event, surface));
    surface.addEventListener("pointerleave", leave);
  }
  canvas.addEventListener("pointerup", (event) => event.pointerType === "touch" && leave());
  photo.addEventListener("click", (event) => {
    if (app.comparing || app.paintsOnPhoto() || (state.tool !== "pick" && state.tool !== "reroll")) return;
    app.applyAt(app.placeOf(event, photo));
  });
  state.on("drawn hand cursor preview model zoom", soon);
}
