"""Writes segments.txt, types.txt and structures.txt: what HL7 v2.1 to v2.8.2 say about segments,
fields, datatypes and message structures, as facts.

    pip install hl7apy==1.3.5
    python3 profiles/hl7v2/make.py profiles/hl7v2
"""

import importlib
import sys

VERSIONS = ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "2.8.1", "2.8.2"]


def module(version, name):
    return importlib.import_module("hl7apy.v%s.%s" % (version.replace(".", "_"), name))


def title(text):
    return (text or "").replace("_", " ").capitalize()


def collect(pick):
    """(owner, number) -> [title, [(version, type, max)]], types noted where they change."""
    found = {}
    for version in VERSIONS:
        for (owner, number), (name, kind, most) in pick(version):
            entry = found.setdefault((owner, number), [name, []])
            entry[0] = name
            if not entry[1] or entry[1][-1][1:] != (kind, most):
                entry[1].append((version, kind, most))
    return found


def fields(version):
    for segment, value in sorted(module(version, "segments").SEGMENTS.items()):
        children = value[1] if len(value) > 1 and isinstance(value[0], str) else ()
        for key, what, (_, most), _ in children or ():
            if not key.startswith(segment + "_"):
                continue  # a slip of one old table
            yield (segment, int(key.rsplit("_", 1)[1])), (what[3], what[2], "*" if most == -1 else str(most))


def components(version):
    for owner, children in sorted(module(version, "datatypes").DATATYPES_STRUCTS.items()):
        for key, what, _, _ in children or ():
            yield (owner, int(key.rsplit("_", 1)[1])), (what[3], what[2], "1")


def write(path, found):
    with open(path, "w") as out:
        owner = None
        for (name, number), (text, kinds) in sorted(found.items()):
            if name != owner:
                out.write(name + "\n")
                owner = name
            shown = " ".join("%s%s@%s" % (kind, "*" if most == "*" else "", version) for version, kind, most in kinds)
            out.write(" %d %s | %s\n" % (number, shown, title(text)))


def structures():
    """The newest version of each structure, in the notation of structure.rs."""
    found = {}
    for version in VERSIONS:
        try:
            messages, groups = module(version, "messages").MESSAGES, module(version, "groups").GROUPS
        except ImportError:
            continue
        for name, value in messages.items():
            children = value[1]
            if "_" in name and children:
                found[name] = items(name, children, groups, 0)
    return found


def items(structure, children, groups, depth):
    parts, seen, open_ = [], set(), depth > 0
    for child in children:
        name, _, (least, most), kind = child[:4]
        if kind == "GRP":
            inner = groups.get(name)
            if inner is None or depth > 6:
                continue
            short = name[len(structure) + 1:] if name.startswith(structure) else name
            body = items(structure, inner[1], groups, depth + 1)
            if "*" not in body:
                continue  # nothing opens it
            left, right = ("{", "}") if most == -1 else ("(", ")")
            parts.append("%s%s%s %s %s" % (short, "*" if open_ else "", left, body, right))
        elif len(name) == 3 and name not in seen:
            seen.add(name)
            # An order without ORC begins with OBR.
            opens = open_ or (name == "OBR" and "ORC*" in parts)
            parts.append(name + ("*" if opens else ""))
        if least:
            open_ = False
    return " ".join(parts)


if __name__ == "__main__":
    folder = sys.argv[1]
    write(folder + "/segments.txt", collect(fields))
    write(folder + "/types.txt", collect(components))
    with open(folder + "/structures.txt", "w") as out:
        for name, text in sorted(structures().items()):
            out.write("%s: %s\n" % (name, text))
