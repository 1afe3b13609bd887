// The label map over the photo: up to a line that a slider moves, or with some opacity for painting.

function mountCompare(app) {
  const { state, find } = app;
  const over = find("over-photo");
  const slider = find("compare-slider");
  const button = find("compare");
  const paint = find("paint-photo");
  const opacity = find("opacity");
  let paints = matchMedia("(pointer: fine)").matches; // by default a finger on the photo scrolls the page
  app.comparing = false;
  app.paintsOnPhoto = () => paints && !app.comparing;

  const draw = () => {
    const veil = app.paintsOnPhoto() ? opacity.value / 100 : 0; // its slider is there only then
    over.hidden = !app.comparing && !veil;
    if (!over.hidden && !app.drawOriginal(over)) drawMap(over, state.ids, state.width, state.height, state.colours);
    over.style.opacity = app.comparing ? 1 : veil;
    const line = app.view.x + slider.value / 100 / app.view.scale; // in shares of the picture
    over.style.clipPath = app.comparing ? `inset(0 ${100 - 100 * line}% 0 0)` : "";
    slider.style.setProperty("--share", `${slider.value}%`);
    opacity.setAttribute("aria-valuetext", `${opacity.value} percent`);
    setSliderFill(opacity);
  };
  const refresh = () => {
    slider.hidden = !app.comparing;
    button.setAttribute("aria-pressed", String(app.comparing && !app.showsOriginal()));
    paint.setAttribute("aria-pressed", String(app.paintsOnPhoto()));
    find("photo-frame").dataset.paint = String(app.paintsOnPhoto());
    find("opacity-field").hidden = !app.paintsOnPhoto();
    draw();
  };
  app.compare = () => {
    app.comparing = !app.comparing;
    refresh();
    if (app.comparing) slider.focus({ preventScroll: true });
  };
  app.redrawCompare = draw;
  app.paintOnPhoto = () => {
    paints = !app.paintsOnPhoto();
    app.comparing = false;
    refresh();
    app.say(paints ? "Strokes on the photo paint the map" : "The photo is only shown");
  };
  button.addEventListener("click", app.compare);
  paint.addEventListener("click", app.paintOnPhoto);
  slider.addEventListener("input", draw);
  opacity.addEventListener("input", draw);
  state.on("colours zoom", draw);
  state.on("drawn", () => over.hidden || draw()); // only where the map is over the photo
  refresh();
}
