// Stamps as pixels. Pure functions.

const CURVE_STEPS = 12; // straight pieces of a curve

// The closed polygons of a path, [[{x, y}, ...], ...] on the path's own grid.
function pathPolygons(path) {
  const parts = path.match(/[A-Z]|-?[0-9]*\.?[0-9]+/g);
  const polygons = [];
  let points = null;
  let at = 0;
  const number = () => Number(parts[at++]);
  const place = () => ({ x: number(), y: number() });
  while (at < parts.length) {
    const command = parts[at++];
    const last = points && points[points.length - 1];
    if (command === "M") polygons.push((points = [place()]));
    else if (command === "L") points.push(place());
    else if (command === "H") points.push({ x: number(), y: last.y });
    else if (command === "V") points.push({ x: last.x, y: number() });
    else if (command === "Q") points.push(...curvePoints([last, place(), place()]));
    else if (command === "C") points.push(...curvePoints([last, place(), place(), place()]));
    else if (command !== "Z") throw new Error(`A path may not hold ${command}.`);
  }
  return polygons;
}

// Places along a Bezier curve after its start, by de Casteljau's rule.
function curvePoints(controls) {
  const between = (a, b, share) => ({ x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share });
  return Array.from({ length: CURVE_STEPS }, (_, step) => {
    let row = controls;
    while (row.length > 1) row = row.slice(1).map((b, at) => between(row[at], b, (step + 1) / CURVE_STEPS));
    return row[0];
  });
}

// The id of the first of the names, separated by bars, that the classes know: by name first, by alias second.
function findClass(classes, names, byNameOnly = false) {
  for (const name of names.split("|")) {
    const entry =
      classes.find((one) => one.name.toLowerCase() === name) ||
      (!byNameOnly && classes.find((one) => (one.aliases || []).some((alias) => alias.toLowerCase() === name)));
    if (entry) return entry.id;
  }
  return null;
}

// The stamps that a model has classes for: [{name, grid, tall, parts: [{id, path, polygons}, ...]}, ...].
function stampsOf(classes) {
  return STAMPS.map((stamp) => {
    const parts = stamp.parts.map(([names, path]) => ({ id: findClass(classes, names, stamp.byNameOnly), path }));
    if (parts[0].id === null) return null;
    const known = parts.filter((part) => part.id !== null);
    return { ...stamp, parts: known.map((part) => ({ ...part, polygons: pathPolygons(part.path) })) };
  }).filter(Boolean);
}

// The box of a stamp on the map, in map pixels, centred at `place`.
function stampBox(stamp, height, { place, scale }) {
  const [across, down] = stamp.grid;
  const tall = stamp.tall * height * scale;
  const wide = (tall * across) / down;
  return { left: place.x - wide / 2, top: place.y - tall / 2, wide, tall };
}

// The pixels of each part of a stamp: [{id, mask}, ...], the later ones on top. `pose` is {place, scale, flip}.
function stampMasks(stamp, width, height, pose) {
  const { left, top, wide, tall } = stampBox(stamp, height, pose);
  const [across, down] = stamp.grid;
  const onMap = ({ x, y }) => ({
    x: left + ((pose.flip ? across - x : x) / across) * wide,
    y: top + (y / down) * tall,
  });
  return stamp.parts.map(({ id, polygons }) => {
    const mask = new Uint8Array(width * height);
    for (const polygon of polygons) addPolygon(mask, width, height, polygon.map(onMap));
    return { id, mask };
  });
}

function paintStamp(ids, masks) {
  const before = ids.slice();
  for (const { id, mask } of masks) paintMask(ids, mask, id);
  return changedPixels(ids, before);
}
