"""Holds events (lines of JSON on stdin) against a checkout of github.com/ocsf/ocsf-schema: python3 ocsf.py CHECKOUT < events

Attributes are known to the class or one of the profiles that the event names, those that are required are there, values have the
type and the enumeration that the dictionary gives them, captions fit their numbers, and what must have one of several has one.
"""

import json
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
load = lambda path: json.loads(path.read_text())
dictionary = load(root / "dictionary.json")
simple = dictionary["types"]["attributes"]
files = {"objects": {}, "events": {}}
for kind in files:
    for path in (root / kind).rglob("*.json"):
        text = load(path)
        files[kind][text.get("name") or text.get("extends")] = text
profiles = {text["name"]: text for text in map(load, (root / "profiles").glob("*.json")) if "name" in text}
problems = []


def merged(kind, name):
    """The attributes and constraints of a class or an object, with what it extends."""
    text = files[kind][name]
    parent = text.get("extends")
    attributes, constraints = merged(kind, parent) if parent and parent in files[kind] and parent != name else ({}, {})
    own = {key: value for key, value in text.get("attributes", {}).items() if key != "$include"}
    attributes = dict(attributes)
    for included in text.get("attributes", {}).get("$include", []):
        profile = load(root / included)
        for key, value in profile["attributes"].items():
            attributes.setdefault(key, {**value, "profile": profile["name"]})
    for key, value in own.items():
        enum = {**attributes.get(key, {}).get("enum", {}), **value.get("enum", {})}
        attributes[key] = {**attributes.get(key, {}), **value} | ({"enum": enum} if enum else {})
    return attributes, text.get("constraints", constraints)


def check(where, value, attributes, constraints, chosen):
    for key, attribute in attributes.items():
        applies = attribute.get("profile") is None or attribute["profile"] in chosen
        if attribute.get("requirement") == "required" and applies and key not in value:
            problems.append(f"{where}: {key} is required")
    if not any(key in value for key in constraints.get("at_least_one", value or [None])):
        problems.append(f"{where}: has none of {constraints['at_least_one']}")
    for key, found in value.items():
        attribute = attributes.get(key)
        if attribute is None:
            problems.append(f"{where}: {key} is unknown there")
        elif attribute.get("profile") not in (None, *chosen):
            problems.append(f"{where}: {key} is of the profile {attribute['profile']}, which the event does not name")
        else:
            known = dictionary["attributes"][key] | attribute
            enum = {**dictionary["attributes"][key].get("enum", {}), **attribute.get("enum", {})}
            values = found if known.get("is_array") else [found]
            if known.get("is_array") and not isinstance(found, list):
                problems.append(f"{where}.{key}: is no list")
                continue
            for one in values:
                check_value(f"{where}.{key}", key, one, known, enum, value, chosen)


def check_value(where, key, found, known, enum, beside, chosen):
    kind = known["type"]
    if kind in files["objects"] and kind not in simple:
        if not isinstance(found, dict):
            problems.append(f"{where}: is no object")
        elif kind != "object":
            check(where, found, *merged("objects", kind), chosen)
        return
    base = simple[kind].get("type", kind)
    wanted = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool, "float_t": (int, float)}.get(base)
    if wanted and (not isinstance(found, wanted) or (wanted is int and isinstance(found, bool))):
        problems.append(f"{where}: {found!r} is no {kind}")
    if enum and str(found) not in enum:
        problems.append(f"{where}: {found!r} is none of {list(enum)}")
    sibling = known.get("sibling")
    if enum and sibling in beside and str(found) in enum and str(found) not in ("0", "99"):
        if beside[sibling] != enum[str(found)]["caption"]:
            problems.append(f"{where}: {sibling} is {beside[sibling]!r}, expected {enum[str(found)]['caption']!r}")


categories = load(root / "categories.json")["attributes"]
classes = {}
for name, text in files["events"].items():
    category = text.get("category")
    parent = text
    while category is None and parent.get("extends"):
        parent = files["events"][parent["extends"]]
        category = parent.get("category")
    if "uid" in text and category in categories:
        classes[categories[category]["uid"] * 1000 + text["uid"]] = (name, categories[category]["uid"])
seen = 0
for number, line in enumerate(sys.stdin, 1):
    event = json.loads(line)
    seen += 1
    name, category = classes[event["class_uid"]]
    attributes, constraints = merged("events", name)
    for key in ("class_uid", "category_uid", "type_uid", "class_name", "category_name"):
        attributes.get(key, {}).pop("enum", None)  # they are made from the class
    dictionary["attributes"]["class_uid"].pop("enum", None)
    dictionary["attributes"]["category_uid"].pop("enum", None)
    chosen = event["metadata"].get("profiles", [])
    for profile in chosen:
        if profile not in profiles:
            problems.append(f"line {number}: the profile {profile} is unknown")
    check(f"line {number}", event, attributes, constraints, chosen)
    if event["category_uid"] != category:
        problems.append(f"line {number}: the class {name} is of category {category}")
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        problems.append(f"line {number}: type_uid is not class_uid × 100 + activity_id")
print("\n".join(problems[:40]))
version = load(root / "version.json")["version"]
print(f"{seen} events, {len(problems)} problems, by {version}")
sys.exit(1 if problems or not seen else 0)
