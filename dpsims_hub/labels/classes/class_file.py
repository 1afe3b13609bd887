"""Parsing and checking of class lists; every error message is one sentence.

Three forms are read:

1. names: `["road", "sky"]` or `{"0": "road", "1": "sky"}`;
2. a list of entries `{"id", "name", "rgb"?, "aliases"?, "kind"?, "ignore"?}`, where `id` is the value in the
   label files and `"ignore": true` marks values that mean "unknown";
3. `{"name", "classes": <form 1 or 2>, "ignore_index"?, "ignore_rgb"?, "extra_ignore_rgbs"?, "stored"?}`,
   where `"stored": {"offset": 1, "ignore_values": [0]}` means that class `c` is stored as `c + 1` and that 0
   means unknown. `"values": [...]`, one per class, replaces `"offset"` for other stored values.
   `"instances": "class*1000+n"` is for numbers of class and object, see `instance_codes`.

`class_forms` reads the forms of other tools, `class_text` other kinds of file. Unknown keys are refused.
The entries of form 2 that are not ignored are numbered 0..N-1 in the order of their stored values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dpsims_hub.labels.classes.class_forms import (
    ENTRY_KEYS,
    STORED_KEYS,
    is_whole,
    own_form,
    refuse_unknown_keys,
)
from dpsims_hub.labels.classes.errors import ClassSpecError
from dpsims_hub.labels.classes.instance_codes import CODINGS
from dpsims_hub.storage.plain_values import plain_value

MAX_CLASSES = 65535  # 16-bit ids, and one value for "unknown"
HIDDEN_CHARACTERS = "\x7f\u200b\u2060\ufeff"  # invisible ones, except joiners
Rgb = tuple[int, int, int]


@dataclass(frozen=True)
class ClassInfo:
    """One class: id in 0..N-1, name, other names, colour (0..255) and "thing", "stuff" or None."""

    id: int
    name: str
    aliases: tuple[str, ...] = ()
    rgb: Rgb = (0, 0, 0)
    kind: str | None = None


@dataclass(frozen=True)
class _Entry:
    """One class of the file: `id` is the stored value and a missing colour is None."""

    id: int
    name: str
    aliases: tuple[str, ...]
    rgb: Rgb | None
    kind: str | None
    ignore: bool


def parse_class_file(data: Any, name: str) -> dict[str, Any]:
    """Return the keyword arguments of `ClassSpec` for a decoded class file of any known form.

    `name` is the name of the list in messages, and its name if the file gives none.

    Raises:
        ClassSpecError: If the content is not a usable class list.
    """
    top = own_form(plain_value(data), name)
    name = top.get("name", name)
    if not isinstance(name, str) or not name:
        raise ClassSpecError(f"The name of a class list must be a text, not {name!r}.")
    if "name" in top:
        _check_characters(name, "The name of a class list")
    entries = _entries(top["classes"], name, top.get("stored"))
    kept = [entry for entry in entries if not entry.ignore]
    ignored = [entry for entry in entries if entry.ignore]
    if not kept:
        raise ClassSpecError(f"{name}: holds no class; give at least one that is not ignored.")
    if len(kept) > MAX_CLASSES:
        raise ClassSpecError(
            f"{name}: holds {len(kept)} classes, more than the {MAX_CLASSES} that 16-bit ids allow."
        )
    rule = top.get("stored")
    values, ignore_values = _stored_rule(rule, kept, ignored, name)
    ignore_rgbs = _ignore_rgbs(top, kept, ignored, name)
    return {
        "name": name,
        "classes": _with_colours(kept, ignore_rgbs),
        "ignore_index": _integer(
            top.get("ignore_index", 255 if len(kept) <= 255 else 65535), f"{name}: ignore_index"
        ),
        "ignore_rgb": ignore_rgbs[0],
        "extra_ignore_rgbs": tuple(ignore_rgbs[1:]),
        "stored_values": values,
        "ignore_values": ignore_values,
        "instance_coding": "" if rule is None else _instance_coding(rule, name),
    }


def spread_colours(count: int, taken: Iterable[Rgb]) -> list[Rgb]:
    """Return the first `count` colours of PASCAL VOC that are not in `taken`.

    In that list, neighbouring ids have very different colours.
    """
    seen, colours, index = set(taken), [], 1
    while len(colours) < count:
        colour = bit_colour(index)
        if colour not in seen:
            seen.add(colour)
            colours.append(colour)
        index += 1
    return colours


def bit_colour(index: int) -> Rgb:
    """Return colour `index` of PASCAL VOC: its bits spread over the top bits of red, green and blue."""
    channels = [0, 0, 0]
    for bit in range(24):
        channels[bit % 3] |= (index >> bit & 1) << (7 - bit // 3)
    return (channels[0], channels[1], channels[2])


def _entries(raw: Any, name: str, rule: Any) -> list[_Entry]:
    """Return the entries of forms 1 and 2, checked and sorted by id."""
    if isinstance(raw, Mapping):
        raw = [{"id": _key_id(key, name), **_as_fields(value, name)} for key, value in raw.items()]
    if not isinstance(raw, list):
        raise ClassSpecError(
            f"{name}: the classes must be a list or a mapping from id to name, not {_kind_of(raw)}."
        )
    fields = [_as_fields(item, name) for item in raw]
    if not any("id" in item for item in fields):
        fields = [{"id": position, **item} for position, item in enumerate(fields)]
    entries = sorted((_entry(item, name) for item in fields), key=lambda entry: entry.id)
    _refuse_two_rules(entries, rule, name)
    _check_ids(entries, name)
    return entries


def _truth(item: Mapping[str, Any], key: str, where: str) -> bool:
    """Return the boolean of a key, False if it is absent; a text such as "false" is refused."""
    value = item.get(key)
    if value not in (None, 0, 1):
        raise ClassSpecError(f"{where}: {key} must be true or false, not {value!r}.")
    return bool(value)


def _as_fields(item: Any, name: str) -> dict[str, Any]:
    if isinstance(item, str):
        return {"name": item}
    if isinstance(item, Mapping):
        return dict(item)
    hint = "; in YAML write yes, no, on and off in quotes" if isinstance(item, bool) else ""
    raise ClassSpecError(
        f"{name}: a class must be a name or an object with a name, not {_kind_of(item)}{hint}."
    )


def _entry(item: dict[str, Any], name: str) -> _Entry:
    if "id" not in item:
        raise ClassSpecError(
            f"{name}: class {item.get('name')!r} has no id while others have one; give all or none."
        )
    value = _integer(item["id"], f"{name}: id of class {item.get('name')!r}")
    where = f"{name}: class {value}"
    refuse_unknown_keys(item, ENTRY_KEYS, where)
    title = item.get("name")
    if not isinstance(title, str) or not title.strip():
        raise ClassSpecError(f"{where} needs a name that is a non-empty text, not {title!r}.")
    aliases = item.get("aliases") or ()
    if not isinstance(aliases, list | tuple) or not all(isinstance(alias, str) for alias in aliases):
        raise ClassSpecError(f"{where} ({title!r}): aliases must be a list of texts.")
    for text in (title, *aliases):
        _check_characters(text.strip(), f"{where}: its name")
    rgb = item.get("rgb", item.get("color"))
    if rgb != item.get("color", rgb):
        raise ClassSpecError(f"{where} ({title}): rgb and color differ; keep one of them.")
    colour = None if rgb is None else _rgb(rgb, f"{where} ({title})")
    return _Entry(
        value, title.strip(), tuple(aliases), colour, _kind(item, where), _truth(item, "ignore", where)
    )


def _check_characters(text: str, what: str) -> None:
    """Refuse invisible characters and lone surrogates."""
    hidden = next((one for one in text if one < " " or one in HIDDEN_CHARACTERS), "")
    half = next((one for one in text if "\ud800" <= one <= "\udfff"), "")
    if hidden or half:
        fault = f"the control character {hidden!r}" if hidden else f"half a character, {half!r}"
        raise ClassSpecError(f"{what} {text!r} has {fault}; take it out.")


def _kind(item: dict[str, Any], where: str) -> str | None:
    """Return "thing", "stuff" or None from `kind`, `stuff` (ADE20K) or `isthing` (COCO panoptic files)."""
    kind = item.get("kind")
    if kind not in (None, "thing", "stuff"):
        raise ClassSpecError(f'{where}: kind must be "thing", "stuff" or absent, not {kind!r}.')
    kinds = {} if kind is None else {"kind": kind}
    for key, words in (("stuff", ("thing", "stuff")), ("isthing", ("stuff", "thing"))):
        if item.get(key) is not None:
            kinds[key] = words[_truth(item, key, where)]
    if len(set(kinds.values())) > 1:
        raise ClassSpecError(f"{where}: {' and '.join(kinds)} contradict each other; keep one of them.")
    return next(iter(kinds.values()), None)


def _check_ids(entries: list[_Entry], name: str) -> None:
    seen: dict[int, str] = {}
    for entry in entries:
        if entry.id in seen:
            raise ClassSpecError(
                f"{name}: id {entry.id} is given to both {seen[entry.id]!r} and {entry.name!r}."
            )
        if not 0 <= entry.id <= MAX_CLASSES:
            raise ClassSpecError(f"{name}: id {entry.id} of {entry.name!r} is outside 0..{MAX_CLASSES}.")
        seen[entry.id] = entry.name
    top = max((entry.id for entry in entries if not entry.ignore), default=-1)
    missing = next((value for value in range(top + 1) if value not in seen), None)
    if missing is not None:
        raise ClassSpecError(
            f"{name}: id {missing} is missing below {top}; number the classes without gaps "
            f'or add id {missing} with "ignore": true.'
        )


def _refuse_two_rules(entries: list[_Entry], rule: Any, name: str) -> None:
    """Refuse ids that do not begin with 0, and so are stored values, beside a rule with other values."""
    given = [key for key in ("offset", "values") if isinstance(rule, Mapping) and key in rule]
    first = min((entry.id for entry in entries if not entry.ignore), default=0)
    if given and first > 0:
        ignored = "" if entries[0].id == 0 else ' and add {"id": 0, "name": "unknown", "ignore": true}'
        raise ClassSpecError(
            f'{name}: the ids begin with {first}, as files store them, and "{given[0]}" of "stored" gives '
            f"other numbers; number the classes from 0, or leave {given[0]!r} out{ignored}."
        )


def _stored_rule(
    rule: Any, kept: list[_Entry], ignored: list[_Entry], name: str
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return (stored value of every class, values that mean unknown)."""
    ids = tuple(entry.id for entry in kept)
    unknown = [entry.id for entry in ignored]
    if rule is None:
        return ids, tuple(unknown)
    if isinstance(rule, Mapping):
        refuse_unknown_keys(rule, STORED_KEYS, f'{name}: "stored"')
    if not isinstance(rule, Mapping) or not {"offset", "values", "instances"} & rule.keys():
        raise ClassSpecError(
            f'{name}: "stored" must be an object with either "offset" or "values", or "instances".'
        )
    if "offset" in rule and "values" in rule:
        raise ClassSpecError(f'{name}: "stored" must have either "offset" or "values", not both.')
    unknown += _integers(rule.get("ignore_values", []), f"{name}: stored ignore_values")
    if "offset" not in rule and "values" not in rule:
        return ids, tuple(unknown)
    if ids != tuple(range(len(ids))):
        raise ClassSpecError(f'{name}: with a "stored" rule the class ids must be 0..{len(ids) - 1}.')
    if "offset" in rule:
        offset = _integer(rule["offset"], f"{name}: stored offset")
        values = tuple(value + offset for value in ids)
    else:
        values = _integers(rule["values"], f"{name}: stored values")
        if twice := set(values) & set(unknown):
            raise ClassSpecError(
                f'{name}: {min(twice)} is in the "values" of "stored" and in what means unknown; take it '
                "out of one of them."
            )
    return values, tuple(unknown)


