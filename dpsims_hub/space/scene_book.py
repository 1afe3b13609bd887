"""The scenes, composed for this package; nothing is copied from a data set."""

from __future__ import annotations

from dpsims_hub.space.scene_parts import Scene, area, box, car, cyclist, fill, oval, person, street, tree

_NATURE = (
    Scene(
        "mountain lake",
        ("sky", "mountain", "lake", "tree"),
        (
            fill("sky"),
            oval("clouds", 8, 6, 38, 15),
            area("mountain", "0,58  0,34  14,22  26,34  44,12  60,32  76,20  100,40  100,58"),
            area("tree", "0,60  0,48  12,46  24,50  40,53  62,52  80,47  100,44  100,60"),
            box("lake", 0, 57, 100, 100),
            area("grass", "0,100  0,80  16,82  34,91  46,100"),
            oval("rock", 60, 84, 74, 94),
            oval("rock", 71, 88, 80, 95),
            *tree(90, 92, 48, 20),
        ),
    ),
    Scene(
        "coast",
        ("sky", "sea", "sand"),
        (
            fill("sky"),
            oval("clouds", 52, 8, 90, 18),
            box("sea", 0, 44, 100, 100),
            area("mountain", "58,46  70,38  84,32  100,28  100,46"),
            area("sand", "0,100  0,66  22,67  48,75  74,88  90,100"),
            area("rock", "0,70  0,40  8,36  16,42  22,56  20,68"),
            oval("rock", 30, 58, 38, 65),
            area("boat", "62,52  78,52  75,57  65,57"),
            *person(34, 88, 16),
        ),
    ),
    Scene(
        "meadow",
        ("sky", "grass", "tree"),
        (
            fill("grass"),
            box("sky", 0, 0, 100, 46),
            area("hill|mountain|tree|vegetation", "0,50  0,40  20,34  46,40  70,35  100,42  100,50"),
            box("tree", 0, 44, 100, 51),
            area("flower", "0,100  0,88  24,82  46,88  38,100"),
            area("path", "52,100  62,72  58,58  62,51  64,51  64,58  70,72  72,100"),
            *tree(24, 66, 46, 32),
            *tree(88, 60, 30, 18),
        ),
    ),
    Scene(
        "river valley",
        ("sky", "river", "grass", "tree"),
        (
            fill("grass"),
            box("sky", 0, 0, 100, 40),
            area("mountain", "0,44  0,20  18,10  38,34  52,40  64,32  84,14  100,24  100,44"),
            area("tree", "0,56  0,36  22,40  44,43  44,48  20,54"),
            area("tree", "100,60  100,36  80,38  56,43  56,48  78,56"),
            area("river", "24,100  36,76  58,64  48,54  49,46  52,46  56,54  72,64  66,78  80,100"),
            oval("rock", 20, 78, 32, 88),
            oval("rock", 70, 70, 78, 76),
        ),
    ),
    Scene(
        "winter",
        ("sky", "snow", "tree"),
        (
            fill("snow"),
            box("sky", 0, 0, 100, 42),
            area("mountain", "0,50  0,30  24,14  42,34  66,18  100,38  100,50"),
            area("tree", "0,62  0,40  14,42  30,50  52,52  74,46  100,40  100,60  50,56"),
            *tree(16, 90, 48, 20),
            *person(60, 82, 18),
        ),
    ),
    Scene(
        "village",
        ("sky", "house", "grass", "tree"),
        (
            fill("grass"),
            box("sky", 0, 0, 100, 48),
            area("mountain", "0,50  0,36  30,24  56,38  100,30  100,50"),
            box("tree", 0, 42, 100, 52),
            area("house", "12,66  12,44  24,30  38,44  38,66"),
            area("house", "58,60  58,46  67,37  78,46  78,60"),
            area("path", "30,100  44,70  46,56  51,56  54,70  66,100"),
            box("fence", 70, 68, 100, 76),
            *tree(92, 70, 42, 22),
            *tree(6, 68, 34, 18),
            area("flower", "0,100  0,86  18,84  24,100"),
        ),
    ),
)

