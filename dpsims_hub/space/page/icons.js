// Icons and buttons. An icon is a path on a 24 x 24 grid, drawn for this page, in front of the text of each element with
// data-icon. The path after a bar is drawn as dots.

const ICONS = {
  brush: "M14 4l6 6-8 8-6-6zM6 12c-3 1-2 5-4 7 4 1 8 1 9-3",
  fill: "M5 11l7-7 7 7-7 7zM12 4V1M5 11h14M20.5 15c1.3 2 1.7 3.4 0 4.6-1.7-1.2-1.3-2.6 0-4.6z",
  rect: "M4 6h16v12H4z",
  pick: "M14 6l4 4M12 8l4 4-8 8H4v-4zM15 9l3.5-3.5a2 2 0 0 0-3-3L12 6",
  dice: "M4 4h16v16H4z|M8.5 8.5h.01M15.5 8.5h.01M12 12h.01M8.5 15.5h.01M15.5 15.5h.01",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6",
  redo: "M15 7l5 5-5 5M20 12H10a6 6 0 0 0-6 6",
  all: "M4 4h16v16H4zM4 12L12 4M4 20L20 4M12 20l8-8",
  scenes: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  open: "M3 7V5h6l2 2h8v3M3 7v12h15l3-9H6l-3 9",
  photo: "M4 6h16v13H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01",
  share: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  download: "M12 4v11M7 11l5 5 5-5M4 20h16",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .9-1 1.7M12 16.5h.01",
  compare: "M4 5h16v14H4zM12 3v18M14.5 9l2.5 3-2.5 3M9.5 9L7 12l2.5 3",
  reset: "M4 12a8 8 0 1 0 3-6.2M4 4v5h5",
  four: "M4 5h7v6H4zM13 5h7v6h-7zM4 13h7v6H4zM13 13h7v6h-7z",
  ellipse: "M12 6c5 0 9 2.7 9 6s-4 6-9 6-9-2.7-9-6 4-6 9-6z",
  lasso: "M12 5c5 0 8.5 2 8.5 5s-3.5 5-8.5 5-8.5-2-8.5-5S7 5 12 5zM7 14.5c-1.5 1-1 3 .5 3s2 1.5.5 3",
  polygon: "M5 18L4 9l8-5 8 6-3 9z",
  move: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
  stamp: "M9 14V9a3.5 3.5 0 1 1 6 0v5h4v4H5v-4zM5 21h14",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  flip: "M12 3v18M9 7v10H3zM15 7v10h6z",
  check: "M5 13l4 4L19 7",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  swap: "M4 8h13M14 5l3 3-3 3M20 16H7M10 13l-3 3 3 3",
  close: "M6 6l12 12M18 6L6 18",
};

function iconMarkup(name) {
  const [lines, dots] = ICONS[name].split("|");
  const spots = dots ? `<path d="${dots}" stroke-width="3.2"/>` : "";
  return `<svg class="dps-icon" viewBox="0 0 24 24" aria-hidden="true"><path d="${lines}"/>${spots}</svg>`;
}

// A button with its markup, what a press does, and its data attributes.
function newButton(markup, press, data = {}) {
  const button = document.createElement("button");
  button.type = "button";
  button.innerHTML = markup;
  Object.assign(button.dataset, data);
  button.addEventListener("click", press);
  return button;
}

// A button with the colour and the name of a class.
function newClassButton(state, id, press) {
  const button = newButton('<i aria-hidden="true"></i><span></span>', press, { id });
  button.firstChild.style.background = cssColour(state.colours[id]);
  button.lastChild.textContent = state.className(id);
  return button;
}

// Gives a row new children. Keyboard focus in it stays at its place, or goes to the last button, or to another element.
function renewRow(row, children, otherwise) {
  const place = [...row.children].findIndex((one) => one.contains(document.activeElement));
  row.replaceChildren(...children);
  if (place < 0) return;
  const buttons = children.map((one) => (one.matches("button") ? one : one.querySelector("button"))).slice(0, place + 1);
  const next = buttons.filter(Boolean).pop() || otherwise;
  next.focus({ preventScroll: true });
}

// An image without alternative text, for buttons that have a label.
function newPicture(url) {
  const image = new Image();
  image.src = url;
  image.alt = "";
  return image;
}

// Wraps the text of each button in a span, so that narrow layouts can set it under the icon.
function drawIcons(root) {
  for (const button of root.querySelectorAll("[data-icon]")) {
    const text = button.textContent.trim();
    const short = button.dataset.short;
    const words = short ? `<span class="dps-long">${text}</span><span class="dps-short">${short}</span>` : `<span>${text}</span>`;
    button.innerHTML = iconMarkup(button.dataset.icon) + (text ? words : "");
  }
}
