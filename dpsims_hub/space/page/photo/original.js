// The visitor's own photo that the map was read from: it stays, to be slid over the photo made from the map.

function mountOriginal(app) {
  const { state, find } = app;
  const button = find("original");
  let image = null;
  let shown = false;

  app.keepOriginal = (url) => {
    image = new Image();
    image.src = url;
    button.hidden = false;
    image.decode().then(refresh, forget);
  };
  app.showsOriginal = () => shown && Boolean(image) && app.comparing;
  // Draws the photo where the map would be laid over; says whether it did.
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
  function forget() {
    image = null;
    shown = false;
    button.hidden = true;
    refresh();
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
      shown = false; // from the photo to the map, still comparing
      event.stopImmediatePropagation();
      refresh();
    },
    { capture: true },
  );
  state.on("model replaced", forget);
}