def _instance_coding(rule: Mapping[str, Any], name: str) -> str:
    coding = rule.get("instances", "")
    if coding not in ("", *CODINGS):
        raise ClassSpecError(
            f'{name}: "instances" of "stored" must be one of {", ".join(map(repr, CODINGS))}, not {coding!r}.'
        )
    return coding


def _ignore_rgbs(top: Mapping[str, Any], kept: list[_Entry], ignored: list[_Entry], name: str) -> list[Rgb]:
    """Return the colours that mean unknown, the one for painting first; never empty."""
    given = [] if top.get("ignore_rgb") is None else [_rgb(top["ignore_rgb"], f"{name}: ignore_rgb")]
    extra = top.get("extra_ignore_rgbs", [])
    if not isinstance(extra, list | tuple):
        raise ClassSpecError(f"{name}: extra_ignore_rgbs must be a list of colours.")
    given += [_rgb(colour, f"{name}: extra_ignore_rgbs") for colour in extra]
    given += [entry.rgb for entry in ignored if entry.rgb is not None]
    used = {entry.rgb for entry in kept}
    black = [] if (0, 0, 0) in used else [(0, 0, 0)]
    return list(dict.fromkeys(given)) or black or spread_colours(1, used)


def _with_colours(kept: list[_Entry], ignore_rgbs: list[Rgb]) -> tuple[ClassInfo, ...]:
    """Number the kept classes 0..N-1 and give a colour to those without one."""
    named = [entry.rgb for entry in kept if entry.rgb is not None]
    fresh = iter(spread_colours(len(kept) - len(named), [*named, *ignore_rgbs]))
    return tuple(
        ClassInfo(index, entry.name, entry.aliases, entry.rgb or next(fresh), entry.kind)
        for index, entry in enumerate(kept)
    )


