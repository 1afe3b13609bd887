// Groups of the classes of a long list, by their names.

const CLASS_GROUPS = [
  ["Sky", "sky clouds cloud fog"],
  ["Water", "water sea river lake waterfall fountain waterdrops,swimming pool"],
  [
    "Nature",
    "tree vegetation grass plant flower mountain hill rock stone sand earth field land palm bush terrain ground dirt " +
      "mud gravel moss leaves branch snow straw playingfield,dirt track",
  ],
  [
    "Buildings",
    "building house skyscraper tower hovel bridge tunnel wall fence railing roof door window windowpane stairs stairway " +
      "step column pier tent grandstand booth canopy awning stage escalator bannister structural cage net,guard rail," +
      "screen door",
  ],
  [
    "Traffic",
    "road sidewalk pavement path parking runway railroad platform car bus truck van train bicycle motorcycle minibike " +
      "caravan trailer boat ship airplane pole polegroup streetlight signboard signsymbol,rail track,traffic light," +
      "traffic sign,street sign,stop sign,parking meter,fire hydrant,trade name",
  ],
  [
    "People and animals",
    "person pedestrian rider bicyclist animal dynamic bird cat dog horse sheep cow elephant bear zebra giraffe",
  ],
  [
    "Indoor",
    "floor ceiling bed cabinet table curtain chair painting sofa couch shelf mirror rug carpet armchair seat desk " +
      "wardrobe lamp bathtub cushion base chest counter sink fireplace refrigerator case pillow bookcase blind toilet " +
      "book countertop stove computer bar towel light chandelier television tv apparel ottoman bottle buffet poster " +
      "washer stool barrel basket bag cradle oven pot microwave dishwasher blanket sculpture hood sconce vase tray " +
      "ashcan fan screen plate monitor shower radiator glass clock cupboard furniture laptop mouse remote keyboard " +
      "toaster blender napkin mat cloth clothes textile,chest of drawers,coffee table,dining table,pool table," +
      "swivel chair,kitchen island,potted plant,crt screen,bulletin board,arcade machine",
  ],
];
const OTHER_GROUP = "Things";

const GROUP_OF_NAME = new Map(
  CLASS_GROUPS.flatMap(([group, words]) =>
    words.split(",").flatMap((part, at) => (at ? [part] : part.split(" "))).map((name) => [name, group]),
  ),
);

// By the whole name, then the part before a hyphen ("wall-brick"), then the aliases.
function groupOf(entry) {
  const name = entry.name.toLowerCase();
  const names = [name, name.split("-")[0], ...(entry.aliases || []).map((alias) => alias.toLowerCase())];
  const known = names.find((one) => GROUP_OF_NAME.has(one));
  return known ? GROUP_OF_NAME.get(known) : OTHER_GROUP;
}

// The entries of each group that has any: [[group, entries], ...].
function groupClasses(entries) {
  const titles = [...CLASS_GROUPS.map(([title]) => title), OTHER_GROUP];
  const groups = titles.map((title) => [title, entries.filter((entry) => groupOf(entry) === title)]);
  return groups.filter(([, members]) => members.length);
}
