// The visitor's own photo, to compare with the photo made from its map.

function mountOriginal(app) {
  const { state, find } = app;
  const button = find("original");
  let image = null; // of `state.original`
  let shown = false;

  function follow() {
    if (state.original === (image ? image.src : "")) return;
    image = null;
    if (!state.original) shown = false;
    else {
      image = new Image();
      image.src = state.original;
      image.decode().then(refresh, () => {});
    }
    button.hidden = !image;
    refresh();
  }
  app.showsOriginal = () => shown && Boolean(image) && app.comparing;
  // Draws the own photo instead of the map; returns whether it did.
  app.drawOriginal = (canvas) => {
    if (!app.showsOriginal() || !image.complete) return false;
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    return true;
  };

  function refresh() {
    button.setAttribute("aria-pressed", String(app.showsOriginal()));
    find("compare").setAttribute("aria-pressed", String(app.comparing && !app.showsOriginal()));
    find("compare-slider").setAttribute(
      "aria-label",
      app.showsOriginal() ? "Share of your own photo shown" : "Share of the map shown over the photo",
    );
    find("over-photo").dataset.original = String(app.showsOriginal());
    app.redrawCompare();
  }
  button.addEventListener("click", () => {
    const leaves = app.comparing && shown;
    shown = !leaves;
    if (app.comparing === leaves) app.compare();
    refresh();
  });
  find("compare").addEventListener(
    "click",
    (event) => {
      if (!app.comparing || !shown) return;
      shown = false; // the comparison goes on with the map
      event.stopImmediatePropagation();
      refresh();
    },
    { capture: true },
  );
  state.on("style", follow);
}