def _rgb(value: Any, where: str) -> Rgb:
    if isinstance(value, str) and len(value) == 7 and value.startswith("#"):
        with suppress(ValueError):
            value = list(bytes.fromhex(value[1:]))
    whole = isinstance(value, list | tuple) and all(map(is_whole, value))
    if not whole or len(value) != 3 or not all(0 <= v <= 255 for v in value):
        raise ClassSpecError(f'{where}: colour must be three integers in 0..255 or "#rrggbb", not {value!r}.')
    return (int(value[0]), int(value[1]), int(value[2]))


def _key_id(key: Any, name: str) -> int:
    if is_whole(key) or isinstance(key, str) and key.strip().removeprefix("-").isdecimal():
        return int(key)
    raise ClassSpecError(f'{name}: {key!r} is not a class id; a mapping needs ids as keys ("0": "road").')


def _integer(value: Any, where: str) -> int:
    if not is_whole(value):
        raise ClassSpecError(f"{where} must be an integer, not {value!r}.")
    return int(value)


def _integers(values: Any, where: str) -> tuple[int, ...]:
    if not isinstance(values, list | tuple):
        raise ClassSpecError(f"{where} must be a list of integers, not {_kind_of(values)}.")
    return tuple(_integer(value, where) for value in values)


def _kind_of(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
