// Stamps: outlines of objects, drawn for this page. Each has the size of its grid, its first height as a share of the map's
// height, and parts: class names, the best first, and a path of M L H V C Q Z. A stamp needs a class for its first part;
// other parts without a class are left out. A cloud does not use aliases: "cloud" is one of "sky".

const STAMPS = [
  {
    name: "car", grid: [100, 40], tall: 0.16,
    parts: [["car|vehicle|automobile", "M4 30C2 30 1 28 1 25L2 20C3 17 6 16 10 15L22 13L34 3C36 1 38 0 41 0L64 0C68 0 71 1 74 4L84 13L94 15C98 16 99 18 99 22L99 28C99 30 98 31 96 31L92 31C91 37 87 40 82 40C77 40 73 37 72 31L31 31C30 37 26 40 21 40C16 40 12 37 11 31Z"]],
  },
  {
    name: "bus", grid: [100, 48], tall: 0.24,
    parts: [["bus|coach", "M3 44C1 44 0 43 0 41L0 6C0 2 2 0 6 0L94 0C98 0 99 2 99.5 6L100 34L100 41C100 43 99 44 97 44L88 44C87 47 84 48 81 48C77 48 75 47 74 44L28 44C27 47 24 48 21 48C18 48 15 47 14 44Z"]],
  },
  {
    name: "truck", grid: [100, 50], tall: 0.24,
    parts: [["truck|lorry", "M0 6C0 3 1 2 4 2L62 2L62 12L80 12C83 12 85 13 87 16L96 30C98 32 100 34 100 37L100 42L92 42C91 48 88 50 83 50C78 50 75 48 74 42L30 42C29 48 26 50 21 50C16 50 13 48 12 42L0 42Z"]],
  },
  {
    name: "person", grid: [30, 80], tall: 0.26,
    parts: [["person|pedestrian|people|human", "M15 0C19 0 22 3 22 8C22 13 19 16 15 16C11 16 8 13 8 8C8 3 11 0 15 0ZM12 13L18 13L18 20L12 20ZM15 17C21 17 25 20 26 26L29 46L25 48L22 36L22 50L24 80L17 80L15 56L13 80L6 80L8 50L8 36L5 48L1 46L4 26C5 20 9 17 15 17Z"]],
  },
  {
    name: "cyclist", grid: [70, 80], tall: 0.26,
    parts: [["bicyclist|cyclist|rider|bicycle", "M15 49C23 49 30 56 30 64C30 73 23 80 15 80C7 80 0 73 0 64C0 56 7 49 15 49ZM55 49C63 49 70 56 70 64C70 73 63 80 55 80C47 80 40 73 40 64C40 56 47 49 55 49ZM13 62L27 42L51 40L58 62L52 64L47 48L36 67L28 67ZM46 0C50 0 53 3 53 7C53 12 50 15 46 15C42 15 39 12 39 7C39 3 42 0 46 0ZM36 14L47 16L46 25L57 33L53 39L43 32L35 42L39 52L37 68L30 68L30 54L23 44C21 40 23 35 26 30Z"]],
  },
  {
    name: "tree", grid: [60, 80], tall: 0.45,
    parts: [["tree|trees|vegetation", "M30 0C40 0 46 6 48 13C56 15 60 22 59 30C60 40 53 46 45 47C40 52 20 52 15 47C7 46 0 40 1 30C0 22 4 15 12 13C14 6 20 0 30 0ZM26 46L34 46L36 80L24 80Z"]],
  },
  {
    name: "fir", grid: [50, 80], tall: 0.45,
    parts: [["tree|trees|vegetation", "M25 0L38 22L32 22L43 42L36 42L50 66L29 66L29 80L21 80L21 66L0 66L14 42L7 42L18 22L12 22Z"]],
  },
  {
    name: "bush", grid: [80, 40], tall: 0.14,
    parts: [["bush|shrub|plant|vegetation|tree", "M1 40C0 30 4 22 12 22C12 12 22 6 30 10C36 0 52 0 56 10C66 8 74 16 72 24C78 26 80 34 79 40Z"]],
  },
  {
    name: "pole", grid: [8, 100], tall: 0.55,
    parts: [["pole|column|post", "M2 0L6 0L6 100L2 100Z"]],
  },
  {
    name: "street lamp", grid: [42, 100], tall: 0.55,
    parts: [["streetlight|street light|lamp|pole|column|light", "M3 100L3 22C3 8 10 2 22 2L40 2L40 12L26 12L25 7L22 7C13 7 8 11 8 22L8 100Z"]],
  },
  {
    name: "road sign", grid: [36, 90], tall: 0.34,
    parts: [
      ["traffic sign|signboard|street sign|signsymbol|sign", "M11 0L25 0L36 11L36 25L25 36L11 36L0 25L0 11Z"],
      ["pole|column|post", "M16 36L20 36L20 90L16 90Z"],
    ],
  },
  {
    name: "house", grid: [100, 90], tall: 0.36,
    parts: [
      ["house|building", "M50 0L66 12L66 4L76 4L76 20L100 38L92 38L92 90L8 90L8 38L0 38Z"],
      ["window|windowpane", "M18 46L36 46L36 60L18 60ZM64 46L82 46L82 60L64 60Z"],
      ["door", "M43 62L57 62L57 90L43 90Z"],
    ],
  },
  {
    name: "tower", grid: [50, 120], tall: 0.62,
    parts: [["skyscraper|tower|building", "M6 120L6 16L14 16L14 8L22 8L24 0L26 0L28 8L36 8L36 16L44 16L44 120Z"]],
  },
  {
    name: "boat", grid: [90, 80], tall: 0.24,
    parts: [["boat|ship", "M4 62L86 62C84 72 78 78 70 80L20 80C12 78 6 72 4 62ZM45 0L50 0L50 63L45 63ZM52 6L82 57L52 57ZM43 14L43 57L14 57Z"]],
  },
  {
    name: "cow", grid: [96, 64], tall: 0.18,
    parts: [["cow|animal", "M2 22C1 18 4 14 8 13L6 8L11 10L15 7C18 8 22 10 26 10L78 9C86 9 91 12 92 18L94 40L91 41L89 26L88 40L87 64L80 64L80 44L76 40C66 44 48 44 38 41L36 46L36 64L29 64L28 40C24 36 22 32 20 27C14 28 6 28 2 22Z"]],
  },
  {
    name: "cloud", grid: [100, 46], tall: 0.16, byNameOnly: true,
    parts: [["clouds|cloud|fog", "M16 46C6 46 0 40 1 32C2 25 8 21 15 22C16 10 26 2 38 4C46 -1 60 2 64 12C72 8 82 12 84 22C94 22 100 28 99 35C98 42 92 46 84 46Z"]],
  },
  {
    name: "mountains", grid: [200, 70], tall: 0.3,
    parts: [["mountain|mountains|hill|rock", "M0 70L22 38L34 46L62 8C65 4 67 4 70 8L80 28L88 21L118 52L130 40L150 58L168 29L186 54L200 70Z"]],
  },
  {
    name: "lake", grid: [160, 40], tall: 0.15,
    parts: [["lake|water|water-other|river|sea", "M10 22C16 8 48 2 84 2C120 0 150 6 157 18C162 30 130 38 92 38C70 40 50 36 34 36C14 36 2 30 10 22Z"]],
  },
  {
    name: "winding road", grid: [120, 100], tall: 0.5,
    parts: [["road|street|path|dirt track", "M56 0L62 0C66 16 50 24 58 40C68 60 104 76 120 100L14 100C16 76 34 64 40 46C46 30 56 18 56 0Z"]],
  },
];