_STREET = (
    Scene(
        "quiet street",
        ("sky", "building", "road"),
        (
            *street("building", "building"),
            *car(66, 72, 12),
            *car(60, 60, 6),
            *person(22, 82, 24),
            box("pole", 84, 22, 85.5, 84),
            *tree(36, 62, 24, 12),
        ),
    ),
    Scene(
        "tree avenue",
        ("sky", "tree", "road"),
        (
            *street("tree", "tree", "grass|field|terrain|ground|earth|sidewalk|pavement"),
            *tree(12, 84, 76, 30),
            *tree(88, 84, 74, 30),
            *car(44, 68, 8),
            *cyclist(62, 80, 24),
        ),
    ),
    Scene(
        "busy crossing",
        ("sky", "building", "road", "person"),
        (
            fill("road"),
            box("sky", 0, 0, 100, 50),
            box("building", 0, 8, 30, 58),
            box("building", 28, 22, 62, 56),
            box("building", 60, 4, 100, 58),
            box("sidewalk", 0, 56, 100, 62),
            *tree(46, 60, 24, 14),
            *car(20, 72, 18, tall=0.6),
            *car(82, 70, 20, "bus", 1.2),
            box("pole", 55, 14, 56.2, 62),
            box("light", 54, 12, 57.5, 24),
            *person(40, 86, 30),
            *person(52, 90, 34),
            *person(66, 84, 28),
        ),
    ),
    Scene(
        "bus lane",
        ("sky", "building", "road", "bus"),
        (
            *street("building", "building"),
            *car(61, 78, 20, "bus", 1.5),
            *car(38, 70, 12),
            *car(46, 60, 6),
            box("pole", 14, 24, 15.5, 84),
            box("sign", 10, 24, 19, 36),
            *person(88, 88, 28),
        ),
    ),
    Scene(
        "houses and lawns",
        ("sky", "house", "grass", "road"),
        (
            fill("grass"),
            box("sky", 0, 0, 100, 48),
            box("tree", 0, 34, 100, 52),
            area("house", "4,62  4,38  18,22  34,38  34,62"),
            area("house", "56,60  56,40  70,26  86,40  86,60"),
            box("fence", 34, 54, 56, 61),
            area("sidewalk", "0,76  100,70  100,78  0,84"),
            area("road", "0,84  100,78  100,100  0,100"),
            *tree(44, 66, 42, 20),
            *tree(95, 66, 50, 18),
            *car(24, 92, 24, tall=0.55),
        ),
    ),
    Scene(
        "cycle path",
        ("sky", "road", "tree", "bicycle"),
        (
            *street("tree", "building", "sidewalk|pavement|grass|field|terrain|ground|earth"),
            area("grass", "0,100  0,78  40,56  44,56  8,100"),
            *cyclist(46, 90, 40),
            *cyclist(60, 74, 22),
            *car(70, 76, 14),
            box("pole", 90, 18, 91.5, 90),
        ),
    ),
    Scene(
        "open road",
        ("sky", "road", "grass"),
        (
            fill("grass"),
            box("sky", 0, 0, 100, 50),
            area("mountain", "0,52  0,42  28,32  54,44  80,36  100,44  100,52"),
            box("tree", 0, 46, 42, 53),
            box("tree", 62, 45, 100, 53),
            area("road", "4,100  49,51  53,51  90,100"),
            area("guard rail|fence|railing", "100,74  56,52  56,54  100,80"),
            *car(38, 76, 14, "truck|bus|car", 1.2),
            *car(57, 66, 8),
            box("pole", 84, 30, 85, 66),
            box("sign", 80, 28, 90, 38),
        ),
    ),
    Scene(
        "skyline",
        ("sky", "tower", "lake"),
        (
            fill("sky"),
            *(
                box("tower", left, top, left + 13, 62)
                for left, top in ((0, 34), (14, 18), (30, 30), (46, 8), (60, 26), (76, 14), (90, 36))
            ),
            box("tree", 0, 56, 100, 63),
            box("lake", 0, 62, 100, 100),
            area("boat", "24,76  44,76  41,82  27,82"),
        ),
    ),
)

_INDOORS = (
    Scene(
        "living room",
        ("wall", "floor", "sofa|couch"),
        (
            fill("wall"),
            area("ceiling", "0,0  100,0  82,12  18,12"),
            area("floor", "0,100  18,66  82,66  100,100"),
            box("window", 24, 20, 46, 50),
            box("curtain", 19, 16, 26, 64),
            box("curtain", 44, 16, 51, 64),
            box("painting|picture", 60, 24, 76, 40),
            oval("rug|carpet|mat", 24, 78, 78, 94),
            area("sofa|couch", "54,80  54,58  60,50  88,50  92,58  92,82"),
            area("coffee table|table|dining table", "30,88  36,76  56,76  60,88"),
            oval("plant|potted plant|tree", 4, 44, 18, 66),
            box("vase|pot|plant", 8, 64, 14, 78),
            oval("lamp|light", 90, 26, 98, 38),
        ),
    ),
    Scene(
        "bedroom",
        ("wall", "floor", "bed"),
        (
            fill("wall"),
            area("ceiling", "0,0  100,0  84,10  16,10"),
            area("floor", "0,100  16,70  84,70  100,100"),
            box("window", 62, 20, 82, 48),
            box("curtain", 57, 16, 64, 66),
            box("painting|picture", 26, 20, 44, 34),
            area("bed", "12,92  18,58  56,58  66,92"),
            oval("pillow|cushion|bed", 21, 54, 35, 63),
            oval("pillow|cushion|bed", 38, 54, 52, 63),
            box("chest of drawers|cabinet|desk|table", 66, 58, 82, 76),
            oval("lamp|light", 71, 44, 78, 54),
        ),
    ),
)

SCENES = (*_NATURE, *_INDOORS, *_STREET)
"""In order of preference; the menu omits the last ones if there are too many."""
