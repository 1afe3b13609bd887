// The layout of the page: map and photo are as large as the window and their shape allow.
// "beside": the classes right of both; "under": below both; "stacked": the photo below the map, all else on the right;
// "phone": the photo, below it the map, then a strip of tools and classes; photo and map side by side where a finger's
// window is low.

const LOW_WINDOW = 500; // pixels; a phone held sideways is lower
const PHONE_WIDTH = 640; // pixels; narrower windows have the layout "phone"
const NARROW_WIDTH = 980; // narrower windows have the layout "under"
const GAP = 10;
const SMALLEST_PANE = 256;
const LEAST_STACK = 640; // pixels; lower stacks leave no room for the classes beside them
// Heights in pixels of everything besides map and photo: margins, header, tools, captions, style, footer.
const ROWS = { beside: 266, under: 362, stacked: 42, phone: 282, sideways: 122 };
const PHONE_COLUMN = 66; // the variations beside the photo, with their gap

// {layout, pane}: the layout and the width of the map in pixels, for a window; `ratio` is width / height of a map,
// `coarse` whether a finger points.
function chooseLayout(width, height, ratio, coarse = false) {
  const fit = (layout, across, down) => {
    const wide = Math.min(across, Math.max(SMALLEST_PANE / ratio, down) * ratio);
    return { layout, pane: Math.floor(wide) };
  };
  if (width < PHONE_WIDTH) {
    const tall = (height - ROWS.phone + PHONE_COLUMN / ratio) / 2;
    return fit("phone", width, tall);
  }
  if (coarse && height < LOW_WINDOW) return fit("phone", (width - GAP) / 2, height - ROWS.sideways);
  const under = fit("under", (width - GAP) / 2, height - ROWS.under);
  if (width < NARROW_WIDTH) return under;
  const side = Math.min(400, Math.max(196, 0.26 * width - 180));
  const beside = fit("beside", (width - 2 * GAP - side) / 2, height - ROWS.beside);
  const stacked = fit("stacked", width - GAP - 440, (height - ROWS.stacked) / 2);
  const others = (2 * stacked.pane) / ratio < LEAST_STACK ? [under] : [under, stacked];
  return others.reduce((best, one) => (one.pane > 1.03 * best.pane ? one : best), beside);
}

function mountLayout(app) {
  const { state, root } = app;
  const arrange = () => {
    const ratio = state.model.width / state.model.height;
    const coarse = matchMedia("(pointer: coarse)").matches;
    const { layout, pane } = chooseLayout(root.clientWidth, window.innerHeight, ratio, coarse);
    root.style.setProperty("--pane", `${pane}px`);
    app.forgetBoxes();
    if (root.dataset.layout === layout) return;
    root.dataset.layout = layout;
    state.emit("layout", layout);
  };
  new ResizeObserver(arrange).observe(root);
  window.addEventListener("resize", arrange);
  state.on("model", arrange);
}
