// The label map laid over the photo, up to a line that a slider moves.

function mountCompare(app) {
  const { state, find } = app;
  const over = find("over-photo");
  const slider = find("compare-slider");
  const button = find("compare");
  app.comparing = false;

  const draw = () => {
    if (app.comparing && !app.drawOriginal(over)) drawMap(over, state.ids, state.width, state.height, state.colours);
    over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`;
    slider.style.setProperty("--share", `${slider.value}%`);
  };
  app.compare = () => {
    app.comparing = !app.comparing;
    over.hidden = slider.hidden = !app.comparing;
    button.setAttribute("aria-pressed", String(app.comparing && !app.showsOriginal()));
    draw();
    if (app.comparing) slider.focus({ preventScroll: true });
  };
  app.redrawCompare = draw;
  button.addEventListener("click", app.compare);
  slider.addEventListener("input", draw);
  state.on("drawn colours", draw);
}
