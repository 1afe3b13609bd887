// Display colours. Maps are ids, so they can be shown in natural colours. The colours of the data set are an option: they
// can be neon or shared by classes (ADE20K's road and skyscraper).

const NATURAL = {
  sky: "#8fc7ee", clouds: "#dfe9f2", building: "#b58b6b", house: "#c79a72", skyscraper: "#8494a8", wall: "#c9b9a2",
  road: "#5f626b", street: "#5f626b", sidewalk: "#b9aea6", pavement: "#b9aea6", path: "#c8b48c", floor: "#a98662",
  tree: "#3f7d3a", vegetation: "#3f7d3a", grass: "#86b94f", plant: "#5c9c46", field: "#b9bf5a", bush: "#558442",
  terrain: "#9aa05a", earth: "#8f6d4b", ground: "#8a7560", land: "#a48a5f", sand: "#e3cd94", rock: "#8d8880",
  mountain: "#76808b", hill: "#7f9a63", water: "#4f93bf", sea: "#2f79b5", river: "#5ba3c9", lake: "#4a8cb8",
  snow: "#f1f5f9", car: "#c0392f", truck: "#d9772b", bus: "#e0a526", van: "#cf5b45", train: "#8b5bb0",
  bicycle: "#8e3f8a", bicyclist: "#a64ca0", rider: "#a64ca0", motorcycle: "#7a4a9c", minibike: "#7a4a9c",
  person: "#e8627c", pedestrian: "#e8627c", pole: "#4b4f58", column: "#9d938a", signsymbol: "#f0c419",
  "traffic sign": "#f0c419", signboard: "#e2b53a", "traffic light": "#e86a1f", streetlight: "#d7b56d",
  fence: "#94663a", railing: "#8a7a68", bridge: "#9c8a7a", ceiling: "#e4ddd0", windowpane: "#a9d3e0",
  window: "#a9d3e0", door: "#7d5232", curtain: "#b65f6d", bed: "#9fb0d8", sofa: "#6f86b8", chair: "#b0763c",
  table: "#8b5a2b", cabinet: "#a0703f", shelf: "#9a7850", rug: "#b4506a", mirror: "#cfdfe6", painting: "#d49b3d",
  lamp: "#f4dc8c", flower: "#e77fb3", boat: "#4a6fa5", airplane: "#a7b4c4", animal: "#a0643a", dog: "#a0643a",
};

function naturalColour(entry) {
  const keys = [entry.name, ...(entry.aliases || [])].map((name) => name.toLowerCase());
  const known = keys.find((key) => NATURAL[key]);
  if (known) return hexToRgb(NATURAL[known]);
  const hue = (entry.id * 137.508 + 20) % 360; // the golden angle separates neighbours in the list
  return hslToRgb(hue, 0.34 + 0.1 * (entry.id % 3), 0.42 + 0.09 * (entry.id % 4));
}

// One colour per class, [[r, g, b], ...]; a colour too near to an earlier one is made lighter or darker.
function displayColours(classes, natural) {
  const taken = [];
  for (const entry of classes) {
    const wanted = natural ? naturalColour(entry) : entry.rgb;
    const candidates = [0, 24, -24, 48, -48, 72, -72].map((step) => wanted.map((v) => clampByte(v + step)));
    taken.push(candidates.find((one) => taken.every((other) => farApart(one, other))) || wanted);
  }
  return taken;
}

function farApart(one, other) {
  return Math.abs(one[0] - other[0]) + Math.abs(one[1] - other[1]) + Math.abs(one[2] - other[2]) > 18;
}

function clampByte(value) {
  return Math.min(255, Math.max(0, Math.round(value)));
}

function hexToRgb(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function hslToRgb(hue, saturation, lightness) {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    return clampByte(255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
